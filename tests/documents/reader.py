"""Somebody who follows a page: in a folder of their own, with a shell, with Python, against a service that runs."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.clients.environments import node
from tests.documents.blocks import ROOT, Block
from trainer_core.contract.spec import JobSpec

LONGEST_SECONDS = 1800
"""Of one block. A machine may do ten other things meanwhile."""
INTERPRETER = Path(__file__).with_name("interpreter.py")


@dataclass
class Reader:
    """Reads one page from its top; what a block sets is there for the next one."""

    folder: Path
    environment: dict[str, str]
    placeholders: Mapping[str, str]
    """What stands in a document for something that each reader has of their own, and what this one has."""
    upload: Callable[[Path], object]
    """Has the service check rows."""
    _python: "subprocess.Popen[str] | None" = field(default=None, init=False)

    def run(self, block: Block, job_id: str) -> None:
        """Do what a block says.

        Raises:
            AssertionError: It does not do what it should.
        """
        run = self._ways.get(block.language)
        assert run is not None, f"{block.place}: nobody knows how to run {block.language!r}; say why with «not run»"
        run(self._filled(block.text, job_id), block.place)

    def look_at(self, block: Block) -> None:
        """See at least that a block which cannot be run is written right."""
        looks: Mapping[str, Callable[[str], Any]] = {
            "bash": self._parse_bash,
            "console": lambda text: self._parse_bash(_commands(text)),
            "python": ast.parse,
            "json": json.loads,
            "yaml": lambda text: list(yaml.safe_load_all(text)),
            "js": self._parse_js,
        }
        look = looks.get(block.language)
        assert look is not None, f"{block.place}: nobody knows how to read {block.language!r}"
        look(self._filled(block.text, "ftjob-01m8"))

    def close(self) -> None:
        """End what was started."""
        if self._python is not None:
            self._python.communicate()

    @property
    def _ways(self) -> Mapping[str, Callable[[str, str], None]]:
        return {
            "bash": self._run_bash,
            "console": lambda text, place: self._run_bash(_commands(text), place),
            "python": self._run_python,
            "json": self._check_json,
            "yaml": lambda text, _: _parse_yaml(text),
        }

    def _filled(self, text: str, job_id: str) -> str:
        for placeholder, mine in (*self.placeholders.items(), ("ftjob-…", job_id)):
            text = text.replace(placeholder, mine)
        return text

    def _run_bash(self, text: str, place: str) -> None:
        kept = self.folder / ".environment"
        script = f"set -eo pipefail; set -a\n{text}\nenv -0 > {kept}\n"
        done = subprocess.run(
            ["bash", "-c", script],  # noqa: S607 - whichever bash the reader has
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.environment = dict(one.split("=", 1) for one in kept.read_text().split("\0") if one)

    def _run_python(self, text: str, place: str) -> None:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, INTERPRETER],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(f"{json.dumps(text)}\n")
        self._python.stdin.flush()
        fault = json.loads(self._python.stdout.readline())
        assert fault is None, f"{place}\n{fault}"

    def _check_json(self, text: str, place: str) -> None:
        """A job's spec is one that the service takes, and rows are rows that it takes."""
        try:
            given = json.loads(text)
        except ValueError:
            given = [json.loads(line) for line in text.splitlines()]
        if isinstance(given, dict) and "base_model" in given:
            JobSpec.model_validate_json(text)
            return
        rows = self.folder / f"{re.sub(r'[^a-z0-9]+', '-', place)}.json"
        rows.write_text(json.dumps(given if isinstance(given, list) else [given]))
        self.upload(rows)

    def _parse_bash(self, text: str) -> None:
        subprocess.run(["bash", "-n", "-c", text], check=True)  # noqa: S607 - as above
        targets = re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
        makefile = (ROOT / "Makefile").read_text()
        assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []

    def _parse_js(self, text: str) -> None:
        program, _ = node()
        subprocess.run([program, "--check", "-"], input=text, text=True, check=True)


def _commands(text: str) -> str:
    """What is typed in a session: the lines behind prompts."""
    return "\n".join(line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ "))


def _parse_yaml(text: str) -> None:
    assert list(yaml.safe_load_all(text))


def path_with_python() -> str:
    """A search path on which `python` and `tuneyard` are this environment's."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
