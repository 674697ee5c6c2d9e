"""Whether a model may be opened: a model is data, and its configs must not ask for code.

transformers' own switch, `trust_remote_code`, is not the only line: configs have switched it on by themselves
(CVE-2026-5241) and have named code by other keys (CVE-2026-4372). So they are read as JSON before transformers reads
them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig
from transformers.utils.hub import cached_file

_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
    "generation_config.json",
)
"""Beside `config.json`."""
_SOURCE = frozenset({"revision", "token", "cache_dir"})
_INTERNAL = ("_attn_implementation_internal", "_experts_implementation_internal")
_IMPLEMENTATIONS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
_MAX_DEPTH = 32
_HINT = "convert the model to a class of transformers, or ask the operator to trust its code (TUNEYARD_TRUSTED_CODE)"


class UntrustedModel(ValueError):
    """The model wants something to run that nobody has allowed."""


def check(name: str, *, trust_remote_code: bool = False, code_revision: str | None = None, **source: Any) -> None:
    """Look through a model's configs; nothing of it runs.

    Args:
        name: Folder or hub id.
        trust_remote_code: Whether the code that lies beside the model may run.
        code_revision: Commit at which code of another repository may run.

    Raises:
        UntrustedModel: A config asks for code that may not run, or the model is an adapter, which leads to another.
        OSError: There is no config.
    """
    where = of_files(source)
    config, _ = PreTrainedConfig.get_config_dict(name, **where)
    where["_commit_hash"] = config.get("_commit_hash")
    for file in _FILES:
        if path := _found(name, file, where):
            _check_keys(file, json.loads(Path(path).read_bytes()), name, code_revision, is_trusted=trust_remote_code)
    _check_keys("config.json", config, name, code_revision, is_trusted=trust_remote_code)
    if _found(name, "adapter_config.json", where):
        raise UntrustedModel(f"{name} is an adapter; give the model that it was merged into")


def of_files(source: Mapping[str, Any]) -> dict[str, Any]:
    """Those keywords of `from_pretrained` that say where files are."""
    return {key: value for key, value in source.items() if key in _SOURCE}


def of_own_folder(source: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of `from_pretrained` for a folder in which a model was saved that was loaded with `source`."""
    return {"trust_remote_code": True, "code_revision": source["revision"]} if "trust_remote_code" in source else {}


def _found(name: str, file: str, where: Mapping[str, Any]) -> str | None:
    return cached_file(
        name,
        file,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        **where,
    )


def _check_keys(file: str, config: Any, name: str, code_revision: str | None, *, is_trusted: bool) -> None:
    for key, value in _items(config):
        if key == "auto_map" and value:
            if not is_trusted:
                raise UntrustedModel(f"{file} asks for code of its own (auto_map): {_HINT}")
            _check_code(file, value, name, code_revision)
        if key in _INTERNAL or (key == "trust_remote_code" and value):
            raise UntrustedModel(f"{file} holds {key!r}, which is for nobody to say there")
        if key in _IMPLEMENTATIONS and any("/" in one for one in _texts(value)):
            raise UntrustedModel(f"{file} names code of the hub by {key!r}: {_HINT}")


def _check_code(file: str, references: Any, name: str, code_revision: str | None) -> None:
    """Refuse code of another repository: what is trusted is one commit of this one."""
    for reference in _texts(references):
        repository = reference.rpartition("--")[0]
        if repository not in ("", name) and code_revision is None:
            raise UntrustedModel(f"{file} asks for code of {repository}, another repository than that which is trusted")


def _items(config: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every key and its value, however deep."""
    if depth > _MAX_DEPTH:
        raise UntrustedModel(f"a config is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield key, value
            yield from _items(value, depth + 1)
    if isinstance(config, list):
        for value in config:
            yield from _items(value, depth + 1)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
