"""docker-compose.yml and Dockerfile fit the code that they deploy, as far as that shows without a container engine."""

import io
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grimp
import httpx2
import pytest
import yaml
from dockerfile_parse import DockerfileParser
from fastapi.testclient import TestClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import make_url
from uvicorn.importer import import_from_string

from api.app import create_app
from api.settings import Settings
from client.deployment import api_command
from store.settings import DatabaseSettings, StoreSettings
from tests.project import PACKAGES, PROJECT, ROOT
from worker.settings import TrackingSettings, WorkerSettings

COMPOSE_FILES = ["docker-compose.yml", "docker-compose.gpu.yml"]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
PLACEHOLDER = re.compile(r"\$\{\w+:-(?P<default>[^}]*)\}")
"""`${NAME:-value}`: all of them have a default."""
TOP: dict[str, dict[str, Any]] = yaml.safe_load(PLACEHOLDER.sub(r"\g<default>", COMPOSE_TEXT))
SETTINGS: dict[str, type[DatabaseSettings]] = {
    "api": Settings,
    "worker": WorkerSettings,
    "tracking": TrackingSettings,
    "migrate": DatabaseSettings,
}
PROGRAMS = ("api", "worker", "tracking")
"""On the shared storage, once the tables are there."""
PASSWORD = "made-for-this-test"
SERVICES: dict[str, dict[str, Any]] = TOP["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
LONG_RUNNING = sorted(SERVICES.keys() - {"migrate"})
COMMANDS = [
    *(service["command"] for service in OURS.values()),
    *(service["healthcheck"]["test"] for service in OURS.values() if "healthcheck" in service),
]
MODULES = sorted({command[command.index("-m") + 1] for command in COMMANDS if "-m" in command})


def stages() -> dict[str, list[tuple[str, str]]]:
    """For each stage of the Dockerfile, its instructions behind those of the stages that it begins from."""
    found: dict[str, list[tuple[str, str]]] = {}
    instructions = DockerfileParser(fileobj=io.BytesIO((ROOT / "Dockerfile").read_bytes())).structure
    for instruction in instructions:
        if instruction["instruction"] == "FROM":
            parent, _, name = instruction["value"].split()
            found[name] = list(found.get(parent, []))
        elif instruction["instruction"] != "COMMENT":
            found[name].append((instruction["instruction"], instruction["value"]))
    return found


def copied(stage: str) -> set[str]:
    """Paths of the project that a stage holds."""
    copies = [value.split()[:-1] for instruction, value in stages()[stage] if instruction == "COPY"]
    return {path for paths in copies for path in paths}


def closure(texts: Iterable[str]) -> set[str]:
    """Names of all distributions that requirements bring, by the metadata of those installed."""
    waiting = [Requirement(text) for text in texts]
    found: set[Requirement] = set()
    while waiting:
        requirement = waiting.pop()
        if requirement in found:
            continue
        found.add(requirement)
        for needed in map(Requirement, requires(requirement.name) or ()):
            environments = [{"extra": extra} for extra in requirement.extras or {""}]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
                waiting.append(needed)
    return {canonicalize_name(requirement.name) for requirement in found}


def given(service: str) -> dict[str, str]:
    """The settings in the environment of a service."""
    return {name: value for name, value in OURS[service]["environment"].items() if name.startswith("TUNEYARD_")}


def settings(service: str, patch: pytest.MonkeyPatch, secrets_dir: Path) -> DatabaseSettings:
    """The settings as a service reads them, secrets included, and none of this machine's."""
    for name in OURS[service]["secrets"]:
        (secrets_dir / name).write_text(f"{PASSWORD}\n")
    for name in [name for name in os.environ if name.startswith("TUNEYARD_")]:
        patch.delenv(name)
    for name, value in given(service).items():
        patch.setenv(name, value)
    assert given(service)["TUNEYARD_SECRETS_DIR"] == "/run/secrets"
    patch.setenv("TUNEYARD_SECRETS_DIR", str(secrets_dir))
    return SETTINGS[service]()


def test_compose_files_fit_the_specification() -> None:
    arguments = ["--builtin-schema", "vendor.compose-spec", *COMPOSE_FILES]

    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("service", PROGRAMS)
def test_a_service_gets_every_setting_that_it_needs(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = settings(service, monkeypatch, tmp_path)

    assert isinstance(made, StoreSettings)
    assert str(made.storage_root) == OURS[service]["environment"]["TUNEYARD_STORAGE_ROOT"]


@pytest.mark.parametrize("service", OURS)
def test_a_service_gets_no_unknown_setting(service: str) -> None:
    known = {f"TUNEYARD_{name.upper()}" for name in SETTINGS[service].model_fields}

    assert given(service).keys() - known == set()


@pytest.mark.parametrize("service", PROGRAMS)
def test_the_storage_root_is_on_the_shared_volume(service: str) -> None:
    root = OURS[service]["environment"]["TUNEYARD_STORAGE_ROOT"]

    assert f"storage:{root}" in OURS[service]["volumes"]


@pytest.mark.parametrize("command", [SERVICES["api"]["command"], api_command(3)], ids=["compose", "up"])
def test_idle_connections_are_kept_longer_than_clients_keep_them(command: list[str]) -> None:
    kept = re.search(r"--timeout-keep-alive[= ](\d+)", " ".join(command))

    assert kept is not None
    assert int(kept[1]) > 2 * (httpx2.Limits().keepalive_expiry or math.inf)


@pytest.mark.parametrize("service", SETTINGS)
def test_the_database_is_reached_with_the_password_that_it_is_given(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = settings(service, monkeypatch, tmp_path)

    assert make_url(made.database_url).password == PASSWORD
    [secret] = SERVICES["postgres"]["secrets"]
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == f"/run/secrets/{secret}"
    assert secret in OURS[service]["secrets"]


@pytest.mark.parametrize("service", PROGRAMS)
def test_the_broker_is_reached_with_the_password_that_it_is_given(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = settings(service, monkeypatch, tmp_path)

    assert isinstance(made, StoreSettings)
    assert made.broker_url.password == PASSWORD
    [secret] = SERVICES["redis"]["secrets"]
    assert f"/run/secrets/{secret}" in SERVICES["redis"]["command"][2]
    assert secret in OURS[service]["secrets"]


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_in_an_environment(service: str) -> None:
    names = [name.upper() for name in SERVICES[service].get("environment", {})]

    shown = [name for name in names if re.search("PASSWORD|TOKEN|SECRET", name)]

    assert all(name.endswith(("_FILE", "_PATH", "_DIR")) for name in shown)


def test_secrets_are_files_that_are_in_no_image_and_no_commit() -> None:
    folders = {Path(secret["file"]).parts[0] for secret in TOP["secrets"].values()}

    assert folders == {"secrets"}
    assert "secrets" in (ROOT / ".dockerignore").read_text().splitlines()
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_right_that_it_does_not_need(service: str) -> None:
    found = SERVICES[service]

    assert found["read_only"]
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert "build" in found or found["user"] not in ("root", "0")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_write_only_into_volumes_and_memory(service: str) -> None:
    home = SERVICES[service].get("environment", {}).get("HOME", "/tmp")  # noqa: S108 - of the container
    in_memory = {place.split(":")[0] for place in SERVICES[service]["tmpfs"]}

    assert home in in_memory


def test_database_and_broker_reach_nothing_and_are_reached_by_nobody_else() -> None:
    assert TOP["networks"]["back"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["back"]


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_long_running_service_has_a_health_check(service: str) -> None:
    assert "healthcheck" in SERVICES[service]


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_long_running_service_is_started_again(service: str) -> None:
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", PROGRAMS)
def test_a_service_waits_for_the_migration(service: str) -> None:
    assert OURS[service]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_only_the_api_is_published_and_by_default_to_this_machine_only() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {"api": ["127.0.0.1:8000:8000"]}


def test_a_stopping_worker_has_time_for_its_jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = settings("worker", monkeypatch, tmp_path)
    assert isinstance(made, WorkerSettings)

    stop_seconds = int(OURS["worker"]["stop_grace_period"].removesuffix("s"))

    assert stop_seconds > made.drain_grace_seconds + made.kill_grace_seconds


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_is_started_exists(module: str) -> None:
    found = find_spec(module)
    is_package = found is not None and found.submodule_search_locations is not None

    assert find_spec(f"{module}.__main__" if is_package else module)


def test_the_factory_that_is_started_exists() -> None:
    factory = next(argument for argument in OURS["api"]["command"] if re.fullmatch(r"[\w.]+:\w+", argument))

    assert import_from_string(factory) is create_app


def test_the_api_answers_its_health_check(tmp_path: Path) -> None:
    path = re.search(r"http://127\.0\.0\.1:8000(/\w+)", OURS["api"]["healthcheck"]["test"][-1])
    made = Settings(database_url=f"sqlite:///{tmp_path}/empty.db", broker_url="redis://nowhere", storage_root=tmp_path)

    with TestClient(create_app(made)) as client:
        answer = client.get(path[1] if path else "")

    assert "database" in answer.json()


@pytest.mark.parametrize("service", OURS)
def test_the_target_of_an_image_exists(service: str) -> None:
    assert OURS[service]["build"]["target"] in stages()


@pytest.mark.parametrize("path", sorted(set().union(*map(copied, stages()))))
def test_a_copied_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ("stage", "program"),
    [
        ("api", "api.app"),
        ("api", "client.cli"),
        ("api", "migrations.env"),
        ("api", "trainer_core.data.__main__"),
        ("worker", "trainer_core.__main__"),
        ("worker", "worker.__main__"),
        ("worker", "worker.health"),
        ("worker", "worker.runner"),
        ("tracking", "worker.tracking"),
    ],
)
def test_an_image_holds_all_that_a_program_imports(stage: str, program: str) -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)

    needed = {module.split(".")[0] for module in graph.find_upstream_modules(program) | {program}}

    assert needed <= copied(stage)


@pytest.mark.parametrize("stage", PROGRAMS)
def test_an_image_does_not_run_as_root(stage: str) -> None:
    users = [value for instruction, value in stages()[stage] if instruction == "USER"]

    assert users == ["1000"]


def test_the_image_of_the_api_holds_no_torch() -> None:

    installed = closure(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["server"])

    assert not installed & {"torch", "transformers"}
