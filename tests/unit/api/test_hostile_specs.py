"""Specs made to do harm: what no number may be, and names that would be paths (S3, S4)."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from trainer_core.contract.spec import JobSpec

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SPEC: dict[str, Any] = {"base_model": "starter", "train_dataset": "file-1"}
NUMBERS = ["NaN", "1e309", "-1e309", "-1", str(2**63), str(-(2**63))]
LEGAL = {("priority", "-1")}
"""Less than nothing is a priority like others."""
PATHS = [
    "../../etc", "/etc", "/etc/passwd", "C:\\x", "file:///etc", "file://", "a/b@../", "%252e%252e/etc", "%2e%2e/%2e%2e",
    "a/..", "./x", "../x", ".", "..", "~/x", "a/b/c", "a//b", "a\\..\\b", "starter/../../etc", "starter\0", "s3://a/b",
    "https://evil.example/a", "simplecache::file://etc", ".git/config", "a/.ssh", "\u2025/\u2025", "starter/",
]  # fmt: skip
REVISIONS = [
    "../../etc", "/etc", "..", ".", "a/../b", "a/..", "main/", "a//b", "C:\\x", "%2e%2e", "main\0", "-x", "a b",
    "a.", "", "a@{1}", "refs/../../..", "a" * 129,
]  # fmt: skip


def schema_properties(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path of each number of a schema, and the type of the union that it is in, if it is in one."""
    for name, value in schema.get("properties", {}).items():
        yield from _numbers((name,), value, definitions)


