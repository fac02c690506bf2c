"""What a study must offer to be solved, here or on several machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

import xarray as xr

from ambigrid.cases.source import CaseSource
from ambigrid.coordination.agents import Agent, Coupling, Notice

if TYPE_CHECKING:
    from ambigrid.studies.ev_interpretation import AgentSolution


class Study(Protocol):
    """A system of operators and what they decide.

    Whatever is asked for one operator's name looks at that operator's group of the case only, and
    at what others have told it.
    """

    name: ClassVar[str]

    @property
    def source(self) -> CaseSource:
        """Data of the system."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the operators."""
        ...

    def preamble(self, name: str) -> list[Notice]:
        """Return what an operator tells others once, before the first iteration."""
        ...

    def agent(self, name: str, notices: Sequence[Notice]) -> Agent:
        """Return an operator's program and ambiguity set, given what it has been told."""
        ...

    def couplings(self, notices: Sequence[Notice]) -> list[Coupling]:
        """Return the variables that operators share, given all that was told."""
        ...

    def unit(self, name: str) -> str:
        """Return the unit of a variable or constraint of the agents' programs."""
        ...

    def summary(
        self,
        name: str,
        solution: AgentSolution,
        prices: Mapping[str, xr.DataArray],
        notices: Sequence[Notice],
    ) -> xr.Dataset:
        """Say what an operator's own part of a solution means, given what it has been told."""
        ...

    def interpret(
        self, solutions: Mapping[str, AgentSolution], prices: Mapping[str, xr.DataArray]
    ) -> dict[str, xr.Dataset]:
        """Say what a solution means where all operators' data are in one place."""
        ...
