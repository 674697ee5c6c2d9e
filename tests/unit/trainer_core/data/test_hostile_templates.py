"""Chat templates made to do harm: they are sandboxed, bounded, and named as what is wrong (S12)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoProcessor

from trainer_core.contract.errors import FailureCode
from trainer_core.contract.spec import JobSpec
from trainer_core.data import rendering
from trainer_core.data.rendering import Renderer, UnrenderableRow
from trainer_core.data.rows import Row
from trainer_core.patience import TookTooLong, at_most
from trainer_core.report import report
from trainer_core.training.stopping import StopRequest

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture
def renderer(starter_dir: Path) -> Callable[[str], Renderer]:
    """A renderer of a model that comes with a template."""

    def made(template: str) -> Renderer:
        processor = AutoProcessor.from_pretrained(starter_dir)
        processor.chat_template = template
        return Renderer(processor)

    return made


@pytest.fixture
def row(chat: Callable[..., dict[str, Any]]) -> Row:
    return Row.model_validate(chat())


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
        "{{ lipsum.__globals__['os'].system('touch CANARY') }}",
        "{{ self.__init__.__globals__.__builtins__.open('CANARY', 'w') }}",
        "{{ raise_exception.__globals__['__builtins__']['open']('CANARY', 'w') }}",
        "{{ strftime_now.__globals__['__builtins__']['open']('CANARY', 'w') }}",
        "{{ ('%s' | attr('format_map'))(messages) }}{{ '{0.__class__.__init__.__globals__}'.format(cycler) }}",
        "{% set taken = messages.append(1) %}",
        "{% include '/etc/passwd' %}",
        "{% import '/etc/passwd' as stolen %}",
        "{% for number in range(10**9) %}{{ number }}{% endfor %}",
        "{{ 'x' * 10**15 }}",
        "{{ range(10**8) | join }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ messages[0]['content'][99]['text'] }}",
        "{{ undefined.attribute }}",
    ],
)  # fmt: skip
def test_a_template_that_reaches_for_more_is_refused_and_does_nothing(
    renderer: Callable[[str], Renderer],
    row: Row,
    template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UnrenderableRow, match="chat template does not take this row"):
        renderer(template)(row)

    assert list(tmp_path.iterdir()) == []


def test_a_template_that_does_not_end_is_ended(
    renderer: Callable[[str], Renderer], row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "_TEMPLATE_SECONDS", 0.2)

    with pytest.raises(TookTooLong, match=r"computed for 0\.2 s"):
        renderer(ENDLESS)(row)


def test_a_job_on_a_model_whose_template_does_not_end_is_refused_before_it_waits(
    own_starter_dir: Path, shades_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "_TEMPLATE_SECONDS", 0.2)
    (own_starter_dir / "chat_template.jinja").write_text(ENDLESS)

    found = report(JobSpec(base_model=str(own_starter_dir), train_dataset=str(shades_file)), StopRequest())

    assert found.problem is not None
    assert found.problem.code == FailureCode.BASE_MODEL_UNUSABLE
    assert "chat template takes too long" in found.problem.message


def test_a_job_on_a_model_whose_template_reaches_for_more_is_refused_by_line(
    own_starter_dir: Path, shades_file: Path
) -> None:
    (own_starter_dir / "chat_template.jinja").write_text("{{ ''.__class__.__mro__ }}")

    found = report(JobSpec(base_model=str(own_starter_dir), train_dataset=str(shades_file)), StopRequest())

    assert found.problem is not None
    assert found.problem.code == FailureCode.INVALID_DATASET
    assert "unsafe" in found.problem.message


def test_patience_is_for_what_computes_and_is_over_with_it() -> None:
    with at_most(0.2):
        sum(range(1000))

    sum(range(20_000_000))  # longer than 0.2 s, and nobody is impatient any more


def compute() -> None:
    while True:
        sum(range(1000))


def test_patience_inside_patience_does_not_begin_anew() -> None:
    with pytest.raises(TookTooLong, match=r"0\.1 s"), at_most(0.1), at_most(600):
        compute()
