"""What operators ask through the Python client, against a service that answers as told."""

import pytest

from client import Tuneyard
from client.errors import ConnectionBroken
from tests.unit.client.samples import PROJECT, USAGE
from tests.unit.client.stub_service import Answer, StubService, as_json

CUT = Answer(b"half an answer", cut_at=3)
DRAINS = {
    "data": [{"worker": "*", "gives_back": True, "asked_at": "2026-11-24T10:00:00Z"}],
    "workers": [{"name": "host-1", "is_drained": True, "num_running_jobs": 0}],
}
NOTHING = {"data": [], "num_bytes": 0, "has_more": False}


def test_every_worker_is_drained_whose_name_is_a_star(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [CUT, as_json(DRAINS)]

    told = tuneyard.drains.create("*", gives_back=True)

    assert told.workers[0].is_drained
    assert [(asked.method, asked.path) for asked in stub.asked] == [("PUT", "/drains/%2A?gives_back=true")] * 2


def test_a_workers_name_may_hold_a_slash(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [Answer(status=204)]

    tuneyard.drains.delete("host/1")

    assert [(asked.method, asked.path) for asked in stub.asked] == [("DELETE", "/drains/host%2F1")]


def test_garbage_is_looked_for_again_when_the_answer_was_lost(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [CUT, as_json(NOTHING)]

    assert tuneyard.garbage.find().data == ()


def test_garbage_is_deleted_once_so_that_what_has_gone_is_told(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [CUT, as_json(NOTHING)]

    with pytest.raises(ConnectionBroken):
        tuneyard.garbage.collect()

    assert [asked.method for asked in stub.asked] == ["DELETE"]


def test_operators_see_the_use_of_any_project(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [as_json(USAGE)]

    assert tuneyard.usage.retrieve("proj_1").project.name == PROJECT["name"]
    assert stub.asked[0].headers["Tuneyard-Project"] == "proj_1"
