"""What operating a plan on held-out days came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.files import read_tree, write_tree
from ambigrid.studies.ev_interpretation import LOSSES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VIOLATED = 1e-6
"""Power, MW, above which something counts as curtailed, shed or violated."""

TOTAL = "total"
"""Label beside the agents' names for their sum."""

_DAYS, _STATIONS, _CALLS = "days", "stations", "calls"
_ATTRS = {
    "cost": ("$", "cost of the day: first stage and recourse"),
    "recourse_cost": ("$", "cost of the redispatch"),
    "foresight_cost": ("$", "cost of the redispatch had the whole day been known"),
    "first_stage_cost": ("$", "cost of the plan"),
    "promised": ("$", "worst-case expected cost the plan promised"),
    "lost_energy": (
        "MWh",
        "energy curtailed, shed or violated on the day; MVAh of a feeder's network limits",
    ),
    "lost_power": (
        "MW",
        "largest power curtailed, shed or violated; MVA of a feeder's network limits",
    ),
}


@dataclass(frozen=True)
class Evaluation:
    """A plan on held-out days, as one labelled tree.

    Parameters
    ----------
    tree : xarray.DataTree
        ``/days`` holds `cost`, `recourse_cost` (agent, day), $, `first_stage_cost`, `promised`
        (agent), $, `lost_energy`, MWh, and `lost_power`, MW (agent, loss, day; NaN where an
        operator has no such loss), and after a rolling evaluation `foresight_cost` (agent, day).
        ``/calls/<agent>`` holds `boundary_call` (day, time), MW, and ``/stations/<agent>`` after
        a rolling evaluation `station_power` (day, station, time), MW, and `unserved`,
        `deviation` (day, station), MWh. The agent "total" is their sum.
    """

    tree: xr.DataTree

    @classmethod
    def from_operation(
        cls,
        operated: Mapping[str, xr.Dataset],
        promised: Mapping[str, float],
        facts: Mapping[str, Any],
    ) -> Evaluation:
        """Put an evaluation together from what every operator did.

        Parameters
        ----------
        operated : mapping of str to xarray.Dataset
            By agent, as from ``Operator.operate``.
        promised : mapping of str to float
            Worst-case expected cost by agent, $.
        facts : mapping
            Attributes of the tree, among them `step_hours`.
        """
        hours = float(facts["step_hours"])
        per_agent = [_per_day(data, hours) for data in operated.values()]
        names = xr.DataArray(list(operated), dims="agent", name="agent")
        days = xr.concat(per_agent, names.assign_coords(agent=names), join="outer")
        days["promised"] = ("agent", [promised[name] for name in operated])
        days = xr.concat([days, _total(days)], "agent")
        days = days.sel(loss=[loss for loss in LOSSES if loss in days["loss"]])
        for name, (units, words) in _ATTRS.items():
            if name in days:
                days[name].attrs = {"units": units, "long_name": words}
        nodes = {"/": xr.Dataset(attrs=dict(facts)), f"/{_DAYS}": days}
        for name, data in operated.items():
            if "boundary_call" in data:
                nodes[f"/{_CALLS}/{name}"] = data[["boundary_call"]]
            kept = [v for v in ("station_power", "unserved", "deviation") if v in data]
            if kept:
                nodes[f"/{_STATIONS}/{name}"] = data[kept]
        return cls(xr.DataTree.from_dict(nodes))

    # --- what happened ---

    @property
    def days(self) -> xr.Dataset:
        """Costs and losses by agent and day."""
        return self.tree[_DAYS].to_dataset()

    @property
    def stations(self) -> dict[str, xr.Dataset]:
        """Station profiles carried out and what their sessions miss, by agent."""
        return self._group(_STATIONS)

    @property
    def calls(self) -> dict[str, xr.Dataset]:
        """Calls that were followed, by agent."""
        return self._group(_CALLS)

    @property
    def policy(self) -> str:
        """How the days were operated."""
        return str(self.tree.attrs["policy"])

    @property
    def statistics(self) -> xr.Dataset:
        """Distribution of the cost of a day, dims (agent): every day counts the same.

        `mean`, `median`, `cvar_95` (mean of the dearest 5 %), `highest`, `promised` and
        `disappointment` (mean less promised; positive: the promise was broken), all in $;
        `share_above`, the share of days that cost more than promised; after a rolling evaluation
        `foresight`, $: mean cost of not knowing the rest of the day.
        """
        days = self.days
        cost, promised = days["cost"], days["promised"]
        found = {
            "mean": cost.mean("day"),
            "median": cost.median("day"),
            "cvar_95": xr.apply_ufunc(cvar, cost, input_core_dims=[["day"]], vectorize=True),
            "highest": cost.max("day"),
            "promised": promised,
            "disappointment": cost.mean("day") - promised,
        }
        if "foresight_cost" in days:
            found["foresight"] = (days["recourse_cost"] - days["foresight_cost"]).mean("day")
        dollars = {name: value.assign_attrs(units="$") for name, value in found.items()}
        above = (cost > promised).mean("day").assign_attrs(units="1")
        return xr.Dataset({**dollars, "share_above": above})

    @property
    def violations(self) -> xr.Dataset:
        """How often and how much is lost, dims (agent, loss).

        `probability`, the share of days with more than 1e-6 MW in some step; `mean` and `highest`
        energy of a day, MWh.
        """
        energy, power = self.days["lost_energy"], self.days["lost_power"]
        often = (power > VIOLATED).mean("day").where(power.notnull().any("day"))
        return xr.Dataset(
            {
                "probability": often.assign_attrs(units="1"),
                "mean": energy.mean("day").assign_attrs(units="MWh"),
                "highest": energy.max("day").assign_attrs(units="MWh"),
            }
        )

    @property
    def service(self) -> dict[str, xr.Dataset]:
        """What the sessions of all stations of an operator miss, by agent.

        `unserved` and `deviation`, mean over the days, and `highest_unserved`, MWh per day.
        """
        return {
            name: xr.Dataset(
                {
                    "unserved": data["unserved"].sum("station").mean("day"),
                    "highest_unserved": data["unserved"].sum("station").max("day"),
                    "deviation": data["deviation"].sum("station").mean("day"),
                }
            )
            for name, data in self.stations.items()
            if "unserved" in data
        }

    # --- what a user does with it ---

    def summary(self) -> dict[str, Any]:
        """Give the evaluation as one JSON-ready object."""
        statistics, violations = self.statistics, self.violations
        agents = [str(name) for name in statistics["agent"].to_numpy()]
        return {
            **{key: str(self.tree.attrs[key]) for key in ("policy", "calls", "days")},
            **{key: self.tree.attrs.get(key) for key in ("study", "case", "data_hash", "status")},
            "number_of_days": self.days.sizes["day"],
            "cost": {name: _numbers(statistics.sel(agent=name)) for name in agents},
            "violations": {
                name: {
                    str(loss): _numbers(violations.sel(agent=name, loss=loss))
                    for loss in violations["loss"].to_numpy()
                    if bool(violations["probability"].sel(agent=name, loss=loss).notnull())
                }
                for name in agents
                if name != TOTAL
            },
            "stations": {name: _numbers(service) for name, service in self.service.items()},
        }

    def report(self, width: int = 96) -> str:
        """Give the evaluation as tables to read, of the given width in characters."""
        from ambigrid.evaluation.table import render

        return render(self, width)

    def plot(self) -> Figure:
        """Draw the distribution of the cost and the share of days with losses."""
        from ambigrid.plotting import out_of_sample
        from ambigrid.plotting.style import figure

        with figure(11.0, 4.2) as canvas:
            out_of_sample.draw(canvas, self)
        return canvas

    def save(self, path: str | Path) -> Path:
        """Write the evaluation to one NetCDF file, which opens without this package."""
        return write_tree(self.tree, path)

    def _group(self, name: str) -> dict[str, xr.Dataset]:
        if name not in self.tree.children:
            return {}
        return {agent: node.to_dataset() for agent, node in self.tree[name].children.items()}


