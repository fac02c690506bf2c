"""Every example runs, with a small budget, and shows what its text says it shows."""

import runpy
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

from ambigrid import load_case, load_result

EXAMPLES = Path(__file__).parents[1] / "examples"
MEASURED = Path(__file__).parents[2] / "shared/data/ev/acn_sessions.csv.gz"

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def _headless():
    matplotlib.use("Agg")


def example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_every_example_is_tested():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {
        "measured_sessions", "own_network", "postprocess", "robustify_linopy", "sweep",
    }  # fmt: skip


def test_own_network(tmp_path):
    pytest.importorskip("pandapower")
    result = example("own_network")["main"](tmp_path)
    assert result.status.solved
    assert load_result(tmp_path / "own_result.nc").objective == result.objective
    assert load_case(tmp_path / "own.nc")["transmission"].sizes["bus"] == 3
    assert (tmp_path / "own_result.png").stat().st_size > 10_000


def test_postprocess(tmp_path, capsys):
    tree = example("postprocess")["main"](None, tmp_path)
    assert tree["derived/settlement/settlement"].sum("party").to_numpy() == pytest.approx(0.0)
    assert "who receives what" in capsys.readouterr().out
    assert (tmp_path / "postprocess.png").stat().st_size > 10_000


def test_robustify_linopy():
    table = example("robustify_linopy")["main"]()
    costs = table["cost"].to_numpy(float)
    assert list(table["status"]) == ["optimal"] * len(table)
    assert (np.diff(costs) >= -1e-6).all()
    assert costs[-1] > costs[0] + 1.0


def test_sweep(tmp_path):
    table, logs = example("sweep")["main"](tmp_path, (1.0,), (15.0,))
    empirical, ball, worst = (table.loc[row] for row in table.index)
    assert empirical["bound $"] <= ball["cost $"]
    assert ball["bound $"] <= worst["cost $"]
    assert set(table["status"]) == {"optimal"}
    assert logs.sizes["penalty"] == 1
    assert (tmp_path / "radius.csv").read_text().count("\n") == 4


def test_sessions_of_a_small_file(tmp_path, capsys):
    loaded = example("measured_sessions")
    assigned = loaded["main"](loaded["write_sessions"](tmp_path / "sessions.csv"))
    assert assigned.sizes["session"] == 60
    assert list(assigned["station"].to_numpy()) == ["north", "south"]
    assert "unserved" in capsys.readouterr().out


def test_sessions_of_the_measured_garages():
    if not MEASURED.exists():
        pytest.skip("the folder of measured data is not here")
    assigned = example("measured_sessions")["main"](MEASURED, "2019-05-02")
    assert assigned.sizes["session"] > 100
    assert float(assigned["session_unserved"].sum()) < 0.5
