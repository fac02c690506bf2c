"""`evaluate`: operate a plan on held-out days and count what it costs and breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from ambigrid.algorithms.recourse import RecourseProgram
from ambigrid.algorithms.vertex_search import VertexSearch
from ambigrid.cases import case_hash
from ambigrid.coordination.agents import Agent
from ambigrid.errors import InputError
from ambigrid.evaluation.evaluation import Evaluation
from ambigrid.evaluation.held_out import Days, held_out_days
from ambigrid.evaluation.operation import DayProgram
from ambigrid.labels import Vector
from ambigrid.reformulations import Search
from ambigrid.results import Result
from ambigrid.studies import ev_operation
from ambigrid.studies.ev_flexibility import EVFlexibility

Policy = Literal["two-stage", "rolling"]
Calls = Literal["requested", "worst", "none"]

DEFAULT_DAYS: Mapping[Policy, Days] = {"two-stage": "all", "rolling": 20}
"""Days operated unless a number is given: hour by hour takes a program per hour."""


def evaluate(
    result: Result,
    case: xr.DataTree,
    policy: Policy = "two-stage",
    *,
    calls: Calls = "requested",
    samples: xr.DataTree | None = None,
    days: Days | None = None,
    progress: Callable[[str], None] = lambda words: None,
) -> Evaluation:
    """Operate the plan of a result on held-out days.

    Day k is the same day for every operator. The transmission operator redispatches first; what
    it calls from a feeder's boundary is what the feeder's operator has to follow.

    Parameters
    ----------
    result : Result
        With the plan of every operator in ``/dispatch``.
    case : xarray.DataTree
        The case of the result.
    policy : {"two-stage", "rolling"}
        Whether a redispatch knows the whole day, as the plan assumes, or is renewed hour by hour
        knowing only the past and, for later hours, the weighted mean of the case's samples and no
        call. A rolling evaluation is compared with the whole day known at the same outcomes and
        calls, and stations' profiles are assigned to their sessions.
    calls : {"requested", "worst", "none"}
        Calls that feeders follow: those of the transmission operator's own redispatch on the
        day, the worst within the offered reserve that a fast search finds (not certified), or
        none.
    samples : xarray.DataTree, optional
        Other held-out days than the case's own: a group per operator with `renewable_held_out`
        (day, unit, time), MW, as from `read_held_out`.
    days : int or "all", optional
        How many days, evenly spread; default all for "two-stage", 20 for "rolling".
    progress : callable
        Receives a line of text per operator.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If the result belongs to another case or study or holds no plan, or the samples do not
        fit the case.
    SolverError
        If a redispatch has no optimum.
    """
    _check_choice("policy", policy, get_args(Policy))
    _check_choice("calls", calls, get_args(Calls))
    study = _study_of(result, case)
    names = [study.transmission, *study.distributions]
    outcomes = held_out_days(case, names, samples, DEFAULT_DAYS[policy] if days is None else days)
    operators = {
        name: Operator(agent, _plan(result, agent), study.data(name))
        for name, agent in study.agents().items()
    }
    caller = operators[study.transmission]
    found = {study.transmission: caller.operate(outcomes[study.transmission], None, policy)}
    progress(f"operated {study.transmission} on {found[study.transmission].sizes['day']} days")

    def follow(name: str) -> xr.Dataset:
        operator, own = operators[name], outcomes[name]
        called = operator.calls(own, found[study.transmission], calls)
        operated = operator.operate(own, called, policy)
        if policy == "rolling":
            operated = operated.merge(operator.service(operated))
        progress(f"operated {name} on {operated.sizes['day']} days")
        return operated

    with ThreadPoolExecutor() as pool:
        found |= zip(study.distributions, pool.map(follow, study.distributions), strict=True)
    facts = {"policy": policy, "calls": calls, **_facts(result, case, samples)}
    return Evaluation.from_operation(found, {n: _promise(result, n) for n in found}, facts)


@dataclass(frozen=True)
class Operator:
    """One operator with its plan."""

    agent: Agent
    x: Vector
    data: xr.Dataset

    def operate(
        self, outcomes: xr.DataArray, calls: xr.DataArray | None, policy: Policy
    ) -> xr.Dataset:
        """Redispatch on every day.

        Returns
        -------
        xarray.Dataset
            `first_stage_cost` $; `recourse_cost` (day) $; `lost_power` (loss, time, day) MW; the
            recourse variables with dim `day`; `boundary_call` (day, time) MW where there is one;
            with policy "rolling" also `foresight_cost` (day), $: the recourse cost had the whole
            day been known.
        """
        program, constant = self.agent.program, self.agent.constant
        day_program = DayProgram(program, self.x)
        drawn = self._outcomes(outcomes)
        pairs = list(zip(drawn, self._called(calls, len(drawn)), strict=True))
        known = [day_program.whole_day(outcome, call) for outcome, call in pairs]
        done = known
        if policy == "rolling":
            expected = self._expected()
            done = [day_program.hour_by_hour(*pair, expected) for pair in pairs]
        operated = program.recourse.labels.unpack(np.array(done), outcomes["day"])
        operated["lost_power"] = ev_operation.lost_power(operated)
        operated["first_stage_cost"] = ((), program.first_stage_cost(self.x) + constant)
        operated["recourse_cost"] = ("day", [day_program.cost(y) for y in done])
        if policy == "rolling":
            operated["foresight_cost"] = ("day", [day_program.cost(y) for y in known])
        return operated if calls is None else operated.assign(boundary_call=calls)

    def calls(self, outcomes: xr.DataArray, transmission: xr.Dataset, kind: Calls) -> xr.DataArray:
        """Return the calls this feeder has to follow; dims (day, time), MW."""
        requested = ev_operation.requested_call(transmission, self.agent.name)
        requested = requested.transpose("day", "time")
        if kind == "requested":
            return requested
        if kind == "none":
            return requested.copy(data=np.zeros(requested.shape))
        program = self.agent.program
        search = VertexSearch(program, RecourseProgram(program))
        found = [
            search.best(self.x, [Search(outcome)], thorough=False)
            for outcome in self._outcomes(outcomes)
        ]
        worst = [program.call(self.x, item.vertex.pattern) for item in found]
        return requested.copy(data=np.array(worst).reshape(requested.shape))

    def service(self, operated: xr.Dataset) -> xr.Dataset:
        """Profiles that stations carried out, and what their sessions make of them."""
        profile = ev_operation.station_profile(self.data, operated)
        found = profile.transpose("day", "station", "time").to_dataset(name="station_power")
        if ev_operation.has_sessions(self.data):
            found = found.merge(ev_operation.station_service(self.data, found["station_power"]))
        return found

    def _expected(self) -> Vector:
        """Weighted mean of the case's samples: what is expected of later hours."""
        mean = (self.data["renewable_samples"] * self.data["weight"]).sum("scenario")
        return self.agent.program.pack(mean.to_dataset(name="renewable"), "uncertain")

    def _outcomes(self, outcomes: xr.DataArray) -> Vector:
        """ξ of every day, one row each."""
        return self.agent.program.uncertain.pack(outcomes.to_dataset(name="renewable"), "day")

    def _called(self, calls: xr.DataArray | None, days: int) -> Vector:
        """δ of every day, one row each; none for who calls."""
        if calls is None:
            return np.zeros((days, 0))
        return self.agent.program.adversarial.pack(calls.to_dataset(name="boundary_call"), "day")


