"""LinDistFlow against AC power flow over all hours, scenarios and worst calls of a solved day."""

import pytest

import ambigrid as ag
from ambigrid.networks import ac_power_flow
from ambigrid.studies.ev_interpretation import feeder_injections

pytest.importorskip("pandapower")


@pytest.fixture(scope="module")
def solved():
    study = ag.EVFlexibility(ag.load_case("t30d2"))
    return study, ag.solve(study, gap=0.02, certify=False)


@pytest.mark.parametrize("name", ["distribution_1", "distribution_2"])
def test_voltages_hold_in_ac_at_the_worst_calls(solved, name, record_property, capsys):
    study, result = solved
    data, recourse = study.data(name), result.recourse[name].to_dataset()
    voltage = ac_power_flow.compare(data, *feeder_injections(data, recourse))
    assert voltage.sizes["scenario"] == data.sizes["scenario"]
    below = int((voltage["ac"].min("bus") < 0.95).sum())
    record_property("hours_below_0.95", below)
    with capsys.disabled():
        cases = voltage.sizes["scenario"] * voltage.sizes["time"]
        print(
            f"\n{name}: {below} of {cases} hours below 0.95 p.u. in AC, "
            f"lowest {float(voltage['ac'].min()):.4f}, "
            f"largest error of LinDistFlow {float(abs(voltage['error']).max()):.4f} p.u."
        )
    assert float(abs(voltage["error"]).max()) <= 0.01
    assert float(voltage["ac"].min()) >= 0.945
    assert float(voltage["ac"].max()) <= 1.05
