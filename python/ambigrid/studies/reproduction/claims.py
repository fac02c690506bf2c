"""The source's claims on costs, losses and iterations, one small function each.

Every function takes where results come from and the data seeds, and returns one row or a few that
look at the same runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ambigrid.results import Result
from ambigrid.studies.reproduction import recipes
from ambigrid.studies.reproduction.accounts import Account
from ambigrid.studies.reproduction.judging import (
    Claim,
    Finding,
    Interval,
    Row,
    change,
    cost_ordering,
    rising,
    smaller,
)
from ambigrid.studies.reproduction.recipes import Recipe
from ambigrid.studies.reproduction.runs import Source

Judge = Callable[[Source, Sequence[int]], list[Row]]
Case = Callable[[int], Recipe]

CENTRALIZED_GAP = 0.005
SHARPLY = 1.5
"""Times the slope before 65 % that counts as sharp."""

_WEAK = "a theorem but for the margin"


def total_costs(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Cases 1 < 2 < 3 in total cost."""
    pairs: tuple[tuple[str, Case, Case], ...] = (
        ("cost_1_2", recipes.case_1, recipes.case_2),
        ("cost_2_3", recipes.case_2, recipes.case_3),
        ("cost_1_3", recipes.case_1, recipes.case_3),
    )
    return [
        _cost_row(runs, seeds, runs.account.claims[name], low, high) for name, low, high in pairs
    ]


