"""Objects that know how they were made: they can be made afresh, written to a folder and read back.

A record is JSON; processors and tokenizers lie beside it as transformers writes them. Nothing is pickled, and reading
imports nothing: what a record names must have been imported by whoever reads it. It does not know of weights.
"""

import inspect
import json
import sys
from collections import OrderedDict
from pathlib import Path
from types import FunctionType
from typing import Any, Self

import torch
import transformers

RECORD = "io.json"
_PROCESSORS = (transformers.ProcessorMixin, transformers.PreTrainedTokenizerBase)
_PLAIN = (type(None), bool, int, float, str)


class _ConstructorSignature:
    """What `inspect.signature` shows for a class: its constructor, which `__new__` would hide."""

    def __get__(self, instance: object | None, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")  # an instance that can be called has a signature of its own
        whole = inspect.signature(vars(owner).get("__init__") or owner.__init__)  # type: ignore[misc]
        return whole.replace(parameters=list(whole.parameters.values())[1:])


class IOMixin:
    """Records the arguments that an object is made with; subclasses need do nothing for it.

    Any argument is taken; only `io_dump` refuses what cannot be written. Lists, tuples, sets and dicts are copied, so
    that a record keeps what was passed even if they change later; everything else is kept as it is.
    """

    __signature__ = _ConstructorSignature()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: D102 - a magic method's name says it
        made = super().__new__(cls)
        # Into the dict itself: a torch module refuses attributes before its own constructor has run.
        made.__dict__["_recorded"] = (_copied(args), _copied(kwargs))
        return made

    @property
    def arguments(self) -> dict[str, Any]:
        """What this object was made with, by name, defaults included."""
        args, kwargs = self.__dict__["_recorded"]
        bound = inspect.signature(type(self)).bind(*_copied(args), **_copied(kwargs))
        bound.apply_defaults()
        return dict(bound.arguments)

    def reinit(self) -> Self:
        """Make a fresh object of the same class with the same arguments; recorded objects among them afresh too."""
        args, kwargs = self.__dict__["_recorded"]
        return type(self)(*_afresh(args), **_afresh(kwargs))

    def io_dump(self, folder: str | Path) -> None:
        """Write the arguments into a folder, which is made if it is not there.

        Written are plain values, paths, dtypes, functions and classes by name, recorded objects, processors and
        tokenizers, and lists, tuples and dicts of these.

        Raises:
            ValueError: An argument, told by name, cannot be written; nothing has been written then.
        """
        folder, processors = Path(folder), list[Any]()
        record = _written_object(self, "", processors)
        folder.mkdir(parents=True, exist_ok=True)
        for number, processor in enumerate(processors):
            processor.save_pretrained(_processor_folder(folder, number))
        (folder / RECORD).write_text(json.dumps(record, indent=2))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Make the object whose arguments `io_dump` wrote.

        Raises:
            FileNotFoundError: The folder holds no record.
            ValueError: The record is of another class, or names what has not been imported or has changed since.
        """
        made = _read(json.loads((Path(folder) / RECORD).read_text()), Path(folder))
        if not isinstance(made, cls):
            raise ValueError(f"{folder} holds a {type(made).__name__}, not a {cls.__name__}")  # noqa: TRY004 - a file's fault
        return made


def _copied(value: Any) -> Any:
    return _rebuilt(value, lambda leaf: leaf)


def _afresh(value: Any) -> Any:
    return _rebuilt(value, lambda leaf: leaf.reinit() if isinstance(leaf, IOMixin) else leaf)


def _rebuilt(value: Any, of_leaf: Any) -> Any:
    if type(value) is dict:
        return {key: _rebuilt(inner, of_leaf) for key, inner in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_rebuilt(inner, of_leaf) for inner in value)
    return of_leaf(value)


def _written(value: Any, name: str, processors: list[Any]) -> Any:
    """A value as JSON: a plain one or a list as it is, any other as an object that tells its type."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return _written_items(value, name, processors)
    if kind is tuple:
        return {"type": "tuple", "items": _written_items(value, name, processors)}
    if kind is dict and all(type(key) is str for key in value):
        return {"type": "dict", "items": _written_members(value, f"{name}.", processors)}
    return _written_leaf(value, name, processors)


def _written_leaf(value: Any, name: str, processors: list[Any]) -> dict[str, Any]:
    kind = type(value)
    if isinstance(value, torch.dtype):
        return {"type": "dtype", "name": str(value).removeprefix("torch.")}
    if isinstance(value, Path):
        return {"type": "path", "name": str(value)}
    if isinstance(value, IOMixin):
        return _written_object(value, name, processors)
    if isinstance(value, _PROCESSORS) and getattr(transformers, kind.__name__, None) is kind:
        processors.append(value)
        return {"type": "processor", "class": kind.__name__, "number": len(processors) - 1}
    if isinstance(value, FunctionType | type):
        return {"type": "name", "name": _dotted_name(value, name)}
    raise ValueError(f"{name}: {kind.__name__} cannot be written into a record")


def _written_items(values: list[Any] | tuple[Any, ...], name: str, processors: list[Any]) -> list[Any]:
    return [_written(value, f"{name}.{index}", processors) for index, value in enumerate(values)]


def _written_members(values: dict[str, Any], prefix: str, processors: list[Any]) -> dict[str, Any]:
    return {key: _written(value, f"{prefix}{key}", processors) for key, value in values.items()}


def _written_object(made: IOMixin, name: str, processors: list[Any]) -> dict[str, Any]:
    prefix = f"{name}." if name else ""
    arguments = _written_members(made.arguments, prefix, processors)
    return {"type": "object", "class": _dotted_name(type(made), name or "the class"), "arguments": arguments}


def _dotted_name(value: Any, name: str) -> str:
    """`module:name`, under which a function or class can be found again.

    Raises:
        ValueError: It cannot.
    """
    dotted = f"{value.__module__}:{value.__qualname__}"
    if _looked_up(dotted) is not value:
        raise ValueError(f"{name}: {dotted} cannot be found by its name; define it at the top of a module")
    return dotted


def _looked_up(dotted: str) -> Any:
    module, _, path = dotted.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _read(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_read(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    match value["type"]:
        case "tuple":
            return tuple(_read(item, folder) for item in value["items"])
        case "dict":
            return {key: _read(item, folder) for key, item in value["items"].items()}
    return _read_leaf(value, folder)


def _read_leaf(value: dict[str, Any], folder: Path) -> Any:
    match value["type"]:
        case "dtype":
            return _checked(getattr(torch, value["name"], None), torch.dtype, value["name"])
        case "path":
            return Path(value["name"])
        case "name":
            return _found(value["name"])
        case "processor":
            kind = _class_of(getattr(transformers, value["class"], None), _PROCESSORS, value["class"])
            return kind.from_pretrained(_processor_folder(folder, value["number"]), local_files_only=True)
        case "object":
            return _made(value["class"], {key: _read(item, folder) for key, item in value["arguments"].items()})
    raise ValueError(f"{folder / RECORD} holds a {value['type']}, which is not known here")


def _processor_folder(folder: Path, number: int) -> Path:
    return folder / f"processor-{number:d}"  # a number only, so that no record leads out of its folder


def _made(name: str, arguments: dict[str, Any]) -> IOMixin:
    kind = _class_of(_found(name), IOMixin, name)
    signature = inspect.signature(kind)
    if unknown := sorted(arguments.keys() - signature.parameters.keys()):
        raise ValueError(f"{name} takes no {', '.join(unknown)}")
    bound = inspect.BoundArguments(signature, OrderedDict(arguments))
    made = kind(*bound.args, **bound.kwargs)
    assert isinstance(made, IOMixin)
    return made


def _found(dotted: str) -> Any:
    """A function or class by its name; nothing is imported for it.

    Raises:
        ValueError: It is not there, or it is something else.
    """
    module, _, path = dotted.partition(":")
    if module not in sys.modules:
        raise ValueError(f"the record names {dotted}; import {module} before reading it")
    found = _checked(_looked_up(dotted), FunctionType | type, dotted)
    if (found.__module__, found.__qualname__) != (module, path):
        raise ValueError(f"{dotted} is another name of {found.__module__}:{found.__qualname__}")
    return found


def _class_of(found: Any, kinds: Any, name: str) -> Any:
    is_one = isinstance(found, type) and issubclass(found, kinds)
    if not is_one:
        raise ValueError(f"the record names {name}, which is no class that can be made from one")
    return found


def _checked(found: Any, kinds: Any, name: str) -> Any:
    is_there = isinstance(found, kinds)
    if not is_there:
        raise ValueError(f"the record names {name}, which is not there")
    return found
