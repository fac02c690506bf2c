"""Three ways to agree on one small system, with a set whose support grows as the run goes on."""

import numpy as np
import pytest
from small_case import make_case

import ambigrid as ag

METHODS = (ag.Centralized(), ag.CutSharing(), ag.ADMM())


@pytest.mark.parametrize(
    "ambiguity", [ag.Box(), ag.Wasserstein(radius=1.0, support="box")], ids=["box", "wasserstein"]
)
def test_methods_agree_on_growing_supports(ambiguity):
    study = ag.EVFlexibility(make_case(), ambiguity=ambiguity)
    results = [ag.solve(study, method) for method in METHODS]
    assert [str(result.status) for result in results] == ["optimal"] * len(METHODS)
    assert max(result.bound for result in results) <= min(result.objective for result in results)
    for result in results:  # every method leaves prices
        price = result.derived["transmission/nodal_price"]
        assert price.attrs["units"] == "$/MWh"
        assert np.isfinite(price).all()
        for node in result.tree.subtree:  # everything says in what it is measured
            lacking = [name for name, x in node.data_vars.items() if "units" not in x.attrs]
            assert lacking == (["note"] if node.path == "/history" else []), node.path
        assert result.duals["transmission/balance"].attrs["units"] == "$/MW"
        assert result.recourse["distribution_1/energy"].attrs["units"] == "MWh"
        for summary in ("transmission", "distribution_1"):
            lost = result.derived[summary].to_dataset()
            energy = [float(x) for name, x in lost.items() if name.startswith("expected_")]
            assert not np.signbit(energy).any()  # nor is zero negative
        assert "energy" in result.derived["settlement/settlement"]["transfer"]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_scenario_given_twice_counts_with_both_weights(method):
    """The middle one of three scenarios, of weight a half, may as well be two of a quarter."""
    single = make_case()
    twins = single.map_over_datasets(_middle_scenario_twice)
    once, twice = (
        ag.solve(ag.EVFlexibility(case, ambiguity=ag.Empirical()), method)
        for case in (single, twins)
    )
    assert once.status is twice.status is ag.Status.OPTIMAL
    assert max(once.bound, twice.bound) <= min(once.objective, twice.objective) + 1e-3
    worst = twice.worst_case["transmission"].to_dataset()
    assert worst["weight"].values == pytest.approx([0.25] * 4)


def test_a_decision_without_exchange_has_no_prices_but_a_settlement(tmp_path):
    method = ag.ADMM(residual=1e-9, iterations=2)
    result = ag.solve(ag.EVFlexibility(make_case()), method, gap=1e-9)
    assert "exchanges nothing" in result.attribute("message")
    assert np.isnan(result.derived["distribution_1/boundary_reserve_up_price"]).all()
    paid = result.derived["settlement/settlement"]
    assert np.isfinite(paid).all()
    assert (paid.sel(transfer="boundary reserve") == 0.0).all()
    assert ag.load_result(result.save(tmp_path / "result.nc")).report() == result.report()


def _middle_scenario_twice(data):
    if "scenario" not in data.dims:
        return data
    twins = data.isel(scenario=[0, 1, 1, 2]).assign_coords(scenario=range(4))
    return twins.assign(weight=("scenario", [0.25] * 4))