def transmission_cost(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Transmission cost of case 1 below that of case 2."""
    claim = runs.account.claims["transmission_cost_1_2"]

    def finding(seed: int) -> Finding:
        both, alone = runs.result(recipes.case_1(seed)), runs.result(recipes.case_2(seed))
        name = runs.study(recipes.case_1(seed)).transmission
        others = sum(cost for agent, cost in alone.agents.items() if agent != name)
        ours = Interval(-np.inf, both.agents[name])
        return cost_ordering(ours, Interval(alone.bound - others, alone.agents[name]))

    note = "without what the operators pay each other"
    return [claim.row([finding(seed) for seed in seeds], note)]


def expected_losses(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Judge expected curtailment and shedding: case 1 below cases 2 and 3."""
    cases: dict[int, Case] = {2: recipes.case_2, 3: recipes.case_3}

    def row(loss: str, case: int) -> Row:
        findings = [
            smaller(
                _derived(runs.result(recipes.case_1(seed)), f"expected_{loss}"),
                _derived(runs.result(cases[case](seed)), f"expected_{loss}"),
                "MWh",
            )
            for seed in seeds
        ]
        claim = runs.account.claims[f"expected_{loss}_1_{case}"]
        return claim.row(findings, "expected over the scenarios, feeders at the worst call")

    return [row(loss, case) for case in cases for loss in ("curtailment", "shedding")]


def robust_cost(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """ARO-DRO below ARO-RO in total cost."""
    claim, seconds = runs.account.claims["cost_dro_ro"], runs.account.robust_seconds

    def finding(seed: int) -> Finding:
        dro = Interval.of(runs.result(recipes.case_1(seed)))
        ro = Interval.of(runs.result(recipes.case_5(seed, seconds)))
        judged = cost_ordering(dro, ro)
        return Finding(change(dro.upper, ro.lower), judged.holds, judged.margin)

    note = f"{_WEAK}; ours is against the lower bound of ARO-RO, whose upper bound is not proved"
    return [claim.row([finding(seed) for seed in seeds], note)]


def iterations(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Count iterations of the source's ADMM at its own penalty."""
    account, seed = runs.account, seeds[0]
    result = runs.result(recipes.at_penalty(seed, account.penalty))
    default = runs.result(recipes.case_1(seed))
    count = agreed_at(result, account.boundaries)
    note = (
        f"data seed {seed}, without over-relaxation, until the residuals agree; by default, "
        f"over-relaxed and until the gap is closed: {default.attribute('iterations')}"
    )
    holds = count is not None and count <= account.iterations
    claim = account.claims["admm_iterations"]
    return [claim.row([Finding(_count(count, result), holds)], note, count)]


def penalties(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Count iterations over a sweep of penalties, fixed and adaptive."""
    account, seed = runs.account, seeds[0]
    fixed = {p: runs.result(recipes.at_penalty(seed, p)) for p in account.penalties}
    moving = {p: runs.result(recipes.at_penalty(seed, p, adaptive=True)) for p in account.starts}
    counts = {p: agreed_at(r, account.boundaries) or np.inf for p, r in fixed.items()}
    adapted = {p: agreed_at(r, account.boundaries) or np.inf for p, r in moving.items()}
    first, *inner, last = counts.values()
    worst = min(first, last) >= max(inner) and min(first, last) > min(inner)
    fewer = [adapted[p] < counts[p] for p in account.starts]
    worse = [adapted[p] > counts[p] for p in account.starts]
    note = "by the penalty it starts from; it helps if no start gets worse and one gets better"
    sweep, helps = (account.claims[name] for name in ("penalty_sweep", "adaptive_penalty"))
    return [
        sweep.row([Finding(_sweep(fixed, account), worst)], f"data seed {seed}"),
        helps.row([Finding(_sweep(moving, account), any(fewer) and not any(worse))], note),
    ]


def radii(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Cost over the ambiguity radius."""
    found = [
        [runs.result(recipes.at_radius(seed, radius)) for radius in recipes.RADII] for seed in seeds
    ]
    findings = [rising(Interval.of(result) for result in results) for results in found]
    return [runs.account.claims["radius_cost"].row(findings, _WEAK)]


def penetration(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Cost and worst case over the share of wind."""
    shares, claims = recipes.PENETRATIONS, runs.account.claims
    found = {
        seed: [runs.result(recipes.at_penetration(seed, share)) for share in shares]
        for seed in seeds
    }
    note = "at 45, 55, 65, 70 %; upper bounds as searched, not proved"
    costs = [rising(Interval.of(r) for r in results) for results in found.values()]
    rows = [claims["wind_cost"].row(costs, note)]
    for loss in ("curtailment", "shedding", "boundary_violation"):
        curves = [
            [_derived(result, f"worst_case_{loss}") for result in results]
            for results in found.values()
        ]
        findings = [_rising_losses(curve) for curve in curves]
        rows.append(claims[f"wind_{loss}"].row(findings, "MWh at each share"))
    note = f"slope of the cost up to and after 65 %; sharp from × {SHARPLY:g} on"
    return [*rows, claims["wind_sharp"].row([_sharp(results) for results in found.values()], note)]


def gap_to_centralized(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Compare the distributed with the centralised objective."""
    claim = runs.account.claims["gap_to_centralized"]
    ours, theirs = (runs.result(case(seeds[0])) for case in (recipes.case_1, recipes.centralized))
    gap = abs(ours.objective - theirs.objective) / abs(theirs.objective)
    note = (
        f"data seed {seeds[0]}, judged at 0.5 %; own gaps {100 * ours.gap:.2f} % and "
        f"{100 * theirs.gap:.2f} %"
    )
    return [claim.row([Finding(f"{100 * gap:.3f} %", gap <= CENTRALIZED_GAP)], note, gap)]


def wall_time(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Wall time of case 1."""
    claim = runs.account.claims["wall_seconds"]
    found = [runs.result(recipes.case_1(seed)) for seed in seeds]
    seconds = [float(result.attribute("wall_seconds")) for result in found]
    proofs = [float(result.attribute("certificate_seconds", 0.0)) for result in found]
    findings = [Finding(f"{s:.0f} s", s < runs.account.seconds) for s in seconds]
    note = "coordination; the proof took " + "; ".join(f"{s:.0f} s" for s in proofs)
    return [claim.row(findings, f"{note} more", max(seconds))]


def line_loading(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Judge the loading of the most loaded line: case 1 below case 2 (and 3)."""
    return [
        runs.account.claims[f"line_loading_{kind}"].row(
            [_loading(runs, seed, kind) for seed in seeds], _top_lines(runs, seeds[0])
        )
        for kind in ("max", "average")
    ]


def agreed_at(result: Result, boundaries: int, residual: float = 0.1) -> int | None:
    """Return the first iteration at which both residuals are within the source's tolerance."""
    history = result.history
    residuals = (history[f"{kind}_residual"].to_numpy() for kind in ("primal", "dual"))
    worst = np.maximum(*residuals)
    agreed = np.flatnonzero(worst <= residual * boundaries)
    return int(history["iteration"].to_numpy()[agreed[0]]) if len(agreed) else None


def _cost_row(runs: Source, seeds: Sequence[int], claim: Claim, low: Case, high: Case) -> Row:
    found = [(runs.result(low(seed)), runs.result(high(seed))) for seed in seeds]
    findings = [
        cost_ordering(Interval.of(a), Interval.of(b), absolute=claim.absolute) for a, b in found
    ]
    unproved = sum(not a.certified for a, _ in found)
    remark = f"; the lower cost is not proved on {unproved} data seeds" if unproved else ""
    return claim.row(findings, _WEAK + remark)


def _derived(result: Result, name: str) -> float:
    """Sum of a figure over the operators that have it, MWh."""
    groups = result.derived.children.values()
    return float(sum(float(group[name]) for group in groups if name in group.data_vars))


def _count(count: int | None, result: Result) -> str:
    return f"{count}" if count is not None else f"over {int(result.history['iteration'][-1])}"


def _sweep(found: dict[float, Result], account: Account) -> str:
    counts = {p: _count(agreed_at(r, account.boundaries), r) for p, r in found.items()}
    return ", ".join(f"{penalty:g}: {count}" for penalty, count in counts.items())


def _rising_losses(curve: list[float]) -> Finding:
    shown = ", ".join(f"{value:.1f}" for value in curve)
    return Finding(shown, all(after > before for before, after in pairwise(curve)))


def _sharp(results: list[Result]) -> Finding:
    """Compare the slope of the cost over the last two shares with that over all before."""
    costs, shares = [result.objective for result in results], recipes.PENETRATIONS
    before = (costs[-2] - costs[0]) / (shares[-2] - shares[0])
    after = (costs[-1] - costs[-2]) / (shares[-1] - shares[-2])
    shown = f"{before / 100:+,.0f} then {after / 100:+,.0f} $ per point".replace("-", "−")
    return Finding(shown, after > max(SHARPLY * before, 0.0))


def _loading(runs: Source, seed: int, kind: str) -> Finding:
    name = runs.study(recipes.case_1(seed)).transmission
    ours, theirs = (
        runs.result(case(seed)).derived[name] for case in (recipes.case_1, recipes.case_2)
    )
    line = str(theirs["line_loading_max"].to_series().idxmax())
    now, before = (float(d[f"line_loading_{kind}"].sel(line=line)) for d in (ours, theirs))
    shown = f"line {line}: {100 * now:.1f} % against {100 * before:.1f} %"
    return Finding(shown, now < before - 1e-3)


def _top_lines(runs: Source, seed: int) -> str:
    """Three most loaded lines of cases 1 and 2."""
    name = runs.study(recipes.case_1(seed)).transmission
    words = []
    for number, case in ((1, recipes.case_1), (2, recipes.case_2)):
        loading = runs.result(case(seed)).derived[name]["line_loading_max"].to_series()
        top = ", ".join(f"{line} {100 * v:.0f} %" for line, v in loading.nlargest(3).items())
        words.append(f"case {number} {top}")
    return f"top lines, data seed {seed}: " + "; ".join(words)
