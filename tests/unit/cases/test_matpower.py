"""Networks from MATPOWER case files."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ambigrid.cases.matpower import from_matpower
from ambigrid.errors import InputError

TIME = pd.date_range("2016-07-01", periods=2, freq="h")
PROFILE = xr.DataArray([1.0, 0.5], dims="time", coords={"time": TIME})

THREE_BUS = """function mpc = three   % a comment with [brackets]; and mpc.bus = [9];
mpc.version = '2';
mpc.baseMVA = 50;
%% bus data
mpc.bus = [
  1  3  0   0   0  0  1  1.0  0  135  1  1.05  0.95;
  2  1  30  10  2  5  1  1.0  0  135  1  1.05  0.95; % load and shunt
  7, 1, 20, 5, 0, 0, 1, 1.0, 0, 135, 1, 1.05, 0.95
  9  4  99  0   0  0  1  1.0  0  135  1  1.05  0.95;
];
mpc.gen = [
  1  0  0  10  -10  1.0  100  1  80  10  0;
  2  0  0  10  -10  1.0  100  1  40  0   0;
  7  0  0  10  -10  1.0  100  0  40  0   0;
];
mpc.branch = [
  1  2  0.01  0.10  0  60  0  0  0     0  1  -360  360;
  2  7  0.02  0.20  0  0   0  0  0.98  0  1  -360  360;
  1  7  0.03  0.30  0  45  0  0  0     0  0  -360  360;
];
mpc.gencost = [
  2  0  0  3  0.02  2  5  0;
  1  0  0  3  0  0  10  100  30  500;
  2  0  0  2  1  0  0  0;
];
mpc.bus_name = { 'one'; 'two'; };
"""

FEEDER = """function mpc = feeder
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [  %% (Pd and Qd are specified in kW & kVAr here, converted to MW & MVAr below)
  1  3  0    0   0  0  1  1  0  12.66  1  1    1;
  2  1  100  60  0  0  1  1  0  12.66  1  1.1  0.9;
  3  1  90   40  0  0  1  1  0  12.66  1  1.1  0.9;
];
mpc.gen = [ 1  0  0  10  -10  1.02  100  1  10  0 ];
mpc.branch = [ %% (r and x specified in ohms here, converted to p.u. below)
  1  2  0.0922  0.0470  0  0  0  0  0  0  1  -360  360;
  3  2  0.4930  0.2511  0  0  0  0  0  0  1  -360  360;
  1  3  2       2       0  0  0  0  0  0  0  -360  360;
];
mpc.gencost = [ 2  0  0  3  0  20  0 ];
%% convert branch impedances from Ohms to p.u.
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X] = idx_brch;
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;              %% in VA
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);

%% convert loads from kW to MW
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""


def read(tmp_path, text: str, kind: str = "transmission", **options) -> xr.Dataset:
    path = tmp_path / "case.m"
    path.write_text(text)
    return from_matpower(path, kind, PROFILE, **options)


def test_a_transmission_case(tmp_path):
    group = read(tmp_path, THREE_BUS, segments=2)
    assert list(group.bus.values) == ["1", "2", "7"]
    np.testing.assert_allclose(group["load"], [[0, 0], [32, 16], [20, 10]])
    assert list(group.line.values) == ["L1", "L2"]
    np.testing.assert_allclose(group.line_reactance, [0.2, 0.4 * 0.98])
    assert group.line_flow_limit.values[0] == 60.0
    assert group.line_flow_limit.values[1] > 1000.0
    assert list(group.generator.values) == ["G1", "G2"]
    np.testing.assert_allclose(group.power_min, [10.0, 0.0])
    np.testing.assert_allclose(group.segment_power, [[35.0, 35.0], [10.0, 30.0]])
    np.testing.assert_allclose(group.segment_cost, [[3.1, 4.5], [10.0, 20.0]])
    np.testing.assert_allclose(group.no_load_cost, [27.0, 0.0])


def test_the_units_of_a_distribution_case_are_converted(tmp_path):
    feeder = read(tmp_path, FEEDER, "distribution")
    assert feeder.attrs["root_bus"] == "1"
    assert feeder.root_voltage.item() == 1.02
    assert list(feeder.line_from.values) == ["1", "2"]
    assert list(feeder.line_to.values) == ["2", "3"]
    ohm = 12.66**2 / 100.0
    np.testing.assert_allclose(feeder.line_resistance, np.array([0.0922, 0.4930]) / ohm)
    np.testing.assert_allclose(feeder.line_reactance, np.array([0.0470, 0.2511]) / ohm)
    np.testing.assert_allclose(feeder.load_active.isel(time=0), [0.0, 0.1, 0.09])
    np.testing.assert_allclose(feeder.load_reactive.isel(time=1), [0.0, 0.03, 0.02])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ["case33bw", "case30"])
