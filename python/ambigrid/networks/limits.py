"""Network limits as rows in the injected power, only where they can bind."""

from __future__ import annotations

import linopy
import numpy as np
import xarray as xr

from ambigrid.networks.nodal_power import NodalPower, Sensitivity

TOLERANCE = 1e-9  # relative to the limit: a row that only touches its limit is redundant


def binding_rows(sensitivity: Sensitivity, power: NodalPower) -> xr.DataArray:
    """Tell which rows some feasible decision could violate.

    A row whose greatest possible activity stays within its limit is implied by the bounds of
    the injections, so leaving it out changes no feasible set and no optimal value; its dual is
    zero. This is the activity argument of presolve (Brearley, Mitra and Williams, 1975).

    Returns
    -------
    xarray.DataArray of bool
        Dims (element, side, time), true for the rows to keep.
    """
    room = TOLERANCE * np.maximum(1.0, np.abs(sensitivity.limit))
    return power.greatest(sensitivity) > sensitivity.limit + room


def add_limits(
    model: linopy.Model,
    name: str,
    sensitivity: Sensitivity,
    power: NodalPower,
    slack: str | None = None,
) -> None:
    """Add the rows ``sensitivity(power) <= limit (+ slack)`` that can bind.

    Parameters
    ----------
    model : linopy.Model
        Gains the constraint `name` with dims (element, side, time), masked where redundant.
    name : str
        Name of the constraint; nothing is added when every row is redundant.
    sensitivity, power : Sensitivity, NodalPower
        The rows and what is fed into the buses.
    slack : str, optional
        Name of a non-negative variable with dims (element, time), in the unit of the row, that
        relaxes all sides of an element together; it exists only where a row is kept. Without
        it the limit is hard.
    """
    kept = binding_rows(sensitivity, power)
    element = sensitivity.element
    some = kept.any(["side", "time"])
    if not some.any():
        return
    elements = kept[element][some.to_numpy()]
    sensitivity, kept = sensitivity.select(elements), kept.sel({element: elements})
    kept = kept.transpose(element, "side", "time")
    activity = power.decided_part(sensitivity)
    if slack is not None:
        relaxed = kept.any("side")
        relief = model.add_variables(lower=0.0, coords=relaxed.coords, name=slack, mask=relaxed)
        activity = activity - (1 * relief).fillna(0)
    room = sensitivity.limit - power.fixed_part(sensitivity)
    model.add_constraints(activity <= room, name=name, mask=kept)
