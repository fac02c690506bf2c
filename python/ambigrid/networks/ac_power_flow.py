"""AC power flow of a radial feeder by pandapower, to judge what LinDistFlow leaves out.

LinDistFlow leaves out losses and the quadratic voltage drop; shunts, tap changers, unbalance and
voltage-dependent loads are in neither model.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.errors import InputError, SolverError
from ambigrid.networks import lindistflow

ISLANDS = 200  # feeders solved side by side in one Newton iteration


def ac_voltages(data: xr.Dataset, active: xr.DataArray, reactive: xr.DataArray) -> xr.DataArray:
    """Voltages of a feeder by full AC power flow, for many cases at once.

    Every case becomes an island of one large network, with its own stiff root.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder, with ``attrs`` `base_mva`, `base_kv` and `root_bus`.
    active, reactive : xarray.DataArray
        Dims (bus, …), MW and MVAr fed into the buses; generation minus consumption.

    Returns
    -------
    xarray.DataArray
        Dims (bus, …), p.u.

    Raises
    ------
    InputError
        If pandapower is not installed.
    SolverError
        If the power flow does not converge.
    """
    pandapower = _pandapower()
    active, reactive = xr.broadcast(active, reactive)
    rest = [dim for dim in active.dims if dim != "bus"]
    power = [a.transpose("bus", *rest).to_numpy().reshape(a.sizes["bus"], -1).T
             for a in (active, reactive)]  # fmt: skip
    voltages = [
        _island_voltages(pandapower, data, *(p[first : first + ISLANDS] for p in power))
        for first in range(0, len(power[0]), ISLANDS)
    ]
    like = active.transpose("bus", *rest)
    values = np.concatenate(voltages).T.reshape(like.shape)
    return like.copy(data=values).assign_attrs(units="p.u.", long_name="AC voltage")


def compare(data: xr.Dataset, active: xr.DataArray, reactive: xr.DataArray) -> xr.Dataset:
    """LinDistFlow against AC power flow.

    Parameters
    ----------
    data, active, reactive
        As for `ac_voltages`.

    Returns
    -------
    xarray.Dataset
        `linear`, `ac` and their difference `error`, dims (bus, …), p.u.
    """
    linear = lindistflow.evaluate(data, active, reactive)["voltage"]
    ac = ac_voltages(data, active, reactive)
    return xr.Dataset({"linear": linear, "ac": ac, "error": linear - ac})


def _island_voltages(
    pandapower: ModuleType, data: xr.Dataset, active: np.ndarray, reactive: np.ndarray
) -> np.ndarray:
    """Voltages (case, bus) of islands that differ in their power only."""
    cases, buses = active.shape
    net = pandapower.create_empty_network(sn_mva=float(data.attrs["base_mva"]))
    pandapower.create_buses(net, cases * buses, vn_kv=float(data.attrs["base_kv"]))
    offset = np.arange(cases)[:, None] * buses
    _add_lines(pandapower, net, data, offset)
    pandapower.create_loads(
        net, np.arange(cases * buses), p_mw=-active.ravel(), q_mvar=-reactive.ravel()
    )
    root = int(data["bus"].to_index().get_indexer(pd.Index([data.attrs["root_bus"]]))[0])
    for bus in offset.ravel() + root:
        pandapower.create_ext_grid(net, int(bus), vm_pu=float(data["root_voltage"]))
    try:
        pandapower.runpp(net, numba=False, init="flat", calculate_voltage_angles=False)
    except pandapower.LoadflowNotConverged as error:
        raise SolverError(f"the AC power flow of {cases} cases did not converge") from error
    return np.asarray(net.res_bus["vm_pu"].to_numpy().reshape(cases, buses))


def _add_lines(pandapower: ModuleType, net: object, data: xr.Dataset, offset: np.ndarray) -> None:
    ohm = float(data.attrs["base_kv"]) ** 2 / float(data.attrs["base_mva"])
    labels = data["bus"].to_index()
    ends = [
        (labels.get_indexer(pd.Index(data[name].to_numpy()))[None, :] + offset).ravel()
        for name in ("line_from", "line_to")
    ]
    pandapower.create_lines_from_parameters(
        net,
        *ends,
        length_km=1.0,
        r_ohm_per_km=np.tile(data["line_resistance"].to_numpy() * ohm, len(offset)),
        x_ohm_per_km=np.tile(data["line_reactance"].to_numpy() * ohm, len(offset)),
        c_nf_per_km=0.0,
        max_i_ka=1.0,
    )


def _pandapower() -> ModuleType:
    try:
        import pandapower
    except ImportError:
        raise InputError(
            "the AC power flow needs pandapower",
            where="ac_voltages",
            fix="install it with `pip install ambigrid[pandapower]`",
        ) from None
    return pandapower  # type: ignore[no-any-return]
