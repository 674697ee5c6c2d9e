"""`python -m benchmarks.first_step`: from POST to the first optimizer step, and from `python train.py` to a peer's."""

import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, Section, Table
from benchmarks.live import ROOT, Service, Timed, digits, service, shuffled, spec
from benchmarks.showing import show

_ROUNDS = 2
_MOST_SECONDS = 2.0
_MOST_OF_PEER = 0.2
_METHODS = ("lora", "full")
_PEER = ROOT / "benchmarks" / "peers" / "first_step.py"
_TEXT = """Starter model and digits of the demo (1,400 rows), batch of 32, on one slot; medians of {rounds} rounds in
which all take turns. The first step is told by its trainer's clock, the submission by its client's. *Seen* rows were
checked for an earlier job on this worker; *new* ones nobody has seen: each is encoded, checked and kept first.
A *cold* worker keeps nothing warm (`TUNEYARD_WARM_IDLE_SECONDS=0`). The peer is `benchmarks/peers/first_step.py`: plain
transformers' `Trainer`, which encodes a batch when it needs it and checks nothing."""


def measure() -> Section:
    """All of them, in turns."""
    found: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, list[Timed]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        rows = digits(Path(folder) / "digits")
        with service(Path(folder) / "warm") as warm:
            seen = warm.tuneyard.datasets.upload(rows).id
            for method in _METHODS:  # nobody measures the first of its kind
                warm.run(seen, **spec(method, 1))
            for round_ in range(_ROUNDS):
                for method in _METHODS:
                    parts[f"{method}, seen rows"].append(warm.run(seen, **spec(method, 1)))
                    fresh = warm.tuneyard.datasets.upload(shuffled(rows, 2 * round_ + _METHODS.index(method))).id
                    parts[f"{method}, new rows"].append(warm.run(fresh, **spec(method, 1)))
                    found[method].append(_peer(warm, rows, method))
        with service(Path(folder) / "cold", TUNEYARD_WARM_IDLE_SECONDS="0") as cold:
            seen = cold.tuneyard.datasets.upload(rows).id
            parts["lora, cold worker"] = [cold.run(seen, **spec("lora", 1))]
    return _section(found, parts)


def _peer(warm: Service, rows: Path, method: str) -> float:
    """Seconds from the start of the peer's script to the end of its first step."""
    started_at = time.time()
    command = [sys.executable, str(_PEER), str(warm.starter), str(rows), method]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    told = re.search(r"first step ended at (\S+)", done.stdout)
    assert told is not None, done.stdout
    return float(told[1]) - started_at


def _section(peers: dict[str, list[float]], parts: dict[str, list[Timed]]) -> Section:
    figures = []
    for method in _METHODS:
        peer = median(peers[method])
        seen, new = (
            median(one.parts["first step"] for one in parts[f"{method}, {which} rows"]) for which in ("seen", "new")
        )
        figures += [
            Figure(f"POST to first step, warm, {method}, rows seen before", seen, "s", most=_MOST_SECONDS),
            Figure(f"POST to first step, warm, {method}, new rows", new, "s", most=_MOST_SECONDS),
            Figure(f"python train.py to first step, {method}", peer, "s"),
            Figure(f"of the peer's time, {method}, rows seen before", seen / peer, "x", most=_MOST_OF_PEER),
            Figure(f"of the peer's time, {method}, new rows", new / peer, "x", most=_MOST_OF_PEER),
        ]
    [cold] = parts["lora, cold worker"]
    figures.append(Figure("POST to first step, cold, lora", cold.parts["first step"], "s"))
    return Section("The first step", _TEXT.format(rounds=_ROUNDS), figures, [_table(parts)])


def _table(parts: dict[str, list[Timed]]) -> Table:
    names = list(next(iter(parts.values()))[0].parts)
    rows = [
        [kind, *(f"{median(one.parts[name] for one in timed):.2f}" for name in names)] for kind, timed in parts.items()
    ]
    return Table(["seconds from POST", *names], rows)


if __name__ == "__main__":
    show(measure())
