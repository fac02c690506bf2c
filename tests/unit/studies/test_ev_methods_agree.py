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
