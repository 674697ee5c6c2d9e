"""What a process logs, each line of it, whoever says it."""

import json
import subprocess
import sys
from typing import Any

import pytest

SAY = """
import logging, sys, threading
from telemetry import logs
from telemetry.about import about, always
logs.configure("tests", logs.LogFormat({form!r}), {level!r})
log = logging.getLogger("some.module")
{body}
"""


def said(body: str, *, form: str = "json", level: str = "INFO") -> list[str]:
    """The lines of a process of its own."""
    script = SAY.format(form=form, level=level, body=body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.stderr.splitlines()


def objects(body: str, **how: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said(body, **how)]


def test_a_line_has_time_level_program_logger_and_message() -> None:
    (line,) = objects("log.info('%s of %d', 'one', 2)")

    assert line.pop("time")[-6:] == "+00:00"
    assert line == {"level": "INFO", "program": "tests", "logger": "some.module", "message": "one of 2"}


def test_a_line_has_what_is_at_hand() -> None:
    (line,) = objects("always(job_id='j', attempt=1)\nwith about(attempt=2): log.info('x')")

    assert (line["job_id"], line["attempt"]) == ("j", 2)


def test_an_error_has_its_trace_in_the_same_line() -> None:
    (line,) = objects("try: 1 / 0\nexcept ZeroDivisionError: log.exception('x')")

    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize("body", ["1 / 0", "threading.Thread(target=lambda: 1 / 0).start()"])
def test_an_error_that_nobody_caught_is_a_line(body: str) -> None:
    (line,) = objects(body)

    assert line["level"] == "CRITICAL"
    assert "ZeroDivisionError" in line["exception"]


def test_a_message_of_several_lines_is_one_line() -> None:
    assert len(said("log.info('a\\nb')")) == 1


def test_what_is_below_the_level_is_not_told() -> None:
    assert objects("log.info('x'); log.warning('y')", level="WARNING")[0]["message"] == "y"


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_holds_a_key(form: str) -> None:
    (line,) = said("log.info('key %s', 'ty_0a1b_c2VjcmV0')", form=form)

    assert "c2VjcmV0" not in line


def test_for_people_a_line_is_words() -> None:
    (line,) = said("log.info('x')", form="console")

    assert line.endswith(" INFO some.module: x")
