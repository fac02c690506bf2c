"""An operator at home on a worker: what it lets out, and what stays in the worker's log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import xarray as xr

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.agents import Coupling, Notice
from ambigrid.coordination.local import LocalAgent, UnsolvableError
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.terms import Terms
from ambigrid.errors import AmbigridError, InputError, SolverError
from ambigrid.parts import own_groups, save_part, solution_of

if TYPE_CHECKING:
    from ambigrid.study import Study

_Given = TypeVar("_Given")

_LOG = logging.getLogger(__name__)


class Resident:
    """The only object of a run that reads an operator's group of the case file.

    Its public methods are all that the coordinator can call; none of them gives data, decisions
    or cuts away. Errors may name data, so their text stays in the log of the worker.

    Parameters
    ----------
    study : Study
        With the path of a case file, which is read on this machine.
    name : str
        The operator.
    """

    def __init__(self, study: Study, name: str) -> None:
        self._study, self._name = study, name
        self._budget, self._stopped = Budget(), -inf
        self._notices: Sequence[Notice] = ()

    def preamble(self) -> list[Notice]:
        """Return what the operator tells others once."""
        return self._guarded(lambda: self._study.preamble(self._name))

    def settle_in(self, notices: Sequence[Notice], couplings: Sequence[Coupling]) -> None:
        """Build the operator's program from its own data and what others have told it."""
        self._notices = notices
        self._local = self._guarded(
            lambda: LocalAgent(self._study.agent(self._name, notices), couplings)
        )

    def agree(self, terms: Terms) -> None:
        """Take note of the rules of a run."""
        self._local.agree(terms)

    def answer(self, request: Request, budget: Budget) -> Answer:
        """Answer a request."""
        self._budget = budget
        if budget.started <= self._stopped:
            budget.stop()
        return self._guarded(lambda: self._local.answer(request, budget))

    async def stop(self) -> None:
        """End what is at work, or waits for its turn, after a solve; this itself does not wait."""
        self._stopped = time.monotonic()
        self._budget.stop()

    def integer_decision(self) -> str:
        """Name of the first integer of the first stage; empty where there is none."""
        return self._local.integer_decision()

    def programs(self) -> int:
        """Mixed-integer programs of proofs solved so far."""
        return self._local.programs()

    def diagnosis(self) -> str:
        """Whether the operator's own program has no solution; the log says why."""
        told = self._guarded(self._local.diagnosis)
        if told:
            _LOG.warning("%s: %s", self._name, told)
        return "its program has no solution, see the log of its worker" if told else ""

    def save(self, folder: str, run: str, prices: Mapping[str, xr.DataArray]) -> str:
        """Save the operator's part of the result on this machine.

        Parameters
        ----------
        folder : str
            Where to, on this machine.
        run : str
            What marks the parts of one run.
        prices : mapping of coupling name to xarray.DataArray
            Prices of what the operator shares.

        Returns
        -------
        str
            Path of the file; empty without a decision.
        """
        return self._guarded(lambda: self._saved(Path(folder), run, prices))

    def _saved(self, folder: Path, run: str, prices: Mapping[str, xr.DataArray]) -> str:
        study, name, found = self._study, self._name, self._local.findings()
        if found is None or study.source.path is None:
            return ""
        groups = own_groups(found, study)
        groups["derived"] = study.summary(name, solution_of(groups), prices, self._notices)
        path = folder / f"{study.source.path.stem}.{name}.nc"
        return str(save_part(path, run, study, name, groups, found.exactness))

    def _guarded(self, work: Callable[[], _Given]) -> _Given:
        """Do some work; of an error only the kind gets out."""
        try:
            return work()
        except UnsolvableError:
            raise
        except Exception as error:
            _LOG.exception("%s failed", self._name)
            raise _outwards(error, self._name) from None


def _outwards(error: Exception, name: str) -> AmbigridError:
    if isinstance(error, InputError):
        return InputError(
            "this operator's data or program cannot be used",
            where=name,
            fix="look for the reason in the log of its worker",
        )
    return SolverError(f"{name} failed with {type(error).__name__}; see the log of its worker.")
