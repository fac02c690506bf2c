"""How time and memory grow with the number of feeders and of scenarios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ambigrid.cli.common import say
from benchmarks.fresh import Bench, Record, Task
from benchmarks.growth_picture import draw
from benchmarks.report import Report, Table, plain
from benchmarks.size import SOLVED

FEEDERS, SCENARIOS = (2, 5, 10, 20, 50), (5, 10, 20, 40)
REQUIRED_SLOPE = 1.2


@dataclass(frozen=True)
class Sweep:
    """Sizes to measure, and how.

    Attributes
    ----------
    feeders, scenarios : tuple of int
        The two sweeps.
    at_scenarios, at_feeders : int
        What stays fixed in the first, in the second.
    hours, seed : int
        As in `scale_case`.
    method : str
        Name of the method of coordination.
    gap : float
        Relative.
    time_limit : float
        Seconds for the coordination of one size.
    """

    feeders: tuple[int, ...] = FEEDERS
    scenarios: tuple[int, ...] = SCENARIOS
    at_scenarios: int = 20
    at_feeders: int = 10
    hours: int = 24
    seed: int = 0
    method: str = "admm"
    gap: float = 5e-3
    time_limit: float = 3600.0

    def task(self, feeders: int, scenarios: int) -> Task:
        """Return the measurement of one size."""
        how = {name: getattr(self, name) for name in ("hours", "seed", "method", "gap")}
        return Task(
            f"{self.method}-{feeders}-feeders-{scenarios}-scenarios-{self.hours}-hours"
            f"-seed-{self.seed}",
            "benchmarks.size:measure_size",
            {"distributions": feeders, "scenarios": scenarios, "time_limit": self.time_limit} | how,
        )


def growth(sweep: Sweep, bench: Bench) -> Report:
    """Measure both sweeps, each size in a fresh process, and fit the slopes."""
    by_feeders = [_measured(sweep, bench, n, sweep.at_scenarios) for n in sweep.feeders]
    by_scenarios = [_measured(sweep, bench, sweep.at_feeders, s) for s in sweep.scenarios]
    slopes = _slopes(by_feeders, by_scenarios)
    return Report(
        "growth",
        (
            Table(
                f"Time and memory by feeders, {sweep.at_scenarios} scenarios per operator",
                ("feeders", *COLUMNS),
                tuple((str(r["feeders"]), *_cells(r)) for r in by_feeders),
            ),
            Table(
                f"Time and memory by scenarios, {sweep.at_feeders} feeders",
                ("scenarios", *COLUMNS),
                tuple((str(r["scenarios"]), *_cells(r)) for r in by_scenarios),
            ),
            Table("Growth", ("what", "measured", "required", "verdict"), tuple(slopes)),
        ),
        _notes(sweep),
        lambda path: draw(by_feeders, by_scenarios, REQUIRED_SLOPE, path),
        plain([{"sweep": asdict(sweep)}, *by_feeders, *by_scenarios]),
    )  # fmt: skip


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit the exponent of a power law: the slope of a line through the logarithms."""
    if len(set(sizes)) < 2 or min(values) <= 0:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def memory_per_agent(records: Sequence[Record]) -> tuple[float, float]:
    """Fit peak memory as a line in the number of agents: MB per agent, MB of all else."""
    if len({record["agents"] for record in records}) < 2:
        return float("nan"), float("nan")
    agents, peaks = ([r[name] for r in records] for name in ("agents", "peak_memory_mb"))
    per_agent, rest = np.polyfit(agents, peaks, 1)
    return float(per_agent), float(rest)


def _measured(sweep: Sweep, bench: Bench, feeders: int, scenarios: int) -> Record:
    record = bench.measure(sweep.task(feeders, scenarios))
    size = f"{feeders} feeders, {scenarios} scenarios"
    told = record.get("failed") or f"{record['status']} in {record['wall_seconds']:.1f} s"
    say(f"growth: {size}: {told}")
    return {**record, "feeders": feeders, "scenarios": scenarios}


