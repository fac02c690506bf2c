"""The picture of growth: time against size in logarithms, where time goes, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ambigrid.plotting import save_figure
from ambigrid.plotting.style import BAND, DOWN, INK, QUIET, STATION, UP, figure
from benchmarks.fresh import Record

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
        _time(first, feeders, "feeders", required)
        _time(second, scenarios, "scenarios", required)
        _parts(third, feeders)
        _memory(fourth, feeders)
    return save_figure(drawing, path)


def _time(axes: Axes, records: Sequence[Record], size: str, required: float) -> None:
    """Wall time against size, the fitted line, and the steepest one allowed."""
    axes.set_title(f"Coordination against {size}")
    axes.set_xlabel(f"{size}" + (" per operator" if size == "scenarios" else ""))
    axes.set_ylabel("s")
    sizes = np.array([float(record[size]) for record in records])
    walls = np.array([float(record["wall_seconds"]) for record in records])
    if len(sizes) > 1:
        exponent, level = np.polyfit(np.log(sizes), np.log(walls), 1)
        fitted, steepest = (
            np.exp(level) * sizes**exponent,
            np.exp(level) * sizes[0] ** (exponent - required) * sizes**required,
        )
        axes.fill_between(sizes, steepest, fitted[0], color=BAND, linewidth=0)
        axes.plot(sizes, steepest, "--", color=QUIET, label=f"exponent {required:g}: required")
        axes.plot(sizes, fitted, color=DOWN, label=f"exponent {exponent:.2f}: fitted")
    axes.plot(sizes, walls, "o", color=DOWN, markersize=5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.minorticks_off()
    axes.legend(loc="upper left")


def _parts(axes: Axes, records: Sequence[Record]) -> None:
    """Processor time per agent that exists: building, transmission, one feeder times all."""
    axes.set_title("Processor time by feeders")
    axes.set_xlabel("feeders")
    axes.set_ylabel("s per feeder")
    names, bottom = [f"{record['feeders']}" for record in records], np.zeros(len(records))
    for part, color in _PARTS:
        values = np.array([_seconds(record, part) / record["feeders"] for record in records])
        axes.bar(names, values, bottom=bottom, color=color, label=part, width=0.6)
        bottom += values
    axes.legend(loc="upper right")


def _seconds(record: Record, part: str) -> float:
    """Seconds of one part: building, or what agents of a kind spent in their threads."""
    spent: dict[str, float] = record["agent_seconds"]
    transmission = spent.get("transmission", 0.0)
    parts = {"building": record["build_seconds"], "transmission": transmission}
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
        axes.text(0.04, 0.94, words, color=INK, va="top", transform=axes.transAxes)
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
