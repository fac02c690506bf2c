"""Objectives from prices: every component states what its variables cost."""

from __future__ import annotations

from collections.abc import Mapping

import linopy
import numpy as np
import xarray as xr

Prices = Mapping[str, xr.DataArray]  # by variable name, $/MWh, broadcast over the other dims


def minimise(model: linopy.Model, prices: Prices, step_hours: float) -> None:
    """Minimise the cost of the named variables over all time steps.

    Parameters
    ----------
    model : linopy.Model
        Gets the objective Σ price · variable · step, in $.
    prices : mapping of str to xarray.DataArray
        In $/MWh for variables in MW. Names that the model lacks are passed over: slacks exist
        only where a limit can bind.
    step_hours : float
        Length of a time step, h.
    """
    present = [name for name in prices if name in model.variables]
    labels, costs = [np.zeros(0, dtype=int)], [np.zeros(0)]
    for name in present:
        label = model.variables[name].labels
        price = (prices[name].reset_coords(drop=True) * step_hours).broadcast_like(label)
        exists = label.to_numpy() >= 0
        labels.append(label.to_numpy()[exists])
        costs.append(price.transpose(*label.dims).to_numpy()[exists])
    terms = {
        "coeffs": ("_term", np.concatenate(costs)),
        "vars": ("_term", np.concatenate(labels)),
        "const": 0.0,
    }
    model.add_objective(linopy.LinearExpression(xr.Dataset(terms), model))


def cost(prices: Prices, solution: xr.Dataset, step_hours: float) -> xr.Dataset:
    """Cost of every priced variable of a solution, summed over all but scenarios.

    Parameters
    ----------
    prices : mapping of str to xarray.DataArray
        As for `minimise`.
    solution : xarray.Dataset
        Values in MW by variable name.
    step_hours : float
        Length of a time step, h.

    Returns
    -------
    xarray.Dataset
        $ by variable name, with the dim `scenario` where the solution has it.
    """
    spent = {
        name: (prices[name].reset_coords(drop=True) * solution[name] * step_hours)
        for name in prices
        if name in solution
    }
    return xr.Dataset(
        {
            name: value.sum([d for d in value.dims if d != "scenario"]).assign_attrs(units="$")
            for name, value in spent.items()
        }
    )
