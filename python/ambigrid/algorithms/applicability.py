"""What applies to what: program feature × ambiguity set × method, as one table.

The documentation renders it, the conformance tests are driven by it, and `check` refuses what it
refuses, naming the variable concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from ambigrid.ambiguity import AmbiguitySet, Wasserstein
from ambigrid.engines import LinearProgram, SolveStatus, solve_linear
from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.program import Columns, TwoStageProgram
from ambigrid.reformulations.base import Exactness

Verdict = Literal["exact", "upper", "lower", "refused"]

FINITE = ("nominal", "empirical", "wasserstein/samples")
GROWING = ("wasserstein/box", "box")
SETS = (*FINITE, *GROWING)
_OUTSIDE = 1e-7
"""How far an end of the box of calls may pass 0, in the unit of the call: a solver's tolerance."""

METHODS = ("extensive", "benders", "column_constraint")


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    Attributes
    ----------
    feature : str
        A key of `FEATURES`.
    sets, methods : tuple of str
        Where the rule holds.
    verdict : "exact", "upper", "lower" or "refused"
        How the method's value compares to the set's own; "exact" up to the gap, certified or
        not as the solution says.
    reason, fix : str
        Why it is refused, and what to do.
    """

    feature: str
    sets: tuple[str, ...]
    methods: tuple[str, ...]
    verdict: Verdict
    reason: str = ""
    fix: str = ""


RULES = (
    Rule("continuous", SETS, METHODS, "exact"),
    Rule("adversarial", SETS, METHODS, "exact"),
    Rule("integer first stage", SETS, METHODS, "exact"),
    Rule("quadratic cost", SETS, METHODS, "exact"),
    Rule(
        "integer first stage and quadratic cost",
        SETS,
        METHODS,
        "refused",
        "no solver here takes integers and a quadratic cost together",
        "make the cost piecewise linear",
    ),
    Rule("integer recourse", FINITE, ("extensive",), "exact"),
    Rule(
        "integer recourse",
        FINITE,
        ("benders", "column_constraint"),
        "refused",
        "integer recourse has no cuts and no vertices",
        "use Extensive",
    ),
    Rule(
        "integer recourse",
        GROWING,
        METHODS,
        "refused",
        "with integer recourse the worst outcome need not be at a vertex of the box",
        "use a set on samples and Extensive",
    ),
    Rule(
        "integer recourse and adversarial",
        SETS,
        METHODS,
        "refused",
        "with integer recourse the worst call need not be at an end of its box",
        "make the recourse continuous or leave out the adversary",
    ),
)


def features(program: TwoStageProgram) -> dict[str, str]:
    """Return the features of a program, each with the label of a variable that has it."""
    found = {"continuous": "program"}
    tests: dict[str, str | None] = {
        "adversarial": program.adversarial.describe(0) if program.adversarial.size else None,
        "integer first stage": _first_integer(program.first_stage),
        "quadratic cost": _first_quadratic(program),
        "integer recourse": _first_integer(program.recourse),
    }
    found |= {name: label for name, label in tests.items() if label is not None}
    for one, other in (
        ("integer first stage", "quadratic cost"),
        ("integer recourse", "adversarial"),
    ):
        if one in found and other in found:
            found[f"{one} and {other}"] = found[one]
    return found


def set_key(ambiguity: AmbiguitySet) -> str:
    """Return the table's name of an ambiguity set."""
    support = f"/{ambiguity.support}" if isinstance(ambiguity, Wasserstein) else ""
    return f"{ambiguity.name}{support}"


def verdict(feature: str, ambiguity: str, method: str) -> Rule:
    """Look up the rule of a feature, set and method.

    Raises
    ------
    KeyError
        If the table has none.
    """
    for rule in RULES:
        if rule.feature == feature and ambiguity in rule.sets and method in rule.methods:
            return rule
    raise KeyError((feature, ambiguity, method))


