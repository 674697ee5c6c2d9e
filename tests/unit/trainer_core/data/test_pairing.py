"""Pairs of answers: how people write them, what is wrong with them, and the samples that they make."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoProcessor

from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.conversion import convert
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import IGNORED, Encoder
from trainer_core.data.pairing import PairedRows, groups
from trainer_core.data.reader import lines
from trainer_core.data.rows import ANY_ROW, Pair
from trainer_core.data.sources import Sources

USER = {"role": "user", "content": "two?"}
OPENAIS = {
    "input": {"messages": [USER], "tools": [], "parallel_tool_calls": True},
    "preferred_output": [{"role": "assistant", "content": "2"}],
    "non_preferred_output": [{"role": "assistant", "content": "3"}],
}
CHAT = {"messages": [USER, {"role": "assistant", "content": "2"}]}
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def only_pair(path: Path, record: dict[str, Any], name: str = "rows.jsonl") -> Pair:
    """What a file with this record becomes."""
    path.write_text(json.dumps(record))
    output = path.with_name(f"{name}.out")
    with output.open("wb") as file:
        report = convert(path, Sources(), file)
    assert (report.kind, report.num_rows, report.faults) == ("pair", 1, ())
    pair = ANY_ROW.validate_json(output.read_bytes())
    assert isinstance(pair, Pair)
    return pair


def fault_of(path: Path, *records: dict[str, Any]) -> DatasetFault:
    path.write_text("".join(f"{json.dumps(one)}\n" for one in records))
    [fault] = convert(path, Sources()).faults
    return fault


def test_openais_pairs_stay_as_they_are(path: Path, pair: Make) -> None:
    path.write_text(f"{json.dumps(OPENAIS)}\n{json.dumps(pair())}\n")

    report = convert(path, Sources())

    assert (report.kind, report.num_rows, report.num_images, report.is_converted) == ("pair", 2, 1, False)


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "two?", "chosen": "2", "rejected": "3"},
        {"prompt": [USER], "chosen": OPENAIS["preferred_output"], "rejected": OPENAIS["non_preferred_output"]},
        {"chosen": [USER, *OPENAIS["preferred_output"]], "rejected": [USER, *OPENAIS["non_preferred_output"]]},
    ],
    ids=["texts", "conversations", "implicit prompt"],
)
def test_trls_pairs_become_openais(path: Path, record: dict[str, Any]) -> None:
    pair = only_pair(path, record)

    assert [one.words for one in pair.messages] == ["two?"]
    assert [row.messages[-1].words for row in pair.answered()] == ["2", "3"]


def test_images_beside_a_pair_stand_in_its_question(path: Path, png_url: Callable[..., str]) -> None:
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "two?"}]}

    pair = only_pair(path, {"images": [png_url()], "prompt": [asked], "chosen": "2", "rejected": "3"})

    assert [index for index, _ in pair.images()] == [0]


WRONG: list[tuple[dict[str, Any], int | None, str]] = [
    ({"preferred_output": OPENAIS["non_preferred_output"]}, None, "are the same, so there is nothing to prefer"),
    ({"preferred_output": []}, None, "preferred_output: must be one message of the role assistant"),
    ({"non_preferred_output": [USER]}, None, "non_preferred_output: must be one message of the role assistant"),
    ({"preferred_output": [{"role": "assistant", "content": " "}]}, None, "preferred_output: must not be empty"),
    ({"preferred_output": [{"role": "assistant"}]}, None, "preferred_output: must not be empty"),
    ({"input": {"messages": []}}, None, "input.messages: must not be empty"),
    ({"input": {"messages": [USER], "tools": [{"type": "function"}]}}, None, "input.tools.0.function: is missing"),
    ({"input": {"messages": [USER, {"role": "bot", "content": ""}]}}, 1, "role: Input should be"),
    ({"score": 5}, None, "score: unknown key"),
]


@pytest.mark.parametrize(("change", "message_index", "detail"), WRONG, ids=[detail for *_, detail in WRONG])
def test_what_is_wrong_with_a_pair_is_named(
    path: Path, change: dict[str, Any], message_index: int | None, detail: str
) -> None:
    fault = fault_of(path, OPENAIS, OPENAIS | change)

    assert (fault.line, fault.message_index) == (2, message_index)
    assert detail in fault.detail


def test_a_pair_without_its_other_answer_is_named(path: Path) -> None:
    fault = fault_of(path, {name: value for name, value in OPENAIS.items() if name != "non_preferred_output"})

    assert fault.detail == "non_preferred_output: is missing"


def test_a_broken_image_of_a_pair_has_its_place(path: Path, pair: Make) -> None:
    broken = pair()
    broken["input"]["messages"][0]["content"][0]["image_url"]["url"] = "data:image/png;base64,AAAA"

    fault = fault_of(path, pair(), broken)

    assert (fault.code, fault.line, fault.message_index, fault.image_index) == ("invalid_image", 2, 0, 0)


@pytest.mark.parametrize("records", [(OPENAIS, CHAT), (CHAT, OPENAIS)])
def test_a_file_holds_rows_of_one_kind(path: Path, records: tuple[dict[str, Any], ...]) -> None:
    fault = fault_of(path, *records)

    assert (fault.code, fault.line) == ("other_kind", 2)


def prepared(path: Path, starter_dir: Path, rows: list[dict[str, Any]], max_tokens: int | None = None) -> EncodedRows:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    encoder = Encoder(AutoProcessor.from_pretrained(starter_dir), max_tokens)
    encoded = EncodedRows(path, list(lines(path)), encoder, kind="pair")
    encoded.prepare(lambda: None)
    return encoded


def test_a_pair_is_learned_on_its_answers_alone(path: Path, starter_dir: Path, pair: Make) -> None:
    row = pair("seven", "8")
    row["input"]["messages"] += [{"role": "assistant", "content": "what?"}, USER]
    rows = PairedRows(prepared(path, starter_dir, [row]), first_number=5)

    found = rows[0]

    decode = AutoProcessor.from_pretrained(starter_dir).tokenizer.decode
    targets = [decode(one["labels"][one["labels"] != IGNORED]) for one in (found.chosen, found.rejected)]
    assert (len(rows), found.number, targets) == (1, 5, ["seven<|end|>", "8<|end|>"])


def test_both_answers_are_about_the_same_picture(path: Path, starter_dir: Path, pair: Make) -> None:
    samples = prepared(path, starter_dir, [pair("7", "8 " * 3)])

    assert samples.keys(0, "image") == samples.keys(1, "image")
    assert samples.image_uses["image"].most_common() == [(samples.keys(0, "image")[0], 2)]


def test_a_pair_that_is_too_long_is_refused(path: Path, starter_dir: Path, pair: Make) -> None:
    with pytest.raises(InvalidDataset, match=r"line 1: .* tokens, images included, where 60 are allowed"):
        prepared(path, starter_dir, [pair("7", "8 " * 60)], max_tokens=60)


def test_pairs_meet_by_kind_and_length(path: Path, starter_dir: Path, pair: Make) -> None:
    rows = [pair("7 " * (1 + number), "8", shade=None if number % 2 else 9) for number in range(6)]
    pairs = PairedRows(prepared(path, starter_dir, rows))

    found = groups([pairs[index] for index in range(6)], batch_size=2)

    assert [[one.number for one in group] for group in found] == [[0, 2], [4], [1, 3], [5]]


def test_both_answers_count_against_the_tokens_of_a_batch(path: Path, starter_dir: Path, pair: Make) -> None:
    pairs = PairedRows(prepared(path, starter_dir, [pair("7", "8", shade=None), pair("6", "5", shade=None)]))
    both = [pairs[0], pairs[1]]
    num_tokens = 4 * both[0].num_tokens

    assert [len(one) for one in groups(both, 2, num_tokens)] == [2]
    assert [len(one) for one in groups(both, 2, num_tokens - 1)] == [1, 1]


def test_a_processor_that_shrinks_pictures_shrinks_them_alike(tmp_path: Path, pair: Make, png_url: Any) -> None:
    from tests.families.catalogue import FAMILIES  # noqa: PLC0415 - it loads what no other test here needs

    [family] = [one for one in FAMILIES if one.name == "qwen2_vl"]
    folder, row = family.build(tmp_path / "model"), pair("7", "8 " * 40)
    row["input"]["messages"][0]["content"][0]["image_url"]["url"] = png_url(9, (96, 32))
    unbound = prepared(tmp_path / "rows.jsonl", folder, [row])

    samples = prepared(tmp_path / "rows.jsonl", folder, [row], max_tokens=max(unbound.num_tokens) - 4)

    pixels = [samples[index]["pixel_values"] for index in (0, 1)]
    assert len(pixels[0]) < len(unbound[0]["pixel_values"])
    assert torch.equal(*pixels)
    assert torch.equal(samples.encoded(0).tensors["pixel_values"], pixels[0])
