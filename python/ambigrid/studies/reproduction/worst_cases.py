"""Claims on worst cases: plans compared on one common set of calls and scenarios."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import xarray as xr

from ambigrid.studies.reproduction import recipes
from ambigrid.studies.reproduction.common_set import (
    COMPARED,
    CommonSet,
    beyond_offer,
    found_calls,
    found_patterns,
    offered,
)
from ambigrid.studies.reproduction.judging import Claim, Finding, Row, larger, smaller
from ambigrid.studies.reproduction.recipes import Recipe
from ambigrid.studies.reproduction.runs import Source

_STOCHASTIC = {
    "curtailment": "−37.53 %",
    "shedding": "−45.19 %",
    "boundary_violation": "−50.12 %",
}
_SETS = {"relative": "same shares of the own offer", "absolute": "same MW"}
_PLANS = "plan"


def against_stochastic(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """ARO-DRO against ARO-SO: worst curtailment, shedding and violation on one common set."""
    measured = [stochastic_losses(runs, seed) for seed in seeds]

    def finding(losses: xr.Dataset, loss: str, kind: str) -> Finding:
        dro, so = losses[loss].sel(calls=kind, plan=["ARO-DRO", "ARO-SO"]).to_numpy()
        return smaller(float(dro), float(so), "MWh")

    rows = []
    for loss, figure in _STOCHASTIC.items():
        for kind, words in _SETS.items():
            claim = Claim(
                f"worst_{loss}_{kind}",
                f"worst-case {loss.replace('_', ' ')}: ARO-DRO below ARO-SO; calls: {words}",
                figure,
            )
            findings = [finding(losses, loss, kind) for losses in measured]
            note = "not a theorem; printed as found"
            if kind == "absolute":
                beyond = max(float(losses["beyond_offer"].max()) for losses in measured)
                note += f"; calls exceed a plan's own offer by up to {beyond:.2f} MW"
            rows.append(claim.row(findings, note))
    return rows


def ignoring_the_call(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Case 7: planned as if nothing were called, met by the calls of case 4."""
    measured = [ignored_losses(runs, seed) for seed in seeds]
    figures = {"up": "+11.59 MW", "down": "+9.28 MW"}

    def reserve(seed: int, direction: str) -> Finding:
        feeders = runs.study(recipes.case_1(seed)).distributions
        ignored, heeded = (
            offered(runs.result(case(seed)), feeders, direction)
            for case in (recipes.case_7, recipes.case_1)
        )
        return larger(ignored, heeded, "MW h")

    rows = [
        Claim(
            f"ignored_reserve_{d}", f"ignoring the call: more reserve {d} is offered", figure
        ).row([reserve(seed, d) for seed in seeds], "both feeders, summed over the day")
        for d, figure in figures.items()
    ]
    for kind, words in _SETS.items():
        claim = Claim(
            f"ignored_violation_{kind}",
            f"ignoring the call: more violation under the calls of case 4; {words}",
            "+10.89 MW",
        )
        rows.append(claim.row([_more_violation(losses, kind) for losses in measured]))
    return rows


def radius_worst_cases(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Worst losses on one common set as the radius grows."""
    measured = [radius_losses(runs, seed) for seed in seeds]
    rows = []
    for loss in COMPARED:
        claim = Claim(
            f"radius_{loss}",
            f"radius 5/0.5, 10/1, 15/1.5: worst-case {loss.replace('_', ' ')} falls",
            "report only",
        )
        curves = [losses[loss].sel(calls="relative").to_numpy() for losses in measured]
        findings = [Finding(", ".join(f"{v:.2f}" for v in curve) + " MWh") for curve in curves]
        rows.append(claim.row(findings, "calls: same shares of the own offer"))
    return rows


def stochastic_losses(runs: Source, seed: int) -> xr.Dataset:
    """Worst losses of ARO-DRO and ARO-SO; the calls are those found for either."""
    plans = {"ARO-DRO": recipes.case_1(seed), "ARO-SO": recipes.case_6(seed)}
    return _compare(runs, "stochastic_losses", plans, plans)


def ignored_losses(runs: Source, seed: int) -> xr.Dataset:
    """Worst losses of cases 4 and 7; the calls are those of case 4."""
    plans = {"case 4": recipes.case_1(seed), "case 7": recipes.case_7(seed)}
    return _compare(runs, "ignored_losses", plans, ["case 4"])


def radius_losses(runs: Source, seed: int) -> xr.Dataset:
    """Worst losses at every radius; the calls are those found at any."""
    plans = {f"{r[0]:g}/{r[1]:g}": recipes.at_radius(seed, r) for r in recipes.RADII}
    return _compare(runs, "radius_losses", plans, plans)


def _compare(
    runs: Source, name: str, plans: dict[str, Recipe], callers: Sequence[str] | dict[str, Recipe]
) -> xr.Dataset:
    """Measure every plan on the calls that the searches found for some of them.

    Returns
    -------
    xarray.Dataset
        The losses of `COMPARED` (calls, plan), MWh, and `beyond_offer` (plan), MW.
    """
    first = next(iter(plans.values()))
    return runs.measured(name, first, _measurement(runs, plans, callers))


def _measurement(
    runs: Source, plans: dict[str, Recipe], callers: Sequence[str] | dict[str, Recipe]
) -> Callable[[], xr.Dataset]:
    def measure() -> xr.Dataset:
        study = runs.study(next(iter(plans.values())))
        results = {name: runs.result(recipe) for name, recipe in plans.items()}
        calling = [results[name] for name in callers]
        patterns = {feeder: found_patterns(calling, feeder) for feeder in study.distributions}
        calls = {feeder: found_calls(calling, feeder) for feeder in study.distributions}
        common = CommonSet(study)
        label = xr.DataArray(list(plans), dims=_PLANS, name=_PLANS)
        kinds = xr.DataArray(list(_SETS), dims="calls", name="calls")
        relative = [common.relative(result, patterns) for result in results.values()]
        absolute = [common.absolute(result, calls) for result in results.values()]
        losses = xr.concat([xr.concat(relative, label), xr.concat(absolute, label)], kinds)
        beyond = [beyond_offer(result, calls) for result in results.values()]
        return losses.assign(beyond_offer=(_PLANS, beyond, {"units": "MW"})).assign_coords(
            {_PLANS: list(plans), "calls": list(_SETS)}
        )

    return measure


def _more_violation(losses: xr.Dataset, kind: str) -> Finding:
    heeded, ignored = losses["boundary_violation"].sel(calls=kind).to_numpy()
    return larger(float(ignored), float(heeded), "MWh")
