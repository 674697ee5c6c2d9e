"""The manifests in deploy/kubernetes fit Kubernetes' schemas and the code that they deploy.

What kustomize would make of a folder is made here by as much of its rules as these folders use.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import kubernetes_validate
import pytest
import yaml

from api.settings import Settings
from tests.project import PROJECT, ROOT
from worker.settings import TrackingSettings, WorkerSettings

PLACE = ROOT / "deploy/kubernetes"
FOLDERS = sorted(path.parent.name for path in PLACE.glob("*/kustomization.yaml"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = sorted(name for name, service in COMPOSE.items() if "build" in service)
VERSION = PROJECT["version"]
KUBERNETES = "1.34"
"""The oldest version that is asked for: it has `sleep`, by which a stopping API waits."""
Document = dict[str, Any]


@cache
def rendered(folder: Path) -> tuple[Document, ...]:
    """The documents of a folder, those that it builds on included, patched as it says."""
    return tuple(_rendered(folder))


def _rendered(folder: Path) -> Iterator[Document]:
    chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert chosen.keys() <= {"apiVersion", "kind", "resources", "patches"}
    for name in chosen["resources"]:
        path = (folder / name).resolve()
        found = rendered(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
        for document in found:
            yield patched(document, folder, chosen.get("patches", []))


def patched(document: Document, folder: Path, patches: list[dict[str, Any]]) -> Document:
    for patch in patches:
        target = patch["target"]
        if (document["kind"], document["metadata"]["name"]) == (target["kind"], target["name"]):
            operations = yaml.safe_load((folder / patch["path"]).read_text())
            document = jsonpatch.apply_patch(document, json.dumps(operations))
    return document


PODS = {
    f"{folder}-{document['metadata']['name']}": document
    for folder in FOLDERS
    for document in rendered(PLACE / folder)
    if "template" in document.get("spec", {})
}
every_pod = pytest.mark.parametrize("document", PODS.values(), ids=PODS.keys())
every_service = pytest.mark.parametrize("name", COMPOSE)
every_service_of_ours = pytest.mark.parametrize("name", OURS)


def of_kind(folder: str, kind: str, name: str) -> Document:
    [found] = [one for one in rendered(PLACE / folder) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod(document: Document) -> dict[str, Any]:
    spec: dict[str, Any] = document["spec"]["template"]["spec"]
    return spec


def labels(document: Document) -> dict[str, str]:
    found: dict[str, str] = document["spec"]["template"]["metadata"]["labels"]
    return found


def containers(document: Document) -> list[dict[str, Any]]:
    return [*pod(document).get("initContainers", []), *pod(document)["containers"]]


def deployed(name: str) -> tuple[dict[str, Any], Document]:
    """What runs a service of Docker Compose: the container of its name, and the document that has it."""
    found = [
        (container, document)
        for document in PODS.values()
        for container in containers(document)
        if container["name"] == name
    ]
    assert found, f"deploy/kubernetes has no container {name}"
    return found[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_documents_of_a_folder_fit_their_schemas(folder: str) -> None:
    for document in rendered(PLACE / folder):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_of_a_folder_is_forgotten(folder: str) -> None:
    chosen = yaml.safe_load((PLACE / folder / "kustomization.yaml").read_text())
    named = {*chosen["resources"], *(patch["path"] for patch in chosen.get("patches", []))}

    assert {path.name for path in (PLACE / folder).iterdir()} - named == {"kustomization.yaml"}


@every_pod
def test_a_pod_has_no_right_that_it_does_not_need(document: Document) -> None:
    spec = pod(document)

    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["automountServiceAccountToken"]
    for container in containers(document):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@every_pod
def test_a_container_has_a_place_for_what_is_passing_and_an_end_to_its_memory(document: Document) -> None:
    for container in containers(document):
        assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]  # noqa: S108 - of the container
        assert "memory" in container["resources"]["limits"]


@every_pod
def test_whatever_a_container_mounts_is_a_volume_of_its_pod(document: Document) -> None:
    claims = document["spec"].get("volumeClaimTemplates", [])
    volumes = {volume["name"] for volume in pod(document)["volumes"]} | {one["metadata"]["name"] for one in claims}

    assert {mount["name"] for container in containers(document) for mount in container["volumeMounts"]} == volumes


@every_pod
def test_a_pod_is_what_its_owner_selects(document: Document) -> None:
    selected = document["spec"].get("selector", {}).get("matchLabels", {})

    assert selected.items() <= labels(document).items()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_policy_bounds_what_reaches_a_pod_and_what_it_reaches(folder: str) -> None:
    documents = rendered(PLACE / folder)
    bounded = [
        one["spec"]["podSelector"]["matchLabels"].items()
        for one in documents
        if one["kind"] == "NetworkPolicy" and one["spec"]["policyTypes"] == ["Ingress", "Egress"]
    ]

    for document in documents:
        if "template" in document.get("spec", {}):
            assert any(chosen <= labels(document).items() for chosen in bounded)


def test_settings_are_those_of_the_programs() -> None:
    names = of_kind("base", "ConfigMap", "tuneyard")["data"].keys()
    programs = (Settings, WorkerSettings, TrackingSettings)
    known = {f"TUNEYARD_{name.upper()}" for program in programs for name in program.model_fields}

    assert names - known == set()


@every_service
def test_a_container_has_every_setting_that_docker_compose_gives_it(name: str) -> None:
    container, _ = deployed(name)
    settings = of_kind("base", "ConfigMap", "tuneyard")["data"] if "envFrom" in container else {}
    given = settings.keys() | {one["name"] for one in container.get("env", [])}

    assert COMPOSE[name].get("environment", {}).keys() - given == set()


@every_pod
def test_a_pod_is_given_the_secrets_that_docker_compose_gives_it(document: Document) -> None:
    services = {container["name"] for container in containers(document)} & COMPOSE.keys()
    volumes = [one["secret"] for one in pod(document)["volumes"] if one["name"] == "secrets"]
    given = {item["key"] for volume in volumes for item in volume["items"]}

    assert given == {secret for name in services for secret in COMPOSE[name]["secrets"]}
    assert all(item["key"] == item["path"] for volume in volumes for item in volume["items"])
    assert all(volume["secretName"] == "tuneyard" for volume in volumes)


@every_service_of_ours
def test_secrets_are_read_where_they_are_mounted(name: str) -> None:
    container, _ = deployed(name)
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}

    assert mounts["secrets"] == of_kind("base", "ConfigMap", "tuneyard")["data"]["TUNEYARD_SECRETS_DIR"]


@every_service_of_ours
def test_a_program_is_started_as_docker_compose_starts_it(name: str) -> None:
    container, _ = deployed(name)

    assert container["command"] == COMPOSE[name]["command"]


@every_service
def test_an_image_is_that_of_docker_compose_and_of_this_version(name: str) -> None:
    container, _ = deployed(name)
    image = COMPOSE[name]["image"]

    assert container["image"] == (f"{image}:{VERSION}" if name in OURS else image)


@every_service
def test_a_container_is_looked_at_where_docker_compose_looks_at_it(name: str) -> None:
    container, _ = deployed(name)

    assert ("readinessProbe" in container) == ("healthcheck" in COMPOSE[name])


@pytest.mark.parametrize("name", ["worker", "tracking", "postgres"])
def test_a_container_is_looked_at_as_docker_compose_does(name: str) -> None:
    container, _ = deployed(name)
    kind, *command = COMPOSE[name]["healthcheck"]["test"]

    assert container["readinessProbe"]["exec"]["command"] == (["sh", "-c"] if kind == "CMD-SHELL" else []) + command


@every_service
def test_a_container_that_stops_has_as_long_as_docker_compose_gives_it(name: str) -> None:
    _, document = deployed(name)
    seconds = pod(document).get("terminationGracePeriodSeconds", 30)

    assert seconds >= int(COMPOSE[name].get("stop_grace_period", "10s").removesuffix("s"))


@every_pod
def test_somebody_reaps_what_nobody_waits_for(document: Document) -> None:
    assert all(service["init"] for service in COMPOSE.values())
    assert pod(document)["shareProcessNamespace"]


def test_database_of_the_dev_folder_is_started_as_docker_compose_starts_it() -> None:
    [postgres] = containers(of_kind("dev", "StatefulSet", "postgres"))

    assert postgres["args"] == COMPOSE["postgres"]["command"]


def test_broker_of_the_dev_folder_is_started_as_docker_compose_starts_it() -> None:
    [redis] = containers(of_kind("dev", "Deployment", "redis"))
    ours = COMPOSE["redis"]["command"][2].replace("$$", "$").replace("/run/secrets/", "/run/secrets/tuneyard/")

    assert redis["args"][2] == ours


def test_a_worker_of_the_gpu_folder_has_a_gpu() -> None:
    [worker] = containers(of_kind("gpu", "StatefulSet", "tuneyard-worker"))

    assert worker["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_a_run_over_nodes_names_as_many_as_it_starts() -> None:
    run = of_kind("nodes", "Job", "run")
    [container] = containers(run)
    chosen = dict(word.removeprefix("--").split("=") for word in container["command"] if "=" in word)

    assert int(chosen["nnodes"]) == run["spec"]["completions"] == run["spec"]["parallelism"]
    assert int(chosen["nproc-per-node"]) == container["resources"]["limits"]["nvidia.com/gpu"]
    assert chosen["rdzv-endpoint"].split(":")[0] == f"{run['metadata']['name']}-0.{pod(run)['subdomain']}"
