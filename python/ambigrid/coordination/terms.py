"""What all operators know before the first exchange: rules of the method, nobody's data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Penalty:
    """ADMM's penalty and the rule by which everybody changes it alike.

    Attributes
    ----------
    value : float
        ρ now, $ per squared unit of the shared variables.
    adaptive : bool
        Raise or lower ρ by `factor` when one residual exceeds `balance` times the other (He,
        Yang, Wang, *Journal of Optimization Theory and Applications* 106(2), 2000).
    """

    value: float
    adaptive: bool = False
    factor: float = 2.0
    balance: float = 10.0

    def after(self, residuals: tuple[float, float]) -> Penalty:
        """Penalty once the primal and dual residual of an iteration are known."""
        primal, dual = residuals
        if self.adaptive and primal > self.balance * dual:
            return replace(self, value=self.value * self.factor)
        if self.adaptive and dual > self.balance * primal:
            return replace(self, value=self.value / self.factor)
        return self


@dataclass(frozen=True)
class Terms:
    """Rules of one run of a method.

    Attributes
    ----------
    gap : float
        Relative gap at which the method stops.
    agents : int
    penalty : Penalty, optional
        At the start of the run, with ADMM.
    staleness : int
        Iterations by which an agent may be late.
    """

    gap: float
    agents: int
    penalty: Penalty | None = None
    staleness: int = 0

    def tolerance(self, bounds: tuple[float, float]) -> float:
        """Absolute accuracy, $, that one agent's answer needs; infinite while costs are unknown."""
        known = [abs(bound) for bound in bounds if np.isfinite(bound)]
        return self.gap * max(known) / (4 * self.agents) if known else np.inf

    def room(self, bounds: tuple[float, float]) -> float:
        """How far one agent's proved cost may lie above the searched one, $."""
        lower, upper = bounds
        return 0.95 * max(self.gap * abs(upper) - (upper - lower), 0.0) / self.agents
