"""Files of rows in every form, with small images, and what comes out when they are converted."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from trainer_core.contract.dataset import DatasetReport
from trainer_core.data.conversion import convert
from trainer_core.data.images import decode
from trainer_core.data.rows import Row
from trainer_core.data.sources import Sources

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


def png(colour: str) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (4, 4), COLOURS[colour]).save(encoded, "PNG")
    return encoded.getvalue()


def llava(name: str = "a.png") -> dict[str, Any]:
    """A row of LLaVA's, whose image is `name`."""
    turns = [{"from": "human", "value": "<image>\nWhich colour?"}, {"from": "gpt", "value": "red"}]
    return {"id": "1", "image": name, "conversations": turns}


def write_json(path: Path, rows: list[Any]) -> Path:
    path.write_text(json.dumps(rows))
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_zip(path: Path, files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)  # the same bytes whenever it is written
    return path


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def converted(path: Path, sources: Sources | None = None) -> tuple[DatasetReport, list[Row | None]]:
    """The report of a file and its rows; None where a line is blank."""
    output = io.BytesIO()
    report = convert(path, sources or Sources(), output)
    lines = output.getvalue().splitlines()
    return report, [Row.model_validate_json(line) if line else None for line in lines]


def only_row(path: Path, sources: Sources | None = None) -> Row:
    report, rows = converted(path, sources)
    assert report.faults == ()
    [row] = rows
    assert row is not None
    return row


def colours(row: Row) -> list[str]:
    """The colours of a row's images."""
    names = {rgb: name for name, rgb in COLOURS.items()}
    return [names[decode(part.image_url.url).getpixel((0, 0))] for _, part in row.images()]  # type: ignore[index]


def told(row: Row) -> list[tuple[str, str]]:
    """Who says what in a row; `*` stands for an image."""
    return [
        (one.role, "".join("*" if part.type == "image_url" else part.text for part in one.parts))
        for one in row.messages
    ]
