"""The client beside the service's own description: every route for programs has a method, every field is there."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.settings import Settings
from client import Tuneyard, operation_views, report_views, tenant_views, views
from client.errors import TuneyardError
from tests.unit.client.stub_service import Answer, Asked, StubService, as_json, problem

SHOWN = {
    "ArtifactRead": views.Artifact,
    "ArtifactSummary": views.ArtifactSummary,
    "AttemptRead": report_views.Attempt,
    "CheckpointRead": views.Checkpoint,
    "DatasetRead": views.Dataset,
    "DayRead": tenant_views.Day,
    "DrainList": operation_views.DrainList,
    "DrainRead": operation_views.Drain,
    "EvaluationRead": report_views.Evaluation,
    "EventRead": views.Event,
    "FailureRead": views.Failure,
    "GarbageList": operation_views.GarbageList,
    "GarbageRead": operation_views.GarbageItem,
    "GpuRead": views.Gpu,
    "ImagesRead": views.Images,
    "IntegrationRead": report_views.Integration,
    "JobCounts": views.JobCounts,
    "JobRead": views.Job,
    "JobReport": views.Report,
    "KeyCreated": tenant_views.NewKey,
    "KeyRead": tenant_views.Key,
    "LogLineRead": views.LogLine,
    "ModelRead": views.Model,
    "OccupiedRead": views.Occupied,
    "PredictionRead": report_views.Prediction,
    "Progress": views.Progress,
    "ProjectRead": tenant_views.Project,
    "Readiness": views.Readiness,
    "RowPage": views.RowPage,
    "RowRead": views.Row,
    "SeriesOfJob": report_views.SeriesOfJob,
    "SeriesRead": views.Series,
    "StandingRead": operation_views.Standing,
    "StayRead": report_views.Stay,
    "TimelineRead": report_views.Timeline,
    "UsageRead": tenant_views.Usage,
    "WorkerRead": views.Worker,
}
"""What the service answers, and what the client makes of it."""
NOT_FOR_PROGRAMS = {
    "/session": "signs browsers in; programs send their key",
    "/metrics": "is read by Prometheus",
}
"""Routes without a method, and why."""
FILE = {"path": "model.bin", "num_bytes": 1, "sha256": "0" * 64}
ARTIFACT = {"job_id": "x", "attempt": 1, "num_bytes": 1, "manifest_sha256": "", "files": [FILE]}


def answered(asked: Asked) -> Answer:
    """What leads a method on to the next route that it needs; a refusal of all else."""
    path = asked.path.partition("?")[0]
    if path == "/jobs/validate":
        return as_json({"id": "report-1", "report": None}, 202)
    return as_json(ARTIFACT) if path.endswith("/artifacts") else problem(404, "job_not_found")


def calls(tuneyard: Tuneyard, folder: Path) -> Iterator[Any]:
    """A call of every method of every resource."""
    (folder / "file").write_text("row")
    values: dict[str, object] = {"path": folder / "file", "folder": folder / "made", "changes": {}}
    for resource in (one for name, one in vars(tuneyard).items() if not name.startswith("_")):
        for name, method in inspect.getmembers(resource, inspect.ismethod):
            if not name.startswith("_"):
                parameters = inspect.signature(method).parameters.values()
                needed = [one for one in parameters if one.default is one.empty and one.kind != one.VAR_KEYWORD]
                yield lambda method=method, needed=needed: method(*(values.get(one.name, "x") for one in needed))


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the service says of itself."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(
        database_url=f"sqlite:///{folder}/tuneyard.db",
        broker_url="redis://127.0.0.1:1/0",
        storage_root=str(folder / "storage"),
    )
    return create_app(settings).openapi()


def test_every_route_has_a_method(stub: StubService, document: Any, tmp_path: Path) -> None:
    routes = {(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs if is_ours(path)}
    stub.answers = [answered]
    with Tuneyard(stub.url, patience_seconds=0) as tuneyard:
        for call in calls(tuneyard, tmp_path):
            try:
                made = call()
                if inspect.isgenerator(made):
                    next(made)
            except TuneyardError:
                continue

    asked = {(one.method, one.path.partition("?")[0]) for one in stub.asked}

    assert len(routes) > 50
    assert {route for route in routes if not any(is_of(one, route) for one in asked)} == set()


def is_ours(path: str) -> bool:
    """True if programs ask it in Tuneyard's own words, not in OpenAI's."""
    return path not in NOT_FOR_PROGRAMS and not path.startswith("/v1/")


def is_of(asked: tuple[str, str], route: tuple[str, str]) -> bool:
    """True if a request is one of a route, and its path is not a word of another."""
    pattern = re.sub(r"\{\w+\}", "(x|report-1|model.bin)", route[1])
    return asked[0] == route[0] and re.fullmatch(pattern, asked[1]) is not None


@pytest.mark.parametrize(("name", "view"), SHOWN.items(), ids=SHOWN.keys())
def test_the_client_knows_no_field_that_the_service_does_not_tell(
    document: Any, name: str, view: type[views.View]
) -> None:
    told = document["components"]["schemas"][name]["properties"]

    assert view.model_fields.keys() - told.keys() == set()


def kinds(schema: Any, definitions: Any) -> set[str]:
    """Which of JSON's types a value may have; where nothing is said, any."""
    if "$ref" in schema:
        return kinds(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return set[str]().union(*(kinds(option, definitions) for option in options))
    return {schema["type"]} if "type" in schema else {"any"}


@pytest.mark.parametrize(("name", "view"), SHOWN.items(), ids=SHOWN.keys())
def test_the_client_reads_every_type_that_the_service_tells(document: Any, name: str, view: type[views.View]) -> None:
    schemas = document["components"]["schemas"]
    read = view.model_json_schema()

    for field in view.model_fields:
        accepted = kinds(read["properties"][field], read.get("$defs", {}))
        told = kinds(schemas[name]["properties"][field], schemas)
        more = {"integer"} if "number" in accepted else set()
        assert accepted == {"any"} or told - accepted - more == set(), field
