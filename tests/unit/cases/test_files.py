"""Cases in files and folders: the same after a round trip, a sentence when unreadable."""

import numpy as np
import pytest
import xarray as xr

from ambigrid.cases import case_hash, load_case, save_case, write_template
from ambigrid.errors import InputError


def test_a_saved_case_is_the_same(small_case, tmp_path):
    file = tmp_path / "case.nc"
    save_case(small_case, file)
    loaded = load_case(file)
    assert case_hash(loaded) == case_hash(small_case)
    assert loaded.attrs["assumptions"] == small_case.attrs["assumptions"]
    for name in small_case.children:
        xr.testing.assert_identical(loaded[name].to_dataset(), small_case[name].to_dataset())
    assert [path.name for path in tmp_path.iterdir()] == ["case.nc"]


def test_t30d2_survives_a_file(tmp_path):
    case = load_case("t30d2")
    save_case(case, tmp_path / "t30d2.nc")
    assert case_hash(load_case(tmp_path / "t30d2.nc")) == case_hash(case)


def test_the_hash_sees_numbers_labels_and_steps_but_no_titles(small_case):
    before = case_hash(small_case)
    small_case.attrs["title"] = "another"
    assert case_hash(small_case) == before
    small_case["transmission/load"][0, 0] += 1e-9
    changed = case_hash(small_case)
    assert changed != before
    small_case.attrs["step_hours"] = 0.5
    assert case_hash(small_case) != changed


def test_an_invalid_case_is_not_saved(small_case, tmp_path):
    small_case["transmission/load"][0, 0] = np.nan
    with pytest.raises(InputError, match="save_case: transmission/load, bus 1"):
        save_case(small_case, tmp_path / "case.nc")
    assert not list(tmp_path.iterdir())


def test_no_such_file(tmp_path):
    with pytest.raises(
        InputError, match=r"nothing\.nc: there is no such case file\. Give the path"
    ):
        load_case(tmp_path / "nothing.nc")


def test_a_truncated_file(small_case, tmp_path):
    file = tmp_path / "case.nc"
    save_case(small_case, file)
    content = file.read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 7):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match=rf"cannot be read as NetCDF.*got {length} bytes"):
            load_case(file)


def test_a_file_of_another_kind(tmp_path):
    file = tmp_path / "case.nc"
    file.write_text("bus,load\n1,2\n")
    with pytest.raises(InputError, match="the file cannot be read as NetCDF"):
        load_case(file)


def test_netcdf_that_is_not_a_case(tmp_path):
    file = tmp_path / "other.nc"
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(file, engine="h5netcdf")
    with pytest.raises(InputError, match=r"other\.nc: the file is NetCDF but not a case"):
        load_case(file)


def test_seed_and_penetration_belong_to_built_in_systems(template_folder):
    with pytest.raises(InputError, match="apply to built-in systems only"):
        load_case(template_folder, seed=1)


# --- folders -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    write_template(tmp_path / "case")
    return tmp_path / "case"


def change(file, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_template_explains_every_column(template_folder):
    for file in template_folder.glob("*/*.csv"):
        lines = file.read_text().splitlines()
        notes = [line for line in lines if line.startswith("# ")]
        assert notes, file
        if notes[0].startswith("# One row per"):
            header = next(line for line in lines if not line.startswith("#")).split(",")
            explained = {note[2:].split(":")[0] for note in notes[1:]}
            assert explained <= set(header)
            assert len(header) - len(explained) in (1, 2)


def test_the_template_survives_a_file(small_case, tmp_path):
    save_case(small_case, tmp_path / "case.nc")
    assert case_hash(load_case(tmp_path / "case.nc")) == case_hash(small_case)


def test_an_edited_number_arrives(folder):
    change(folder / "transmission" / "lines.csv", "0.12,60.0", "0.12,55.0")
    assert float(load_case(folder)["transmission/line_flow_limit"].sel(line="L2")) == 55.0


def test_rows_may_stand_in_another_order(folder, small_case):
    file = folder / "distribution_1" / "load_active.csv"
    lines = file.read_text().splitlines()
    head, rows = lines[:3], lines[3:]
    file.write_text("\n".join([*head, *reversed(rows)]) + "\n")
    assert case_hash(load_case(folder)) == case_hash(small_case)


def test_the_template_is_not_written_over_something(folder):
    with pytest.raises(InputError, match="there is something at this path already"):
        write_template(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        (
            "transmission/lines.csv",
            "0.12,60.0",
            "0.12,sixty",
            r"lines\.csv, column line_flow_limit, row L2: the cell holds no number; got 'sixty'\.",
        ),
        (
            "transmission/lines.csv",
            "line_reactance,line_flow_limit",
            "line_reactance,flow_limit",
            r"lines\.csv, flow_limit: no variable of this name stands here\. Use one of line_from",
        ),
        (
            "transmission/load.csv",
            "2030-01-15T03:00:00",
            "noon",
            r"load\.csv: the column time cannot be read; got",
        ),
        (
            "transmission/renewable_samples.csv",
            "scenario,time,W3",
            "scenario,time,W9",
            r"the labels of unit differ from those of another table, or repeat; got W9\. Use W3\.",
        ),
        (
            "transmission/generators.csv",
            "generator,generator_bus",
            "name,generator_bus",
            r"generators\.csv: the column generator is missing; got name, generator_bus",
        ),
        ("case.toml", "[transmission]", "[transmission", r"case\.toml: the file is not TOML; got"),
        ("case.toml", "[case]", "[cases]", r"case\.toml: the table \[case\] is missing"),
        (
            "case.toml",
            'kind = "distribution"',
            'kind = "feeder"',
            r"case\.toml, \[distribution_1\]: the kind is not known; got feeder",
        ),
        (
            "case.toml",
            "shedding_cost = 1000.0",
            "shed_cost = 1000.0",
            r"shed_cost: no variable of this name stands here",
        ),
        (
            "transmission/lines.csv",
            "0.12,60.0",
            "0.12,-60.0",
            r"line_flow_limit, line L2: .* must not be negative; got -60 MW",
        ),
    ],
)
def test_a_mistake_in_the_folder(folder, file, old, new, sentence):
    change(folder / file, old, new)
    with pytest.raises(InputError, match=sentence):
        load_case(folder)


def test_missing_pieces_of_a_folder(folder):
    (folder / "distribution_1" / "steps.csv").unlink()
    with pytest.raises(InputError, match=r"steps\.csv, tariff: the variable is missing"):
        load_case(folder)
    (folder / "case.toml").unlink()
    with pytest.raises(InputError, match="the folder is not a case: this file is missing"):
        load_case(folder)


def test_a_stray_table(folder):
    (folder / "transmission" / "prices.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"prices\.csv: no table has this name"):
        load_case(folder)
