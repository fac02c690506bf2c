"""Partition of a linopy model, sentences of its errors, and the NetCDF file."""

from dataclasses import fields

import linopy
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xarray as xr

import ambigrid as ag
from ambigrid.program import AffineMap, Columns, Rows
from ambigrid.testing import ProgramShape, random_program

UNITS, HOURS = pd.Index(["A", "B"], name="unit"), pd.RangeIndex(3, name="hour")
NAMES = {"recourse": ["used"], "uncertain": ["wind"], "adversarial": None}


def wind_model(masked=False):
    """Reserve r(hour) is called within [-r, 2r]; used(unit, hour) ≤ wind; unit B misses hour 0."""
    model = linopy.Model()
    mask = xr.DataArray(np.ones((2, 3), dtype=bool), {"unit": UNITS, "hour": HOURS})
    if masked:
        mask[1, 0] = False
    reserve = model.add_variables(lower=0, upper=4, coords=[HOURS], name="reserve")
    mask = {"mask": mask} if masked else {}
    used = model.add_variables(lower=0, coords=[UNITS, HOURS], name="used", **mask)
    wind = model.add_variables(coords=[UNITS, HOURS], name="wind", **mask)
    call = model.add_variables(coords=[HOURS], name="call")
    model.add_constraints(used - wind <= 0, name="available", **mask)
    model.add_constraints(used.sum("unit") - call >= 1.0, name="demand")
    model.add_constraints(reserve.sum() <= 6.0, name="crew")
    model.add_objective((3.0 * used).sum() - (2.0 * reserve).sum())
    return model, {"call": (-1.0 * reserve, 2.0 * reserve)}


pytestmark = pytest.mark.filterwarnings("ignore::linopy.LinopySemanticsWarning")


def partition(**options):
    model, box = wind_model(**options)
    return ag.TwoStageProgram.from_linopy(
        model, recourse=["used"], uncertain=["wind"], adversarial=box
    )


def test_rows_and_columns_go_to_their_stage():
    program = partition()
    assert program.first_stage.labels.names == ("reserve",)
    assert program.recourse.labels.names == ("used",)
    assert program.first_rows.labels.names == ("crew",)
    assert program.second_rows.labels.names == ("available", "demand")
    assert program.first_stage.cost.tolist() == [-2.0] * 3
    assert program.A.toarray().tolist() == [[1.0] * 3]
    assert program.first_stage.upper.tolist() == [4.0] * 3
    assert program.T.nnz == 0
    assert abs(program.D.toarray()).sum() == 3.0
    assert (program.H.toarray()[:6] == -np.eye(6)).all()


def test_masked_elements_are_left_out_and_come_back_as_nan():
    program = partition(masked=True)
    assert program.recourse.size == program.uncertain.size == 5
    back = program.unpack(np.arange(5.0), "recourse")["used"]
    assert np.isnan(back.sel(unit="B", hour=0))
    assert back.sel(unit="B", hour=2) == 4.0
    assert program.columns("used", "recourse", unit="B").tolist() == [3, 4]


def test_call_of_a_pattern_moves_with_the_first_stage():
    program = partition()
    x = np.array([1.0, 2.0, 3.0])
    pattern = np.array([1, -1, 0], dtype=np.int8)
    assert program.call(x, pattern).tolist() == [2.0, -2.0, 0.0]
    assert program.call_map(pattern)(x).tolist() == [2.0, -2.0, 0.0]


def test_box_in_numbers_arrays_and_other_order_of_dims():
    model = linopy.Model()
    size = model.add_variables(lower=0, coords=[HOURS, UNITS], name="size")
    call = model.add_variables(coords=[UNITS, HOURS], name="call")
    meet = model.add_variables(lower=0, coords=[UNITS, HOURS], name="meet")
    model.add_constraints(meet - call >= 0, name="met")
    model.add_objective((1.0 * meet).sum() + (1.0 * size).sum())
    ends = xr.DataArray([1.0, 2.0, 3.0], {"hour": HOURS})
    program = ag.TwoStageProgram.from_linopy(
        model, recourse=["meet"], adversarial={"call": (-ends, 2.0 * size + 1.0)}
    )
    assert program.call_lower(np.zeros(6)).tolist() == [-1.0, -2.0, -3.0] * 2
    x = np.arange(6.0)
    sizes = program.unpack(x)["size"].transpose("unit", "hour").to_numpy().ravel()
    assert program.call_upper(x) == pytest.approx(2.0 * sizes + 1.0)


def test_the_model_partitioned_solves_as_a_whole():
    """With ξ and δ fixed, the equivalent's optimum is that of the linopy model."""
    model, box = wind_model()
    wind = xr.DataArray(np.full((2, 3), 9.0), {"unit": UNITS, "hour": HOURS})
    nominal = ag.Nominal(wind)
    problem = ag.robustify(
        model, recourse=["used"], uncertain=["wind"], adversarial=box, ambiguity=nominal
    )
    solution = problem.solve()
    model.add_constraints(model.variables["wind"] == wind, name="fixed")
    reserve, call = model.variables["reserve"], model.variables["call"]
    model.add_constraints(call - 2.0 * reserve == 0, name="worst")
    model.solve("highs", io_api="direct", output_flag=False)
    assert solution.objective == pytest.approx(float(model.objective.value))


