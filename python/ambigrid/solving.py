"""`solve`: from a study to a result. Coordination, certificate, labels, honest status."""

from __future__ import annotations

import hashlib
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
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, get_args

import numpy as np
import xarray as xr

from ambigrid.algorithms.log import History, Progress, crossed, relative_gap
from ambigrid.algorithms.stopping import Budget
from ambigrid.cases import case_hash
from ambigrid.checkpoint import Checkpoint
from ambigrid.coordination import (
    ADMM,
    Agent,
    Agreement,
    Centralized,
    Coupling,
    CutSharing,
    MessageLog,
    Method,
    Run,
    Team,
)
from ambigrid.coordination.certification import Certification, certify_team, search_team
from ambigrid.coordination.fallback import exchange_nothing
from ambigrid.coordination.homes import Threads
from ambigrid.coordination.local import Findings, UnsolvableError
from ambigrid.coordination.problem import SharedVariables
from ambigrid.engines.registry import check_engine
from ambigrid.errors import InputError, SolverError
from ambigrid.results import Result
from ambigrid.status import Status

if TYPE_CHECKING:
    from ambigrid.studies.ev_interpretation import AgentSolution

_VERSIONS = ("ambigrid", "highspy", "clarabel", "linopy", "xarray", "numpy", "scipy")

Methods = ADMM | CutSharing | Centralized
"""Every method there is."""

_SHARE = 0.5
"""Part of the gap that coordination may use where the proof is to have the rest."""


