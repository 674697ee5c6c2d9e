"""`python draw.py < ASKED.json > PLOT.svg`: bars or lines, the same picture for the same numbers, byte for byte."""

import json
import sys
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

WIDTH_INCHES = 8
BAR_INCHES = 0.36
MARKERS = "o^sDvxP*"
mpl.rcParams.update({"svg.hashsalt": "tuneyard", "svg.fonttype": "none", "font.size": 10, "font.family": "sans-serif"})


def bars(asked: dict[str, Any]) -> None:
    """Horizontal bars, ours in colour."""
    names, lengths = list(asked["bars"]), list(asked["bars"].values())
    figure, axes = plt.subplots(figsize=(WIDTH_INCHES, 1 + BAR_INCHES * len(names)), layout="constrained")
    drawn = axes.barh(names, lengths, color=["C0" if name.startswith("Tuneyard") else "0.7" for name in names])
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.margins(x=0.1)
    axes.invert_yaxis()
    axes.set_xlabel(asked["axis"])
    figure.suptitle(asked["title"])


def lines(asked: dict[str, Any]) -> None:
    """Lines with a mark at each point, later ones above, so that equal ones are all seen."""
    figure, axes = plt.subplots(figsize=(WIDTH_INCHES, 4), layout="constrained")
    for number, (name, points) in enumerate(asked["series"].items()):
        size = 4 + 2 * (len(asked["series"]) - number)
        axes.plot(*zip(*points, strict=True), marker=MARKERS[number % len(MARKERS)], markersize=size, label=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(asked["axes"][0])
    axes.set_ylabel(asked["axes"][1])
    axes.legend()
    figure.suptitle(asked["title"])


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    {"bars": bars, "lines": lines}[wanted["kind"]](wanted)
    plt.savefig(sys.stdout, format="svg", metadata={"Date": None})
