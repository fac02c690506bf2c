"""The source's claims on the system t30d2, one small function each.

Every function takes where results come from and the data seeds, and returns one row or a few that
look at the same runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ambigrid.results import Result
from ambigrid.studies.reproduction import recipes
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

SOURCE_SECONDS = 1480.0
SOURCE_ITERATIONS = 17
CENTRALIZED_GAP = 0.005
SHARPLY = 1.5
"""Times the slope before 65 % that counts as sharp."""

_WEAK = "a theorem but for the margin"


def total_costs(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Cases 1 < 2 < 3 in total cost."""
    pairs: tuple[tuple[Claim, Case, Case], ...] = (
        (Claim("cost_1_2", "total cost: case 1 (both) below case 2 (DSO only)", "−13.95 %"),
         recipes.case_1, recipes.case_2),
        (Claim("cost_2_3", "total cost: case 2 below case 3 (no EV flexibility)", "below"),
         recipes.case_2, recipes.case_3),
        (Claim("cost_1_3", "total cost: case 1 below case 3", "−20.63 %"),
         recipes.case_1, recipes.case_3),
    )  # fmt: skip
    return [_cost_row(runs, seeds, *pair, note=_WEAK) for pair in pairs]


def transmission_cost(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Transmission cost of case 1 below that of case 2."""
    claim = Claim("transmission_cost_1_2", "TSO cost: case 1 below case 2", "−19.87 %")

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
    figures = {
        ("curtailment", 2): "−75.06 %",
        ("shedding", 2): "−51.76 %",
        ("curtailment", 3): "−80.86 %",
        ("shedding", 3): "−64.27 %",
    }
    cases: dict[int, Case] = {2: recipes.case_2, 3: recipes.case_3}

    def row(loss: str, case: int, figure: str) -> Row:
        claim = Claim(
            f"expected_{loss}_1_{case}", f"expected {loss}: case 1 below case {case}", figure
        )
        findings = [
            smaller(
                _derived(runs.result(recipes.case_1(seed)), f"expected_{loss}"),
                _derived(runs.result(cases[case](seed)), f"expected_{loss}"),
                "MWh",
            )
            for seed in seeds
        ]
        return claim.row(findings, "expected over the scenarios, feeders at the worst call")

    return [row(loss, case, figure) for (loss, case), figure in figures.items()]


def robust_cost(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """ARO-DRO below ARO-RO in total cost."""
    claim = Claim("cost_dro_ro", "total cost: ARO-DRO below ARO-RO", "−10.11 %")

    def finding(seed: int) -> Finding:
        dro = Interval.of(runs.result(recipes.case_1(seed)))
        ro = Interval.of(runs.result(recipes.case_5(seed)))
        judged = cost_ordering(dro, ro)
        return Finding(change(dro.upper, ro.lower), judged.holds, judged.margin)

    note = f"{_WEAK}; ours is against the lower bound of ARO-RO, whose upper bound is not proved"
    return [claim.row([finding(seed) for seed in seeds], note)]


def iterations(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Count iterations of the source's ADMM at penalty 15."""
    claim = Claim("admm_iterations", "ADMM iterations at penalty 15, residual 0.1 MW × 2", "17")
    result, default = runs.result(recipes.at_penalty(15.0)), runs.result(recipes.case_1(0))
    count = agreed_at(result)
    note = (
        "data seed 0, without over-relaxation, until the residuals agree; by default, "
        f"over-relaxed and until the gap is closed: {default.attribute('iterations')}"
    )
    holds = count is not None and count <= SOURCE_ITERATIONS
    return [claim.row([Finding(_count(count, result), holds)], note, count)]


def penalties(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Count iterations over a sweep of penalties, fixed and adaptive."""
    fixed = {p: runs.result(recipes.at_penalty(p)) for p in recipes.PENALTIES}
    moving = {p: runs.result(recipes.at_penalty(p, adaptive=True)) for p in recipes.STARTS}
    counts = {p: agreed_at(result) or np.inf for p, result in fixed.items()}
    adapted = {p: agreed_at(result) or np.inf for p, result in moving.items()}
    ends = min(counts[p] for p in (recipes.PENALTIES[0], recipes.PENALTIES[-1]))
    inner = [counts[p] for p in recipes.PENALTIES[1:-1]]
    sweep = Claim(
        "penalty_sweep",
        "ADMM iterations over penalties 0.5 to 100: worst at the ends",
        "over 100 at 0.5 and at 100",
    )
    helps = Claim("adaptive_penalty", "an adaptive penalty needs fewer iterations", "to an extent")
    fewer = [adapted[p] < counts[p] for p in recipes.STARTS]
    worse = [adapted[p] > counts[p] for p in recipes.STARTS]
    note = "by the penalty it starts from; it helps if no start gets worse and one gets better"
    return [
        sweep.row(
            [Finding(_sweep(fixed), ends >= max(inner) and ends > min(inner))], "data seed 0"
        ),
        helps.row([Finding(_sweep(moving), any(fewer) and not any(worse))], note),
    ]


def radii(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Cost and worst case over the ambiguity radius."""
    cost = Claim("radius_cost", "radius 5/0.5, 10/1, 15/1.5: cost rises", "report only")
    found = [
        [runs.result(recipes.at_radius(seed, radius)) for radius in recipes.RADII] for seed in seeds
    ]
    findings = [rising(Interval.of(result) for result in results) for results in found]
    return [cost.row(findings, _WEAK)]


def penetration(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Cost and worst case over the share of wind."""
    shares = recipes.PENETRATIONS
    found = {
        seed: [runs.result(recipes.at_penetration(seed, share)) for share in shares]
        for seed in seeds
    }
    cost = Claim("wind_cost", "wind 45 to 70 % of load energy: cost rises", "yes")
    note = "at 45, 55, 65, 70 %; upper bounds as searched, not proved"
    costs = [rising(Interval.of(r) for r in results) for results in found.values()]
    rows = [cost.row(costs, note)]
    for loss in ("curtailment", "shedding", "boundary_violation"):
        words = loss.replace("_", " ")
        claim = Claim(f"wind_{loss}", f"wind 45 to 70 %: worst-case {words} rises", "yes")
        curves = [
            [_derived(result, f"worst_case_{loss}") for result in results]
            for results in found.values()
        ]
        rows.append(claim.row([_rising_losses(curve) for curve in curves], "MWh at each share"))
    sharp = Claim("wind_sharp", "wind: cost rises sharply after 65 %", "yes")
    note = f"slope of the cost up to and after 65 %; sharp from × {SHARPLY:g} on"
    return [*rows, sharp.row([_sharp(results) for results in found.values()], note)]


def gap_to_centralized(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Compare the distributed with the centralised objective."""
    claim = Claim("gap_to_centralized", "distributed against centralised objective", "below 1 %")
    ours, theirs = (runs.result(case(seeds[0])) for case in (recipes.case_1, recipes.centralized))
    gap = abs(ours.objective - theirs.objective) / abs(theirs.objective)
    note = (
        f"data seed {seeds[0]}, judged at 0.5 %; own gaps {100 * ours.gap:.2f} % and "
        f"{100 * theirs.gap:.2f} %"
    )
    return [claim.row([Finding(f"{100 * gap:.3f} %", gap <= CENTRALIZED_GAP)], note, gap)]


def wall_time(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Wall time of case 1."""
    claim = Claim("wall_seconds", "wall time of case 1", "1,480 s, serial")
    found = [runs.result(recipes.case_1(seed)) for seed in seeds]
    seconds = [float(result.attribute("wall_seconds")) for result in found]
    proofs = [float(result.attribute("certificate_seconds", 0.0)) for result in found]
    findings = [Finding(f"{s:.0f} s", s < SOURCE_SECONDS) for s in seconds]
    note = "coordination; the proof took " + "; ".join(f"{s:.0f} s" for s in proofs)
    return [claim.row(findings, f"{note} more", max(seconds))]


def line_loading(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Judge the loading of the most loaded line: case 1 below case 2 (and 3)."""
    figures = {
        "max": ("largest", "−18.4 percentage points"),
        "average": ("average", "−5.4 %"),
    }
    return [
        Claim(
            f"line_loading_{kind}",
            f"{words} loading of the line most loaded in cases 2 and 3",
            figure,
        ).row([_loading(runs, seed, kind) for seed in seeds], _top_lines(runs, seeds[0]))
        for kind, (words, figure) in figures.items()
    ]


def agreed_at(result: Result, residual: float = 0.1, boundaries: int = 2) -> int | None:
    """Return the first iteration at which both residuals are within the source's tolerance."""
    history = result.history
    residuals = (history[f"{kind}_residual"].to_numpy() for kind in ("primal", "dual"))
    worst = np.maximum(*residuals)
    agreed = np.flatnonzero(worst <= residual * boundaries)
    return int(history["iteration"].to_numpy()[agreed[0]]) if len(agreed) else None


def _cost_row(
    runs: Source, seeds: Sequence[int], claim: Claim, low: Case, high: Case, note: str
) -> Row:
    found = [(runs.result(low(seed)), runs.result(high(seed))) for seed in seeds]
    findings = [cost_ordering(Interval.of(a), Interval.of(b)) for a, b in found]
    unproved = sum(not a.certified for a, _ in found)
    remark = f"{note}; the lower cost is not proved on {unproved} data seeds" if unproved else note
    return claim.row(findings, remark)


def _derived(result: Result, name: str) -> float:
    """Sum of a figure over the operators that have it, MWh."""
    groups = result.derived.children.values()
    return float(sum(float(group[name]) for group in groups if name in group.data_vars))


def _count(count: int | None, result: Result) -> str:
    return f"{count}" if count is not None else f"over {int(result.history['iteration'][-1])}"


def _sweep(found: dict[float, Result]) -> str:
    return ", ".join(f"{p:g}: {_count(agreed_at(result), result)}" for p, result in found.items())


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
