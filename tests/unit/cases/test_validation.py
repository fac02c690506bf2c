"""Every bad input gives one sentence: what, where, what was got, what to do."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from ambigrid.cases import validate_case
from ambigrid.errors import InputError

Spoil = Callable[[xr.DataTree], xr.DataTree]


def replaced(tree: xr.DataTree, group: str, change: Callable[[xr.Dataset], xr.Dataset]):
    parts = {f"/{name}": child.to_dataset() for name, child in tree.children.items()}
    parts[f"/{group}"] = change(parts[f"/{group}"])
    spoilt = xr.DataTree.from_dict(parts)
    spoilt.attrs = dict(tree.attrs)
    return spoilt


def edit(group: str, change: Callable[[xr.Dataset], xr.Dataset]) -> Spoil:
    return lambda tree: replaced(tree, group, change)


def value(group: str, name: str, new: object, **labels: object) -> Spoil:
    def change(data: xr.Dataset) -> xr.Dataset:
        data = data.copy(deep=True)
        if labels:
            data[name].loc[labels] = new
        else:
            data[name] = data[name].copy(data=np.full(data[name].shape, new))
        return data

    return edit(group, change)


def scaled(group: str, name: str, factor: float) -> Spoil:
    return edit(group, lambda d: d.assign({name: (d[name] * factor).assign_attrs(d[name].attrs)}))


def line_to_bus(data: xr.Dataset) -> xr.Dataset:
    """A second line to bus 4: the feeder becomes meshed."""
    more = data.isel(line=[0]).assign_coords(line=np.array(["3-4"], dtype=object))
    more["line_from"] = ("line", np.array(["3"], dtype=object))
    more["line_to"] = ("line", np.array(["4"], dtype=object))
    by_line = [name for name in data.data_vars if "line" in data[name].dims]
    lines = xr.concat([data[by_line], more[by_line]], "line")
    return data.drop_dims("line").merge(lines)


CASES: dict[str, tuple[Spoil, str]] = {
    "missing variable": (
        edit("transmission", lambda d: d.drop_vars("line_reactance")),
        "case: transmission/line_reactance: the variable is missing. "
        "Add it with dims (line), numbers with the units 'p.u.'.",
    ),
    "unknown variable": (
        edit("transmission", lambda d: d.assign(laod=d["load"])),
        "case: transmission/laod: there is no such variable. Remove it",
    ),
    "wrong dims": (
        edit("transmission", lambda d: d.assign(load=d["load"].transpose("time", "bus"))),
        "transmission/load: the dims are wrong; got (time, bus). Bring it to (bus, time).",
    ),
    "wrong units": (
        edit("transmission", lambda d: d.assign(load=d["load"].assign_attrs(units="kW"))),
        "transmission/load: the units are wrong; got 'kW'. "
        "Convert the values and set the attribute units to 'MW'.",
    ),
    "no units": (
        edit("distribution_1", lambda d: d.assign(tariff=d["tariff"].drop_attrs())),
        "distribution_1/tariff: the units are wrong; got None.",
    ),
    "text for numbers": (
        edit("transmission", lambda d: d.assign(ramp_up=d["ramp_up"].astype(str))),
        "transmission/ramp_up: the values must be numbers; got dtype <U",
    ),
    "missing time of a session": (
        value("distribution_1", "session_arrival", np.datetime64("NaT", "ns"), session=2),
        "distribution_1/session_arrival, session 2: the instant is missing; got NaT. "
        "Give a date and time, or leave the session out.",
    ),
    "half a session": (
        edit("distribution_1", lambda d: d.drop_vars("session_energy")),
        "distribution_1/session_energy: the sessions lack this variable; got only "
        "session_station, session_arrival",
    ),
    "unknown bus of a unit": (
        value("transmission", "generator_bus", "77", generator="G2"),
        "transmission/generator_bus, generator G2: there is no such bus; got '77'. "
        "Name one of the 3 labels of the coordinate bus.",
    ),
    "unknown bus of a station": (
        value("distribution_1", "station_bus", "bus_3", station="E3"),
        "distribution_1/station_bus, station E3: there is no such bus; got 'bus_3'.",
    ),
    "NaN samples": (
        value("transmission", "renewable_samples", np.nan, scenario=1, time="2030-01-15T05:00"),
        "transmission/renewable_samples, scenario 1, unit W3, time 2030-01-15T05:00: "
        "the value is not a finite number; got nan MW.",
    ),
    "disconnected feeder": (
        edit(
            "distribution_1",
            lambda d: d.assign(line_from=("line", np.array(["1", "4", "3"], dtype=object))).assign(
                line_to=("line", np.array(["2", "3", "4"], dtype=object))
            ),
        ),
        "distribution_1/line_from, bus 3: the feeder is disconnected: no line leads to the bus; "
        "got 2 islands.",
    ),
    "meshed feeder": (
        edit("distribution_1", line_to_bus),
        "distribution_1/line_from: the feeder is meshed; a radial feeder has one line less than "
        "buses; got 4 lines for 4 buses. Leave out the normally open lines.",
    ),
    "line towards the root": (
        edit(
            "distribution_1",
            lambda d: d.assign(line_from=d["line_to"], line_to=d["line_from"]),
        ),
        "distribution_1/line_from, line 1-2: the line points towards the root; got 2 to 1.",
    ),
    "islands in transmission": (
        edit(
            "transmission",
            lambda d: d.assign(line_from=("line", np.array(["1"] * 3, dtype=object))).assign(
                line_to=("line", np.array(["2"] * 3, dtype=object))
            ),
        ),
        "transmission/line_from, bus 3: the lines do not connect all buses; got 2 islands.",
    ),
    "negative line limit": (
        value("transmission", "line_flow_limit", -5.0, line="L2"),
        "transmission/line_flow_limit, line L2: the largest active flow in either direction must "
        "not be negative; got -5 MW. Give line_flow_limit in MW, at least 0.",
    ),
    "negative branch limit": (
        value("distribution_1", "line_power_limit", -1.0, line="2-3"),
        "distribution_1/line_power_limit, line 2-3: the largest apparent power must not be "
        "negative; got -1 MVA.",
    ),
    "share above one": (
        value("transmission", "shedding_share", 1.2),
        "transmission/shedding_share: the largest share of each load that can be shed must be at "
        "most 1; got 1.2.",
    ),
    "empty scenarios": (
        edit("transmission", lambda d: d.isel(scenario=[])),
        "transmission/renewable_samples: there are no scenarios; got 0 scenarios. "
        "Give at least one; the forecast itself will do.",
    ),
    "weights": (
        scaled("distribution_1", "weight", 0.9),
        "distribution_1/weight: the weights of the scenarios must add up to one; got 0.9. "
        "Divide each weight by their sum.",
    ),
    "samples above capacity": (
        value("transmission", "renewable_samples", 45.0, scenario=0, time="2030-01-15T03:00"),
        "transmission/renewable_samples, scenario 0, unit W3, time 2030-01-15T03:00: "
        "the power is above capacity; got 45 MW.",
    ),
    "infeasible demand": (
        scaled("transmission", "load", 3.0),
        "the load with the feeders' exchange is above thermal capacity and forecast wind together; "
        "got",
    ),
    "demand behind a line": (
        value("transmission", "line_flow_limit", 1.0),
        "no schedule meets the load at forecast within the line's limit; it is exceeded; got",
    ),
    "ramps": (
        value("transmission", "ramp_up", 0.01),
        "no schedule within power limits and ramps meets the load at forecast, ",
    ),
    "least power": (
        edit(
            "transmission",
            lambda d: d.assign(
                load=(d["load"] * 0.1).assign_attrs(units="MW"),
            ),
        ),
        "transmission/load, time 2030-01-15T00:00: no schedule within power limits and ramps meets "
        "the load at forecast, there is too much power; got",
    ),
    "power limits": (
        value("transmission", "power_min", 80.0, generator="G1"),
        "transmission/power_min, generator G1: the least power is above the largest power; "
        "got 80 MW.",
    ),
    "segments": (
        value("transmission", "segment_power", 35.0, generator="G1", segment=0),
        "transmission/segment_power, generator G1: the cost segments do not add up to power_max - "
        "power_min; got 65 MW.",
    ),
    "concave cost": (
        value("transmission", "segment_cost", 5.0, generator="G2", segment=1),
        "transmission/segment_cost, generator G2, segment 1: the cost of a segment is below that "
        "of the one before; got 5 $/MWh.",
    ),
    "curtailment below deployment": (
        value("transmission", "curtailment_cost", 30.0),
        "transmission/curtailment_cost: the price must be above deployment_cost_up = 40 $/MWh; "
        "got 30 $/MWh.",
    ),
    "shedding below curtailment": (
        value("distribution_1", "shedding_cost", 90.0),
        "distribution_1/shedding_cost: the price must be above curtailment_cost = 100 $/MWh; "
        "got 90 $/MWh.",
    ),
    "violation below shedding": (
        value("distribution_1", "boundary_violation_cost", 900.0),
        "distribution_1/boundary_violation_cost: the price must be above shedding_cost = 1000",
    ),
    "slack below violation": (
        value("distribution_1", "network_slack_cost", 1500.0),
        "distribution_1/network_slack_cost: the price must be above boundary_violation_cost = 1500",
    ),
    "envelope order": (
        value("distribution_1", "ev_power_min", 9.0, station="E4", time="2030-01-15T02:00"),
        "distribution_1/ev_power_min, station E4, time 2030-01-15T02:00: the value is above "
        "ev_power_max; got 9 MW.",
    ),
    "baseline outside its power": (
        value("distribution_1", "ev_baseline", 2.0, station="E3", time="2030-01-15T00:00"),
        "distribution_1/ev_baseline, station E3, time 2030-01-15T00:00: the baseline's power "
        "violates ev_power_max; got 2 MW.",
    ),
    "baseline outside its energy": (
        value("distribution_1", "ev_baseline", 0.0),
        "the baseline's energy violates ev_energy_min; got 0 MWh. "
        "Make it with ambigrid.cases.envelopes.baseline_charging.",
    ),
    "unknown station": (
        value("distribution_1", "session_station", "E9", session=2),
        "distribution_1/session_station, session 2: there is no such station; got 'E9'.",
    ),
    "root voltage": (
        value("distribution_1", "root_voltage", 1.1),
        "distribution_1/root_voltage: the root voltage must lie between voltage_min and "
        "voltage_max; got 1.1 p.u. outside [0.95, 1.05].",
    ),
    "voltage at forecast": (
        scaled("distribution_1", "line_resistance", 20.0),
        "the voltage at forecast violates voltage_min; got",
    ),
    "branch flow at forecast": (
        value("distribution_1", "line_power_limit", 0.5, line="1-2"),
        "distribution_1/line_power_limit, line 1-2, time 2030-01-15T",
    ),
    "root bus": (
        edit("distribution_1", lambda d: d.assign_attrs(root_bus="9")),
        "distribution_1/root_bus: the attribute root_bus names no bus; got '9'.",
    ),
    "kind": (
        edit("distribution_1", lambda d: d.assign_attrs(kind="heat")),
        "case: distribution_1: the group's attribute kind is not known; got heat. "
        "Give one of transmission, distribution.",
    ),
    "two transmission groups": (
        edit("distribution_1", lambda d: d.assign_attrs(kind="transmission")),
        "case: a case has exactly one group of kind transmission; got transmission, "
        "distribution_1.",
    ),
    "boundary names": (
        edit(
            "transmission",
            lambda d: d.assign_coords(distribution=np.array(["feeder"], dtype=object)),
        ),
        "transmission/distribution: the boundaries and the distribution groups do not have the "
        "same names; got feeder beside the groups distribution_1.",
    ),
    "uneven steps": (
        edit("transmission", lambda d: d.isel(time=[0, 1, 3])),
        "transmission/time: the steps must all be step_hours = 1 h long; got 2 h.",
    ),
    "different times": (
        edit(
            "distribution_1",
            lambda d: d.assign_coords(time=d["time"] + np.timedelta64(1, "D")),
        ),
        "distribution_1/time: the time coordinate differs from that of transmission.",
    ),
    "label twice": (
        edit(
            "transmission",
            lambda d: d.assign_coords(generator=np.array(["G1", "G1"], dtype=object)),
        ),
        "transmission/generator: a label stands twice; got G1.",
    ),
    "number as label": (
        edit("transmission", lambda d: d.assign_coords(generator=[1, 2])),
        "transmission/generator: labels must be strings; got 1.",
    ),
}


def test_the_small_case_is_valid(small_case):
    validate_case(small_case)


@pytest.mark.parametrize("name", CASES)
def test_a_spoilt_case(small_case, name):
    spoil, sentence = CASES[name]
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        validate_case(spoil(small_case), source="case")
    assert str(caught.value).endswith(".")
    assert caught.value.fix


@pytest.mark.parametrize("version", [None, 2, "1", np.array([1, 2])])
def test_schema_version(small_case, version):
    small_case.attrs["schema_version"] = version
    with pytest.raises(InputError, match="the attribute schema_version must be 1"):
        validate_case(small_case)


@pytest.mark.parametrize("got", [-1.0, None, "x", np.array([1.0, 2.0])], ids=str)
@pytest.mark.parametrize("name", ["base_mva", "step_hours"])
def test_root_numbers(small_case, name, got):
    small_case.attrs[name] = got
    with pytest.raises(InputError, match=rf"case: the attribute {name} must be a positive number"):
        validate_case(small_case)


def test_a_feeder_without_stations_is_fine(small_case):
    """Its operator has nothing to offer and still has to follow its own wind."""
    none = edit("distribution_1", lambda d: d.drop_dims("session").isel(station=[]))
    validate_case(none(small_case))


def test_steps_of_another_length_are_fine(small_case):
    """Every second hour of the template, as a case with steps of two hours."""
    two_hours = small_case
    for name in ("transmission", "distribution_1"):
        two_hours = replaced(two_hours, name, _every_second)
    two_hours.attrs["step_hours"] = 2.0
    validate_case(two_hours)


def _every_second(data: xr.Dataset) -> xr.Dataset:
    kept = data.isel(time=slice(0, None, 2)).copy(deep=True)
    for name in ("ev_power_min", "ev_power_max", "ev_baseline"):
        if name in data:
            mean = data[name].coarsen(time=2).mean()
            kept[name] = kept[name].copy(data=mean.to_numpy())
    for name in ("ev_energy_min", "ev_energy_max"):
        if name in data:
            kept[name] = kept[name].copy(data=data[name].isel(time=slice(1, None, 2)).to_numpy())
    return kept
