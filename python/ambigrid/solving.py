"""`solve`: from a study to a result. Coordination, certificate, labels, honest status."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass, replace
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import xarray as xr

from ambigrid.algorithms.log import Progress, relative_gap
from ambigrid.algorithms.stopping import Budget
from ambigrid.cases import case_hash
from ambigrid.checkpoint import Checkpoint
from ambigrid.coordination import ADMM, Agent, Agreement, Coupling, MessageLog, Method, Run, Team
from ambigrid.coordination.certification import Certification, certify_team
from ambigrid.coordination.local import Findings, LocalAgent
from ambigrid.engines.registry import check_engine
from ambigrid.errors import InputError, SolverError
from ambigrid.results import Result
from ambigrid.status import Status

if TYPE_CHECKING:
    from ambigrid.studies.ev_interpretation import AgentSolution

_VERSIONS = ("ambigrid", "highspy", "clarabel", "linopy", "xarray", "numpy", "scipy")

_SHARE = 0.5
"""Part of the gap that coordination may use; the certificate has the rest."""


class Study(Protocol):
    """What a study must offer to be solved."""

    name: ClassVar[str]
    case: xr.DataTree

    def agents(self) -> dict[str, Agent]:
        """Programs and ambiguity sets by agent name."""
        ...

    def couplings(self) -> list[Coupling]:
        """Variables that agents share."""
        ...

    def preamble(self) -> list[tuple[str, str, str, np.ndarray]]:
        """Messages sent once before the first iteration: sender, receiver, name, values."""
        ...

    def interpret(
        self, solutions: Mapping[str, AgentSolution], prices: Mapping[str, xr.DataArray]
    ) -> dict[str, xr.Dataset]:
        """Say what a solution means."""
        ...


@dataclass(frozen=True)
class _Limits:
    """How far and how long to go."""

    gap: float
    time_limit: float
    certify: bool
    certificate_limit: float


def solve(
    study: Study,
    method: Method | None = None,
    *,
    engine: str = "highs",
    gap: float = 5e-3,
    time_limit: float = np.inf,
    certify: bool = True,
    certificate_limit: float = 600.0,
    threads: int | None = None,
    executor: Executor | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress = lambda record: None,
    log: MessageLog | None = None,
) -> Result:
    """Solve a study with several agents.

    Parameters
    ----------
    study : Study
        Such as `EVFlexibility`.
    method : ADMM, CutSharing or Centralized, optional
        How agents come to an agreement; default `ADMM()`.
    engine : "highs" or "julia"
        Where programs are solved.
    gap : float
        Relative gap between own upper and lower bound at which to stop.
    time_limit : float
        Seconds of wall time for the coordination.
    certify : bool
        Whether to prove the upper bound against every call; without, the best status is
        ``converged``.
    certificate_limit : float
        Seconds of wall time for the proof.
    threads : int, optional
        Agents solved at once; default the number of cores.
    executor : concurrent.futures.Executor, optional
        Where agents live, instead of threads of this process.
    seed : int
        Recorded in the result.
    checkpoint, resume : path, optional
        Where to save the state after every iteration; where to continue from.
    progress : callable
        Receives an `IterationRecord` after every iteration.
    log : MessageLog, optional
        Filled with everything that crosses between agents.

    Returns
    -------
    Result
        Also after a time limit, an interruption (Ctrl-C) or a solver failure, with what there
        is and the status that says so.

    Raises
    ------
    InputError
        If arguments or data cannot be used.
    """
    started = time.monotonic()
    check_engine(engine)
    if not gap > 0:
        raise InputError("the gap must be positive", where="solve", got=gap, fix="give 0.005")
    method = ADMM() if method is None else method
    limits = _Limits(gap, time_limit, certify, certificate_limit)
    agents, couplings = study.agents(), study.couplings()
    facts = _facts(study, method, engine, seed, limits)
    identity = {key: facts[key] for key in ("study", "case", "data_hash", "method", "settings")}
    earlier = Checkpoint.read(resume, identity) if resume is not None else None
    build_seconds = time.monotonic() - started
    with _workers(executor, threads) as pool:
        team = Team(agents, couplings, pool, MessageLog() if log is None else log)
        for sender, receiver, name, values in study.preamble():
            team.log.note(sender, receiver, 0, **{name: values})
        session = _Session(team, method, limits, identity, checkpoint, earlier, progress)
        agreement, message, proof = session.agree_and_prove()
        found = session.findings()
    facts |= {
        "build_seconds": build_seconds,
        "wall_seconds": session.coordination_seconds,
        "certificate_seconds": proof.seconds,
        "certificate_programs": proof.programs,
        "messages": len(team.log),
        "numbers_exchanged": team.log.volume,
    }
    if message:
        facts["message"] = message
    return _result(study, session, agreement, proof, found, facts)


class _Session:
    """One call of `solve`: coordination, then the proof."""

    def __init__(
        self,
        team: Team,
        method: Method,
        limits: _Limits,
        identity: Mapping[str, Any],
        checkpoint: str | Path | None,
        earlier: Checkpoint | None,
        progress: Progress,
    ) -> None:
        self.team, self.method, self.limits = team, method, limits
        self.identity, self.path = identity, checkpoint
        self.coordination_seconds = 0.0
        self.run = Run(Budget(limits.time_limit), limits.gap * _SHARE, progress=progress)
        self.run.save = self._save
        if earlier is not None:
            self.run.history, self.run.offset = earlier.history, earlier.seconds
            self.run.resumed = dict(earlier.method)
            for name, state in earlier.agents.items():
                team.agents[name].restore(dict(state))

    def agree_and_prove(self) -> tuple[Agreement, str, Certification]:
        """Coordinate, prove, and coordinate again where the proof found worse calls."""
        budget = Budget(self.limits.certificate_limit)
        seconds, programs = 0.0, 0
        while True:
            agreement, message = self._coordinate()
            self.coordination_seconds = self.run.seconds - seconds
            proof = self._prove(agreement, budget)
            seconds, programs = seconds + proof.seconds, programs + proof.programs
            proof = replace(proof, seconds=seconds, programs=programs)
            closed = relative_gap(agreement.lower, proof.upper) <= self.limits.gap
            if closed or not proof.certified or budget.expired or self.run.budget.expired:
                return agreement, message, proof
            self.run.resumed = self.method.reopened(self.run.state)

    def _coordinate(self) -> tuple[Agreement, str]:
        """Run the method; Ctrl-C and solver failures end it with what there is."""
        try:
            return self.method.run(self.team, self.run), ""
        except KeyboardInterrupt:
            self.run.budget.stop()
            return self._cut_short(Status.INTERRUPTED), "interrupted by the user"
        except SolverError as error:
            late = self.run.budget.expired
            return self._cut_short(Status.TIME_LIMIT if late else Status.ERROR), str(error)

    def _prove(self, agreement: Agreement, budget: Budget) -> Certification:
        """Prove the upper bound, unless that is not wanted or there is nothing to prove."""
        if not self.limits.certify or not agreement.status.solved:
            return Certification(agreement.upper, False, 0.0)
        try:
            return certify_team(self.team, agreement, self.limits.gap, budget)
        except KeyboardInterrupt:
            budget.stop()
            return Certification(agreement.upper, False, 0.0)

    def findings(self) -> dict[str, Findings]:
        """Labelled arrays of every agent that has a point."""
        ready = [name for name, agent in self.team.agents.items() if agent.kept is not None]
        if len(ready) < len(self.team.agents):
            return {}
        found: dict[str, Findings] = self.team.ask(ready, LocalAgent.findings)
        return found

    def _cut_short(self, status: Status) -> Agreement:
        nothing = np.zeros(self.team.shared.size)
        records = list(self.run.history)
        if not records:
            return Agreement(status, -np.inf, np.inf, nothing, nothing, 0)
        last = records[-1]
        return Agreement(
            status, last.lower_bound, last.upper_bound, nothing, nothing, last.iteration
        )

    def _save(self, state: dict[str, Any]) -> None:
        if self.path is not None:
            agents = {name: agent.state() for name, agent in self.team.agents.items()}
            Checkpoint(self.identity, state, agents, self.run.history, self.run.seconds).write(
                self.path
            )


@contextmanager
def _workers(executor: Executor | None, threads: int | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(threads or cpu_count() or 1) as pool:
        yield pool


def _facts(study: Study, method: Method, engine: str, seed: int, limits: _Limits) -> dict[str, Any]:
    options: dict[str, Any] = asdict(method) if is_dataclass(method) else {}
    settings = {
        key: str(value)
        for key, value in vars(study).items()
        if key in ("mode", "boundary_call", "voltage_margin")
    }
    ambiguity = getattr(study, "ambiguity", None)
    settings["ambiguity"] = repr(ambiguity)[:500]
    return {
        "study": study.name,
        "case": str(study.case.attrs.get("source", study.case.attrs.get("name", ""))),
        "engine": engine,
        "method": method.name,
        "options": {**options, "gap": limits.gap},
        "settings": json.dumps(settings, sort_keys=True),
        "ambiguity": getattr(ambiguity, "name", ""),
        "seed": seed,
        "data_hash": case_hash(study.case),
        "versions": {name: version(name) for name in _VERSIONS}
        | {"python": platform.python_version()},
    }


def _result(
    study: Study,
    session: _Session,
    agreement: Agreement,
    proof: Certification,
    found: dict[str, Findings],
    facts: dict[str, Any],
) -> Result:
    objective = proof.upper if proof.certified else agreement.upper
    status = agreement.status
    gap = relative_gap(agreement.lower, objective)
    if proof.certified and gap <= session.limits.gap:
        status = Status.OPTIMAL
    attrs = {
        **facts,
        "status": str(status),
        "objective": objective,
        "bound": agreement.lower,
        "gap": gap,
        "certified": bool(proof.certified),
        "iterations": agreement.iterations,
        "exactness": _exactness(found),
        "agents": {name: item.cost for name, item in found.items()},
    }
    groups: dict[str, Any] = {"history": session.run.history.to_dataset()}
    if found:
        shared, prices = _shared(session.team, agreement)
        groups |= {
            "dispatch": {name: item.dispatch for name, item in found.items()},
            "duals": {name: item.duals for name, item in found.items()},
            "worst_case": {name: item.worst_case for name, item in found.items()},
            "recourse": {name: _by_scenario(item.recourse) for name, item in found.items()},
            "shared": shared,
            "derived": study.interpret(_solutions(found), prices),
        }
    return Result.from_groups(attrs, groups)


def _exactness(found: dict[str, Findings]) -> str:
    kinds = {item.exactness for item in found.values()}
    return next((kind for kind in ("upper", "lower") if kind in kinds), "exact")


def _by_scenario(recourse: xr.Dataset) -> xr.Dataset:
    return recourse.rename(support="scenario") if "support" in recourse.dims else recourse


def _solutions(found: dict[str, Findings]) -> dict[str, AgentSolution]:
    from ambigrid.studies.ev_interpretation import AgentSolution

    return {
        name: AgentSolution(
            item.dispatch,
            item.duals,
            _by_scenario(item.recourse),
            item.worst_case["weight"].rename(support="scenario"),
        )
        for name, item in found.items()
    }


def _shared(
    team: Team, agreement: Agreement
) -> tuple[dict[str, xr.Dataset], dict[str, xr.DataArray]]:
    """Shared values and prices by the agent that owns them, and prices by coupling."""
    groups: dict[str, xr.Dataset] = {}
    prices: dict[str, xr.DataArray] = {}
    for coupling in team.shared.couplings:
        part = team.shared.slices[coupling.name]
        owner, variable = coupling.name.split("/", 1)
        shape = coupling.labels.shape
        values = coupling.labels.copy(data=agreement.values[part].reshape(shape))
        price = coupling.labels.copy(data=agreement.multipliers[part].reshape(shape))
        price = price.assign_attrs(units=f"$/{coupling.units}", long_name=f"price of {variable}")
        prices[coupling.name] = price
        known = groups.get(owner, xr.Dataset())
        groups[owner] = known.assign(
            {variable: values.assign_attrs(units=coupling.units), f"{variable}_price": price}
        )
    return groups, prices
