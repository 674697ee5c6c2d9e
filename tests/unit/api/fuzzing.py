"""A document of the service, fuzzed by Schemathesis: requests that fit it and ones that do not, alone and chained."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from fastapi import FastAPI
from schemathesis import engine
from schemathesis.engine import events
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.python.asgi import shutdown_lifespans

from store.columns import DEFAULT_PROJECT
from tests.unit.bearing import bearer

_HALF = 0.5
"""How often an id is one that is there."""
_ANSWER_SECONDS = 120
"""How long an answer may take, on a machine that stands still for seconds."""
_STREAM_SECONDS = 20
"""How long a stream without end is read."""
_STREAMS = "/stream$|^/v1/.*/events$"
_CHECKS = {
    # A request may fit the document and name what is not there: a model, a file, an address that resolves to nothing.
    "positive_data_acceptance": {"enabled": False},
    "negative_data_rejection": {"expected-statuses": ["4xx"]},  # 413 and 410 are refusals, too
}


@schemathesis.serializer("application/jsonl")
def _jsonl(_: Any, value: Any) -> bytes:
    """Rows: of what is thought of for a string of bytes, the bytes; else one line."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


@dataclass(frozen=True)
class Found:
    """What a run was answered."""

    num_cases: int
    statuses: Counter[int]
    faults: Sequence[str]
    """Of every kind once: the operation, the check that failed, what it says, and a request that shows it."""


@dataclass
class _Tally:
    num_cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def count(self, recorder: ScenarioRecorder) -> None:
        self.num_cases += len(recorder.interactions)
        self.statuses.update(int(one.response.status_code) for one in recorder.interactions.values() if one.response)
        for case_id, checks in recorder.checks.items():
            label = recorder.cases[case_id].value.operation.label
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    self.note(label, check.name, failure.title, f"{failure.message}\n{check.failure_info.code_sample}")

    def note(self, label: str, check: str, title: str, more: str) -> None:
        self.faults.setdefault((label, check, title), f"{label}: {check}: {title}\n{more[:2000]}")


def fuzz(app: FastAPI, path: str, key: str, ids: Mapping[str, Sequence[str]], **settings: Any) -> Found:
    """Fuzz every operation of a document.

    Args:
        app: The service, which has things with these ids; it is started here.
        path: Of the document.
        key: Whose requests they are.
        ids: What is there, by the name of the parameter in a path that names it.
        settings: Of Schemathesis, as its configuration file has them.
    """
    config = schemathesis.Config.from_dict({**_configuration(key, ids), **settings})
    document = schemathesis.openapi.from_asgi(path, app, config=config)
    tally = _Tally()
    try:
        for event in engine.from_schema(document).execute():
            match event:
                case events.ScenarioFinished():
                    tally.count(event.recorder)
                case events.NonFatalError():
                    tally.note(event.label, "error", type(event.value).__name__, str(event.value))
                case events.FatalError():
                    raise event.exception
    finally:
        shutdown_lifespans()  # else the service would go on beside all later tests, and reach out by then
    return Found(tally.num_cases, tally.statuses, [*tally.faults.values()])


def _configuration(key: str, ids: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    known = {f"path.{name}": {"dictionary": name, "probability": _HALF} for name in ids}
    return {
        "dictionaries": {name: {"values": [*values]} for name, values in ids.items()},
        "parameters": {"header.tuneyard-project": DEFAULT_PROJECT, **known},  # in another one nothing is there
        "checks": _CHECKS,
        "headers": bearer(key),
        "continue-on-failure": True,
        "request-timeout": _ANSWER_SECONDS,
        "suppress-health-check": ["too_slow"],  # that is the machine
        "operations": [{"include-path-regex": _STREAMS, "request-timeout": _STREAM_SECONDS}],
    }
