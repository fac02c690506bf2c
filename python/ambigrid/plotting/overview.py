"""The run on one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ambigrid.errors import InputError
from ambigrid.plotting import convergence, day, loading, station
from ambigrid.plotting.style import say_absent

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

    from ambigrid.results import Result

_PARTS: tuple[tuple[str, Callable[[FigureBase, Result], None]], ...] = (
    ("Convergence", convergence.draw),
    ("Schedule of transmission", lambda canvas, result: day.draw(canvas, result, "transmission")),
    ("Station", lambda canvas, result: station.draw(canvas, result, None, None)),
    ("Line loading", lambda canvas, result: loading.draw(canvas, result, "transmission")),
)


def draw(figure: Figure, result: Result) -> None:
    """Draw four pictures; a part the result has no data for says so."""
    canvases = figure.subfigures(2, 2, squeeze=False, wspace=0.03, hspace=0.05).flat
    for canvas, (title, part) in zip(canvases, _PARTS, strict=True):
        try:
            part(canvas, result)
        except InputError:
            say_absent(canvas, title, f"nothing to show: {result.status}")
    figure.suptitle(_title(result), x=0.012, ha="left", fontsize=13, fontweight="bold")


def _title(result: Result) -> str:
    case, study = result.attribute("case", "?"), result.attribute("study", "?")
    cost = f", {result.objective:,.0f} $" if result.objective == result.objective else ""
    return f"{case} · {study} · {result.status}{cost}"
