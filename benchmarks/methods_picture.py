"""The picture of one system's benchmark: one panel per group of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ambigrid.plotting import save_figure
from ambigrid.plotting.style import DOWN, QUIET, figure

TITLES = {
    "method": "Coordination, s",
    "repeat": "From scratch and kept, s",
    "share": "Where time goes, s",
}


@dataclass(frozen=True)
class Row:
    """One figure of a benchmark.

    Attributes
    ----------
    group, what : str
    seconds : float
    ratio : float or None
        To what the group compares with.
    note : str
    """

    group: str
    what: str
    seconds: float
    ratio: float | None = None
    note: str = ""


def draw(rows: Sequence[Row], path: Path) -> Path:
    """Draw the rows and write the picture."""
    groups = [group for group in TITLES if any(row.group == group for row in rows)]
    with figure(9.0, 1.2 + 1.9 * ((len(groups) + 1) // 2)) as drawing:
        panels = drawing.subplots((len(groups) + 1) // 2, 2, squeeze=False).ravel()
        for axes in panels[len(groups) :]:
            axes.set_visible(False)
        for group, axes in zip(groups, panels, strict=False):
            mine = [row for row in rows if row.group == group][::-1]
            bars = axes.barh([row.what for row in mine], [row.seconds for row in mine], color=DOWN)
            labels = ["" if row.ratio is None else f" × {row.ratio:.2f}" for row in mine]
            axes.bar_label(bars, labels, color=QUIET, fontsize=8)
            axes.margins(x=0.18)
            axes.grid(axis="y", visible=False)
            axes.set_title(TITLES[group])
    return save_figure(drawing, path)
