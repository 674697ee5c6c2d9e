"""What the doctor finds out about this machine by itself: packages, memory, files. Nothing of a service."""

import platform
import re
import resource
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import psutil

from trainer_core.contract.check import Check, NotInOrder, examine, warning

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
_EXTRA = re.compile(r"(?P<name>[\w.-]+).*extra == [\"'](?P<extra>server|trainer)[\"']")
_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)")
_MOST_NAMED = 5
_GB = 1e9


def checks(data_dir: Path) -> Iterator[Check]:
    """Everything, one after the other."""
    yield examine("packages", look_at_packages, "Install again: pip install --constraint constraints.txt --editable .")
    yield examine("memory", look_at_memory, "Use a machine that tells its memory")
    yield examine("shared memory", look_at_shared_memory, "Mount a tmpfs at /dev/shm")
    yield examine("open files", look_at_open_files, "Raise `ulimit -n`")
    yield examine("room for data", lambda: look_at_room(data_dir), "Choose another folder with --data-dir")
    yield examine("room for drafts", lambda: look_at_room(Path(tempfile.gettempdir())), "Set TMPDIR to another folder")


def look_at_packages(constraints: Path = CONSTRAINTS) -> str:
    """What is installed is what the tests ran with, and no extra is installed by half."""
    seen = f"Python {platform.python_version()}, {_extras_in_words()}"
    if missing := [f"{name} ({extra})" for extra in _begun() for name in _required()[extra] if _found(name) is None]:
        raise NotInOrder(f"{seen}; not installed: {_some(missing)}", "Install the extras again: server, trainer")
    if not constraints.exists():
        return f"{seen}; there is no {constraints.name} to compare versions with"
    found = [(name, _found(name), pin) for name, pin in _pins(constraints)]
    other = [f"{name} {version} (pinned {pin})" for name, version, pin in found if version not in {None, pin}]
    if other:
        raise warning(f"{seen}; {_some(other)}", f"Install with --constraint {constraints.name}: it was tested so")
    return f"{seen}; every version is the pinned one"


def look_at_memory(least_bytes: float = _GB, enough_bytes: float = 4 * _GB) -> str:
    """There is memory left for a trainer."""
    memory = psutil.virtual_memory()
    seen = f"{memory.available / _GB:.1f} of {memory.total / _GB:.1f} GB available"
    return _enough(memory.available, seen, "End other programs, or use a larger machine", least_bytes, enough_bytes)


def look_at_shared_memory(folder: Path = Path("/dev/shm"), enough_bytes: float = _GB / 4) -> str:  # noqa: S108
    """Processes that load rows can hand them over."""
    if not folder.is_dir():
        return "this system has none of its own"
    free = shutil.disk_usage(folder).free
    advice = "Give the container more: docker run --shm-size 2g, or shm_size in docker-compose.yml"
    return _enough(free, f"{free / _GB:.2f} GB free at {folder}", advice, 0, enough_bytes)


def look_at_open_files(least: int = 1024, enough: int = 4096) -> str:
    """As many files and connections may be open as a service with many readers has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = "any number" if soft == resource.RLIM_INFINITY else str(soft)
    most = enough if soft == resource.RLIM_INFINITY else soft
    advice = f"Raise `ulimit -n` before the service starts (up to {hard} here): each reader of a stream holds one"
    return _enough(most, f"{told} at once", advice, least, enough)


def look_at_room(folder: Path, least_bytes: float = _GB, enough_bytes: float = 20 * _GB) -> str:
    """There is room on the disk of a folder, which need not be there yet."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    return _enough(free, f"{free / _GB:.1f} GB free at {folder}", "Free room there", least_bytes, enough_bytes)


def _enough(found: float, seen: str, advice: str, least: float, enough: float) -> str:
    if found < least:
        raise NotInOrder(seen, advice)
    if found < enough:
        raise warning(seen, advice)
    return seen


def _extras_in_words() -> str:
    begun = _begun()
    return f"extras {' and '.join(begun)}" if begun else "no extra: a client, and nothing to run a service with"


def _begun() -> list[str]:
    """Extras of which more than half is installed: others may bring some of it."""
    found = {extra: [name for name in names if _found(name)] for extra, names in _required().items()}
    return [extra for extra, names in _required().items() if 2 * len(found[extra]) > len(names)]


def _required() -> Mapping[str, list[str]]:
    """What each extra consists of."""
    extras: dict[str, list[str]] = {}
    for text in _requirements():
        if match := _EXTRA.match(text):
            extras.setdefault(match["extra"], []).append(match["name"])
    return extras


def _requirements() -> list[str]:
    try:
        return requires("tuneyard") or []
    except PackageNotFoundError:  # run from a folder of source
        return []


def _found(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _pins(constraints: Path) -> Iterator[tuple[str, str]]:
    for line in constraints.read_text().splitlines():
        if match := _PIN.match(line):
            yield match["name"], match["version"]


def _some(told: list[str]) -> str:
    more = [f"and {len(told) - _MOST_NAMED} more"] if len(told) > _MOST_NAMED else []
    return ", ".join([*told[:_MOST_NAMED], *more])
