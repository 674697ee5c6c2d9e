"""What the doctor says of a service that it reaches, or does not."""

from email.utils import formatdate

import pytest

from client import doctor_service
from client.listening import listen, url_of
from tests.unit.client.stub_service import Answer, StubService, as_json
from trainer_core.contract.check import Check, Outcome

READY = as_json({"database": True, "storage": True, "num_workers": 0})


def found(stub: StubService, key: str | None = "ty_1_2") -> dict[str, Check]:
    return {check.name: check for check in doctor_service.checks(stub.url, key)}


def test_a_url_where_nobody_answers_is_a_failure() -> None:
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)

    [check] = doctor_service.checks(url, None)

    assert check.outcome is Outcome.FAILED
    assert url in check.seen


@pytest.mark.parametrize("answer", [Answer(b"<html>", 200), as_json([]), as_json({"status": "ok"})])
def test_another_program_is_told_from_a_service(stub: StubService, answer: Answer) -> None:
    stub.answers = [answer]

    assert "is no service of ours" in found(stub)["service"].seen


def test_a_service_without_its_database_is_a_failure(stub: StubService) -> None:
    stub.answers = [as_json({"database": False, "storage": True, "num_workers": 0}, 503)]

    checks = found(stub)

    assert checks.keys() == {"service"}
    assert "no answer from its database" in checks["service"].seen


def test_what_is_wrong_with_a_service_that_answers_is_told_one_by_one(stub: StubService) -> None:
    stub.answers = [
        READY,
        as_json({"info": {"version": "0.0.0"}}),
        Answer(b"{}", headers={"Date": formatdate(0, usegmt=True)}),
        as_json({"detail": "there is no such key"}, 401),
        as_json({"data": []}),
    ]

    checks = found(stub)

    assert {name: check.outcome for name, check in checks.items()} == {
        "service": Outcome.OK,
        "service version": Outcome.WARNING,
        "service clock": Outcome.WARNING,
        "key": Outcome.FAILED,
        "workers": Outcome.WARNING,
    }
    assert "0.0.0" in checks["service version"].seen
    assert checks["key"].seen == "there is no such key"
