"""EV-station flexibility between a transmission and several distribution operators.

The transmission operator schedules thermal units and asks every distribution operator for boundary
reserve; each distribution operator buys regulation from EV stations so that it can follow whatever
is called within its offer, whatever its own renewables do:

    transmission   min c'x + sup_P E_P[ V(x, ξ) ]
    distribution   min c'x + sup_P E_P[ max_{δ ∈ [−R↓, R↑]} V(x, δ, ξ) ]

They share the boundary reserves R↑, R↓ of every feeder and hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Literal, get_args

import linopy
import numpy as np
import xarray as xr

from ambigrid.ambiguity import AmbiguitySet, Wasserstein
from ambigrid.cases.source import CaseSource
from ambigrid.coordination.agents import Agent, Coupling, Notice
from ambigrid.errors import InputError
from ambigrid.networks import thermal
from ambigrid.program import TwoStageProgram
from ambigrid.studies.ev_checks import check_choice, check_feeders, check_outcomes
from ambigrid.studies.ev_interpretation import (
    AgentSolution,
    distribution_summary,
    transmission_summary,
)
from ambigrid.studies.ev_models import (
    Mode,
    boundary_baseline,
    distribution_program,
    transmission_program,
    unit_of,
)
from ambigrid.studies.ev_settlement import (
    boundary_payments,
    energy_payments,
    flexibility_payments,
    settlement,
)

BoundaryCall = Literal["adversarial", "ignored"]
SHARED = ("boundary_reserve_up", "boundary_reserve_down")
DEFAULT_RADIUS: Mapping[str, float] = {"transmission": 10.0, "distribution": 1.0}

_BUILDING = Lock()
"""linopy's options belong to the process, in which several operators may live."""


