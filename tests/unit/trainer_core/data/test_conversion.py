"""Every form of dataset becomes the one that training reads."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.unit.trainer_core.data.forms import (
    colours,
    converted,
    llava,
    only_row,
    png,
    told,
    write_json,
    write_parquet,
    write_tar,
    write_zip,
)
from trainer_core.data.sources import Sources

CHAT = {"messages": [{"role": "user", "content": "two?"}, {"role": "assistant", "content": "2"}]}
LINE = json.dumps(CHAT)
TURNS = [("user", "*Which colour?"), ("assistant", "red")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows"


def test_openais_rows_stay_as_they_are(path: Path) -> None:
    path.write_text(f"{LINE}\n")

    report, _ = converted(path)

    assert (report.form, report.is_converted) == ("JSONL", False)


def test_lines_keep_their_numbers(path: Path) -> None:
    path.write_text(f"{LINE}\n\n" + json.dumps({"instruction": "two?", "output": "2"}))

    _, rows = converted(path)

    assert [row is not None for row in rows] == [True, False, True]


def test_a_list_of_llavas_with_its_images_in_a_zip(path: Path, tmp_path: Path) -> None:
    images = write_zip(tmp_path / "images.zip", {"coco/a.png": png("red")})

    row = only_row(write_json(path, [llava("coco/a.png")]), Sources(images))

    assert (told(row), colours(row)) == (TURNS, ["red"])


def test_rows_and_images_in_one_zip(path: Path) -> None:
    rows = json.dumps([llava()]).encode()
    files = {"data/rows.json": rows, "data/images/a.png": png("red"), "__MACOSX/._rows.json": b"x"}
    write_zip(path, files, zipfile.ZIP_DEFLATED)

    assert colours(only_row(path, Sources(path))) == ["red"]


def test_a_table_with_the_bytes_of_its_images(path: Path) -> None:
    parts = [{"type": "text", "text": "Which colour?"}, {"type": "image", "text": None}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": [{"type": "text", "text": "red"}]}]
    image = {"bytes": png("red"), "path": "a.png"}

    row = only_row(write_parquet(path, [{"id": 1, "messages": messages, "images": [image]}]))

    assert (told(row), colours(row)) == ([("user", "Which colour?*"), ("assistant", "red")], ["red"])


def test_a_table_of_text(path: Path) -> None:
    row = only_row(write_parquet(path, [{"id": 1, **CHAT}]))

    assert told(row) == [("user", "two?"), ("assistant", "2")]


def test_keys_that_mean_nothing_are_told(path: Path) -> None:
    report, _ = converted(write_parquet(path, [{"id": 1, "source": "web", **CHAT}]))

    assert report.unused_keys == ("id", "source")


def test_samples_of_webdataset(path: Path) -> None:
    turns = {"conversations": llava()["conversations"]}
    files = {"s/0.png": png("red"), "s/0.json": json.dumps(turns).encode(), "s/1.png": png("blue"), "s/1.txt": b"blue"}

    report, (first, second) = converted(write_tar(path, files))

    assert report.form == "WebDataset"
    assert first is not None
    assert second is not None
    assert (told(first), colours(first)) == (TURNS, ["red"])
    assert (told(second), colours(second)) == ([("user", "*"), ("assistant", "blue")], ["blue"])


def test_shards_that_were_joined_are_read_to_their_end(path: Path, tmp_path: Path) -> None:
    shards = [write_tar(tmp_path / f"{n}.tar", {f"{n}.png": png("red"), f"{n}.txt": b"red"}) for n in range(2)]
    path.write_bytes(b"".join(shard.read_bytes() for shard in shards))

    report, _ = converted(path)

    assert (report.num_rows, report.num_faults) == (2, 0)


def test_numbered_files_of_an_archive_are_one_dataset(path: Path) -> None:
    report, _ = converted(write_zip(path, {"train-00001.jsonl": LINE, "train-00000.jsonl": f"{LINE}\n{LINE}"}))

    assert (report.num_rows, report.num_faults) == (3, 0)


def test_a_fault_in_one_of_several_files_is_told_with_its_name(path: Path) -> None:
    report, _ = converted(write_zip(path, {"train-0.jsonl": LINE, "train-1.jsonl": f"{LINE}\nno row"}))

    [fault] = report.faults
    assert str(fault).startswith("file train-1.jsonl, line 2: ")


def test_files_of_different_names_are_not_mixed(path: Path) -> None:
    report, _ = converted(write_zip(path, {"train.jsonl": LINE, "test.jsonl": LINE}))

    [fault] = report.faults
    assert fault.code == "invalid_file"
    assert "test.jsonl, train.jsonl" in fault.detail


def test_tables_inside_an_archive(path: Path, tmp_path: Path) -> None:
    table = write_parquet(tmp_path / "t.parquet", [CHAT])

    report, _ = converted(write_zip(path, {"t.parquet": table.read_bytes()}))

    assert (report.num_rows, report.num_faults) == (1, 0)


def test_keys_without_a_value_were_never_there(path: Path) -> None:
    message = {"role": "user", "name": None, "content": [{"type": "text", "text": "two?", "image_url": None}]}
    path.write_text(json.dumps({"messages": [message, CHAT["messages"][1]], "images": None}))

    assert told(only_row(path)) == [("user", "two?"), ("assistant", "2")]


def test_weights_survive(path: Path) -> None:
    answers = [{"role": "assistant", "content": "2", "weight": weight} for weight in (0, 1)]
    row = only_row(write_json(path, [{"messages": [CHAT["messages"][0], *answers]}]))

    assert [one.is_trained for one in row.messages] == [False, False, True]


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": 1, "output": "2"},
        {"instruction": "Add", "output": "2", "history": ["1 1"]},
        {"messages": [1]},
        {"messages": {"role": ["user", "assistant"], "content": ["two?"]}},
        {"conversations": [{"from": "human", "value": 2}, {"from": "gpt", "value": "2"}], "image": "a.png"},
        {"prompt": "a"},
        {"a": 1},
        7,
        [],
        "text",
    ],
)
def test_a_record_that_is_no_row_is_one_fault_with_its_place(path: Path, row: object) -> None:
    report, _ = converted(write_json(path, [CHAT, row]))

    assert [(fault.code, fault.line) for fault in report.faults] == [("invalid_row", 2)]


def test_a_name_without_images_is_told_what_to_do(path: Path) -> None:
    report, _ = converted(write_json(path, [llava()]))

    [fault] = report.faults
    assert (fault.code, fault.message_index, fault.image_index) == ("invalid_image", 0, 0)
    assert "zip" in fault.detail


def test_what_is_no_image_is_refused_wherever_it_lies(path: Path, tmp_path: Path) -> None:
    images = write_zip(tmp_path / "images.zip", {"a.png": b"no image at all"})

    report, _ = converted(write_json(path, [llava()]), Sources(images))

    assert [fault.detail for fault in report.faults] == ["not a PNG, JPEG or WebP image"]
