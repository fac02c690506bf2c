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
from ambigrid.studies.reproduction.judging import Finding, Row, falling, larger, smaller
from ambigrid.studies.reproduction.recipes import Recipe
from ambigrid.studies.reproduction.runs import Source

_SETS = ("relative", "absolute")
"""Calls are the same shares of every plan's own offer, or the same MW."""
_PLANS = "plan"


def against_stochastic(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """ARO-DRO against ARO-SO: worst curtailment, shedding and violation on one common set."""
    measured = [stochastic_losses(runs, seed) for seed in seeds]

    def row(loss: str, kind: str) -> Row:
        claim = runs.account.claims[f"worst_{loss}_{kind}"]
        pairs = [
            losses[loss].sel(calls=kind, plan=["ARO-DRO", "ARO-SO"]).to_numpy()
            for losses in measured
        ]
        findings = [
            smaller(float(dro), float(so), "MWh", absolute=claim.absolute) for dro, so in pairs
        ]
        note = "not a theorem; printed as found"
        if kind == "absolute":
            beyond = max(float(losses["beyond_offer"].max()) for losses in measured)
            note += f"; calls exceed a plan's own offer by up to {beyond:.2f} MW"
        return claim.row(findings, note)

    return [row(loss, kind) for loss in COMPARED for kind in _SETS]


def ignoring_the_call(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Case 7: planned as if nothing were called, met by the calls of case 4."""
    claims, measured = runs.account.claims, [ignored_losses(runs, seed) for seed in seeds]

    def reserve(seed: int, direction: str) -> Finding:
        feeders = runs.study(recipes.case_1(seed)).distributions
        ignored, heeded = (
            offered(runs.result(case(seed)), feeders, direction)
            for case in (recipes.case_7, recipes.case_1)
        )
        return larger(ignored, heeded, "MW h")

    rows = [
        claims[f"ignored_reserve_{direction}"].row(
            [reserve(seed, direction) for seed in seeds], "all feeders, summed over the day"
        )
        for direction in ("up", "down")
    ]
    return rows + [
        claims[f"ignored_violation_{kind}"].row(
            [_more_violation(losses, kind) for losses in measured]
        )
        for kind in _SETS
    ]


def radius_worst_cases(runs: Source, seeds: Sequence[int]) -> list[Row]:
    """Worst losses on one common set as the radius grows."""
    measured = [radius_losses(runs, seed) for seed in seeds]
    rows = []
    for loss in COMPARED:
        curves = [losses[loss].sel(calls="relative").to_numpy() for losses in measured]
        findings = [falling([float(value) for value in curve], "MWh") for curve in curves]
        claim = runs.account.claims[f"radius_{loss}"]
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