def maximised(model, box):
    model.objective.sense = "max"
    return {"model": model}


def costly_wind(model, box):
    model.objective += 1.0 * model.variables["wind"].sum()
    return {"model": model}


def bounded_wind(model, box):
    model.variables["wind"].update(lower=0.0)
    return {"model": model}


def semi_continuous(model, box):
    model.add_variables(lower=1, upper=3, semi_continuous=True, name="unit_power")
    return {"model": model}


def quadratic_recourse(model, box):
    model.objective += (model.variables["used"] * model.variables["used"]).sum()
    return {"model": model}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (maximised, "model: the objective must be minimised; got max"),
        (costly_wind, "objective: uncertain variables cannot have a cost of their own"),
        (bounded_wind, "wind: an uncertain or adversarial variable cannot have bounds of its own"),
        (semi_continuous, "unit_power: semi-continuous variables are not supported"),
        (quadratic_recourse, "objective: only first-stage variables can have a quadratic cost"),
        (lambda m, b: {"recourse": ["us"]}, "There is no variable 'us' in the model; got reserve"),
        (lambda m, b: {"uncertain": ["wind", "used"]}, "used: a variable is given two roles"),
        (
            lambda m, b: {"adversarial": {"call": (0.0, m.variables["used"].sum("unit"))}},
            "upper end of call: the adversary's box may depend on first-stage variables only",
        ),
        (
            lambda m, b: {"adversarial": {"call": (0.0, m.variables["used"])}},
            "upper end of call: the box has other labels than its variable",
        ),
    ],
)
def test_sentences_of_errors(change, sentence):
    model, box = wind_model()
    arguments = {"recourse": ["used"], "uncertain": ["wind"], "adversarial": box}
    arguments |= change(model, box)
    with pytest.raises(ag.InputError, match=sentence):
        ag.TwoStageProgram.from_linopy(arguments.pop("model", model), **arguments)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"budgets": 1}, "Unknown part; got budgets. Use A, D, H"),
        ({"T": np.ones((3, 2))}, r"T: T must have shape \(2, 2\); got \(3, 2\)"),
        ({"lower": [0.0]}, r"lower: lower must have 2 elements; got \(1,\)"),
        ({"sense": ["<", "!"]}, "sense: senses are '<', '=' and '>'"),
    ],
)
def test_sentences_about_matrices(parts, sentence):
    arrays = {"cost": [1.0, 1.0], "recourse_cost": [1.0], "T": np.ones((2, 2))}
    arrays |= {"W": np.ones((2, 1)), "h": [0.0, 0.0]}
    with pytest.raises(ag.InputError, match=sentence):
        ag.TwoStageProgram.from_matrices(**(arrays | parts))


def same(one, other):
    if isinstance(one, sp.csr_array):
        return one.shape == other.shape and (one != other).nnz == 0
    if isinstance(one, Columns | Rows | AffineMap):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if hasattr(one, "blocks"):
        return one.size == other.size and all(
            a.name == b.name and a.template.identical(b.template.rename(a.template.name))
            for a, b in zip(one.blocks, other.blocks, strict=True)
        )
    return np.array_equal(one, other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: partition(masked=True),
        lambda: random_program(
            1, ProgramShape(adversarial=3, budget=2, integer=True, quadratic=True)
        ),
        lambda: random_program(1, ProgramShape(adversarial=3, budget=0)),
        lambda: random_program(2, ProgramShape()),
    ],
    ids=["linopy", "all features", "budget of zero", "no adversary"],
)
def test_netcdf_returns_the_same_program(make, tmp_path):
    program = make()
    program.to_netcdf(tmp_path / "program.nc")
    back = ag.TwoStageProgram.from_netcdf(tmp_path / "program.nc")
    for field in fields(program):
        assert same(getattr(program, field.name), getattr(back, field.name)), field.name


def test_truncated_missing_and_foreign_files(tmp_path):
    path = tmp_path / "program.nc"
    partition().to_netcdf(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ag.InputError, match=r"program.nc: the file cannot be read as NetCDF"):
        ag.TwoStageProgram.from_netcdf(path)
    with pytest.raises(ag.InputError, match=r"none.nc: the file cannot be read as NetCDF"):
        ag.TwoStageProgram.from_netcdf(tmp_path / "none.nc")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ag.InputError, match=r"other.nc: the file holds no two-stage program"):
        ag.TwoStageProgram.from_netcdf(tmp_path / "other.nc")
    xr.Dataset(attrs={"format": "ambigrid two-stage program 1"}).to_netcdf(
        tmp_path / "empty.nc", engine="h5netcdf"
    )
    with pytest.raises(ag.InputError, match=r"empty.nc: the file is incomplete"):
        ag.TwoStageProgram.from_netcdf(tmp_path / "empty.nc")
