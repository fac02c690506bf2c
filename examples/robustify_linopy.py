"""An ordinary linopy model made distributionally robust: four ambiguity sets, one call.

    python robustify_linopy.py

Two depots are stocked before the demand of two towns is known; afterwards goods may be moved
between them, and what is missing is bought dearly.
"""

import linopy
import numpy as np
import pandas as pd
import xarray as xr

import ambigrid as ag

TOWNS = pd.Index(["east", "west"], name="town")


def stocking() -> linopy.Model:
    """Minimise 1 stock + 3 missing + 0.4 moved; `demand` is a variable without cost."""
    model = linopy.Model()
    stock = model.add_variables(lower=0, upper=12, coords=[TOWNS], name="stock")
    missing = model.add_variables(lower=0, coords=[TOWNS], name="missing")
    moved = model.add_variables(lower=0, coords=[TOWNS], name="moved")  # from here to the other
    demand = model.add_variables(coords=[TOWNS], name="demand")
    arrived = 1 * moved.sel(town=["west", "east"]).assign_coords(town=TOWNS)
    model.add_constraints(missing + stock - moved + arrived >= demand, name="served")
    model.add_constraints(moved <= stock, name="available")
    model.add_objective((1 * stock + 3 * missing + 0.4 * moved).sum())
    return model


def samples(count: int = 10) -> xr.DataArray:
    """Draw demands that move against each other, dims (scenario, town)."""
    random = np.random.default_rng(7)
    swing = random.normal(0.0, 2.0, count)
    demand = 6.0 + np.stack([swing, -swing], axis=1) + random.normal(0.0, 0.5, (count, 2))
    labels = {"scenario": range(count), "town": TOWNS}
    return xr.DataArray(np.clip(demand, 0.0, 12.0), labels, ("scenario", "town"))


def main() -> pd.DataFrame:
    """Solve for every set; costs must not fall from row to row."""
    drawn = samples()
    lower, upper = drawn.min("scenario"), drawn.max("scenario")
    ball = {"samples": drawn, "support": "box", "lower": lower, "upper": upper}
    sets = {
        "nominal": ag.Nominal(drawn.mean("scenario")),
        "empirical": ag.Empirical(drawn),
        "wasserstein 0.5": ag.Wasserstein(radius=0.5, **ball),
        "wasserstein 1": ag.Wasserstein(radius=1.0, **ball),
        "box": ag.Box(lower, upper, drawn.mean("scenario")),
    }
    rows = {}
    for name, ambiguity in sets.items():
        problem = ag.robustify(
            stocking(), recourse=["missing", "moved"], uncertain=["demand"], ambiguity=ambiguity
        )
        solution = problem.solve()
        stock = solution.first_stage["stock"].to_series()
        rows[name] = {"cost": solution.objective, **stock, "status": str(solution.status)}
    table = pd.DataFrame(rows).T
    print(table.to_string(float_format="{:.3f}".format))
    return table


if __name__ == "__main__":
    main()
