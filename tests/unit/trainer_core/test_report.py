"""What is told about a job before it trains, and what it would fail on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.families.catalogue import FAMILIES
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import Dpo, FullFineTune, HeldOutSplit, Hyperparameters, JobSpec, Lora
from trainer_core.report import report
from trainer_core.training.stopping import StopRequest

Chat = Callable[..., dict[str, Any]]
Write = Callable[[Path, Sequence[dict[str, Any]]], Path]


def reported(starter_dir: Path, dataset: Path, **changes: Any) -> JobReport:
    spec = JobSpec(base_model=str(starter_dir), train_dataset=str(dataset), **changes)
    return report(spec, StopRequest())


def test_a_job_that_can_run_is_valid(starter_dir: Path, shades_file: Path) -> None:
    found = reported(starter_dir, shades_file, eval_dataset=HeldOutSplit(fraction=0.25))

    assert (found.is_valid, found.problem, found.warnings) == (True, None, ())
    assert found.train is not None
    assert found.evaluation is not None
    assert (found.train.num_rows, found.evaluation.num_rows, len(found.preview)) == (9, 3, 3)


def test_steps_are_those_that_will_be_taken(starter_dir: Path, shades_file: Path) -> None:
    found = reported(starter_dir, shades_file, hyperparameters=Hyperparameters(num_epochs=2, batch_size=5))

    assert found.estimate is not None
    assert (found.estimate.steps_per_epoch, found.estimate.total_steps) == (3, 6)


def test_every_fault_of_the_rows_is_told(starter_dir: Path, tmp_path: Path, chat: Chat, write_rows: Write) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [chat("7"), chat("long " * 600), chat("<image>", question="<image>")])

    found = reported(starter_dir, path)

    assert found.problem is not None
    assert [(fault.code, fault.line) for fault in found.problem.faults] == [("too_long", 2), ("invalid_row", 3)]


def test_a_spec_that_does_not_fit_the_model_is_told(text_model_dir: Path, text_file: Path) -> None:
    found = reported(text_model_dir, text_file, hyperparameters=Hyperparameters(freeze_vision_model=True))

    assert found.problem is not None
    assert found.problem.code == "invalid_spec"
    assert "has no image tower" in found.problem.message


def test_a_model_that_cannot_be_used_is_told(tmp_path: Path, text_file: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nonsense"}))

    found = reported(tmp_path, text_file)

    assert found.problem is not None
    assert found.problem.code == "base_model_unusable"


def test_rows_that_repeat_and_leak_are_warned_of(
    starter_dir: Path, tmp_path: Path, chat: Chat, write_rows: Write
) -> None:
    train = write_rows(tmp_path / "train.jsonl", [chat("7"), chat("7"), chat("8")])
    held_out = write_rows(tmp_path / "held_out.jsonl", [chat("8"), chat("9")])

    found = reported(starter_dir, train, eval_dataset=str(held_out))

    assert found.num_leaked_rows == 1
    assert found.warnings == (
        "1 of 3 training rows repeat another one",
        "1 of 2 evaluation rows are training rows too: scores will flatter",
    )


def test_pictures_that_lose_most_of_their_pixels_are_warned_of(
    starter_dir: Path, tmp_path: Path, chat: Chat, write_rows: Write, png_url: Callable[..., str]
) -> None:
    row = chat("7")
    row["messages"][0]["content"][0]["image_url"]["url"] = png_url(size=(320, 320))

    found = reported(starter_dir, write_rows(tmp_path / "rows.jsonl", [row]))

    assert found.warnings == ("the model is given 1% of the pixels of the first images: small text may be lost",)


def test_a_model_without_a_chat_template_is_warned_of(own_starter_dir: Path, text_file: Path) -> None:
    (own_starter_dir / "chat_template.jinja").unlink()

    [warning] = reported(own_starter_dir, text_file).warnings

    assert "no chat template" in warning


def test_a_device_that_is_too_small_is_warned_of(
    starter_dir: Path, shades_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_core.report.device_bytes", lambda *_: 1_000_000)

    found = reported(starter_dir, shades_file)

    assert found.is_valid
    assert "the worst batch needs about" in found.warnings[0]


@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=4), Lora(rank=4, quantization="nf4")])
def test_a_quantised_model_needs_less(starter_dir: Path, shades_file: Path, method: Any) -> None:
    found = reported(starter_dir, shades_file, method=method)

    assert found.estimate is not None
    memory = found.estimate.memory
    quantised = getattr(method, "quantization", "none") == "nf4"
    assert (memory.weights_bytes < 3_000_000) == quantised
    assert memory.total_bytes > memory.weights_bytes
    assert (found.estimate.num_trainable_parameters < 200_000) == isinstance(method, Lora)


def test_pictures_that_are_made_smaller_to_fit_are_warned_of(
    tmp_path: Path, chat: Chat, write_rows: Write, png_url: Callable[..., str]
) -> None:
    [family] = [one for one in FAMILIES if one.name == "qwen2_vl"]
    row = chat("[10, 20, 300, 200]")
    row["messages"][0]["content"][0]["image_url"]["url"] = png_url(size=(224, 224))
    rows = write_rows(tmp_path / "rows.jsonl", [row])

    found = reported(family.build(tmp_path / "model"), rows, hyperparameters=Hyperparameters(max_tokens=60))

    assert found.train is not None
    assert found.train.num_shrunk_images == 1
    assert "1 of 1 training images are made smaller to fit their rows: places that a text names" in found.warnings[0]


def test_pairs_are_counted_once_and_measured_twice(
    starter_dir: Path, tmp_path: Path, pair: Chat, write_rows: Write
) -> None:
    rows = [pair("7", "8"), pair("7", "8"), pair("1 2 3", "4", shade=9)]
    chosen = Hyperparameters(num_epochs=1, batch_size=2)

    found = reported(starter_dir, write_rows(tmp_path / "rows.jsonl", rows), objective=Dpo(), hyperparameters=chosen)

    assert found.train is not None
    assert found.estimate is not None
    counted = found.train.num_rows, found.train.num_samples, found.train.num_images, found.train.num_duplicates
    assert counted == (3, 3, 3, 1)
    assert found.warnings == ("1 of 3 training rows repeat another one",)
    assert (found.estimate.total_steps, [one.line for one in found.preview]) == (2, [1, 1, 2, 2, 3, 3])


def test_a_batch_of_pairs_takes_the_memory_of_both_answers(
    starter_dir: Path, tmp_path: Path, pair: Chat, chat: Chat, write_rows: Write
) -> None:
    pairs = write_rows(tmp_path / "pairs.jsonl", [pair("7", "8", shade=9 * number) for number in range(8)])
    chats = write_rows(tmp_path / "chats.jsonl", [chat("7", shade=9 * number) for number in range(8)])

    paired = reported(starter_dir, pairs, objective=Dpo(), hyperparameters=Hyperparameters(batch_size=2)).estimate
    plain = reported(starter_dir, chats, hyperparameters=Hyperparameters(batch_size=4)).estimate

    assert paired is not None
    assert plain is not None
    assert paired.memory == plain.memory


def test_rows_of_another_kind_are_told_before_the_job_waits(starter_dir: Path, shades_file: Path) -> None:
    found = reported(starter_dir, shades_file, objective=Dpo())

    assert found.problem is not None
    assert {fault.code for fault in found.problem.faults} == {"other_kind"}
