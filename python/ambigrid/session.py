"""One run of a method with a team: coordination, recovery of lost agents, proof, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.algorithms.log import Progress, relative_gap
from ambigrid.algorithms.stopping import Budget
from ambigrid.checkpoint import Checkpoint
from ambigrid.coordination import Agreement, Method, Run, Team
from ambigrid.coordination.certification import Certification, certify_team, search_team
from ambigrid.coordination.fallback import exchange_nothing
from ambigrid.coordination.homes import LostAgentError, SilentAgentError, joined
from ambigrid.coordination.local import Findings, UnsolvableError
from ambigrid.coordination.messages import COORDINATOR
from ambigrid.coordination.recovery import recover
from ambigrid.errors import InputError, SolverError
from ambigrid.status import Status

_SHARE = 0.5
"""Part of the gap that coordination may use where the proof is to have the rest."""


@dataclass(frozen=True)
class Limits:
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


@dataclass(frozen=True)
class Ending:
    """What a session ended with.

    Attributes
    ----------
    agreement : Agreement
    proof : Certification
    findings : dict of str to Findings
        Of agents in this process, where all of them have a decision.
    message : str
        What went wrong, for people; empty where nothing did.
    """

    agreement: Agreement
    proof: Certification
    findings: dict[str, Findings]
    message: str


class Session:
    """One call of `solve`: coordination, then the proof."""

    def __init__(
        self,
        team: Team,
        method: Method,
        limits: Limits,
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

    def ended(self) -> Ending:
        """Go on until nothing is left to do, and put together what there is."""
        agreement, proof = self._agree_and_prove()
        found: dict[str, Findings] = {}
        try:
            if self.team.here:
                found = self._findings()
            if agreement.status is Status.INFEASIBLE:
                self.message = self._diagnosis()
        except (SolverError, LostAgentError) as error:
            self.message = str(error)
            agreement = replace(agreement, status=Status.ERROR)
        return Ending(agreement, proof, found, self.message)

    def _agree_and_prove(self) -> tuple[Agreement, Certification]:
        """Coordinate, prove, and coordinate again where the proof found worse calls."""
        budget = Budget(self.limits.certificate_limit)
        seconds, programs = 0.0, 0
        while True:
            try:
                agreement = self._decided(self._coordinate())
                self.coordination_seconds = self.run.seconds
                agreement, proof = self._prove(agreement, budget)
            except LostAgentError:
                end = self._recover()
                if end is None:
                    continue
                return end, Certification(end.upper, False, seconds, programs)
            self.run.budget.discount(proof.seconds)
            seconds, programs = seconds + proof.seconds, programs + proof.programs
            proof = replace(proof, seconds=seconds, programs=programs)
            closed = relative_gap(agreement.lower, proof.upper) <= self.limits.gap
            if closed or not agreement.status.solved or budget.expired or self.run.budget.expired:
                return agreement, proof
            raised = replace(agreement, upper=proof.upper)
            self.run.resumed = self.method.reopened(self.run.state, raised)

    def _recover(self) -> Agreement | None:
        """Make lost agents anew and go on from the best exchange; if that fails, how to end.

        Without one of its parts there is no decision any more; the lower bound stays.
        """
        status = Status.ERROR
        try:
            self.team.settle(self.run.budget.remaining)
            recover(self.team, self.run, self.method)
            return None
        except LostAgentError:
            return None  # the next question meets it again
        except KeyboardInterrupt:
            status, self.message = Status.INTERRUPTED, "interrupted by the user"
        except SolverError as error:
            status = Status.TIME_LIMIT if self.run.budget.expired else status
            self.message = str(error)
        return replace(self._cut_short(status), upper=np.inf)

    def _coordinate(self) -> Agreement:
        """Run the method; Ctrl-C and solver failures end it with what there is."""
        self.team.budget = self.run.budget
        try:
            return self.method.run(self.team, self.run)
        except KeyboardInterrupt:
            self.message = "interrupted by the user"
            return self._cut_short(Status.INTERRUPTED)
        except UnsolvableError as error:
            self.message = str(error)
            return self._cut_short(error.status)
        except SilentAgentError as error:
            self.message = str(error)
            return self._cut_short(Status.TIME_LIMIT)
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
        started, self.team.budget = budget.elapsed, budget
        try:
            return agreement, self._certification(agreement, budget)
        except KeyboardInterrupt:
            self.message = "interrupted by the user during the proof: agreed on, but not proved"
            agreement = replace(agreement, status=Status.INTERRUPTED)
        except LostAgentError:
            self.run.budget.discount(budget.elapsed - started)
            raise
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

    def _findings(self) -> dict[str, Findings]:
        """Labelled arrays of every agent, where all have a point."""
        found: dict[str, Findings | None] = self.team.at_home("findings")
        known = {name: item for name, item in found.items() if item is not None}
        return known if len(known) == len(found) else {}

    def save_parts(
        self, folder: str, run: str, prices: Mapping[str, xr.DataArray]
    ) -> dict[str, str]:
        """Let every operator save its part of the result where it lives; return the paths."""
        calls = {}
        for name in self.team.names:
            own = {c.name: prices[c.name] for c in joined(self.team.homes.couplings, name)}
            told = np.concatenate(
                [np.zeros(0), *(price.to_numpy().ravel() for price in own.values())]
            )
            last = self.team.log.last_iteration
            self.team.log.note(COORDINATOR, name, last, "save", multipliers=told)
            calls[name] = ("save", folder, run, own)
        return {name: path for name, path in self.team.reach(calls).items() if path}

    def _diagnosis(self) -> str:
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