def test_the_same_network_as_through_pandapower(tmp_path, case):
    """A case of pandapower, written out as MATPOWER text, reads the same."""
    networks = pytest.importorskip("pandapower.networks")
    from ambigrid.cases.pandapower import from_pandapower

    net = getattr(networks, case)()
    kind = "distribution" if case == "case33bw" else "transmission"
    ours = read(tmp_path, matpower_text(net), kind)
    theirs = from_pandapower(net, kind, PROFILE, bus_label=lambda index: str(index + 1))
    for name in ours.data_vars:
        if ours[name].dtype == object:
            assert list(ours[name].values) == list(theirs[name].values)
        else:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-12)


def matpower_text(net) -> str:
    """Lines in p.u. on 100 MVA, external grid and units in pandapower's order."""
    load = net.load.groupby("bus")[["p_mw", "q_mvar"]].sum().reindex(net.bus.index, fill_value=0)
    shunt = net.shunt.groupby("bus")[["p_mw", "q_mvar"]].sum().reindex(net.bus.index, fill_value=0)
    root = net.ext_grid.bus.iloc[0]
    bus = [
        f"{k + 1} {3 if k == root else 1} {load.p_mw[k]!r} {load.q_mvar[k]!r} {shunt.p_mw[k]!r} "
        f"{-shunt.q_mvar[k]!r} 1 1 0 {net.bus.vn_kv[k]!r} 1 1.1 0.9"
        for k in net.bus.index
    ]
    branch, gen, cost = [], [], []
    for row in net.line.itertuples():
        volts = net.bus.vn_kv[row.from_bus]
        limit = 0 if row.max_i_ka > 9999 else row.max_i_ka * volts * 3**0.5
        ohm = volts**2 / 100
        branch.append(
            f"{row.from_bus + 1} {row.to_bus + 1} {row.r_ohm_per_km / ohm!r} "
            f"{row.x_ohm_per_km / ohm!r} 0 {limit!r} 0 0 0 0 {int(row.in_service)}"
        )
    for table in ("ext_grid", "gen"):
        for row in net[table].itertuples():
            of = net.poly_cost[(net.poly_cost.et == table) & (net.poly_cost.element == row.Index)]
            gen.append(f"{row.bus + 1} 0 0 0 0 {row.vm_pu} 100 1 {row.max_p_mw} {row.min_p_mw}")
            cost.append(f"2 0 0 3 {of.cp2_eur_per_mw2.iloc[0]} {of.cp1_eur_per_mw.iloc[0]} 0")
    tables = {"bus": bus, "gen": gen, "branch": branch, "gencost": cost}
    body = "".join(f"mpc.{k} = [\n" + ";\n".join(rows) + ";\n];\n" for k, rows in tables.items())
    return "mpc.version = '2';\nmpc.baseMVA = 100.0;\n" + body.replace("np.float64", "").replace(
        "(", ""
    ).replace(")", "")


@pytest.mark.parametrize(
    ("old", "new", "kind", "sentence"),
    [
        ("mpc.branch = ", "mpc.lines = ", "transmission", "case.m, mpc.branch: the file is not a"),
        ("mpc.baseMVA = 50;", "", "transmission", "mpc.baseMVA: the file is not a MATPOWER case"),
        ("2  1  30", "2  1  x", "transmission", "mpc.bus, row 2: a cell is not a number; got 2  1"),
        (
            "1  2  0.01  0.10  0  60  0",
            "1  2",
            "transmission",
            "mpc.branch, row 1: a row needs at least 11 col",
        ),
        ("0.98  0  1", "0.98  5  1", "transmission", "mpc.branch, row 2: phase-shifting"),
        ("2  7  0.02", "2  9  0.02", "transmission", "row 2: the branch ends at a bus that does"),
        ("0.02  2  5", "-0.02  2  5", "transmission", "unit G1: the cost curve must be convex"),
        ("mpc.gencost", "mpc.prices", "transmission", "mpc.gencost: every unit needs a cost"),
        ("1  3  0   0", "1  1  0   0", "distribution", "one reference bus .type 3.; got 0"),
        ("0  45", "0  45", "distribution", "mpc.gen, row 2: a distribution group has no"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, old, new, kind, sentence):
    with pytest.raises(InputError, match=sentence):
        read(tmp_path, THREE_BUS.replace(old, new, 1), kind)


@pytest.mark.parametrize(
    "statement",
    [
        "mpc.bus(:, QD) = mpc.bus(:, PD) * 0.5;",
        "mpc.branch(:, 3) = 2 * mpc.branch(:, 3);",
    ],
)
def test_an_unknown_statement_is_quoted(tmp_path, statement):
    quoted = statement.rstrip(";").replace(" ", "")
    with pytest.raises(InputError, match="a statement changes the tables") as caught:
        read(tmp_path, FEEDER + statement, "distribution")
    assert quoted in str(caught.value)


def test_another_voltage_base_is_not_guessed(tmp_path):
    text = FEEDER.replace("mpc.bus(1, BASE_KV) * 1e3", "11e3")
    with pytest.raises(InputError, match="a statement changes the tables"):
        read(tmp_path, text, "distribution")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.m: the file cannot be read"):
        from_matpower(tmp_path / "none.m", "transmission", PROFILE)
