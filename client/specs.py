"""A job's spec as a user writes it: JSON, in which a dataset may be named by a local file, uploaded first."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client.errors import UnreadableInput

DATASETS = ("train_dataset", "eval_dataset")


def read_spec(path: str) -> dict[str, Any]:
    """Read a spec from a file, or from stdin where `path` is `-`.

    Raises:
        UnreadableInput: There is no such file, or no JSON object in it.
    """
    name = "stdin" if path == "-" else path
    try:
        spec = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableInput(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{name} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise UnreadableInput(f"{name} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(spec, dict):
        raise UnreadableInput(f"{name} must hold a JSON object, the spec of a job")
    return spec


def with_uploads(spec: dict[str, Any], upload: Callable[[Path], str]) -> dict[str, Any]:
    """The spec with the id of an upload in place of each local file that it names as a dataset."""
    local = {key: Path(spec[key]) for key in DATASETS if _is_file(spec.get(key))}
    ids = {path: upload(path) for path in dict.fromkeys(local.values())}
    return spec | {key: ids[path] for key, path in local.items()}


def _is_file(reference: object) -> bool:
    return isinstance(reference, str) and "\0" not in reference and Path(reference).is_file()
