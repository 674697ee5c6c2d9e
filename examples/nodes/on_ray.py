"""One run over the nodes of a Ray cluster. Ray places an agent of torchrun on each; torchrun joins them.

    ray job submit --address http://HEAD:8265 -- python on_ray.py --nodes 2 --gpus 8 /shared/spec.json /shared/run

Every node has this project installed and sees the two paths. `--gpus` is what `resources.gpus` of the spec says.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

PORT = 29500


def address() -> str:
    """Of the node that this is placed on."""
    return str(ray.util.get_node_ip_address())


def agent(command: list[str]) -> int:
    """Have torchrun at work on one node, until the run has ended."""
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Take the nodes, run, and tell whether all ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--gpus", type=int, default=0, help="of each node; 0 computes on the CPU")
    parser.add_argument("--strategy", default="STRICT_SPREAD", help="how Ray places the agents")
    parser.add_argument("spec")
    parser.add_argument("run_dir")
    asked = parser.parse_args()

    ray.init()
    group = placement_group([{"CPU": 1, "GPU": asked.gpus}] * asked.nodes, strategy=asked.strategy)
    ray.get(group.ready())
    places = [PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=i) for i in range(asked.nodes)]
    addresses = ray.get([on_node(address, place) for place in places])
    commands = [agent_command(asked, addresses, node) for node in range(asked.nodes)]
    agents = [on_node(agent, *each, num_gpus=asked.gpus) for each in zip(places, commands, strict=True)]
    return int(max(ray.get(agents)))


def agent_command(asked: argparse.Namespace, addresses: list[str], node: int) -> list[str]:
    """What is started on a node; on the first one all meet."""
    meeting = ["--rdzv-backend=c10d", "--rdzv-id=run", f"--rdzv-endpoint={addresses[0]}:{PORT}"]
    own = [f"--rdzv-conf=is_host={node == 0}", f"--local-addr={addresses[node]}", "--max-restarts=3"]
    size = [f"--nnodes={asked.nodes}", f"--nproc-per-node={max(asked.gpus, 1)}"]
    run = ["-m", "trainer_core", asked.spec, "--run-dir", asked.run_dir, "--resume-newest"]
    return [sys.executable, "-m", "torch.distributed.run", *meeting, *own, *size, *run]


def on_node(work: Callable[..., Any], place: PlacementGroupSchedulingStrategy, *given: Any, num_gpus: int = 0) -> Any:
    """Begin some work there; Ray hides GPUs that it was not told of."""
    return ray.remote(num_cpus=1, num_gpus=num_gpus, scheduling_strategy=place)(work).remote(*given)


if __name__ == "__main__":
    sys.exit(main())
