"""What every ambiguity set has in common: it is filled by a study and checked before use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.labels import Labels, Vector


class AmbiguitySet(ABC):
    """A set of laws of the uncertain variables ξ; subclasses hold parameters only.

    Parameters may be left out; a study fills them from its case (`filled`). `checked` turns
    them into arrays in the order of a program's uncertain variables.
    """

    name: str

    @abstractmethod
    def filled(self, samples: xr.DataArray, weights: xr.DataArray, agent: tuple[str, str]) -> Self:
        """Return the set with the case's samples where none were given.

        Parameters
        ----------
        samples : xarray.DataArray (scenario, …)
            In-sample outcomes in the unit of the uncertain variable.
        weights : xarray.DataArray (scenario,)
            Their probabilities.
        agent : (name, kind)
            Chooses an entry of parameters given per agent, such as a radius.
        """

    @abstractmethod
    def checked(self, uncertain: Labels) -> Self:
        """Return the set with all parameters as arrays that fit `uncertain`.

        Raises
        ------
        InputError
            If a parameter is missing, of a wrong shape, not a number, or out of its range.
        """

    @property
    @abstractmethod
    def extremes(self) -> tuple[Vector, Vector]:
        """Least and greatest value of every uncertain variable, (n_ξ,), of a checked set."""


def outcome_matrix(values: Any, uncertain: Labels, where: str) -> Vector:
    """Outcomes as an array (N, n_ξ) in the order of `uncertain`.

    Parameters
    ----------
    values : xarray.DataArray, xarray.Dataset, mapping of str to DataArray, or array
        Leading dim ``scenario``; for arrays the first axis.
    uncertain : Labels
        Labels of ξ.
    where : str
        Named in errors.
    """
    if isinstance(values, (xr.Dataset, dict)):
        parts = [
            _block_matrix(values[block.name], block.template, f"{where}, {block.name}")
            for block in uncertain.blocks
            if block.name in values or _missing(block.name, where)
        ]
        matrix = np.hstack(parts)
    elif isinstance(values, xr.DataArray) and "scenario" in values.dims:
        matrix = _block_matrix(values, uncertain.blocks[0].template, where)
    else:
        array = np.asarray(values, dtype=float)
        matrix = array.reshape(len(array), int(np.prod(array.shape[1:])))
    if matrix.shape[1] != uncertain.size:
        raise InputError(
            f"an outcome must have {uncertain.size} values, one per uncertain variable",
            where=where,
            got=matrix.shape[1],
            fix="give samples with the dims of the uncertain variables",
        )
    if not len(matrix):
        raise InputError("there is no scenario", where=where, fix="give at least one sample")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise InputError(
            f"outcomes must be numbers: scenario {row}, {uncertain.describe(int(column))}",
            where=where,
            got=matrix[row, column],
            fix="fill or drop the scenario",
        )
    return np.ascontiguousarray(matrix)


def outcome_vector(values: Any, uncertain: Labels, where: str) -> Vector:
    """One outcome as an array (n_ξ,) in the order of `uncertain`; numbers are broadcast."""
    if np.ndim(values) == 0 and not isinstance(values, (xr.Dataset, dict)):
        values = np.full(uncertain.size, float(values))
    if isinstance(values, (xr.Dataset, xr.DataArray)):
        lifted: Any = values.expand_dims("scenario")
    elif isinstance(values, dict):
        lifted = {name: xr.DataArray(v).expand_dims("scenario") for name, v in values.items()}
    else:
        lifted = np.asarray(values, dtype=float).reshape(1, -1)
    return outcome_matrix(lifted, uncertain, where).ravel()


def weight_vector(weights: Any, count: int, where: str) -> Vector:
    """Probabilities of `count` scenarios; equal ones where none are given."""
    if weights is None:
        return np.full(count, 1.0 / count)
    vector = np.asarray(weights, dtype=float).ravel()
    if vector.shape != (count,):
        raise InputError(f"there must be {count} weights", where=where, got=vector.size)
    if not (np.isfinite(vector).all() and (vector >= 0).all()):
        raise InputError("weights must not be negative", where=where, got=vector.min())
    if abs(vector.sum() - 1.0) > 1e-6:
        raise InputError(
            "weights must sum to one", where=where, got=vector.sum(), fix="divide by their sum"
        )
    return np.asarray(vector / vector.sum())


def _block_matrix(values: xr.DataArray, template: xr.DataArray, where: str) -> Vector:
    wanted = ("scenario", *template.dims)
    if set(values.dims) != set(wanted):
        raise InputError("the samples have other dims", where=where, got=values.dims,
                         fix=f"give dims {wanted}")  # fmt: skip
    for dim in template.dims:
        if dim in values.coords and not np.array_equal(values[dim], template[dim]):
            raise InputError(
                f"the samples have other labels along {dim!r}",
                where=where,
                got=list(values[dim].to_numpy()[:3]),
                fix="reindex them to the labels of the uncertain variable",
            )
    array = values.transpose(*wanted).to_numpy().astype(float)
    array = array.reshape(values.sizes["scenario"], template.size)
    return np.asarray(array[:, template.to_numpy().ravel() >= 0])


def _missing(name: str, where: str) -> bool:
    raise InputError(f"there are no samples of {name!r}", where=where, fix="add them")


__all__ = ["AmbiguitySet", "outcome_matrix", "outcome_vector", "weight_vector"]
