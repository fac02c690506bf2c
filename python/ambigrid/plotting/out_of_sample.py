"""Held-out days: how their cost is distributed, and how often something is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ambigrid.plotting.style import DOWN, DOWN_LIGHT, INK, QUIET, STATION, THERMAL, UP, WIND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from ambigrid.evaluation import Evaluation

_COLORS = (THERMAL[1], DOWN, STATION, WIND, THERMAL[3])


def draw(canvas: FigureBase, evaluation: Evaluation) -> None:
    """Draw the total cost's distribution on the left, shares of days with losses on the right."""
    left, right = canvas.subplots(1, 2, width_ratios=(3, 2))
    _cost(left, evaluation)
    _losses(right, evaluation.violations["probability"])


def _cost(axes: Axes, evaluation: Evaluation) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    days, total = evaluation.days.sel(agent="total"), evaluation.statistics.sel(agent="total")
    cost = days["cost"].to_numpy() / 1e3
    bins = np.histogram_bin_edges(cost, bins=int(np.clip(len(cost) // 3, 8, 30)))
    axes.hist(cost, bins=bins.tolist(), color=DOWN_LIGHT, edgecolor="white", linewidth=0.6)
    marks = (("mean", "mean", INK), ("cvar_95", "CVaR 95 %", DOWN), ("promised", "promised", UP))
    for name, words, color in marks:
        value = float(total[name]) / 1e3
        axes.axvline(value, ymax=0.8, color=color, label=f"{words} {value:,.2f}")
    if "foresight_cost" in days:
        known = float((days["first_stage_cost"] + days["foresight_cost"]).mean("day")) / 1e3
        axes.axvline(
            known, ymax=0.8, color=INK, linestyle=":", label=f"mean, day known {known:,.2f}"
        )
    axes.set_title(f"Cost of {len(cost)} held-out days, {evaluation.policy}")
    axes.set_xlabel("total cost of a day, thousand $")
    axes.set_ylabel("days")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper right", ncols=2)


def _losses(axes: Axes, probability: xr.DataArray) -> None:
    agents = [name for name in probability["agent"].to_numpy() if name != "total"]
    losses = probability["loss"].to_numpy()
    height = 0.8 / len(agents)
    for k, agent in enumerate(agents):
        share = 100 * probability.sel(agent=agent).to_numpy()
        place = np.arange(len(losses)) + (k - (len(agents) - 1) / 2) * height
        label, color = str(agent).replace("_", " "), _COLORS[k % len(_COLORS)]
        axes.barh(place, np.nan_to_num(share), 0.9 * height, color=color, label=label)
        for y, value in zip(place, share, strict=True):
            if np.isfinite(value):
                axes.annotate(
                    f"{value:.0f} %",
                    (value, y),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.5,
                    color=QUIET,
                )
    axes.set_yticks(np.arange(len(losses)), labels=[str(n).replace("_", " ") for n in losses])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x")
    axes.set_xlim(0, 112)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel("share of days, %")
    axes.set_title("Days on which something is lost")
    axes.legend(loc="lower right")
