"""The picture of growth: time against size in logarithms, where time goes, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ambigrid.plotting import save_figure
from ambigrid.plotting.style import BAND, DOWN, INK, PAPER, QUIET, STATION, UP, figure
from benchmarks.fresh import Record
from benchmarks.size import SOLVED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PARTS = (("building", QUIET), ("transmission", UP), ("feeders", DOWN))


def draw(
    by_feeders: Sequence[Record], by_scenarios: Sequence[Record], required: float, path: Path
) -> Path:
    """Draw both sweeps and write the picture."""
    feeders = [record for record in by_feeders if "failed" not in record]
    scenarios = [record for record in by_scenarios if "failed" not in record]
    with figure(10.0, 7.4) as drawing:
        (first, second), (third, fourth) = drawing.subplots(2, 2)
        if feeders:
            _time(first, feeders, "feeders", required)
            _parts(third, feeders)
            _memory(fourth, feeders)
        if scenarios:
            _time(second, scenarios, "scenarios", required)
    return save_figure(drawing, path)


def _time(axes: Axes, records: Sequence[Record], size: str, required: float) -> None:
    """Wall time against size, the fitted line, the steepest one allowed; hollow: not solved."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes.set_title(f"Coordination against {size}")
    axes.set_xlabel(f"{size}" + (" per operator" if size == "scenarios" else ""))
    axes.set_ylabel("s")
    solved = [record for record in records if record["status"] in SOLVED]
    sizes, walls = (
        np.array([float(record[name]) for record in solved]) for name in (size, "wall_seconds")
    )
    if len(sizes) > 1:
        exponent, level = np.polyfit(np.log(sizes), np.log(walls), 1)
        fitted, steepest = (
            np.exp(level) * sizes**exponent,
            np.exp(level) * sizes[0] ** (exponent - required) * sizes**required,
        )
        axes.fill_between(sizes, steepest, fitted[0], color=BAND, linewidth=0)
        axes.plot(sizes, steepest, "--", color=QUIET, label=f"exponent {required:g}: required")
        axes.plot(sizes, fitted, color=DOWN, label=f"exponent {exponent:.2f}: fitted")
        axes.legend(loc="upper left")
    for record in records:
        face = DOWN if record["status"] in SOLVED else PAPER
        where = record[size], record["wall_seconds"]
        axes.plot(*where, "o", color=DOWN, markerfacecolor=face, markersize=5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([record[size] for record in records])
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.minorticks_off()


def _parts(axes: Axes, records: Sequence[Record]) -> None:
    """Processor time over feeders: making programs, transmission's answers, feeders' answers."""
    axes.set_title("Where processor time goes")
    axes.set_xlabel("feeders")
    axes.set_ylabel("s per feeder")
    names, bottom = [f"{record['feeders']}" for record in records], np.zeros(len(records))
    for part, color in _PARTS:
        values = np.array([_seconds(record, part) / record["feeders"] for record in records])
        axes.bar(names, values, bottom=bottom, color=color, label=part, width=0.6)
        bottom += values
    axes.set_ylim(top=1.3 * bottom.max(initial=0.1))
    axes.legend(loc="upper right", ncols=len(_PARTS))


def _seconds(record: Record, part: str) -> float:
    """Processor seconds of one part; agents' are those of their threads while they answer."""
    spent: dict[str, float] = record["agent_seconds"]
    transmission = spent.get("transmission", 0.0)
    parts = {"building": record["build_processor_seconds"], "transmission": transmission}
    return float(parts.get(part, sum(spent.values()) - transmission))


def _memory(axes: Axes, records: Sequence[Record]) -> None:
    """Peak memory against agents, with the line through it."""
    axes.set_title("Peak memory")
    axes.set_xlabel("agents")
    axes.set_ylabel("MB")
    agents = np.array([float(record["agents"]) for record in records])
    peaks = np.array([float(record["peak_memory_mb"]) for record in records])
    axes.plot(agents, peaks, "o", color=STATION, markersize=5)
    if len(agents) > 1:
        per_agent, rest = np.polyfit(agents, peaks, 1)
        ends = np.array([0.0, agents.max()])
        axes.plot(ends, rest + per_agent * ends, color=STATION)
        words = f"{per_agent:.1f} MB per agent,\n{rest:.0f} MB for all else"
        axes.text(0.96, 0.06, words, color=INK, ha="right", transform=axes.transAxes)
    axes.set_xlim(left=0.0)
    axes.set_ylim(0.0, 1.1 * peaks.max(initial=1.0))