def _study_of(result: Result, case: xr.DataTree) -> EVFlexibility:
    """Study whose programs operate the plan; limits as planned, calls as they come."""
    name, settings = result.attribute("study"), result.attribute("settings", "{}")
    if name != EVFlexibility.name:
        raise InputError(
            "only results of this study can be evaluated",
            where="result/study",
            got=repr(name),
            fix=f"give a result of {EVFlexibility.name}",
        )
    planned, own = str(result.attribute("data_hash", "")), case_hash(case)
    if planned != own:
        raise InputError(
            "the result belongs to another case: the data hashes differ",
            where=f"case {case.attrs.get('name', '')}",
            got=f"{own[:12]}… instead of {planned[:12]}…",
            fix="write the case that the result was made from with ambigrid.save_case, and give "
            "that file with --case",
        )
    margin = float(json.loads(settings).get("voltage_margin", 0.0))
    return EVFlexibility(case, mode=ev_operation.OPERATED_MODE, voltage_margin=margin)


def _plan(result: Result, agent: Agent) -> Vector:
    where = f"dispatch/{agent.name}"
    if not result.has(where):
        raise InputError(
            f"this result ({result.status}) holds no plan to operate",
            where=f"/{where}",
            got="groups " + (", ".join(result.tree.children) or "none"),
            fix="run again with more time, or look at result.status",
        )
    try:
        x = agent.program.pack(result.dispatch[agent.name].to_dataset())
    except InputError as error:
        raise InputError(
            error.what, where=f"/{where}/{error.where}", got=error.got, fix=error.fix
        ) from None
    columns = agent.program.first_stage
    return np.asarray(np.clip(x, columns.lower, columns.upper))


def _promise(result: Result, agent: str) -> float:
    return result.agents.get(agent, np.nan)


def _facts(result: Result, case: xr.DataTree, samples: xr.DataTree | None) -> dict[str, Any]:
    own = "held-out days of the case" if samples is None else "held-out days given"
    keep = ("study", "case", "ambiguity", "data_hash", "settings")
    return {
        "days": own,
        "status": str(result.status),
        "step_hours": float(case.attrs["step_hours"]),
        **{name: result.attribute(name) for name in keep if result.attribute(name) is not None},
    }


def _check_choice(what: str, got: object, legal: tuple[str, ...]) -> None:
    if got not in legal:
        raise InputError(
            f"unknown {what}", where="evaluate", got=got, fix=f"use one of {', '.join(legal)}"
        )
