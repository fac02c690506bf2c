"""One quiet, colour-blind-safe style for every picture, and the few helpers they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.profiles import step_hours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

INK, QUIET, PAPER = "#2b2f36", "#8a9099", "#ffffff"
UP, DOWN = "#d1742f", "#2f6f9f"
UP_LIGHT, DOWN_LIGHT = "#eebd94", "#9dc3dd"
WIND, STATION, BAND = "#4fa58c", "#7a5c99", "#e7e9ec"
THERMAL = ("#4a5568", "#6b778c", "#909cb0", "#b3bccb", "#cfd6e0")

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.titlepad": 8,
    "font.size": 9.5,
    "font.family": "sans-serif",
    "grid.color": "#e4e6e9",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "savefig.dpi": 160,
    "text.color": INK,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """Give a new figure, in inches, drawn in the package's style without touching the user's."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained", facecolor=PAPER, dpi=120)


def edges(profile: xr.DataArray) -> np.ndarray:
    """Edges of the time steps of a profile, in matplotlib's days; one more than there are steps."""
    from matplotlib.dates import date2num

    times = date2num(profile["time"].values)
    return np.append(times, times[-1] + step_hours(profile) / 24)


def steps(axes: Axes, profile: xr.DataArray, **how: Any) -> None:
    """Draw a profile as a line of steps, each value standing for its whole step."""
    axes.stairs(profile.values, edges(profile), baseline=None, linewidth=1.6, **how)


def band(axes: Axes, lower: xr.DataArray, upper: xr.DataArray, **how: Any) -> None:
    """Fill between two profiles, step by step."""
    low, high = (np.append(p.values, p.values[-1]) for p in (lower, upper))
    axes.fill_between(edges(lower), low, high, step="post", linewidth=0, **how)


def stack(axes: Axes, layers: list[tuple[str, xr.DataArray, str]], sign: int = 1) -> None:
    """Stack profiles (label, values, colour) from zero, upwards or with ``sign=-1`` downwards."""
    if not layers:
        return
    tops = list(accumulate((sign * profile for _, profile, _ in layers), initial=0 * layers[0][1]))
    drawn = list(zip(layers, tops[:-1], tops[1:], strict=True))
    for (label, _, color), base, top in drawn[::sign]:  # the legend lists the topmost first
        band(axes, base, top, color=color, label=label)


def time_axis(axes: Axes, profile: xr.DataArray) -> None:
    """Label the horizontal axis with the time of day, with the date where days change, and below.

    The year stands in the label: matplotlib's own place for it crowds the last tick.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=5, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.set_xlim(*edges(profile)[[0, -1]])
    first, last = np.datetime_as_string(profile["time"].values[[0, -1]], unit="D")
    axes.set_xlabel(f"time, {first}" if first == last else f"time, {first} to {last}")


def legend_beside(axes: Axes) -> None:
    """Put the legend to the right of the axes, the topmost layer first."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.02))


def say_absent(canvas: FigureBase, title: str, words: str) -> None:
    """Say in words why a part of the overview is empty."""
    axes = canvas.subplots()
    axes.set_title(title)
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", color=QUIET, transform=axes.transAxes)


def required(data: xr.Dataset, name: str, path: str) -> xr.DataArray:
    """Give a variable a picture needs.

    Raises
    ------
    InputError
        If the result does not hold it.
    """
    if name not in data:
        raise InputError(
            "the result does not hold what this picture shows",
            where=f"{path}/{name}",
            got="variables " + (", ".join(map(str, data.data_vars)) or "none"),
            fix="choose another picture or agent",
        )
    return data[name]


def agent_data(tree: xr.DataTree, agent: str) -> xr.Dataset:
    """Give the dataset of one agent in a group of a result.

    Raises
    ------
    InputError
        If there is no such agent.
    """
    if agent not in tree.children:
        raise InputError(
            "there is no such agent in the result",
            where=tree.path,
            got=repr(agent),
            fix="choose one of " + ", ".join(tree.children),
        )
    return tree.children[agent].to_dataset()
