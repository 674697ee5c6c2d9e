"""How an operator says whose code may run."""

import json

import pytest
from pydantic import ValidationError

from trainer_core.contract.trust import TRUST_VARIABLE, trusted_code
from worker.settings import WorkerSettings

COMMIT = "a" * 40
FORMS = [
    "org/own",
    "org/own@main",
    f"org/own@{COMMIT[:39]}",
    f"../own@{COMMIT}",
    f"own@{COMMIT}",
    f"org/own@{COMMIT}\n",
    "",
]


def test_what_is_said_is_a_repository_at_a_commit() -> None:
    assert trusted_code({TRUST_VARIABLE: json.dumps([f"org/own@{COMMIT}"])}) == (f"org/own@{COMMIT}",)


def test_nothing_is_trusted_by_default() -> None:
    assert trusted_code({}) == ()


@pytest.mark.parametrize("form", FORMS)
def test_what_can_be_moved_is_not_trusted(form: str) -> None:
    with pytest.raises(ValidationError):
        trusted_code({TRUST_VARIABLE: json.dumps([form])})


@pytest.mark.parametrize("form", FORMS)
def test_a_worker_does_not_start_with_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, json.dumps([form]))

    with pytest.raises(ValidationError):
        WorkerSettings(database_url="sqlite://", broker_url="redis://127.0.0.1:1/0", storage_root="nowhere")
