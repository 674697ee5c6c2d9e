"""What a benchmark comes to: figures, each with what was promised of it, and how they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    what: str
    value: float
    unit: str
    """x for ratios, s, ms, MB/s and so on."""
    least: float | None = None
    """Promised: not less than this."""
    most: float | None = None
    """Promised: not more than this."""

    @property
    def is_kept(self) -> bool:
        """True if whatever was promised is so."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


@dataclass(frozen=True)
class Table:
    """Rows for people."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """One benchmark's part of the page."""

    title: str
    text: str
    """What was compared with what, and how; Markdown."""
    figures: Sequence[Figure]
    tables: Sequence[Table] = ()
    plots: Mapping[str, str] = field(default_factory=dict)
    """SVG by file name."""
