"""Plots as SVG, drawn by matplotlib in the peers' environment: Tuneyard itself needs none."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.machine import PEERS_PYTHON

DRAW = Path(__file__).parent / "peers/draw.py"
Points = Sequence[tuple[float, float]]


def bars(title: str, axis: str, lengths: Mapping[str, float]) -> str:
    """One bar a name, from top to bottom; a length is told at its bar's end."""
    return _drawn({"kind": "bars", "title": title, "axis": axis, "bars": dict(lengths)})


def lines(title: str, axes: tuple[str, str], series: Mapping[str, Points]) -> str:
    """One line a name, through its points."""
    return _drawn({"kind": "lines", "title": title, "axes": axes, "series": dict(series)})


def _drawn(asked: Mapping[str, object]) -> str:
    command = [str(PEERS_PYTHON), str(DRAW)]
    return subprocess.run(command, input=json.dumps(asked), check=True, stdout=subprocess.PIPE, text=True).stdout
