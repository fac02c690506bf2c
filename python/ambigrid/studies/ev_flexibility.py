"""EV-station flexibility between a transmission and several distribution operators.

The transmission operator schedules thermal units and asks every distribution operator for boundary
reserve; each distribution operator buys regulation from EV stations so that it can follow whatever
is called within its offer, whatever its own renewables do:

    transmission   min c'x + sup_P E_P[ V(x, ξ) ]
    distribution   min c'x + sup_P E_P[ max_{δ ∈ [−R↓, R↑]} V(x, δ, ξ) ]

They share the boundary reserves R↑, R↓ of every feeder and hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, get_args

import linopy
import numpy as np
import xarray as xr

from ambigrid.ambiguity import AmbiguitySet, Wasserstein
from ambigrid.cases.checks import TOLERANCE
from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.errors import InputError
from ambigrid.networks import renewable, thermal
from ambigrid.program import TwoStageProgram
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


@dataclass(frozen=True)
class EVFlexibility:
    """The study `ev-flexibility`.

    Parameters
    ----------
    case : xarray.DataTree
        A case with one group of kind "transmission" and at least one of kind "distribution".
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

    case: xr.DataTree
    ambiguity: AmbiguitySet = field(default_factory=lambda: Wasserstein(radius=DEFAULT_RADIUS))
    mode: Mode = "both"
    boundary_call: BoundaryCall = "adversarial"
    voltage_margin: float = 0.0

    name: ClassVar[str] = "ev-flexibility"

    def __post_init__(self) -> None:
        _check_choice("mode", self.mode, get_args(Mode))
        _check_choice("boundary_call", self.boundary_call, get_args(BoundaryCall))
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
                where=f"case {self.case.attrs.get('name', '')}",
                got={name: group.attrs.get("kind") for name, group in self.case.children.items()},
                fix="set the attribute 'kind' of every group",
            )

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
        shared = {key: self.case.attrs[key] for key in ("step_hours", "base_mva")}
        group = self.case[name].to_dataset()
        return group.assign_attrs({**shared, **group.attrs, "name": name})

    def boundary_baseline(self) -> xr.DataArray:
        """Baseline imports P^{B0}, told to transmission once; dims (distribution, time), MW."""
        imports = [boundary_baseline(self.data(name)) for name in self.distributions]
        names = xr.DataArray(list(self.distributions), dims="distribution", name="distribution")
        stacked = xr.concat(imports, names.assign_coords(distribution=names))
        known = self.data(self.transmission)["distribution"]
        return stacked.sel(distribution=known.to_numpy()).assign_coords(distribution=known)

    def agents(self) -> dict[str, Agent]:
        """Return every operator's two-stage program, the transmission operator's first."""
        return dict(self._agents)

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        with linopy.options:
            linopy.options["semantics"] = "v1"
            agents = [self._transmission_agent()]
            agents += [self._distribution_agent(name) for name in self.distributions]
        return {agent.name: agent for agent in agents}

    def couplings(self) -> list[Coupling]:
        """Return what the operators must agree on: R↑ and R↓ of every feeder."""
        return [
            self._coupling(name, variable) for name in self.distributions for variable in SHARED
        ]

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
        prices = prices or {}
        name, baseline = self.transmission, self.boundary_baseline()
        data = self.data(name)
        found = {name: transmission_summary(data, baseline, solutions[name])}
        for feeder in self.distributions:
            own = {
                variable: prices[f"{feeder}/{variable}"]
                for variable in SHARED
                if f"{feeder}/{variable}" in prices
            }
            found[feeder] = distribution_summary(self.data(feeder), solutions[feeder], own)
        found = {key: summary.assign(self._distances(key)) for key, summary in found.items()}
        return {**found, "settlement": self._settle(solutions, prices, found)}

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

    def _distances(self, name: str) -> dict[str, xr.DataArray]:
        """Radius of an operator's ball and the median distance between its samples, MW."""
        agent = self._agents[name]
        if not isinstance(agent.ambiguity, Wasserstein):
            return {}
        ball = agent.ambiguity.checked(agent.program.uncertain)
        apart = ball.distances[np.triu_indices(len(ball.samples), 1)]
        between = float(np.median(apart)) if apart.size else 0.0
        return {
            "radius": xr.DataArray(ball.radius, attrs={"units": "MW"}),
            "median_sample_distance": xr.DataArray(between, attrs={"units": "MW"}),
        }

    def unit(self, name: str) -> str:
        """Return the unit of a variable or constraint of the operators' programs."""
        return unit_of(name)

    def preamble(self) -> list[tuple[str, str, str, np.ndarray]]:
        """Return what is told once: every feeder's baseline import, to transmission."""
        baseline = self.boundary_baseline()
        return [
            (name, self.transmission, "boundary_baseline", baseline.sel(distribution=name).values)
            for name in self.distributions
        ]

    def _transmission_agent(self) -> Agent:
        name = self.transmission
        data = self.data(name)
        program = transmission_program(data, self.boundary_baseline(), self.mode)
        constant = thermal.no_load_cost(data)
        return Agent(name, "transmission", program, self._ambiguity(data, program), constant)

    def _distribution_agent(self, name: str) -> Agent:
        data = self.data(name)
        program = distribution_program(
            data,
            self.mode,
            adversarial=self.boundary_call == "adversarial",
            voltage_margin=self.voltage_margin,
        )
        return Agent(name, "distribution", program, self._ambiguity(data, program))

    def _ambiguity(self, data: xr.Dataset, program: TwoStageProgram) -> AmbiguitySet:
        agent = str(data.attrs["name"]), str(data.attrs["kind"])
        filled = self.ambiguity.filled(data["renewable_samples"], data["weight"], agent)
        _check_outcomes(filled, data, program)
        return filled

    def _coupling(self, name: str, variable: str) -> Coupling:
        own, transmission = (self._agents[n].program for n in (name, self.transmission))
        columns = {
            self.transmission: transmission.columns(variable, distribution=name),
            name: own.columns(variable),
        }
        labels = own.unpack(np.zeros(own.first_stage.size))[variable]
        return Coupling(f"{name}/{variable}", "MW", labels, columns)

    def _names(self, kind: str) -> tuple[str, ...]:
        groups = self.case.children.items()
        return tuple(str(name) for name, group in groups if group.attrs.get("kind") == kind)


def _check_outcomes(ambiguity: AmbiguitySet, data: xr.Dataset, program: TwoStageProgram) -> None:
    """Refuse an ambiguity set with outcomes below zero or above what a unit can ever have."""
    uncertain, where = program.uncertain, f"{data.attrs['name']}, {type(ambiguity).__name__}"
    least, greatest = ambiguity.checked(uncertain).extremes
    most = uncertain.pack(renewable.most_available(data).to_dataset(name="renewable"))
    if (least < 0.0).any():
        j = int(np.argmin(least))
        raise InputError(
            "an outcome must not be negative",
            where=f"{where}, {uncertain.describe(j)}",
            got=f"{least[j]:g} MW",
            fix="raise it to 0",
        )
    if (greatest > most + TOLERANCE).any():
        j = int(np.argmax(greatest - most))
        raise InputError(
            f"an outcome must not exceed the installed capacity of {most[j]:g} MW",
            where=f"{where}, {uncertain.describe(j)}",
            got=f"{greatest[j]:g} MW",
            fix="lower it, or raise renewable_capacity of the case",
        )


def _check_choice(what: str, got: object, legal: tuple[str, ...]) -> None:
    if got not in legal:
        raise InputError(
            f"unknown {what}",
            where=EVFlexibility.name,
            got=got,
            fix=f"use one of {', '.join(legal)}",
        )
