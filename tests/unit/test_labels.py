"""Labels: from names to positions and back."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ambigrid as ag
from ambigrid.labels import LabelBlock, Labels, plain_labels, select_labels

POWER = xr.DataArray(
    [[0, 1], [2, -1]],
    {"unit": ["A", "B"], "time": pd.date_range("2026-01-01", periods=2, freq="h")},
    ("unit", "time"),
    "power",
)
LABELS = Labels((LabelBlock("power", POWER), LabelBlock("price", xr.DataArray(3, name="price"))), 4)


def test_a_vector_gets_its_labels_and_masks():
    data = LABELS.unpack(np.array([1.0, 2.0, 3.0, 4.0]))
    assert data["power"].sel(unit="B").to_numpy().tolist()[0] == 3.0
    assert np.isnan(data["power"].to_numpy()[1, 1])
    assert float(data["price"]) == 4.0


def test_positions_of_a_block_and_of_a_part():
    assert LABELS.positions("power").tolist() == [0, 1, 2]
    assert LABELS.positions("power", unit="A").tolist() == [0, 1]
    with pytest.raises(
        ag.InputError, match="There is no 'heat' among the labels; got power, price"
    ):
        LABELS.positions("heat")


def test_positions_are_described_for_people():
    assert LABELS.describe(1) == "power[unit=A, time=2026-01-01T01:00]"
    assert LABELS.describe(3) == "price"
    assert LABELS.describe(9) == "element 9"


def test_labels_of_a_part_are_numbered_anew():
    part = select_labels([("power", POWER)], np.array([2, 0]))
    assert part.size == 2
    assert part.block("power").template.to_numpy().tolist() == [[1, -1], [0, -1]]
    assert select_labels([("power", POWER)], np.array([7])).blocks == ()


def test_labels_survive_a_dataset():
    back = Labels.from_dataset(LABELS.to_dataset())
    assert back.names == LABELS.names
    assert back.block("power").template.equals(POWER)
    assert Labels.from_dataset(Labels((), 0).to_dataset()).size == 0


def test_plain_labels_keep_values_and_coordinates_apart():
    data = plain_labels("x", 3).unpack(np.array([5.0, 6.0, 7.0]))
    assert data["x"].dims == ("x_number",)
    assert data["x_number"].to_numpy().tolist() == [0, 1, 2]
