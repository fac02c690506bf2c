"""The solves of a reproduction.

The names follow the source: case 1 is also its case 4 (ARO-DRO), case 5 is ARO-RO, case 6 ARO-SO,
case 7 ignores the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from ambigrid.ambiguity import AmbiguitySet, Box, Empirical, Wasserstein
from ambigrid.coordination import ADMM, Centralized
from ambigrid.studies.ev_flexibility import BoundaryCall
from ambigrid.studies.ev_models import Mode

PLAIN_ADMM = ADMM(penalty=15.0, relaxation=1.0, residual=0.1, until_agreed=True, iterations=100)
"""The source's algorithm: no over-relaxation, and it goes on until the copies agree."""

RADII = ((5.0, 0.5), (10.0, 1.0), (15.0, 1.5))
PENETRATIONS = (0.45, 0.55, 0.65, 0.70)


@dataclass(frozen=True)
class Recipe:
    """One solve.

    Parameters
    ----------
    seed : int
        Data seed of the built-in system.
    mode, boundary_call
        As in `EVFlexibility`.
    ambiguity : {"wasserstein", "box", "empirical"}
        ARO-DRO, ARO-RO, ARO-SO.
    radius : tuple of float
        Wasserstein radius of transmission and of distribution, MW.
    wind_penetration : float, optional
        As in `load_case`.
    method : ADMM or Centralized
    certify : bool
        Whether to prove the upper bound: where the run has to lie below another one.
    time_limit : float
        Seconds; a solve that is cut short still has its bounds.
    """

    seed: int = 0
    mode: Mode = "both"
    boundary_call: BoundaryCall = "adversarial"
    ambiguity: Literal["wasserstein", "box", "empirical"] = "wasserstein"
    radius: tuple[float, float] = (10.0, 1.0)
    wind_penetration: float | None = None
    method: ADMM | Centralized = field(default_factory=ADMM)
    certify: bool = False
    time_limit: float = 600.0

    @property
    def name(self) -> str:
        """A file name that says in what the recipe differs from the default."""
        parts = [f"seed-{self.seed}", *_differences(self, Recipe(), skip=("seed", "method"))]
        if self.method != ADMM():
            parts += [self.method.name, *_differences(self.method, type(self.method)())]
        return "_".join(parts)

    def ambiguity_set(self) -> AmbiguitySet:
        """Return what is assumed of the renewables' law; the case gives the samples."""
        if self.ambiguity == "box":
            return Box()
        if self.ambiguity == "empirical":
            return Empirical()
        transmission, distribution = self.radius
        return Wasserstein(radius={"transmission": transmission, "distribution": distribution})


def case_1(seed: int) -> Recipe:
    """Stations serve both operators; ARO-DRO (the source's cases 1 and 4)."""
    return Recipe(seed, certify=True)


def case_2(seed: int) -> Recipe:
    """Stations serve the distribution operator only."""
    return Recipe(seed, mode="distribution_only", certify=True)


def case_3(seed: int) -> Recipe:
    """Stations serve nobody."""
    return Recipe(seed, mode="none", certify=True)


def case_5(seed: int, seconds: float) -> Recipe:
    """ARO-RO: any outcome within the range of the samples; its lower bound is what counts."""
    return Recipe(seed, ambiguity="box", time_limit=seconds)


def case_6(seed: int) -> Recipe:
    """ARO-SO: the samples' own law."""
    return Recipe(seed, ambiguity="empirical")


def case_7(seed: int) -> Recipe:
    """ARO-DRO that ignores the call."""
    return Recipe(seed, boundary_call="ignored")


def centralized(seed: int) -> Recipe:
    """Case 1 by one party that sees all data."""
    return Recipe(seed, method=Centralized())


def at_radius(seed: int, radius: tuple[float, float]) -> Recipe:
    """Case 1 at another radius."""
    return replace(case_1(seed), radius=radius)


def at_penetration(seed: int, share: float) -> Recipe:
    """Case 1 with another share of wind energy in load energy."""
    return Recipe(seed, wind_penetration=share)


def at_penalty(seed: int, penalty: float, *, adaptive: bool = False) -> Recipe:
    """Case 1 by the source's ADMM; iterations are counted, so time is ample."""
    method = replace(PLAIN_ADMM, penalty=penalty, adaptive=adaptive)
    return Recipe(seed, method=method, time_limit=3600.0)


def _differences(item: object, default: object, skip: tuple[str, ...] = ()) -> Iterator[str]:
    for name in (entry.name for entry in fields(item)):  # type: ignore[arg-type]
        value = getattr(item, name)
        if name not in skip and value != getattr(default, name):
            shown = "-".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
            yield f"{name}-{shown}".replace("_", "-")