class Study(Protocol):
    """What a study must offer to be solved."""

    name: ClassVar[str]

    @property
    def case(self) -> xr.DataTree:
        """Data of the system."""
        ...

    def agents(self) -> dict[str, Agent]:
        """Programs and ambiguity sets by agent name."""
        ...

    def couplings(self) -> list[Coupling]:
        """Variables that agents share."""
        ...

    def unit(self, name: str) -> str:
        """Return the unit of a variable or constraint of the agents' programs."""
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
    patience: float

    def __post_init__(self) -> None:
        for name, unit in (
            ("gap", "0.005"), ("time_limit", "60"), ("certificate_limit", "60"), ("patience", "60"),
        ):  # fmt: skip
            value = getattr(self, name)
            if not value > 0:
                raise InputError(
                    f"the {name.replace('_', ' ')} must be positive",
                    where=f"solve, {name}",
                    got=value,
                    fix=f"give a positive number such as {unit}",
                )


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
    patience: float = np.inf,
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
    patience : float
        Seconds after which an unanswered question is put to an agent again, then after twice
        that time and so on; infinite by default, for threads lose no message. Agents answer a
        repeated question once, so that too little patience costs messages and nothing else.
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
    method = _known(ADMM() if method is None else method)
    limits = _Limits(gap, time_limit, certify, certificate_limit, patience)
    if threads is not None and not threads >= 1:
        raise InputError(
            "there must be a thread", where="solve, threads", got=threads, fix="give 1 or more"
        )
    facts = _facts(study, method, engine, seed, limits)
    identity = {key: facts[key] for key in ("study", "case", "data_hash", "method", "settings")}
    earlier = None if resume is None else Checkpoint.read(resume)
    if earlier is not None:
        earlier.check_identity(identity)
    agents, couplings = study.agents(), study.couplings()
    identity["ambiguity set"] = _digest(agents)
    if earlier is not None:
        earlier.check_identity(identity)
    build_seconds = time.monotonic() - started
    with _workers(executor, threads) as pool:
        try:
            team = Team(
                Threads(agents, couplings, pool),
                SharedVariables(agents, couplings),
                MessageLog() if log is None else log,
                limits.patience,
            )
        except SolverError as error:
            return _unprepared({**facts, "build_seconds": build_seconds, "message": str(error)})
        for sender, receiver, name, values in study.preamble():
            team.log.note(sender, receiver, 0, "baseline", **{name: values})
        session = _Session(team, method, limits, identity, checkpoint, earlier, progress)
        agreement, proof = session.agree_and_prove()
        try:
            found = session.findings()
            if agreement.status is Status.INFEASIBLE:
                session.message = session.diagnosis()
        except SolverError as error:
            found, session.message = {}, str(error)
            agreement = replace(agreement, status=Status.ERROR)
    facts |= {
        "build_seconds": build_seconds,
        "wall_seconds": session.coordination_seconds,
        "certificate_seconds": proof.seconds,
        "certificate_programs": proof.programs,
        "messages": len(team.log),
        "numbers_exchanged": team.log.volume,
    }
    if session.message:
        facts["message"] = session.message
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
        self.message = ""
        share = _SHARE if limits.certify else 1.0
        self.run = Run(Budget(limits.time_limit), limits.gap * share, progress=progress)
        self.run.save = self._save
        if earlier is not None:
            self.run.history, self.run.offset = earlier.history, earlier.seconds
            self.run.resumed = self.run.state = dict(earlier.method)
            team.restore(earlier.agents)

    def agree_and_prove(self) -> tuple[Agreement, Certification]:
        """Coordinate, prove, and coordinate again where the proof found worse calls."""
        budget = Budget(self.limits.certificate_limit)
        seconds, programs = 0.0, 0
        while True:
            agreement = self._decided(self._coordinate())
            self.coordination_seconds = self.run.seconds
            agreement, proof = self._prove(agreement, budget)
            self.run.budget.discount(proof.seconds)
            seconds, programs = seconds + proof.seconds, programs + proof.programs
            proof = replace(proof, seconds=seconds, programs=programs)
            closed = relative_gap(agreement.lower, proof.upper) <= self.limits.gap
            if closed or not agreement.status.solved or budget.expired or self.run.budget.expired:
                return agreement, proof
            self.run.resumed = self.method.reopened(self.run.state, proof.upper)

    def _coordinate(self) -> Agreement:
        """Run the method; Ctrl-C and solver failures end it with what there is."""
        try:
            return self.method.run(self.team, self.run)
        except KeyboardInterrupt:
            self.message = "interrupted by the user"
            return self._cut_short(Status.INTERRUPTED)
        except UnsolvableError as error:
            self.message = str(error)
            return self._cut_short(error.status)
        except SolverError as error:
            if self.run.budget.expired:
                return self._cut_short(Status.TIME_LIMIT)
            self.message = str(error)
            return self._cut_short(Status.ERROR)

    def _decided(self, agreement: Agreement) -> Agreement:
        """Return an agreement that a limit has ended with a decision, if only with that."""
        limits = (Status.TIME_LIMIT, Status.ITERATION_LIMIT)
        if agreement.status not in limits or np.isfinite(agreement.upper):
            return agreement
        try:
            agreement = exchange_nothing(self.team, agreement)
        except (KeyboardInterrupt, SolverError):
            self.team.settle()
            return agreement
        if np.isfinite(agreement.upper):
            self.message = "nothing was agreed on yet; this decision exchanges nothing"
        return agreement

    def _cut_short(self, status: Status) -> Agreement:
        """Return what there was when something ended the method, once every agent is at rest."""
        self.run.budget.stop()
        self.team.settle()
        if self.run.latest is not None:
            return replace(self.run.latest, status=status)
        nothing = np.zeros(self.team.shared.size)
        return Agreement(status, -np.inf, np.inf, nothing, nothing)

    def _prove(self, agreement: Agreement, budget: Budget) -> tuple[Agreement, Certification]:
        """Prove the upper bound, or only search for worse calls where no proof is wanted.

        Ctrl-C ends it as ``interrupted``: what was asked for was not done, though the agreement
        stands. A solver failure, or a program that cannot be certified, leaves ``converged``,
        which claims no proof.
        """
        unproved = Certification(agreement.upper, False, 0.0)
        if not agreement.status.solved:
            return agreement, unproved
        started = budget.elapsed
        try:
            return agreement, self._certification(agreement, budget)
        except KeyboardInterrupt:
            self.message = "interrupted by the user during the proof: agreed on, but not proved"
            agreement = replace(agreement, status=Status.INTERRUPTED)
        except SolverError as error:
            self.message = f"the proof was not finished: {error}"
        budget.stop()
        self.team.settle()
        return agreement, replace(unproved, seconds=budget.elapsed - started)

    def _certification(self, agreement: Agreement, budget: Budget) -> Certification:
        """Proof of the upper bound, or a thorough search where none is wanted or possible."""
        if self.limits.certify:
            try:
                return certify_team(self.team, agreement, self.limits.gap, budget)
            except InputError as error:
                self.message = f"the worst case is not proved: {error}"
                self.team.settle()
        return search_team(self.team, budget)

    def findings(self) -> dict[str, Findings]:
        """Labelled arrays of every agent, where all have a point."""
        found: dict[str, Findings | None] = self.team.at_home("findings")
        known = {name: item for name, item in found.items() if item is not None}
        return known if len(known) == len(found) else {}

    def diagnosis(self) -> str:
        """Constraints, by name, that leave an agent without a solution; empty where none do."""
        for name, told in self.team.at_home("diagnosis").items():
            if told:
                return f"{name}: {told}"
        return "Every operator has a solution of its own, but none that suits the others."

    def _save(self, state: dict[str, Any]) -> None:
        if self.path is not None:
            agents = self.team.states()
            Checkpoint(self.identity, state, agents, self.run.history, self.run.seconds).write(
                self.path
            )