def _per_iteration(record: Record) -> float:
    """Wall time per iteration and agent, s."""
    return float(record["wall_seconds"] / max(record["iterations"], 1) / record["agents"])


def transmission_share(record: Record) -> float:
    """Part of the agents' processor time that the transmission operator takes; NaN if none."""
    spent = record["agent_seconds"]
    total = sum(spent.values())
    return spent.get("transmission", 0.0) / total if total else float("nan")


def _per_cent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f} %"


COLUMNS_OF: dict[str, Callable[[Record], str]] = {
    "wall s": lambda r: f"{r['wall_seconds']:.1f}",
    "status": lambda r: str(r["status"]),
    "gap": lambda r: f"{100 * r['gap']:.2f} %",
    "it.": lambda r: str(r["iterations"]),
    "ms/it./agent": lambda r: f"{1e3 * _per_iteration(r):.0f}",
    "TSO share": lambda r: _per_cent(transmission_share(r)),
    "case s": lambda r: f"{r['case_seconds']:.1f}",
    "build s": lambda r: f"{r['build_seconds']:.1f}",
    "rest s": lambda r: f"{r['call_seconds'] - r['wall_seconds']:.1f}",
    "CPU s": lambda r: f"{r['processor_seconds']:.0f}",
    "peak MB": lambda r: f"{r['peak_memory_mb']:.0f}",
}
COLUMNS = tuple(COLUMNS_OF)


def _cells(record: Record) -> tuple[str, ...]:
    if "failed" in record:
        return (record["failed"], *[""] * (len(COLUMNS) - 1))
    return tuple(cell(record) for cell in COLUMNS_OF.values())


def _slopes(by_feeders: list[Record], by_scenarios: list[Record]) -> list[tuple[str, ...]]:
    rows = []
    for size, records in (("feeders", by_feeders), ("scenarios", by_scenarios)):
        solved = [record for record in records if record.get("status") in SOLVED]
        sizes = [record[size] for record in solved]
        for what, value in TIMES.items():
            found = slope(sizes, [value(record) for record in solved])
            required = what == REQUIRED
            rows.append((
                f"{what} against {size}",
                f"exponent {found:.2f}",
                f"at most {REQUIRED_SLOPE:g}" if required else "",
                _verdict(found, len(records) - len(solved)) if required else "",
            ))  # fmt: skip
    per_agent, rest = memory_per_agent([r for r in by_feeders if "failed" not in r])
    memory = f"{per_agent:.1f} MB and {rest:.0f} MB for all else"
    return [*rows, ("peak memory per agent", memory, "", "")]


def _verdict(found: float, unsolved: int) -> str:
    if unsolved:
        return f"missed: {unsolved} sizes were not solved"
    return "met" if found <= REQUIRED_SLOPE else "missed"


REQUIRED = "coordination, wall time,"
TIMES: dict[str, Callable[[Record], float]] = {
    REQUIRED: lambda r: float(r["wall_seconds"]),
    "one iteration, wall time,": lambda r: float(r["wall_seconds"]) / max(r["iterations"], 1),
    "agents, processor time,": lambda r: float(sum(r["agent_seconds"].values())),
    "building, processor time,": lambda r: float(r["build_processor_seconds"]),
}


def _notes(sweep: Sweep) -> tuple[str, ...]:
    return (
        f"Systems of `scale_case` with {sweep.hours} hours, data seed {sweep.seed}, method "
        f"`{sweep.method}` until its own gap is {100 * sweep.gap:g} %, without the proof. Every "
        "size runs in a fresh process.",
        "Wall time is of the coordination; case: making the data; build: making the programs; "
        "rest: solvers' first loading, a last search for worse calls, labels and summaries. TSO "
        "share: the transmission operator's part of the processor time of the agents' threads "
        "when they answer. An exponent is the slope of a line through the logarithms of all sizes "
        "that were solved.",
        "Peak memory is what the process had in use at most, interpreter, case and solvers "
        "included; memory per agent is the slope of a line through the peaks.",
    )
