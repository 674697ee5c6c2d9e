"""Work as spans, sent to a real receiver if one is named, and nothing loaded if none is."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import pytest

from telemetry import traces
from telemetry.about import facts
from telemetry.phases import Phases
from telemetry.traces import UNTRACED, Traces
from tests.otlp_receiver import Collector, receiving

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-1] + "0"
LOADED = """
import importlib, sys
from telemetry import traces
importlib.import_module(sys.argv[1])
assert traces.make("tests") is traces.UNTRACED
print(*(name for name in sys.modules if name.startswith(tuple(sys.argv[2:]))))
"""
SENDING = (
    "telemetry.otel",
    "opentelemetry.sdk.trace",
    "opentelemetry.exporter",
    "opentelemetry.proto",
    "google.protobuf",
)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        yield found


@pytest.fixture
def traced(collector: Collector) -> Traces:
    assert collector
    return traces.make("tests")


@pytest.mark.parametrize("program", ["api.app", "worker.app", "worker.runner"])
def test_nothing_that_traces_is_loaded_unless_an_endpoint_is_named(program: str) -> None:
    command = [sys.executable, "-c", LOADED, program, *SENDING]
    loaded = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=True)

    # FastAPI has the interface of OpenTelemetry loaded, and redis-py the SDK's metrics where that is installed.
    assert loaded.stdout.split() == []


def test_a_runner_loads_nothing_of_opentelemetry() -> None:
    command = [sys.executable, "-c", LOADED, "worker.runner", "opentelemetry"]
    loaded = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv(name, value)

    assert traces.make("tests") is UNTRACED


def test_spans_nest_as_blocks_do(collector: Collector, traced: Traces) -> None:
    with traced.span("outer", parent=PARENT), traced.span("inner"):
        pass
    traced.close()

    outer, inner = collector.only("outer"), collector.only("inner")
    assert (outer.trace_id, outer.parent_id) == tuple(PARENT.split("-")[1:3])
    assert (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.span_id)
    assert outer.service == "tuneyard-tests"


def test_a_span_without_a_parent_begins_a_trace(collector: Collector, traced: Traces) -> None:
    with traced.span("one"):
        pass
    with traced.span("two"):
        pass
    traced.close()

    assert collector.only("one").trace_id != collector.only("two").trace_id
    assert collector.only("one").parent_id == ""


def test_a_thread_that_is_handed_the_context_goes_on_with_the_trace(collector: Collector, traced: Traces) -> None:
    def work() -> None:
        with traced.span("inner"):
            pass

    with traced.span("outer"):
        thread = threading.Thread(target=copy_context().run, args=(work,))
        thread.start()
        thread.join()
    traced.close()

    assert collector.only("inner").parent_id == collector.only("outer").span_id


def test_an_error_marks_its_span(collector: Collector, traced: Traces) -> None:
    with pytest.raises(ZeroDivisionError), traced.span("broken"):
        1 / 0  # noqa: B018 - it raises
    traced.close()

    assert collector.only("broken").is_error


def test_what_is_over_can_be_told_later(collector: Collector, traced: Traces) -> None:
    begun_at = datetime(2026, 11, 28, tzinfo=UTC)
    traced.record("past", begun_at, begun_at + timedelta(hours=3), parent=PARENT, attributes={"tuneyard.x": 1})
    traced.close()

    found = collector.only("past")
    assert found.ended_at - found.begun_at == 3 * 3600 * 10**9
    assert found.attributes == {"tuneyard.x": 1}


def test_phases_follow_each_other(collector: Collector, traced: Traces) -> None:
    with traced.span("train"), Phases(traced, "starting") as phases:
        phases.enter("loading", traces.moment())
    traced.close()

    train, starting, loading = (collector.only(name) for name in ("train", "starting", "loading"))
    assert starting.parent_id == loading.parent_id == train.span_id
    assert starting.ended_at == loading.begun_at


def test_of_very_many_phases_the_last_one_holds_the_rest(
    collector: Collector, traced: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.phases._MOST", 3)
    with traced.span("train"), Phases(traced, "0") as phases:
        for number in range(1, 10):
            phases.enter(str(number), traces.moment())
    traced.close()

    assert {span.name for span in collector.spans} == {"train", "0", "1", "2"}
    assert collector.only("2").ended_at >= collector.only("1").ended_at


def test_what_its_client_does_not_sample_is_not_sent(collector: Collector, traced: Traces) -> None:
    with traced.span("quiet", parent=UNSAMPLED):
        assert traces.current() is not None
    traced.close()

    assert collector.spans == []


def test_logs_tell_the_trace(traced: Traces) -> None:
    with traced.span("work", parent=PARENT):
        assert facts() == {"trace_id": PARENT.split("-")[1]}
    traced.close()


def test_untraced_work_keeps_the_trace_of_others() -> None:
    with UNTRACED.span("work", parent=PARENT):
        assert traces.current() == PARENT


@pytest.mark.parametrize(
    "sent",
    [None, "", "x", PARENT.upper(), PARENT + "0", PARENT.replace("0af7", "zzzz"), "00-" + "0" * 32 + PARENT[35:]],
)
def test_what_is_no_traceparent_is_not_heard(sent: str | None) -> None:
    assert traces.heard(PARENT) == PARENT
    assert traces.heard(sent) is None


def test_a_receiver_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    traced = traces.make("tests")

    with traced.span("lost"):
        pass

    traced.close()
