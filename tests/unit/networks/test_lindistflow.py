import numpy as np
import pytest
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.networks import lindistflow
from ambigrid.networks.nodal_power import SOURCE


def fork() -> xr.Dataset:
    """Root 0 feeds 1; 1 feeds 2 and 3. Base 10 MVA."""
    return xr.Dataset(
        {
            "line_from": ("line", ["1", "0", "1"]),
            "line_to": ("line", ["2", "1", "3"]),
            "line_resistance": ("line", [0.02, 0.01, 0.04]),
            "line_reactance": ("line", [0.01, 0.03, 0.02]),
            "line_power_limit": ("line", [4.0, 8.0, 4.0]),
            "root_voltage": 1.0,
            "voltage_min": 0.95,
            "voltage_max": 1.05,
        },
        coords={"bus": ["3", "0", "1", "2"], "line": ["b", "a", "c"]},
        attrs={"base_mva": 10.0, "root_bus": "0"},
    )


def at(values: dict[str, float]) -> xr.DataArray:
    buses = fork()["bus"]
    return xr.DataArray(
        [values.get(str(b), 0.0) for b in buses.to_numpy()], {"bus": buses}, ("bus",)
    )


def test_every_bus_knows_the_lines_on_its_path():
    path = lindistflow.subtree_incidence(fork())
    assert path.sel(line="a", bus=["0", "1", "2", "3"]).to_numpy().tolist() == [0, 1, 1, 1]
    assert path.sel(line="b", bus=["0", "1", "2", "3"]).to_numpy().tolist() == [0, 0, 1, 0]


def test_voltages_and_flows_computed_by_hand():
    result = lindistflow.evaluate(fork(), at({"2": -2.0, "3": 1.0}), at({"2": -1.0}))
    flow = result["flow_active"]
    assert flow.sel(line=["a", "b", "c"]).to_numpy().tolist() == [1.0, 2.0, -1.0]
    squared = result["voltage"] ** 2
    v1 = 1.0 - 2 * (0.01 * 0.1 + 0.03 * 0.1)
    v2 = v1 - 2 * (0.02 * 0.2 + 0.01 * 0.1)
    v3 = v1 + 2 * 0.04 * 0.1
    np.testing.assert_allclose(squared.sel(bus=["0", "1", "2", "3"]), [1.0, v1, v2, v3])


def test_voltage_rows_are_in_power_at_their_own_bus():
    rows = lindistflow.voltage_limits(fork())
    assert "0" not in rows.limit["bus"]
    own = abs(rows.active.sel(bus="2", side="lower", **{SOURCE: "2"}))
    other = abs(rows.reactive.sel(bus="2", side="lower", **{SOURCE: "2"}))
    assert max(float(own), float(other)) == pytest.approx(1.0)
    # as much power as the row's limit, drawn at bus 3, brings bus 3 exactly to the lower limit
    room = float(rows.limit.sel(bus="3", side="lower"))
    drawn = {"active": at({"3": -room}), "reactive": at({})}
    if rows.active.sel(bus="3", side="lower", **{SOURCE: "3"}) != -1.0:
        drawn = {"active": at({}), "reactive": at({"3": -room})}
    assert float(lindistflow.evaluate(fork(), **drawn)["voltage"].sel(bus="3")) == pytest.approx(
        0.95
    )


def test_margin_tightens_the_lower_limit_only():
    plain, tight = (lindistflow.voltage_limits(fork(), margin).limit for margin in (0.0, 0.01))
    assert (tight.sel(side="lower") < plain.sel(side="lower")).all()
    assert (tight.sel(side="upper") == plain.sel(side="upper")).all()


def test_polygon_is_inscribed_and_touches_at_no_reactive_power():
    rows = lindistflow.branch_limits(fork())
    angle = np.linspace(0, 2 * np.pi, 721)
    for radius, inside in ((8.0 * np.cos(np.pi / 12) - 1e-9, True), (8.0 + 1e-9, False)):
        drawn = (-radius * np.cos(angle), -radius * np.sin(angle))
        fed = [xr.DataArray(d, dims="point").expand_dims({SOURCE: ["2"]}) for d in drawn]
        line = rows.limit.sel(line="a")
        value = sum(
            m.sel(line="a", **{SOURCE: ["2"]}).dot(f, dim=SOURCE)
            for m, f in zip((rows.active, rows.reactive), fed, strict=True)
        )
        holds = (value <= line).all("side")
        assert bool(holds.all()) if inside else not bool(holds.any())
    corner = rows.active.sel(line="a", **{SOURCE: "2"}) * -8.0
    assert float((corner - rows.limit.sel(line="a")).max()) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("line_from", "line_to"),
    [
        (["1", "0", "1"], ["2", "1", "2"]),  # 3 is not fed, 2 twice
        (["1", "2", "1"], ["2", "1", "3"]),  # 1 and 2 feed each other
        (["2", "0", "1"], ["1", "1", "3"]),  # a line that leads towards the root
    ],
)
def test_what_is_not_a_tree_away_from_the_root_is_refused(line_from, line_to):
    data = fork().assign(line_from=("line", line_from), line_to=("line", line_to))
    with pytest.raises(
        InputError, match=r"must be fed by exactly one line; got .*orient the lines"
    ):
        lindistflow.subtree_incidence(data)
