"""Line loading: the most loaded lines of one network over the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ambigrid.plotting.style import UP, agent_data, edges, required, time_axis

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ambigrid.results import Result

_SHADES = ("#f6f7f8", "#cfe0ea", "#86b3cf", "#3b7ca8", "#1c4f78", "#0b2740")


def draw(canvas: FigureBase, result: Result, agent: str, lines: int = 20) -> None:
    """Draw a heat map of line by time, the line with the highest loading on top."""
    from matplotlib.colors import LinearSegmentedColormap

    derived = agent_data(result.derived, agent)
    loading = required(derived, "line_loading", f"/derived/{agent}").transpose("line", "time")
    order = np.argsort(-loading.max("time").values, kind="stable")[:lines]
    top = 100 * loading[{"line": order}]
    axes = canvas.subplots()
    image = axes.pcolormesh(
        edges(top),
        np.arange(len(order) + 1),
        top.values,
        cmap=LinearSegmentedColormap.from_list("loading", _SHADES),
        vmin=0,
        vmax=max(100.0, float(top.max())),
    )
    at_limit = np.argwhere(top.values >= 99.9)
    middles = (edges(top)[:-1] + edges(top)[1:]) / 2
    axes.scatter(middles[at_limit[:, 1]], at_limit[:, 0] + 0.5, s=9, color=UP)
    axes.set_yticks(np.arange(len(order)) + 0.5, labels=[str(v) for v in top["line"].values])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    time_axis(axes, top)
    axes.set_ylabel("line")
    dots = ", dots: at the limit" if len(at_limit) else ""
    axes.set_title(f"Highest line loading, {agent.replace('_', ' ')}{dots}")
    bar = canvas.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
    bar.set_label("loading, % of the limit")
    bar.outline.set_visible(False)