def _numbers(
    path: tuple[str, ...], schema: dict[str, Any], definitions: dict[str, Any]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        for key, value in definitions[name].get("properties", {}).items():
            yield from _numbers((*path, key), value, definitions)
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _numbers(path, one, definitions)
    if schema.get("type") in ("integer", "number"):
        yield path, schema["type"]


KINDS = {"method": "lora", "objective": "dpo"}
"""Which of several types has numbers."""


def numbers(model: type[BaseModel]) -> list[tuple[str, ...]]:
    """Where a spec holds numbers, by its schema: a field that is added is tried as well."""
    schema = model.model_json_schema()
    return sorted({path for path, _ in schema_properties(schema, schema["$defs"])})


def body(path: tuple[str, ...], number: str) -> bytes:
    """A spec, as text, with a number that JSON may not even have."""
    spec: dict[str, Any] = json.loads(json.dumps(SPEC))
    place = spec
    for name in path[:-1]:
        place = place.setdefault(name, {"type": KINDS[name]} if name in KINDS else {})
    place[path[-1]] = "HERE"
    return json.dumps(spec).replace('"HERE"', number).encode()


def named(path: tuple[str, ...], error: dict[str, str]) -> bool:
    """True if a problem's error is about this field."""
    return path[-1] in error["location"]


@pytest.mark.parametrize("number", NUMBERS)
@on_sqlite
def test_what_is_no_number_of_a_spec_is_refused_by_name(client: TestClient, number: str) -> None:
    paths = [path for path in numbers(JobSpec) if (path[-1], number) not in LEGAL]
    how = {"Content-Type": "application/json"}

    answers = {path: client.post("/jobs/validate", content=body(path, number), headers=how) for path in paths}

    assert len(paths) > 30
    assert [path for path, answer in answers.items() if answer.status_code != 422] == []
    unnamed = [path for path, answer in answers.items() if not any(named(path, one) for one in answer.json()["errors"])]
    assert unnamed == []
    assert max(len(answer.content) for answer in answers.values()) < 2000


@pytest.mark.parametrize("number", [*NUMBERS, "x"])
@on_sqlite
def test_no_number_of_a_query_is_an_error_of_the_service(client: TestClient, number: str) -> None:
    paths = ["/jobs", "/jobs/nowhere", "/jobs/nowhere/events", "/jobs/nowhere/metrics", "/jobs/nowhere/logs"]
    names = ["wait", "limit", "after", "max_points", "from_step"]

    answers = {(path, name): client.get(path, params={name: number}) for path in paths for name in names}

    assert {answer.status_code for answer in answers.values()} <= {200, 404, 422}


@pytest.mark.parametrize("wait", ["NaN", "inf", "1e309", "-1"])
@on_sqlite
def test_nobody_waits_for_longer_than_there_is_time(client: TestClient, job_id: str, wait: str) -> None:
    assert client.get(f"/jobs/{job_id}", params={"wait": wait}).status_code == 422


@on_sqlite
def test_words_that_a_shell_would_obey_are_words_or_refused(
    client: TestClient, job_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert job_id
    monkeypatch.chdir(tmp_path)
    words = '"; touch x; "'
    fields = ["base_model", "revision", "train_dataset", "eval_dataset", "suffix"]
    how = {"Idempotency-Key": words}

    refused = [client.post("/jobs", json=SPEC | {field: words}, headers=how).status_code for field in fields]
    taken = client.post("/jobs", json=SPEC | {"metadata": {words: words}}, headers=how)
    uploaded = client.post("/datasets", params={"filename": words, "images": words}, content=b"{}")

    assert refused == [422] * len(fields)
    assert (taken.status_code, taken.json()["spec"]["metadata"]) == (201, {words: words})
    assert uploaded.status_code in (404, 422)
    assert not (tmp_path / "x").exists()


class Opened:
    """What this process opens, lists or looks at."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.is_listening = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.symlink"):
            self.add(arguments[0])

    def add(self, path: Any) -> None:
        if self.is_listening and not isinstance(path, int):
            self.paths.append(os.fsdecode(path))

    def outside(self, *roots: Path | str) -> list[str]:
        """What was looked at elsewhere than in the service's own places."""
        own = (*map(str, roots), sys.prefix, sys.base_prefix, str(Path(__file__).parents[3]), "/dev/null")
        return [path for path in self.paths if not path.startswith(own)]


OPENED = Opened()
sys.addaudithook(OPENED.hear)  # for as long as the process lives


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Listens while a test asks; what looks at a file without opening it tells no audit hook."""
    for name in ("stat", "lstat", "readlink"):
        really = getattr(os, name)

        def look(path: Any, *more: Any, really: Any = really, **how: Any) -> Any:
            OPENED.add(path)
            return really(path, *more, **how)

        monkeypatch.setattr(os, name, look)
    OPENED.paths, OPENED.is_listening = [], True
    yield OPENED
    OPENED.is_listening = False


def test_what_is_opened_or_looked_at_is_noticed(opened: Opened, tmp_path: Path) -> None:
    Path("/etc/passwd").exists()
    list(Path("/etc").iterdir())

    assert {"/etc", "/etc/passwd"} <= set(opened.outside(tmp_path))


@on_sqlite
def test_a_path_is_no_model_and_is_not_looked_at(
    client: TestClient, job_id: str, opened: Opened, tmp_path: Path
) -> None:
    assert job_id  # the dataset is there, so that only the model is wrong

    answers = {name: client.post("/jobs", json=SPEC | {"base_model": name}) for name in PATHS}

    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 422} == {}
    assert opened.outside(tmp_path) == []


@on_sqlite
def test_a_path_is_no_revision_and_is_not_looked_at(client: TestClient, opened: Opened, tmp_path: Path) -> None:
    specs = [SPEC | {"base_model": "a/b", "revision": revision} for revision in REVISIONS]

    answers = [client.post("/jobs", json=spec) for spec in specs]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "invalid_request")}
    assert opened.outside(tmp_path) == []


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "feature/a-b_c", "0" * 40])
def test_what_git_calls_a_revision_is_one(revision: str) -> None:
    assert JobSpec(**SPEC, revision=revision).revision == revision


@on_sqlite
def test_a_path_is_no_id_and_is_not_looked_at(client: TestClient, opened: Opened, tmp_path: Path) -> None:
    names = ["../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\x", "/etc/passwd", "a\0b"]
    paths = [f"{base}{quote(name, safe='')}" for base in ("/jobs/", "/datasets/", "/images/") for name in names]

    answers = [client.get(path) for path in paths]

    assert {answer.status_code for answer in answers} <= {404, 422}
    assert opened.outside(tmp_path) == []
