"""Pictures of a result; matplotlib is loaded when the first one is drawn.

Every picture is a function ``draw(canvas, result, ...)`` in a file of its own; a canvas is a figure
or a part of one, so that the overview puts four of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ambigrid.errors import InputError
from ambigrid.files import replacing
from ambigrid.plotting import convergence, day, loading, overview, station
from ambigrid.plotting.style import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ambigrid.results import Result

__all__ = ["NAMES", "Pictures", "save_figure"]

NAMES = ("overview", "convergence", "day", "station", "line_loading")
"""Names of the pictures, as methods of :class:`Pictures` and on the command line."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of one result, each a new matplotlib figure.

    Parameters
    ----------
    result : Result
        The result to draw.

    Examples
    --------
    >>> result.plot.overview().savefig("t30d2.png")  # doctest: +SKIP
    """

    result: Result

    def overview(self) -> Figure:
        """Draw the run on one page: convergence, the system's day, a station, line loading."""
        with figure(14.0, 9.5) as canvas:
            overview.draw(canvas, self.result)
        return canvas

    def convergence(self) -> Figure:
        """Draw the bounds, $, and the residuals, MW, by iteration."""
        with figure(9.0, 3.8) as canvas:
            convergence.draw(canvas, self.result)
        return canvas

    def day(self, agent: str = "transmission") -> Figure:
        """Draw dispatch and reserve of one agent over the day, MW.

        Parameters
        ----------
        agent : str
            Name of the agent, such as "transmission" or "distribution_1".
        """
        with figure(8.0, 6.0) as canvas:
            day.draw(canvas, self.result, agent)
        return canvas

    def station(self, agent: str | None = None, name: str | None = None) -> Figure:
        """Draw one charging station: limits, baseline, regulation; power, MW, and energy, MWh.

        Parameters
        ----------
        agent : str, optional
            The distribution operator; by default the first one.
        name : str, optional
            Label of the station; by default the one with the most regulation cleared.
        """
        with figure(8.0, 6.0) as canvas:
            station.draw(canvas, self.result, agent, name)
        return canvas

    def line_loading(self, agent: str = "transmission") -> Figure:
        """Draw the loading of one network's 20 most loaded lines over the day, % of the limit.

        Parameters
        ----------
        agent : str
            Name of the agent whose network it is.
        """
        with figure(8.0, 5.5) as canvas:
            loading.draw(canvas, self.result, agent)
        return canvas


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure; the suffix of the path says in which format.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to write.
    path : str or Path
        Where to, such as "t30d2.png" or "t30d2.pdf".

    Returns
    -------
    Path
        The path written.

    Raises
    ------
    InputError
        If matplotlib has no such format or the file cannot be written.
    """
    target = Path(path)
    formats = figure.canvas.get_supported_filetypes()
    suffix = target.suffix.removeprefix(".").lower()
    if suffix not in formats:
        raise InputError(
            "there is no such picture format",
            where=str(target),
            got=repr(target.suffix),
            fix="end the path in one of " + ", ".join(f".{name}" for name in sorted(formats)),
        )
    with replacing(target) as temporary:
        figure.savefig(temporary, format=suffix)
    return target
