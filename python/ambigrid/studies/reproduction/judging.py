"""How claims are judged: intervals that do not overlap, on every data seed, with margins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

from ambigrid.results import Result


@dataclass(frozen=True)
class Interval:
    """Bounds between which an optimal cost lies, $."""

    lower: float
    upper: float

    @classmethod
    def of(cls, result: Result) -> Interval:
        """Bound and objective of a run."""
        return cls(result.bound, result.objective)

    def margin_below(self, other: Interval) -> float:
        """Distance to an interval above, relative to its upper end; negative if they overlap."""
        distance = other.lower - self.upper
        return distance / abs(other.upper) if isfinite(distance) else -float("inf")


@dataclass(frozen=True)
class Finding:
    """What one data seed says about a claim.

    Attributes
    ----------
    ours : str
        The figure, to stand beside the source's.
    holds : bool or None
        None where it is only reported.
    margin : str
        By how much it holds, where there is a margin.
    """

    ours: str
    holds: bool | None = None
    margin: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a reproduction: the source's figure (`seed`) beside ours.

    Attributes
    ----------
    name : str
        Short name of the claim.
    claim, seed, ours, note : str
    holds : bool or None
    value : float or None
        The figure as a number, where one number says it all.
    """

    name: str
    claim: str
    seed: str
    ours: str
    holds: bool | None
    note: str = ""
    value: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Claim:
    """What the source says.

    Attributes
    ----------
    name : str
    text : str
        The claim in words.
    figure : str
        The source's figure.
    judged : bool
        Whether there is a verdict; otherwise the figures are only reported.
    """

    name: str
    text: str
    figure: str
    judged: bool = True

    @property
    def absolute(self) -> bool:
        """Whether the source gives a difference in $ or MW instead of a share."""
        return self.figure.endswith(("$", "MW"))

    def row(self, findings: Sequence[Finding], note: str = "", value: float | None = None) -> Row:
        """Put the findings of all data seeds into one row; it holds if it holds on each."""
        judged = [finding.holds if self.judged else None for finding in findings]
        holds = None if None in judged or not judged else all(judged)
        margins = [finding.margin for finding in findings if finding.margin]
        parts = [f"margin {'; '.join(margins)}"] if margins else []
        return Row(
            self.name,
            self.text,
            self.figure,
            "; ".join(finding.ours for finding in findings),
            holds,
            ". ".join([*parts, *([note] if note else [])]),
            value,
        )

    def not_run(self, why: str) -> Row:
        """Make the row of a claim that nothing is known about."""
        return Row(self.name, self.text, self.figure, NOT_RUN, None, why)


def cost_ordering(low: Interval, high: Interval, *, absolute: bool = False) -> Finding:
    """Judge whether one cost is below another: their intervals must not overlap."""
    margin, ours = low.margin_below(high), change(low.upper, high.upper)
    if absolute:
        ours = f"{_signed(low.upper - high.upper, ',.0f')} $ ({ours})"
    return Finding(ours, margin > 0.0, f"{100 * margin:+.2f} %")


def rising(costs: Iterable[Interval]) -> Finding:
    """Judge whether costs rise from each to the next."""
    costs = list(costs)
    pairs = list(pairwise(costs))
    margins = [low.margin_below(high) for low, high in pairs]
    steps = ", ".join(change(high.upper, low.upper) for low, high in pairs)
    least = min(margins)
    return Finding(steps, least > 0.0, f"{100 * least:+.2f} %")


def smaller(value: float, than: float, units: str, *, absolute: bool = False) -> Finding:
    """Judge whether a figure is smaller than another by more than rounding."""
    ours = f"{_signed(value - than, '.2f')} {units}" if absolute else change(value, than)
    return Finding(f"{ours} ({value:.2f} against {than:.2f} {units})", _noticeably(value, than))


def falling(values: Sequence[float], units: str) -> Finding:
    """Judge whether figures fall from each to the next by more than rounding."""
    shown = ", ".join(f"{value:.2f}" for value in values)
    return Finding(f"{shown} {units}", all(_noticeably(b, a) for a, b in pairwise(values)))


def larger(value: float, than: float, units: str) -> Finding:
    """Judge whether a figure is larger than another by more than rounding."""
    return Finding(f"{value - than:+.2f} {units}", value - than > NOTICEABLE * max(abs(than), 1.0))


NOT_CLAIMED, NOT_RUN = "–", "not run"
NOTICEABLE = 1e-3
"""Difference, relative to the larger of the figure and one unit, that counts as one."""


def change(value: float, reference: float) -> str:
    """Write a relative change, such as −13.95 %."""
    if not (isfinite(value) and isfinite(reference)):
        return "no figure"
    if abs(reference) < 1e-9:
        return "both zero" if abs(value) < 1e-9 else "from zero"
    return f"{100 * (value / reference - 1):+.2f} %".replace("-", "−")


def _noticeably(value: float, below: float) -> bool:
    return below - value > NOTICEABLE * max(abs(below), 1.0)


def _signed(value: float, form: str) -> str:
    return f"{value:+{form}}".replace("-", "−")
