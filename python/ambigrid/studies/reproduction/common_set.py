"""What fixed plans lose in the worst case of one common set of calls and scenarios.

Plans are compared on the same redispatch problem, whatever they were planned for: the feeders
follow calls, and every operator meets every scenario of its own samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr

from ambigrid.coordination.agents import Agent
from ambigrid.evaluation.operation import DayProgram
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.results import Result
from ambigrid.studies.ev_flexibility import EVFlexibility
from ambigrid.studies.ev_interpretation import LOSSES

COMPARED = ("curtailment", "shedding", "boundary_violation")


def found_patterns(results: Iterable[Result], feeder: str) -> np.ndarray:
    """Return the different call patterns u that the searches found; shape (pattern, time)."""
    return _different(results, feeder, "boundary_call_pattern")


def found_calls(results: Iterable[Result], feeder: str) -> np.ndarray:
    """Return the different calls in MW that the searches found; shape (call, time)."""
    return _different(results, feeder, "boundary_call")


class CommonSet:
    """The redispatch problem on which plans are compared.

    Parameters
    ----------
    study : EVFlexibility
        In the mode "both" with adversarial calls, so that every plan has its place.
    """

    def __init__(self, study: EVFlexibility) -> None:
        self._agents = study.agents()
        self._transmission = study.transmission
        self._data = {name: study.data(name) for name in self._agents}

    def relative(self, plan: Result, patterns: Mapping[str, np.ndarray]) -> xr.Dataset:
        """Worst losses when feeders are called for the same shares of their own offers.

        Parameters
        ----------
        plan : Result
            With a plan of every operator.
        patterns : mapping of feeder to array (pattern, time)
            +1 all of the offer up, −1 all of it down.

        Returns
        -------
        xarray.Dataset
            As `absolute`.
        """
        calls = {}
        for feeder, found in patterns.items():
            program = self._agents[feeder].program
            x = plan_vector(plan, self._agents[feeder])
            calls[feeder] = np.array([program.call(x, pattern) for pattern in found])
        return self.absolute(plan, calls)

    def absolute(self, plan: Result, calls: Mapping[str, np.ndarray]) -> xr.Dataset:
        """Worst losses when feeders are called for the same power.

        A call beyond a plan's own offer is not cut: what the stations bought cannot deliver is a
        boundary violation, as the transmission operator misses it.

        Parameters
        ----------
        plan : Result
            With a plan of every operator.
        calls : mapping of feeder to array (call, time)
            MW; positive: the feeder imports less.

        Returns
        -------
        xarray.Dataset
            `curtailment`, `shedding`, `boundary_violation`, MWh over the day: the largest over
            calls and scenarios, each loss on its own, summed over the operators, which meet their
            worst cases independently.
        """
        none = np.zeros((1, 0))
        with ThreadPoolExecutor() as pool:
            losses = list(
                pool.map(
                    lambda name: self._largest(
                        name, plan, none if name == self._transmission else calls[name]
                    ),
                    self._agents,
                )
            )
        total = np.sum(losses, axis=0)
        return xr.Dataset(
            {
                name: ((), value, {"units": "MWh"})
                for name, value in zip(COMPARED, total, strict=True)
            }
        )

    def _largest(self, name: str, plan: Result, calls: np.ndarray) -> Vector:
        agent, data = self._agents[name], self._data[name]
        program = agent.program
        day = DayProgram(program, plan_vector(plan, agent))
        samples = data["renewable_samples"]
        outcomes = [
            program.pack(samples.sel(scenario=s).to_dataset(name="renewable"), "uncertain")
            for s in samples["scenario"]
        ]
        measure = _measure(program) * float(data.attrs["step_hours"])
        lost = [measure @ day.whole_day(outcome, call) for outcome in outcomes for call in calls]
        return np.asarray(np.max(lost, axis=0))


def plan_vector(plan: Result, agent: Agent) -> Vector:
    """Return an operator's first-stage decision as a vector within its bounds."""
    x = agent.program.pack(plan.dispatch[agent.name].to_dataset())
    columns = agent.program.first_stage
    return np.asarray(np.clip(x, columns.lower, columns.upper))


def offered(plan: Result, feeders: Sequence[str], direction: str) -> float:
    """Boundary reserve offered over the day by all feeders, MW summed over the steps."""
    name = f"boundary_reserve_{direction}"
    return float(sum(plan.dispatch[f"{feeder}/{name}"].sum() for feeder in feeders))


def beyond_offer(plan: Result, calls: Mapping[str, np.ndarray]) -> float:
    """Return by how much calls exceed what a plan offers at most, MW."""
    beyond = [0.0]
    for feeder, found in calls.items():
        up = plan.dispatch[f"{feeder}/boundary_reserve_up"].to_numpy()
        down = plan.dispatch[f"{feeder}/boundary_reserve_down"].to_numpy()
        beyond.append(float(np.max(np.maximum(found - up, -found - down))))
    return max(beyond)


def _measure(program: TwoStageProgram) -> np.ndarray:
    """Rows that add up curtailment, shedding and boundary violation of a recourse, MW."""
    known = {block.name for block in program.recourse.labels.blocks}
    rows = np.zeros((len(COMPARED), program.recourse.size))
    for row, loss in zip(rows, COMPARED, strict=True):
        for name in LOSSES[loss]:
            if name in known:
                row[program.columns(name, "recourse")] = 1.0
    return rows


def _different(results: Iterable[Result], feeder: str, name: str) -> np.ndarray:
    """Rows of the worst calls; those of near-equal weight in two runs may differ by rounding."""
    found = [result.worst_case[feeder][name].transpose("support", "time") for result in results]
    rows: np.ndarray = np.unique(np.round(np.concatenate(found), 6), axis=0)
    return rows