def _known(method: Any) -> Method:
    if not isinstance(method, get_args(Methods)):
        raise InputError(
            "unknown method",
            where="solve, method",
            got=repr(method),
            fix="give ADMM(), CutSharing() or Centralized()",
        )
    known: Method = method
    return known


@contextmanager
def _workers(executor: Executor | None, threads: int | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(threads or cpu_count() or 1) as pool:
        yield pool


def _digest(agents: Mapping[str, Agent]) -> str:
    """SHA-256 of all parameters of the agents' ambiguity sets, samples included."""
    digest = hashlib.sha256()
    for name, agent in agents.items():
        digest.update(f"\n{name} {agent.ambiguity.name}".encode())
        for key, value in vars(agent.ambiguity).items():
            array = np.asarray(value)
            content = array.tobytes() if array.dtype.kind in "biuf" else repr(value).encode()
            digest.update(f"\n{key} {array.shape} ".encode() + content)
    return digest.hexdigest()


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
        "built_with": json.loads(study.case.attrs.get("built_with", "{}")),
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
    known = sum(item.cost for item in found.values())  # also of a proof that was not finished
    objective = proof.upper if proof.certified or not found else max(proof.upper, known)
    gap = relative_gap(agreement.lower, objective)
    status = _status(agreement.status, proof.certified, gap <= session.limits.gap)
    if crossed(agreement.lower, objective):
        status = Status.ERROR if status.solved else status
        gap = relative_gap(objective, agreement.lower)
        told = _crossing(agreement.lower, objective, proof.certified)
        facts["message"] = " ".join(filter(None, [session.message, told]))
    attrs = {
        **facts,
        "status": str(status),
        "objective": objective,
        "bound": agreement.lower,
        "gap": gap,
        "certified": bool(proof.certified),
        "iterations": session.run.iterations,
        "exactness": _exactness(found),
        "agents": {name: item.cost for name, item in found.items()},
    }
    groups: dict[str, Any] = {"history": session.run.history.to_dataset()}
    if found:
        shared, prices = _shared(session.team, agreement)
        found = {name: _with_units(item, study) for name, item in found.items()}
        groups |= {
            "dispatch": {name: item.dispatch for name, item in found.items()},
            "duals": {name: item.duals for name, item in found.items()},
            "worst_case": {name: item.worst_case for name, item in found.items()},
            "recourse": {name: _by_scenario(item.recourse) for name, item in found.items()},
            "shared": shared,
            "derived": study.interpret(_solutions(found), prices),
        }
    return Result.from_groups(attrs, groups)


def _unprepared(facts: dict[str, Any]) -> Result:
    """Make the result of a run whose solver failed before the first iteration."""
    attrs = {
        **facts,
        "status": str(Status.ERROR),
        "objective": np.inf,
        "bound": -np.inf,
        "gap": np.inf,
        "certified": False,
        "iterations": 0,
        "agents": {},
    }
    return Result.from_groups(attrs, {"history": History().to_dataset()})


def _status(status: Status, certified: bool, closed: bool) -> Status:
    """Status after the proof, which may have found the cost to be higher than thought."""
    if not status.solved:
        return status
    if not closed:
        return Status.TIME_LIMIT
    return Status.OPTIMAL if certified else Status.CONVERGED


def _crossing(lower: float, upper: float, certified: bool) -> str:
    """Say what a lower bound above the cost of the decision means."""
    advice = "The search has missed a worse call: run again with the proof of the gap."
    if certified:
        advice = "Both are proved, so one is wrong: please report it, with the case."
    return (
        f"The lower bound {lower:,.2f} $ lies above the cost {upper:,.2f} $ of the decision by "
        f"more than rounding. {advice}"
    )


def _exactness(found: dict[str, Findings]) -> str:
    kinds = {item.exactness for item in found.values()}
    return next((kind for kind in ("upper", "lower") if kind in kinds), "exact")


def _by_scenario(recourse: xr.Dataset) -> xr.Dataset:
    return recourse.rename(support="scenario") if "support" in recourse.dims else recourse


def _with_units(item: Findings, study: Study) -> Findings:
    """Write the units beside the numbers, which programs do not know."""

    def labelled(data: xr.Dataset, per: str = "") -> xr.Dataset:
        units = {name: per + study.unit(str(name)) for name in data.data_vars}
        return data.assign(
            {
                name: data[name].assign_attrs(units=unit)
                for name, unit in units.items()
                if "units" not in data[name].attrs
            }
        )

    return replace(
        item,
        dispatch=labelled(item.dispatch),
        duals=labelled(item.duals, per="$/"),
        worst_case=labelled(item.worst_case),
        recourse=labelled(item.recourse),
    )


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
