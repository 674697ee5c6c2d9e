"""Series of a job as a drawing of characters."""

from collections.abc import Sequence

import plotille
from rich.text import Text

from client.views import Series

THROUGHPUT = "supervised_tokens_per_second"
_COLOURS = {"loss": "cyan", "eval_loss": "magenta"}
"""Of each series that is drawn."""
_MIN_POINTS = 2
_MIN_WIDTH = 40
_MIN_HEIGHT = 8
_BESIDE = 23
"""Columns that the numbers and names of the axes take."""
_AROUND = 5
"""Lines that they take."""


def drawing(series: Sequence[Series], width: int, height: int) -> Text | None:
    """The losses over the steps, in so many columns and lines; None where there is no line to draw, or no room."""
    shown = [one for one in series if one.name in _COLOURS and len(one.steps) >= _MIN_POINTS]
    if not shown or width < _MIN_WIDTH or height < _MIN_HEIGHT:
        return None
    figure = plotille.Figure()
    figure.width, figure.height = width - _BESIDE, height - _AROUND
    figure.color_mode = "names"
    figure.origin = False
    figure.x_label, figure.y_label = "step", "loss"
    figure.y_ticks_fkt = lambda value, _: f"{value:.4g}"
    figure.x_ticks_fkt = lambda value, _: f"{value:.0f}"
    figure.set_x_limits(min(one.steps[0] for one in shown), max(one.steps[-1] for one in shown))
    for one in shown:
        figure.plot(one.steps, one.values, lc=_COLOURS[one.name], label=one.name)
    names = Text("   ").join(Text(f"─ {one.name}", style=_COLOURS[one.name]) for one in shown)
    return Text("\n").join((Text.from_ansi(figure.show()), names))
