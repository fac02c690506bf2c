"""Convergence: bounds on the left, residuals on a logarithmic axis on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ambigrid.plotting.style import BAND, DOWN, INK, QUIET, UP, WIND, say_absent

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from ambigrid.results import Result


def draw(canvas: FigureBase, result: Result) -> None:
    """Draw the log of a run; without iterations, say so."""
    if not result.has("history") or result.history.sizes.get("iteration", 0) == 0:
        say_absent(canvas, "Convergence", f"{result.attribute('method', 'this method')}: no log")
        return
    history = result.history.where(np.isfinite(result.history.drop_vars("note", errors="ignore")))
    residuals = history[["primal_residual", "dual_residual"]].dropna("iteration", how="all")
    if residuals.sizes["iteration"]:
        left, right = canvas.subplots(1, 2)
        _residuals(right, residuals)
    else:
        left = canvas.subplots()
    _bounds(left, history, result)


def _bounds(axes: Axes, history: xr.Dataset, result: Result) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    iteration = history["iteration"].values
    lower, upper = (history[name].values / 1e3 for name in ("lower_bound", "upper_bound"))
    axes.fill_between(iteration, lower, upper, color=BAND, linewidth=0)
    axes.plot(iteration, upper, color=UP, marker="o", markersize=3, label="upper bound")
    axes.plot(iteration, lower, color=DOWN, marker="o", markersize=3, label="lower bound")
    axes.set_title("Bounds on the total cost")
    axes.set_ylabel("cost, thousand $")
    axes.set_xlabel("iteration")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    known = [bound[-1] for bound in (lower, upper) if len(bound) and np.isfinite(bound[-1])]
    if known and np.isfinite(result.gap):
        axes.annotate(
            f"gap {100 * result.gap:.2f} %",
            (iteration[-1], np.mean(known)),
            xytext=(-4, -26),
            textcoords="offset points",
            ha="right",
            color=INK,
            fontsize=9,
        )
    axes.legend(loc="lower right")  # late bounds lie at the top, early ones at the left


def _residuals(axes: Axes, residuals: xr.Dataset) -> None:
    from matplotlib.ticker import MaxNLocator

    marks = {"primal_residual": ("primal", INK), "dual_residual": ("dual", WIND)}
    for name, (label, color) in marks.items():
        series = residuals[name].where(residuals[name] > 0)
        axes.plot(series["iteration"], series, color=color, marker="o", markersize=3, label=label)
    axes.set_yscale("log")
    axes.grid(visible=True, which="minor", color="#f1f2f4", linewidth=0.5)
    axes.tick_params(which="minor", color=QUIET)
    axes.set_title("Residuals")
    axes.set_ylabel(f"residual, {residuals['primal_residual'].attrs.get('units', 'MW')}")
    axes.set_xlabel("iteration")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right")
