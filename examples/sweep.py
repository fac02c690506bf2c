"""A sweep: how cost and expected losses move with the radius, and ADMM with its penalty.

python sweep.py [folder]
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import xarray as xr

import ambigrid as ag

RADII = {"transmission": 3.0, "distribution": 0.1}  # MW, multiplied in the sweep


def small_case() -> xr.DataTree:
    """Three buses, one feeder, two charging stations: the template that users edit."""
    with TemporaryDirectory() as folder:
        ag.write_template(Path(folder) / "case")
        return ag.load_case(Path(folder) / "case")


def sweep_radius(case: xr.DataTree, multiples: tuple[float, ...]) -> pd.DataFrame:
    """Solve once per multiple of the radii; the cost can only rise, up to the worst sample's."""
    sets: dict[str, ag.Empirical | ag.Wasserstein] = {"empirical": ag.Empirical()}
    for multiple in multiples:
        radius = {kind: multiple * value for kind, value in RADII.items()}
        sets[f"radius x {multiple:g}"] = ag.Wasserstein(radius=radius)
    sets["worst sample"] = ag.Wasserstein(radius=1e6)
    rows = {}
    for name, ambiguity in sets.items():
        study = ag.EVFlexibility(case, ambiguity=ambiguity)
        result = ag.solve(study)
        losses = result.derived["transmission"]
        rows[name] = {
            "status": str(result.status),
            "cost $": result.objective,
            "bound $": result.bound,
            "reserve MWh": float(result.dispatch["transmission/reserve_up"].sum()),
            "expected curtailment MWh": float(losses["expected_curtailment"]),
            "expected shedding MWh": float(losses["expected_shedding"]),
        }
    return pd.DataFrame(rows).T


def sweep_penalty(case: xr.DataTree, penalties: tuple[float, ...]) -> xr.Dataset:
    """Logs of ADMM for several penalties along one dim; the models are built once."""
    study = ag.EVFlexibility(case, ambiguity=ag.Wasserstein(radius=RADII))
    logs = []
    for penalty in penalties:
        method = ag.ADMM(penalty=penalty, iterations=40)
        logs.append(ag.solve(study, method=method).history.drop_vars("penalty"))
    return xr.concat(logs, pd.Index(penalties, name="penalty"), join="outer")


def main(
    folder: Path,
    multiples: tuple[float, ...] = (0.5, 1.0, 2.0),
    penalties: tuple[float, ...] = (5.0, 15.0, 50.0),
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Print both tables and keep the first."""
    folder.mkdir(parents=True, exist_ok=True)
    case = small_case()

    table = sweep_radius(case, multiples)
    print(table.to_string(float_format="{:,.2f}".format), end="\n\n")
    table.to_csv(folder / "radius.csv")

    logs = sweep_penalty(case, penalties)
    iterations = logs["seconds"].notnull().sum("iteration").rename("iterations")
    gap = (1 - logs["lower_bound"] / logs["upper_bound"]).min("iteration").rename("gap")
    print(xr.merge([iterations, gap]).to_dataframe().to_string())
    return table, logs


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results"))