def load_evaluation(path: str | Path) -> Evaluation:
    """Read an evaluation from the file that :meth:`Evaluation.save` wrote.

    Raises
    ------
    InputError
        If the file is missing, truncated, or holds something else than an evaluation.
    """
    tree = read_tree(path, content="evaluation")
    if _DAYS not in tree.children or "policy" not in tree.attrs:
        raise InputError(
            "this NetCDF file holds no evaluation: it has no group /days",
            where=str(path),
            got="groups " + (", ".join(tree.children) or "none"),
            fix="give a file written by `ambigrid evaluate` or Evaluation.save",
        )
    return Evaluation(tree)


def cvar(values: np.ndarray, level: float = 0.95) -> float:
    """Mean of the highest share 1 − level of equally likely values, the last one in part."""
    falling = np.sort(values)[::-1]
    tail = (1.0 - level) * len(falling)
    share = np.clip(tail - np.arange(len(falling)), 0.0, 1.0)
    return float(share @ falling / share.sum())


def _per_day(operated: xr.Dataset, hours: float) -> xr.Dataset:
    costs = ("first_stage_cost", "recourse_cost", "foresight_cost")
    kept = operated[[name for name in costs if name in operated]]
    lost = operated["lost_power"]
    return kept.assign(
        cost=kept["first_stage_cost"] + kept["recourse_cost"],
        lost_energy=lost.sum("time") * hours,
        lost_power=lost.max("time"),
    )


def _total(days: xr.Dataset) -> xr.Dataset:
    """Sum over the agents, the power too: the most that is lost at once is at most that."""
    summed = days.sum("agent", min_count=1)
    return summed.assign_coords(agent=TOTAL)


def _numbers(data: xr.Dataset) -> dict[str, float | None]:
    found = {str(name): float(value) for name, value in data.data_vars.items()}
    return {name: value if isfinite(value) else None for name, value in found.items()}
