"""What to do with a result file: prices, settlement and pictures with xarray alone.

    python postprocess.py [result.nc] [folder]

Without a file, a small case is solved first. Nothing below `read` needs ambigrid.
"""

import sys
from pathlib import Path

import matplotlib
import xarray as xr

import ambigrid as ag


def make_result(folder: Path) -> Path:
    """Solve the template, so that there is a file to read."""
    ag.write_template(folder / "case")
    case = ag.load_case(folder / "case")
    study = ag.EVFlexibility(
        case, ambiguity=ag.Wasserstein(radius={"transmission": 3.0, "distribution": 0.1})
    )
    return ag.solve(study).save(folder / "result.nc")


def read(path: Path) -> xr.DataTree:
    """Open a result; any tool that reads NetCDF can."""
    return xr.open_datatree(path, engine="h5netcdf")


def reserve_prices(tree: xr.DataTree) -> xr.Dataset:
    """Price and amount of boundary reserve of every feeder, dims (distribution, time)."""
    feeders = {name: node.to_dataset() for name, node in tree["shared"].children.items()}
    return xr.concat(feeders.values(), xr.DataArray(list(feeders), dims="distribution"))


def mean_price(reserve: xr.Dataset, direction: str) -> xr.DataArray:
    """Mean price of the boundary reserve that was bought, $ per MW and step; NaN for none."""
    amount = reserve[f"boundary_reserve_{direction}"]
    price = reserve[f"boundary_reserve_{direction}_price"]
    return ((price * amount).sum("time") / amount.sum("time")).where(amount.sum("time") > 1e-6)


def worst_scenario(tree: xr.DataTree) -> xr.Dataset:
    """Weight and worst-case probability of the transmission operator's support points."""
    return tree["worst_case/transmission"].to_dataset()[["weight", "probability", "value"]]


def draw(tree: xr.DataTree, target: Path) -> None:
    """Reserve of the day and what the renewables do in the likeliest of the worst scenarios."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (upper, lower) = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    dispatch = tree["dispatch/transmission"].to_dataset()
    for name, sign in (("reserve_up", 1), ("reserve_down", -1)):
        (sign * dispatch[name].sum("generator")).plot.step(ax=upper, label=name)
    upper.set_ylabel("thermal reserve, MW")
    upper.legend()

    worst = tree["worst_case/transmission"].to_dataset()
    likeliest = worst.isel(support=int(worst["probability"].argmax("support")))
    likeliest["renewable"].plot.line(x="time", hue="unit", ax=lower)
    lower.set_title(f"outcome with worst-case probability {float(likeliest['probability']):.2f}")
    lower.set_ylabel("available, MW")
    figure.savefig(target)
    plt.close(figure)


def main(path: Path | None, folder: Path) -> xr.DataTree:
    """Print the tables and draw the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = read(path or make_result(folder))
    print(f"{tree.attrs['case']}: {tree.attrs['status']}, {tree.attrs['objective']:,.2f} $\n")

    reserve = reserve_prices(tree)
    for direction in ("up", "down"):
        price = mean_price(reserve, direction).assign_attrs(units="$/MW")
        print(f"mean price of boundary reserve {direction}, {price.attrs['units']}")
        print(price.to_series().round(2).to_string(header=False))

    settlement = tree["derived/settlement/settlement"]
    print("\nwho receives what, $ (rows sum to zero)")
    print(settlement.to_pandas().round(2).to_string())
    assert abs(settlement.sum("party")).max() < 1e-6

    print("\nworst case of transmission")
    print(worst_scenario(tree).to_dataframe().round(3).to_string())
    draw(tree, folder / "postprocess.png")
    return tree


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(given[0] if given else None, given[1] if len(given) > 1 else Path("results"))
