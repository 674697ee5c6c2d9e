"""The dashboard's libraries, taken by npm into `static/vendor/`: `python -m api.dashboard.vendor`.

Browsers are given these files as they lie there; nothing is fetched when the service runs. `vendor.json` says of each
what package it is from and its SHA-256, and a test compares. Names of packages in imports become names of files, since
browsers know no others.
"""

import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "static" / "vendor"
RECORD = FOLDER / "vendor.json"
_SPECIFIER = re.compile(r'(\bfrom\s*|\bimport\s*)"([@a-z][^"]*)"')
_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*$")


@dataclass(frozen=True)
class Package:
    """A package of npm, and what is taken from it."""

    name: str
    version: str
    files: dict[str, str]
    """Path in the package: name here."""

    @property
    def id(self) -> str:
        """As npm takes it."""
        return f"{self.name}@{self.version}"


PACKAGES = (
    Package("preact", "11.2.0", {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "preact-hooks.js"}),
    Package("@preact/signals-core", "1.14.5", {"dist/signals-core.mjs": "signals-core.js"}),
    Package("@preact/signals", "2.11.4", {"dist/signals.mjs": "signals.js"}),
    Package("htm", "3.1.1", {"dist/htm.mjs": "htm.js"}),
    Package("uplot", "1.6.32", {"dist/uPlot.esm.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"}),
)
_NAMES = {
    "preact": "./preact.js",
    "preact/hooks": "./preact-hooks.js",
    "@preact/signals-core": "./signals-core.js",
}


class NotWhatItWas(Exception):
    """An archive differs from the one that the files here were taken from."""


def sha256(content: bytes) -> str:
    """As hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def take(package: Package, archive: bytes) -> dict[str, Any]:
    """Write a package's files and its licence; gives what the record says of it."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        files = {name: _for_browsers(_member(packed, path)) for path, name in package.files.items()}
        files[f"LICENSE-{package.name.replace('/', '-').removeprefix('@')}.txt"] = _member(packed, "LICENSE")
        licence = json.loads(_member(packed, "package.json"))["license"]
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    return {
        "name": package.name,
        "version": package.version,
        "license": licence,
        "archive_sha256": sha256(archive),
        "files": {name: sha256(content) for name, content in files.items()},
    }


def main() -> None:
    """Take them all, and write down what was taken."""
    FOLDER.mkdir(exist_ok=True)
    taken = json.loads(RECORD.read_text()) if RECORD.exists() else []
    known = {(one["name"], one["version"]): one["archive_sha256"] for one in taken}
    record = []
    for package in PACKAGES:
        archive = _archive(package)
        if sha256(archive) != known.get((package.name, package.version), sha256(archive)):
            raise NotWhatItWas(f"{package.id} is not what {RECORD.name} says; find out why before you take it")
        record.append(take(package, archive))
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


def _archive(package: Package) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", folder, package.id], check=True)  # noqa: S607
        (archive,) = Path(folder).iterdir()
        return archive.read_bytes()


def _member(packed: tarfile.TarFile, path: str) -> bytes:
    file = packed.extractfile(f"package/{path}")
    assert file is not None
    return file.read()


def _for_browsers(content: bytes) -> bytes:
    text = _SOURCE_MAP.sub("\n", content.decode())
    return _SPECIFIER.sub(lambda found: f'{found[1]}"{_NAMES[found[2]]}"', text).encode()


if __name__ == "__main__":
    main()