def check(program: TwoStageProgram, ambiguity: AmbiguitySet, method: str) -> Exactness:
    """Return how exact a method is, or refuse.

    Raises
    ------
    InputError
        If the table refuses a feature of the program, naming a variable that has it, if the
        recourse is unbounded below, or if a budget's "no call" may lie outside of the box.
    """
    exactness: Exactness = "exact"
    for feature, label in reversed(features(program).items()):  # combinations first
        rule = verdict(feature, set_key(ambiguity), method)
        if rule.verdict == "refused":
            raise InputError(rule.reason, where=f"{label}, method {method}", fix=rule.fix)
        if rule.verdict != "exact":
            exactness = rule.verdict
    check_recourse_bounded(program)
    check_no_call(program)
    return exactness


def check_recourse_bounded(program: TwoStageProgram) -> None:
    """Refuse a recourse whose cost can fall without end, naming a variable that does it.

    It can where a direction d with W d {≤,=,≥} 0, within the infinite bounds, has q'd < 0.

    Raises
    ------
    InputError
    """
    columns, rows = program.recourse, program.second_rows
    if not columns.size:
        return
    lower = np.where(np.isneginf(columns.lower), -1.0, 0.0)
    upper = np.where(np.isposinf(columns.upper), 1.0, 0.0)
    sides = rows.bounds(np.zeros(rows.size))
    ray = solve_linear(LinearProgram(columns.cost, lower, upper, program.W, *sides))
    if ray.objective < -1e-9 * max(1.0, float(np.abs(columns.cost).max())):
        j = int(np.argmin(columns.cost * ray.primal))
        raise InputError(
            "the cost of the recourse can fall without end",
            where=columns.labels.describe(j),
            fix="give the variable a bound, or a cost of the other sign",
        )


def check_no_call(program: TwoStageProgram) -> None:
    """Refuse a budget where a first stage leaves 0, which is no call, outside of the box.

    Raises
    ------
    InputError
    """
    if program.budget is None:
        return
    ends = ((program.call_lower, 1.0, "lower"), (program.call_upper, -1.0, "upper"))
    for end, sign, name in ends:
        rows = sp.csr_array(sign * end.matrix)
        rows.eliminate_zeros()
        for j in np.flatnonzero(_most(rows, program) + sign * end.constant > _OUTSIDE):
            most = _most_feasible(rows[[j]], program) + sign * end.constant[j]
            if most > _OUTSIDE:
                raise InputError(
                    f"with a budget there may be no call, but the {name} end of the box of calls "
                    "can pass 0",
                    where=program.adversarial.describe(int(j)),
                    got=f"{name} end {sign * most:g}",
                    fix="make the call a fixed part plus a call whose box holds 0, or leave out "
                    "the budget",
                )


def _most(rows: sp.csr_array, program: TwoStageProgram) -> Vector:
    """Greatest values of linear functions of x within the bounds of x."""
    entries, first = sp.coo_array(rows), program.first_stage
    column = entries.coords[1]
    values = entries.data * np.where(entries.data > 0, first.upper[column], first.lower[column])
    return np.asarray(np.bincount(entries.coords[0], values, rows.shape[0]), dtype=float)


def _most_feasible(row: sp.csr_array, program: TwoStageProgram) -> float:
    """Greatest value of one linear function of x over the first stage without integrality."""
    first, sides = program.first_stage, program.first_rows.bounds()
    cost = -row.toarray().ravel()
    answer = solve_linear(LinearProgram(cost, first.lower, first.upper, program.A, *sides))
    if answer.status is SolveStatus.OPTIMAL:
        return -answer.objective
    return np.inf if answer.status is SolveStatus.UNBOUNDED else -np.inf


def _first_integer(columns: Columns) -> str | None:
    hits = np.flatnonzero(columns.integer)
    return columns.labels.describe(int(hits[0])) if len(hits) else None


def _first_quadratic(program: TwoStageProgram) -> str | None:
    hits = program.quadratic.nonzero()[0]
    return program.first_stage.labels.describe(int(hits[0])) if len(hits) else None


__all__ = ["METHODS", "RULES", "SETS", "Rule", "check", "features", "set_key", "verdict"]
