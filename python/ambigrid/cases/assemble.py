"""A whole case from networks, with profiles, renewables and sessions given by the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.cases.envelopes import planned_stations, step_length
from ambigrid.cases.schema import KINDS, SCHEMA_VERSION, SESSION, group
from ambigrid.cases.validation import validate_case
from ambigrid.errors import InputError

Values = Mapping[str, Any]

#: What a case gets where its maker says nothing: $/MWh, p.u. and a share of the load.
ASSUMED: dict[str, dict[str, float]] = {
    "transmission": {
        "reserve_cost_up": 8.0,
        "reserve_cost_down": 8.0,
        "deployment_cost_up": 40.0,
        "deployment_cost_down": 5.0,
        "boundary_deployment_cost": 20.0,
        "curtailment_cost": 100.0,
        "shedding_cost": 1000.0,
        "network_slack_cost": 5000.0,
        "shedding_share": 0.3,
    },
    "distribution": {
        "voltage_min": 0.95,
        "voltage_max": 1.05,
        "ev_reserve_cost_up": 5.0,
        "ev_reserve_cost_down": 3.0,
        "ev_deployment_cost": 20.0,
        "curtailment_cost": 100.0,
        "shedding_cost": 1000.0,
        "boundary_violation_cost": 2000.0,
        "network_slack_cost": 5000.0,
        "shedding_share": 0.3,
    },
}


def case_from_networks(
    transmission: xr.Dataset,
    distribution: Mapping[str, xr.Dataset],
    values: Mapping[str, Values],
    sessions: Mapping[str, xr.Dataset],
    *,
    name: str,
    title: str = "",
    sources: str = "",
) -> xr.DataTree:
    """Assemble and check a case.

    Parameters
    ----------
    transmission : Dataset
        Network part of the transmission group, from ``from_pandapower`` or ``from_matpower``.
    distribution : mapping of str to Dataset
        Network parts of the feeders by group name.
    values : mapping of str to mapping
        By group name, the variables of :mod:`ambigrid.cases.schema` that the networks lack, or
        that replace theirs. A value is a number (the same everywhere), a mapping from label to
        number or label, or a DataArray. ``renewable_bus`` as a mapping names the units,
        ``station_bus`` the stations, ``boundary_bus`` and ``boundary_limit`` the feeders. What
        `ASSUMED` lists may be left out, and equal weights of the scenarios; a group without
        renewable units needs no samples.
    sessions : mapping of str to Dataset
        Charging sessions of each feeder; envelopes and baseline are made from them with
        :func:`~ambigrid.cases.envelopes.planned_stations`.
    name, title, sources : str
        Attributes of the case.

    Returns
    -------
    DataTree

    Raises
    ------
    InputError
        Naming group, variable and label where the parts do not fit together, and for a case that
        fails a check of :func:`~ambigrid.cases.validation.validate_case`.

    Notes
    -----
    The loads of the transmission network stay as they are: give the load at a boundary bus as zero
    where the feeder stands in its place.
    """
    networks = {"transmission": transmission, **distribution}
    _check_parts(networks, values, sessions)
    groups, assumptions = {}, []
    for label, network in networks.items():
        kind = str(network.attrs["kind"])
        part = _Part(label, network)
        if label == "transmission":
            part.coords["distribution"] = np.array(list(distribution), dtype=object)
        given = dict(values.get(label, {}))
        assumed = {key: x for key, x in ASSUMED[kind].items() if key not in given}
        assumptions += [f"{label}/{key}: {x:g}" for key, x in assumed.items()]
        given |= assumed
        for key in sorted(given, key=lambda key: not key.endswith("_bus")):  # these bring labels
            part.put(key, given[key])
        part.complete_scenarios()
        groups[label] = part.dataset(sessions.get(label))
    tree = xr.DataTree.from_dict({f"/{label}": data for label, data in groups.items()})
    tree.attrs = {
        "name": name,
        "title": title or name,
        "schema_version": SCHEMA_VERSION,
        "base_mva": float(transmission.attrs["base_mva"]),
        "step_hours": step_length(transmission["time"]),
        "seed": 0,
        "sources": sources or "\n".join(str(n.attrs["source"]) for n in networks.values()),
        "assumptions": "\n".join(assumptions),
        "notice": "",
    }
    validate_case(tree, source=name)
    return tree


class _Part:
    """Values and coordinates of one group while it is put together."""

    def __init__(self, label: str, network: xr.Dataset) -> None:
        self.label, self.network = label, network
        self.kind = str(network.attrs["kind"])
        self.coords: dict[str, Any] = {str(k): v.to_numpy() for k, v in network.coords.items()}
        self.values: dict[str, Any] = {str(k): v.to_numpy() for k, v in network.items()}

    def put(self, key: str, value: Any) -> None:
        """Bring a value to its declared dims; it may set a coordinate that is still open."""
        where = f"{self.label}/{key}"
        if key not in KINDS[self.kind]:
            known = ", ".join(name for name in KINDS[self.kind] if name not in self.values)
            raise InputError("there is no such variable", where=where, fix=f"choose from {known}")
        dims = KINDS[self.kind][key].dims
        if isinstance(value, Mapping):
            labels = np.array(list(value), dtype=object)
            value = xr.DataArray(list(value.values()), dims=dims, coords={dims[0]: labels})
            if key == "renewable_bus":
                self._replace_units(labels)
        if isinstance(value, xr.DataArray):
            self.values[key] = self._aligned(value, dims, where)
            return
        missing = [dim for dim in dims if dim not in self.coords]
        if missing:
            raise InputError(
                f"the labels of {missing[0]} are not known yet",
                where=where,
                fix="give a mapping from label to value, or a DataArray with coordinates",
            )
        shape = tuple(len(self.coords[dim]) for dim in dims)
        self.values[key] = np.broadcast_to(np.asarray(value), shape)

    def complete_scenarios(self) -> None:
        """Equal weights where none are given; one empty scenario where nothing is uncertain."""
        if not len(self.coords["unit"]) and "renewable_samples" not in self.values:
            steps = len(self.coords["time"])
            self.coords["scenario"] = np.arange(1)
            self.values["renewable_forecast"] = np.zeros((0, steps))
            self.values["renewable_samples"] = np.zeros((1, 0, steps))
        if "scenario" in self.coords and "weight" not in self.values:
            count = len(self.coords["scenario"])
            self.values["weight"] = np.full(count, 1.0 / count)

    def dataset(self, sessions: xr.Dataset | None) -> xr.Dataset:
        """Make the group; a feeder gets envelopes and baseline from its sessions."""
        attrs = {key: x for key, x in self.network.attrs.items() if key != "kind"}
        if sessions is None:
            return group(self.kind, self.values, self.coords, **attrs)
        for key in ("tariff", "station_bus"):
            if key not in self.values:
                raise InputError("the variable is missing", where=f"{self.label}/{key}")
        time = xr.DataArray(self.coords["time"], dims="time")
        stations = list(self.coords["station"])
        tariff = xr.DataArray(self.values["tariff"], dims="time")
        made = planned_stations(sessions, time, stations, tariff)
        self.values |= {str(key): x.to_numpy() for key, x in made.items()}
        self.values |= {key: sessions[key].to_numpy() for key in SESSION if key in sessions}
        self.coords["session"] = sessions["session"].to_numpy()
        return group(self.kind, self.values, self.coords, **attrs)

    def _replace_units(self, labels: np.ndarray) -> None:
        """Put the units named by the user in the place of the network's own."""
        if list(labels) != list(self.coords["unit"]):
            self.coords["unit"] = labels
            self.values.pop("renewable_capacity", None)

    def _aligned(self, value: xr.DataArray, dims: tuple[str, ...], where: str) -> np.ndarray:
        if set(value.dims) != set(dims):
            raise InputError("the dims do not fit", where=where, got=value.dims, fix=f"give {dims}")
        for dim in dims:
            if dim not in value.coords:
                continue
            if dim not in self.coords:
                self.coords[dim] = value[dim].to_numpy()
            lacking = [x for x in self.coords[dim] if x not in value.indexes[dim]]
            extra = [x for x in value.indexes[dim] if x not in self.coords[dim]]
            if lacking or extra:
                raise InputError(
                    f"the labels of {dim} do not fit",
                    where=where,
                    got=f"without {lacking[:3]}, with {extra[:3]} too many",
                    fix=f"give a value for each {dim} of the group",
                )
            value = value.sel({dim: self.coords[dim]})
        array: np.ndarray = value.transpose(*dims).to_numpy()
        return array


def _check_parts(
    networks: Mapping[str, xr.Dataset],
    values: Mapping[str, Values],
    sessions: Mapping[str, xr.Dataset],
) -> None:
    first = networks["transmission"]
    for label, network in networks.items():
        kind = "transmission" if label == "transmission" else "distribution"
        if network.attrs.get("kind") != kind:
            raise InputError(
                f"this group takes a {kind} network", where=label, got=network.attrs.get("kind")
            )
        if network.attrs["base_mva"] != first.attrs["base_mva"]:
            raise InputError(
                "all networks of a case have one power base",
                where=f"{label}, base_mva",
                got=network.attrs["base_mva"],
                fix=f"read it with base_mva={first.attrs['base_mva']}",
            )
        if not np.array_equal(network["time"], first["time"]):
            raise InputError("all load profiles of a case have one time axis", where=label)
        if kind == "distribution" and label not in sessions:
            raise InputError("the feeder has no sessions", where=f"sessions, {label}")
    strangers = sorted((set(values) | set(sessions)) - set(networks))
    if strangers:
        raise InputError(
            "there is no such group",
            where="values/sessions",
            got=", ".join(strangers),
            fix=f"use the names {', '.join(networks)}",
        )
