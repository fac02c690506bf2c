"""What the coordinates of δ and ξ may choose from in an inner maximisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import Search


@dataclass(frozen=True)
class Choice:
    """Values one coordinate may take, in rising order.

    Attributes
    ----------
    column : int
        Position in δ or ξ.
    values : array (k,)
    penalties : array (k,)
        Subtracted from the objective.
    counts : array (k,)
        1 where the value counts against a budget.
    signs : int array (k,)
        Entry of the call pattern; 0 for ξ.
    """

    column: int
    values: Vector
    penalties: Vector
    counts: Vector
    signs: np.ndarray

    @property
    def steps(self) -> int:
        """Number of binaries it needs."""
        return len(self.values) - 1

    def only(self, option: int) -> Choice:
        """Leave one option."""
        kept = slice(option, option + 1)
        return replace(
            self, values=self.values[kept], penalties=self.penalties[kept],
            counts=self.counts[kept], signs=self.signs[kept],
        )  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """Choices of all coordinates of δ and of those of ξ that may move, and their budgets."""

    calls: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    call_budget: int | None
    outcome_budget: int | None

    @property
    def all(self) -> tuple[Choice, ...]:
        """Calls first."""
        return (*self.calls, *self.outcomes)

    def steps(self, name: str) -> Vector:
        """Differences of an attribute between neighbouring options, one after the other."""
        return np.concatenate([np.zeros(0), *(np.diff(getattr(c, name)) for c in self.all)])

    @property
    def follows(self) -> np.ndarray:
        """Whether a step is another one of the same coordinate as the step before."""
        parts = [np.arange(choice.steps) > 0 for choice in self.all]
        return np.concatenate([np.zeros(0, dtype=bool), *parts])

    @property
    def step_columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns of δ and of ξ that the steps move, in the order of the steps."""
        return _repeated(self.calls), _repeated(self.outcomes)

    def budgets(self) -> tuple[np.ndarray, Vector]:
        """Rows over the steps and the most each may reach."""
        counts = self.steps("counts")
        is_call = np.arange(len(counts)) < sum(choice.steps for choice in self.calls)
        rows, most = [], []
        for budget, group, mine in (
            (self.call_budget, self.calls, is_call),
            (self.outcome_budget, self.outcomes, ~is_call),
        ):
            if budget is not None:
                rows.append(np.where(mine, counts, 0.0))
                most.append(budget - sum(float(choice.counts[0]) for choice in group))
        return np.array(rows).reshape(len(rows), len(counts)), np.array(most, dtype=float)

    def without_trifles(
        self, prices: tuple[Vector, Vector], allowance: float
    ) -> tuple[Choices, float]:
        """Fix coordinates that can change the objective by no more than `allowance` in all.

        Parameters
        ----------
        prices : pair of arrays
            Largest |dV/dδ| and |dV/dξ| of the coordinates, in the order of `calls`, `outcomes`.
        allowance : float

        Returns
        -------
        Choices
            Fixed coordinates keep the option that counts least.
        float
            Upper bound on the change, to be added to an upper bound on the maximum.
        """
        options = [int(np.lexsort((choice.penalties, choice.counts))[0]) for choice in self.all]
        effects = np.array(
            [
                price * np.ptp(choice.values) + choice.penalties[kept] - choice.penalties.min()
                for price, choice, kept in zip(
                    np.concatenate(prices), self.all, options, strict=True
                )
            ]
        )
        order = np.argsort(effects, kind="stable")
        trifles = set(order[np.cumsum(effects[order]) <= allowance].tolist())
        fixed = [
            choice.only(options[c]) if c in trifles else choice for c, choice in enumerate(self.all)
        ]
        count = len(self.calls)
        left = replace(self, calls=tuple(fixed[:count]), outcomes=tuple(fixed[count:]))
        return left, float(sum(effects[c] for c in trifles))


def choices_at(program: TwoStageProgram, search: Search, x: Vector) -> Choices:
    """Return what a search may choose at x."""
    return Choices(
        tuple(_calls(program, x)), tuple(_outcomes(search)), program.budget, search.budget
    )


def _calls(program: TwoStageProgram, x: Vector) -> list[Choice]:
    upper, lower = program.call_upper(x), program.call_lower(x)
    size = program.adversarial.size
    if program.budget is None:
        values, signs = np.stack([upper, lower], axis=1), np.array([1, -1])
    else:
        values, signs = np.stack([upper, lower, 0 * upper], axis=1), np.array([1, -1, 0])
    counts = np.abs(signs) * (program.budget is not None)
    return [_sorted(Choice(c, values[c], 0.0 * signs, counts, signs)) for c in range(size)]


def _outcomes(search: Search) -> list[Choice]:
    found = []
    for j, column in enumerate(search.columns):
        values, penalties = search.options[j], search.penalties[j]
        counts = np.zeros(len(values))
        if search.budget is not None:
            rest = search.outcome[column]
            counts = np.append((values != rest) * 1.0, 0.0)
            values, penalties = np.append(values, rest), np.append(penalties, 0.0)
        signs = np.zeros(len(values), dtype=np.intp)
        found.append(_sorted(Choice(int(column), values, penalties, counts, signs)))
    return found


def _sorted(choice: Choice) -> Choice:
    """Values in rising order; of equal ones the one that costs, then counts, least."""
    order = np.lexsort((choice.counts, choice.penalties, choice.values))
    kept = order[np.append(True, np.diff(choice.values[order]) > 0.0)]
    return Choice(
        choice.column, choice.values[kept], choice.penalties[kept],
        np.asarray(choice.counts[kept], dtype=float), choice.signs[kept],
    )  # fmt: skip


def _repeated(group: Sequence[Choice]) -> np.ndarray:
    columns = np.array([choice.column for choice in group], dtype=np.intp)
    return np.repeat(columns, [choice.steps for choice in group])
