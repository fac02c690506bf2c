"""How a failed check finds its words: the place, the label and the value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ambigrid.errors import InputError

TOLERANCE = 1e-6  # MW, MWh, p.u.: what rounding in a file may do


@dataclass(frozen=True)
class Place:
    """A group of a case, for messages: ``Place("t30d2", "transmission")("load")``."""

    source: str
    group: str

    def __call__(self, variable: str, **labels: object) -> str:
        """Name a variable, and labels by dimension."""
        text = f"{self.source}: {self.group}/{variable}"
        return text + "".join(f", {dim} {_plain(label)}" for dim, label in labels.items())


@dataclass(frozen=True)
class Offender:
    """The first element for which a check fails, if any."""

    what: str
    where: str
    got: str | None

    def raise_if_any(self, fix: str) -> None:
        """Raise the sentence, with the next step, if an element was found."""
        if self.got is not None:
            raise InputError(self.what, where=self.where, got=self.got, fix=fix)


def offender(
    mask: xr.DataArray | np.ndarray,
    values: xr.DataArray,
    place: Place,
    what: str,
    name: str | None = None,
) -> Offender:
    """Find the first element where `mask` holds.

    Parameters
    ----------
    mask : DataArray or ndarray
        Same dims as `values`.
    values : DataArray
        It gives the number to show, its attribute ``units`` the unit.
    place : Place
        The group.
    what : str
        What is wrong with it.
    name : str, optional
        Variable to blame; that of `values` if left out.
    """
    name = name or str(values.name)
    flags = np.asarray(mask)
    if not flags.any():
        return Offender(what, place(name), None)
    position = tuple(np.argwhere(flags)[0]) if flags.ndim else ()
    labels = {
        str(dim): values[dim].to_numpy()[k] if dim in values.coords else k
        for dim, k in zip(values.dims, position, strict=True)
    }
    units = values.attrs.get("units", "")
    got = f"{float(values.to_numpy()[position]):g} {units if units != '1' else ''}".rstrip()
    return Offender(what, place(name, **labels), got)


def _plain(label: object) -> str:
    if isinstance(label, np.datetime64):
        return str(np.datetime_as_string(label, unit="m"))
    return str(label)
