import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from example_results import make_result

from ambigrid.algorithms.log import History, IterationRecord, relative_gap
from ambigrid.errors import InputError
from ambigrid.files import replacing, write_tree
from ambigrid.results import Result, load_result


def test_accessors_give_labelled_arrays_with_units():
    result = make_result()
    reserve = result.dispatch["transmission/reserve_up"]
    assert reserve.dims == ("generator", "time")
    assert reserve.attrs["units"] == "MW"
    assert result.history.sizes == {"iteration": 17}
    assert result.agents["distribution_1"] == 6120.9
    assert result.has("derived/transmission/line_loading")
    assert not result.has("derived/settlement")


def test_a_missing_group_is_an_error_that_says_what_there_is():
    result = Result.from_groups({"status": "infeasible"}, {"history": History().to_dataset()})
    with pytest.raises(InputError, match=r"/dispatch: .*infeasible.* got groups history\. Look at"):
        _ = result.dispatch


def test_saved_and_loaded_results_are_the_same(tmp_path):
    result = make_result()
    loaded = load_result(result.save(tmp_path / "new" / "result.nc"))
    assert loaded.summary() == result.summary()
    assert loaded.report() == result.report()
    for path in ("dispatch/transmission", "recourse/distribution_2", "history"):
        xr.testing.assert_identical(loaded.tree[path].to_dataset(), result.tree[path].to_dataset())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["result.nc"]


def test_the_file_opens_without_the_package(tmp_path):
    path = make_result().save(tmp_path / "result.nc")
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.attrs["status"] == "optimal"
        assert json.loads(tree.attrs["agents"])["distribution_2"] == 5987.1
        assert tree.attrs["certified"] == 1


def test_saving_does_not_change_the_result(tmp_path):
    result = make_result()
    result.save(tmp_path / "result.nc")
    assert isinstance(result.tree.attrs["agents"], dict)


@pytest.mark.parametrize("size", [0, 100, 5000, -1000])
def test_a_truncated_file_is_bad_input(tmp_path, size):
    path = make_result().save(tmp_path / "result.nc")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"result\.nc: this file cannot be read as a result"):
        load_result(path)


def test_a_foreign_file_is_bad_input(tmp_path):
    path = write_tree(xr.DataTree.from_dict({"/transmission": xr.Dataset()}), tmp_path / "case.nc")
    with pytest.raises(InputError, match=r"holds no result.* got groups transmission\."):
        load_result(path)
    with pytest.raises(InputError, match="there is no result file here"):
        load_result(tmp_path / "absent.nc")


def test_an_unknown_status_is_bad_input():
    with pytest.raises(InputError, match="must be one of optimal, converged"):
        Result.from_groups({"status": "fine"}, {})


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.nc"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            Path(temporary).write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "result.nc", tmp_path):
        with pytest.raises(InputError, match="cannot be written"):
            make_result().save(target)


def test_summary_is_strict_json_with_null_for_what_is_missing():
    facts = {"status": "time_limit", "objective": np.float64(np.nan), "agents": {"a": np.inf}}
    summary = Result.from_groups(facts, {}).summary()
    text = json.dumps(summary, allow_nan=False)
    assert json.loads(text) == summary
    assert summary["objective"] is None
    assert summary["bound"] is None
    assert summary["gap"] is None
    assert summary["agents"] == {"a": None}
    assert summary["certified"] is False


def test_summary_has_the_fields_of_the_command_line():
    expected = "study case engine method status objective bound gap certified iterations"
    expected += " wall_seconds certificate_seconds agents"
    assert set(expected.split()) <= set(make_result().summary())


def test_report_says_what_matters():
    report = make_result().report()
    for words in (
        "t30d2, study ev-flexibility",
        "optimal: gap within tolerance and proved",
        "66,439.42 $, bound 66,233.46 $, gap 0.310 %, certified",
        "17 iterations",
        "sees the whole day",
        "outer approximation",
    ):
        assert words in report
    rows = [line.split() for line in report.splitlines()]
    assert ["transmission", "54,331.42", "81.8", "%"] in rows
    assert ["transmission", "10", "31.000", "0.323"] in rows
    assert ["distribution_1", "shedding", "0.220", "0.748"] in rows
    assert max(len(line) for line in report.splitlines()) <= 96


def test_report_of_an_uncertified_result_says_so():
    report = make_result(status="converged", certified=False).report()
    assert "not certified" in report
    assert "not proved by the certificate" in report


def test_report_of_an_infeasible_result_is_short_and_gives_the_reason():
    facts = {"status": "infeasible", "message": "row balance, hour 3: demand exceeds capacity"}
    report = Result.from_groups(facts, {}).report()
    assert "no decision satisfies every constraint" in report
    assert "row balance, hour 3" in report
    assert "Reserve" not in report


def test_reserves_are_energies_of_the_step():
    result = make_result()
    half_hours = result.tree["dispatch/transmission"].to_dataset()
    start = half_hours["time"].values[0]
    half_hours["time"] = start + np.arange(24) * np.timedelta64(30, "m")
    halved = Result.from_groups({"status": "optimal"}, {"dispatch": {"transmission": half_hours}})
    energy = float(half_hours["reserve_up"].sum()) / 2
    assert f"{energy:,.2f}" in halved.report()


def test_history_goes_to_a_dataset_and_back():
    history = History([IterationRecord(1), IterationRecord(2, 1.0, 2.0, 3.0, note="2 cuts")])
    back = History.from_dataset(history.to_dataset())
    assert repr(list(back)) == repr(list(history))  # by text, as NaN differs from itself
    assert len(History.from_dataset(History().to_dataset())) == 0
    assert history.to_dataset()["lower_bound"].attrs["units"] == "$"


@pytest.mark.parametrize(
    ("lower", "upper", "gap"),
    [
        *((90, 100, 0.1), (-np.inf, 5, np.inf), (0, np.nan, np.inf), (-0.1, 0.1, 0.2)),
        (5.1, 5.0, 0),
    ],
)
def test_relative_gap(lower, upper, gap):
    assert relative_gap(lower, upper) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [(90, 100, False), (100.0005, 100, False), (100.002, 100, True), (np.inf, 100, False)],
)
def test_crossed_bounds_are_told_beyond_rounding(lower, upper, told):
    assert IterationRecord(1, lower, upper).crossed is told