@dataclass(frozen=True)
class EVFlexibility:
    """The study `ev-flexibility`.

    Parameters
    ----------
    case : xarray.DataTree, str or Path
        A case with one group of kind "transmission" and at least one of kind "distribution", or
        the path of its file (`ambigrid.save_case`), which every operator then reads for itself.
    ambiguity : AmbiguitySet, optional
        What is known of the renewables' law; samples and weights come from the case. Default
        `Wasserstein` with radius 10 MW for transmission and 1 MW per distribution operator.
    mode : {"both", "distribution_only", "none"}
        Whom stations serve: both operators (case 1 of the source), the distribution operator
        only (R = 0, case 2), nobody (R = 0 and ρ = 0, case 3).
    boundary_call : {"adversarial", "ignored"}
        Whether distribution operators prepare for the worst call within their offer, or plan as
        if nothing were called.
    voltage_margin : float
        Added to the feeders' lower voltage limit, p.u., as LinDistFlow reads voltages high.

    Raises
    ------
    InputError
        On construction, for an unknown mode, an illegal margin or a case without the groups; by
        `agents`, for an ambiguity set with outcomes below zero or above installed capacity.
    """

    case: xr.DataTree | str | Path
    ambiguity: AmbiguitySet = field(default_factory=lambda: Wasserstein(radius=DEFAULT_RADIUS))
    mode: Mode = "both"
    boundary_call: BoundaryCall = "adversarial"
    voltage_margin: float = 0.0
    _built: dict[str, Agent] = field(default_factory=dict, init=False, repr=False, compare=False)

    name: ClassVar[str] = "ev-flexibility"

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, get_args(Mode))
        check_choice("boundary_call", self.boundary_call, get_args(BoundaryCall))
        if not 0.0 <= self.voltage_margin < 0.1:
            raise InputError(
                "the voltage margin must lie in [0, 0.1)",
                where=f"{self.name}/voltage_margin",
                got=self.voltage_margin,
                fix="give a margin in p.u., such as 0.003",
            )
        if len(self._names("transmission")) != 1 or not self.distributions:
            raise InputError(
                "one transmission group and at least one distribution group are needed",
                where=f"case {self.source.attrs.get('name', '')}",
                got=dict(self.source.kinds),
                fix="set the attribute 'kind' of every group",
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    @cached_property
    def source(self) -> CaseSource:
        """Where the operators' data come from."""
        return CaseSource.of(self.case)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the operators, the transmission operator's first."""
        return (self.transmission, *self.distributions)

    @property
    def transmission(self) -> str:
        """Name of the transmission operator."""
        return self._names("transmission")[0]

    @property
    def distributions(self) -> tuple[str, ...]:
        """Names of the distribution operators."""
        return self._names("distribution")

    def data(self, name: str) -> xr.Dataset:
        """Return what one operator knows: its own group and the case's step and power base."""
        shared = {key: self.source.attrs[key] for key in ("step_hours", "base_mva")}
        group = self.source.group(name)
        return group.assign_attrs({**shared, **group.attrs, "name": name})

    def preamble(self, name: str) -> list[Notice]:
        """Return what is told once: a feeder's baseline import, to transmission."""
        if name == self.transmission:
            return []
        baseline = boundary_baseline(self.data(name))
        return [Notice(name, self.transmission, "boundary_baseline", baseline)]

    def agent(self, name: str, notices: Sequence[Notice]) -> Agent:
        """Return an operator's two-stage program and ambiguity set; it is built only once."""
        with _BUILDING, linopy.options:
            linopy.options["semantics"] = "v1"
            if name not in self._built and name == self.transmission:
                self._built[name] = self._transmission_agent(notices)
            elif name not in self._built:
                self._built[name] = self._distribution_agent(name)
        return self._built[name]

    def agents(self) -> dict[str, Agent]:
        """Return all operators' agents, where their data are in one place."""
        notices = self._notices()
        return {name: self.agent(name, notices) for name in self.names}

    def couplings(self, notices: Sequence[Notice]) -> list[Coupling]:
        """Return what the operators must agree on: R↑ and R↓ of every feeder."""
        hours = {notice.sender: notice.values.drop_attrs() for notice in notices}
        return [
            Coupling(
                f"{name}/{variable}", "MW", xr.zeros_like(hours[name]), (self.transmission, name)
            )
            for name in self.distributions
            for variable in SHARED
        ]

    def boundary_baseline(self, notices: Sequence[Notice] | None = None) -> xr.DataArray:
        """Return the baseline imports P^{B0} that feeders have told; (distribution, time), MW."""
        told = self._notices() if notices is None else notices
        imports = {notice.sender: notice.values for notice in told}
        data = self.data(self.transmission)
        check_feeders(data, imports, self.distributions)
        stacked = xr.concat([imports[str(d)] for d in data["distribution"].values], "distribution")
        return stacked.assign_coords(distribution=data["distribution"])

    def interpret(
        self,
        solutions: Mapping[str, AgentSolution],
        prices: Mapping[str, xr.DataArray] | None = None,
    ) -> dict[str, xr.Dataset]:
        """Say what a solution means.

        Parameters
        ----------
        solutions : mapping of agent name to AgentSolution
            What the run found for every operator.
        prices : mapping of coupling name to xarray.DataArray, optional
            Prices of the shared variables, dims (time), $ per MW over a step: what one more MW
            saves the transmission operator.

        Returns
        -------
        dict of str to xarray.Dataset
            A summary per operator (`transmission_summary`, `distribution_summary`, and
            `radius`, `median_sample_distance` in MW) and "settlement".
        """
        prices, notices = prices or {}, self._notices()
        found = {name: self.summary(name, solutions[name], prices, notices) for name in self.names}
        return {**found, "settlement": self._settle(solutions, prices, found)}

    def summary(
        self,
        name: str,
        solution: AgentSolution,
        prices: Mapping[str, xr.DataArray],
        notices: Sequence[Notice],
    ) -> xr.Dataset:
        """Return the summary of one operator, which needs its own data only; see `interpret`."""
        data = self.data(name)
        if name == self.transmission:
            found = transmission_summary(data, self.boundary_baseline(notices), solution)
        else:
            own = {v: prices[f"{name}/{v}"] for v in SHARED if f"{name}/{v}" in prices}
            found = distribution_summary(data, solution, own)
        return found.assign(_distances(self.agent(name, notices)))

    def _settle(
        self,
        solutions: Mapping[str, AgentSolution],
        prices: Mapping[str, xr.DataArray],
        summaries: Mapping[str, xr.Dataset],
    ) -> xr.Dataset:
        name, data = self.transmission, self.data(self.transmission)
        own, summary = solutions[name], summaries[name]
        payments = flexibility_payments(summary, name, "thermal units")
        payments += boundary_payments(data, own, prices)
        if "nodal_price" in summary:
            baseline = self.boundary_baseline()
            payments += energy_payments(data, own, baseline, summary["nodal_price"])
        for feeder in self.distributions:
            payments += flexibility_payments(summaries[feeder], feeder, f"stations of {feeder}")
        return xr.Dataset({"settlement": settlement(payments)})

    def unit(self, name: str) -> str:
        """Return the unit of a variable or constraint of the operators' programs."""
        return unit_of(name)

    def _notices(self) -> list[Notice]:
        return [notice for name in self.names for notice in self.preamble(name)]

    def _transmission_agent(self, notices: Sequence[Notice]) -> Agent:
        name = self.transmission
        data = self.data(name)
        program = transmission_program(data, self.boundary_baseline(notices), self.mode)
        constant = thermal.no_load_cost(data)
        ambiguity = self._ambiguity(data, program)
        shared = {
            f"{feeder}/{variable}": program.columns(variable, distribution=feeder)
            for feeder in self.distributions
            for variable in SHARED
        }
        return Agent(name, "transmission", program, ambiguity, constant, shared)

    def _distribution_agent(self, name: str) -> Agent:
        data = self.data(name)
        program = distribution_program(
            data,
            self.mode,
            adversarial=self.boundary_call == "adversarial",
            voltage_margin=self.voltage_margin,
        )
        shared = {f"{name}/{variable}": program.columns(variable) for variable in SHARED}
        ambiguity = self._ambiguity(data, program)
        return Agent(name, "distribution", program, ambiguity, shared=shared)

    def _ambiguity(self, data: xr.Dataset, program: TwoStageProgram) -> AmbiguitySet:
        agent = str(data.attrs["name"]), str(data.attrs["kind"])
        filled = self.ambiguity.filled(data["renewable_samples"], data["weight"], agent)
        check_outcomes(filled, data, program)
        return filled

    def _names(self, kind: str) -> tuple[str, ...]:
        return tuple(name for name, own in self.source.kinds.items() if own == kind)


def _distances(agent: Agent) -> dict[str, xr.DataArray]:
    """Radius of an operator's ball and the median distance between its samples, MW."""
    if not isinstance(agent.ambiguity, Wasserstein):
        return {}
    ball = agent.ambiguity.checked(agent.program.uncertain)
    apart = ball.distances[np.triu_indices(len(ball.samples), 1)]
    between = float(np.median(apart)) if apart.size else 0.0
    return {
        "radius": xr.DataArray(ball.radius, attrs={"units": "MW"}),
        "median_sample_distance": xr.DataArray(between, attrs={"units": "MW"}),
    }
