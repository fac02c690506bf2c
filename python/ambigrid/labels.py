"""Labels of the columns and rows of a program: from xarray names to positions and back."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ambigrid.errors import InputError

Vector = NDArray[np.float64]
Positions = NDArray[np.intp]


@dataclass(frozen=True)
class LabelBlock:
    """One labelled group of columns or rows.

    Parameters
    ----------
    name : str
        Name of the variable or constraint.
    template : xarray.DataArray of int
        Position of every element in its vector, with the dims and coordinates of the
        variable; -1 where the variable is masked.
    """

    name: str
    template: xr.DataArray

    @property
    def positions(self) -> Positions:
        """Positions that exist, in the order of the template."""
        flat = self.template.to_numpy().ravel()
        return np.asarray(flat[flat >= 0], dtype=np.intp)

    def unpack(self, vector: Vector, along: xr.DataArray | None = None) -> xr.DataArray:
        """Return the block's part of `vector` with its labels; NaN where masked.

        With `along`, the labels of a leading dim, `vector` has a row for each of them.
        """
        index = self.template.to_numpy()
        values = np.where(index >= 0, vector[..., np.maximum(index, 0)], np.nan)
        coords, dims = self.template.coords, self.template.dims
        if along is None:
            return xr.DataArray(values, coords, dims, self.name)
        leading = {along.dims[0]: along.to_numpy()}
        return xr.DataArray(values, {**leading, **coords}, (*along.dims, *dims), self.name)

    def pack(self, values: xr.DataArray, along: str | None = None) -> Vector:
        """Values at `positions`, from an array with this block's labels in any order.

        With `along`, a further dim of `values`, there is a row for each of its labels.

        Raises
        ------
        InputError
            If dims or labels are not those of the block, or a value that exists is not finite.
        """
        dims = self.template.dims
        leading = () if along is None else (along,)
        if set(values.dims) != {*leading, *dims}:
            raise InputError(
                "the dims are not those of the variable",
                where=self.name,
                got=_listed(values.dims) or "none",
                fix=f"give the dims {_listed((*leading, *dims))}",
            )
        for dim in dims:
            _check_labels(f"{self.name}, {dim}", values[dim], self.template[dim])
        aligned = values.sel({dim: self.template[dim].to_numpy() for dim in dims})
        exists = self.template.to_numpy() >= 0
        packed = aligned.transpose(*leading, *dims).to_numpy()[..., exists].astype(float)
        broken = np.argwhere(~np.isfinite(packed))
        if len(broken):
            raise InputError(
                "the value must be finite",
                where=self.find(int(self.positions[broken[0][-1]])),
                got=packed[tuple(broken[0])],
            )
        return np.asarray(packed)

    def find(self, position: int) -> str | None:
        """Return ``name[dim=label, …]`` of a position, or None where it is not in this block."""
        hit = np.argwhere(self.template.to_numpy() == position)
        if not len(hit):
            return None
        labels = [
            f"{dim}={_text(self.template[dim].to_numpy()[i])}"
            for dim, i in zip(self.template.dims, hit[0], strict=True)
        ]
        return f"{self.name}[{', '.join(labels)}]" if labels else self.name


@dataclass(frozen=True)
class Labels:
    """The blocks that make up one vector, in order, and its length."""

    blocks: tuple[LabelBlock, ...]
    size: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(block.name for block in self.blocks)

    def block(self, name: str) -> LabelBlock:
        """Return the block called `name`.

        Raises
        ------
        InputError
            If there is none.
        """
        for block in self.blocks:
            if block.name == name:
                return block
        raise InputError(
            f"there is no {name!r} among the labels",
            got=", ".join(self.names),
            fix="use one of these names",
        )

    def positions(self, name: str, **select: Hashable) -> Positions:
        """Positions of a block, or of the part of it selected by coordinate labels."""
        block = self.block(name)
        return LabelBlock(name, block.template.sel(select) if select else block.template).positions

    def unpack(self, vector: Vector, along: xr.DataArray | None = None) -> xr.Dataset:
        """Return `vector` as a Dataset with one variable per block.

        With `along`, the labels of a leading dim, `vector` has a row for each of them.
        """
        return xr.Dataset({block.name: block.unpack(vector, along) for block in self.blocks})

    def pack(self, dataset: xr.Dataset, along: str | None = None) -> Vector:
        """Return the vector that `unpack` turns into `dataset`; with `along`, a row per label.

        Raises
        ------
        InputError
            If a variable is missing, or its dims, labels or values cannot be used.
        """
        leading = () if along is None else (dataset.sizes[along],)
        vector = np.zeros((*leading, self.size))
        for block in self.blocks:
            if block.name not in dataset:
                raise InputError(
                    "the variable is missing",
                    where=block.name,
                    got="variables " + (_listed(dataset.data_vars) or "none"),
                )
            vector[..., block.positions] = block.pack(dataset[block.name], along)
        return vector

    def describe(self, position: int) -> str:
        """Return the label of a position as text."""
        for block in self.blocks:
            if (text := block.find(position)) is not None:
                return text
        return f"element {position}"

    def to_dataset(self) -> xr.Dataset:
        """Return the templates as one Dataset; dims are kept apart by a prefix per block."""
        data: dict[str, xr.DataArray] = {}
        for block in self.blocks:
            prefix = {dim: f"{block.name}:{dim}" for dim in block.template.dims}
            data[block.name] = block.template.rename(prefix)
        return xr.Dataset(data, attrs={"size": self.size, "order": list(self.names)})

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> Labels:
        """Read what `to_dataset` wrote."""
        blocks = []
        for name in np.atleast_1d(dataset.attrs["order"]) if dataset.attrs["size"] else ():
            template = dataset[str(name)]
            names = {dim: str(dim).removeprefix(f"{name}:") for dim in template.dims}
            blocks.append(LabelBlock(str(name), template.rename(names)))
        return cls(tuple(blocks), int(dataset.attrs["size"]))


def plain_labels(name: str, size: int) -> Labels:
    """Labels 0 … size-1 along dim ``<name>_number`` for a vector that has none."""
    dim = f"{name}_number"
    template = xr.DataArray(np.arange(size), {dim: np.arange(size)}, (dim,), name)
    return Labels((LabelBlock(name, template),) if size else (), size)


def select_labels(templates: Iterable[tuple[str, xr.DataArray]], kept: Positions) -> Labels:
    """Labels of the sub-vector `kept` (positions in the full vector, in their new order).

    Blocks of which nothing is kept disappear.
    """
    kept = np.asarray(kept, dtype=np.intp)
    blocks = []
    new = {int(old): i for i, old in enumerate(kept)}
    for name, template in templates:
        mapped = np.array([new.get(int(p), -1) for p in template.to_numpy().ravel()], dtype=np.intp)
        if (mapped >= 0).any():
            blocks.append(
                LabelBlock(name, template.copy(data=mapped.reshape(template.shape)).rename(name))
            )
    return Labels(tuple(blocks), len(kept))


def concatenate(vectors: Sequence[Vector]) -> Vector:
    """Join vectors, also when there are none."""
    return np.concatenate(vectors) if vectors else np.zeros(0)


def _check_labels(where: str, got: xr.DataArray, expected: xr.DataArray) -> None:
    """Refuse labels that are missing, unknown or double."""
    index = got.to_index()
    other = index.symmetric_difference(expected.to_index())
    if len(other) or not index.is_unique:
        raise InputError(
            "the labels are not those of the variable",
            where=where,
            got=f"{len(index)} labels" + (f", differing in {_text(other[0])}" * bool(len(other))),
            fix=f"give each of the {expected.size} labels once",
        )


def _listed(names: Iterable[Hashable]) -> str:
    return ", ".join(map(str, names))


def _text(label: Any) -> str:
    if isinstance(label, np.datetime64):
        return str(np.datetime_as_string(label, unit="m"))
    return str(label)
