"""`python -m trainer_core.data FILE`: check a dataset, print its report as one line of JSON, and convert it if asked.

Read are JSONL, JSON, Parquet, WebDataset and a zip with one of these; written is what training reads, JSONL in OpenAI's
chat format with the images in it.
"""

import argparse
import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trainer_core.confinement import confine
from trainer_core.contract.dataset import DatasetFault, DatasetReport
from trainer_core.data.conversion import addresses, check_images, convert, uploads
from trainer_core.data.images import InvalidImage
from trainer_core.data.records import Form, form_of_file
from trainer_core.data.sources import Sources

_MAX_MEMORY_BYTES = 4 * 1024**3
"""More than the largest row needs; a row made to exhaust the machine ends this program alone."""


def main() -> int:
    """Exit code 0 if every row can be trained on, 1 if not."""
    arguments = _parser().parse_args()
    confine(file_bytes=arguments.most_bytes, memory_bytes=_MAX_MEMORY_BYTES)
    try:
        if arguments.addresses or arguments.uploads:
            for name in (addresses if arguments.addresses else uploads)(arguments.file):
                print(name)  # noqa: T201 - it is what was asked for
            return 0
        report = check_images(arguments.file) if arguments.only_images else _report(arguments)
    except OSError as error:
        if error.errno == errno.EFBIG:
            print(_too_large(arguments).model_dump_json())  # noqa: T201
            return 1
        _parser().error(f"{error.filename or arguments.file}: {error.strerror}")
    print(report.model_dump_json())  # noqa: T201 - the report is what this program is for
    return 1 if report.num_faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer_core.data", description=__doc__)
    parser.add_argument("file", type=Path, help="the dataset")
    parser.add_argument("--output", type=Path, help="file for the rows; left out if none had to change")
    parser.add_argument("--most-bytes", type=int, help="what the rows in OUTPUT may take")
    parser.add_argument("--images", type=Path, help="zip or folder with the images that rows name")
    parser.add_argument("--uploaded", type=Path, help="folder of uploaded images, named by their ids")
    parser.add_argument("--fetched", type=Path, help="folder of images that were fetched from their addresses")
    parser.add_argument("--only-images", action="store_true", help="FILE is an image, or a zip of them, without rows")
    parser.add_argument("--addresses", action="store_true", help="only print the addresses of images, one a line")
    parser.add_argument("--uploads", action="store_true", help="only print the ids of uploaded images, one a line")
    return parser


def _report(arguments: argparse.Namespace) -> DatasetReport:
    try:
        sources = Sources(arguments.images or _itself(arguments.file), arguments.uploaded, arguments.fetched)
    except InvalidImage as error:
        fault = DatasetFault(code="invalid_file", detail=str(error))
        return DatasetReport(form="zip", num_faults=1, faults=(fault,))
    with _written(arguments.output) as output:
        report = convert(arguments.file, sources, output)
    if arguments.output is not None and not report.is_converted:
        arguments.output.unlink()
    return report


def _too_large(arguments: argparse.Namespace) -> DatasetReport:
    detail = f"its rows take more than {arguments.most_bytes} bytes in the form that training reads; split the file"
    fault = DatasetFault(code="invalid_file", detail=detail)
    return DatasetReport(form=form_of_file(arguments.file).value, num_faults=1, faults=(fault,))


def _itself(file: Path) -> Path | None:
    """The file, if it is a zip, which may hold its rows' images too."""
    return file if form_of_file(file) is Form.ZIP else None


@contextmanager
def _written(path: Path | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    with path.open("wb") as output:
        yield output


if __name__ == "__main__":
    sys.exit(main())
