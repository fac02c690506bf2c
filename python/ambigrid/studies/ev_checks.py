"""What the EV-flexibility study checks of its options and of data that must fit one another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from ambigrid.ambiguity import AmbiguitySet
from ambigrid.cases.checks import TOLERANCE
from ambigrid.errors import InputError
from ambigrid.networks import renewable
from ambigrid.program import TwoStageProgram


def check_feeders(
    data: xr.Dataset, imports: Mapping[str, xr.DataArray], feeders: tuple[str, ...]
) -> None:
    """Refuse boundaries that are not those of the feeders, hour by hour."""
    named = data["distribution"].values.tolist()
    if sorted(named) != sorted(feeders):
        raise InputError(
            "the boundaries and the distribution groups do not have the same names",
            where=f"{data.attrs['name']}/distribution",
            got=f"{', '.join(named)} beside the groups {', '.join(feeders)}",
            fix="name a boundary bus and limit for each distribution group",
        )
    for name, values in imports.items():
        if not np.array_equal(values["time"], data["time"]):
            raise InputError(
                f"the time coordinate differs from that of {data.attrs['name']}",
                where=f"{name}/time",
                fix="give all groups the same time",
            )


def check_outcomes(ambiguity: AmbiguitySet, data: xr.Dataset, program: TwoStageProgram) -> None:
    """Refuse an ambiguity set with outcomes below zero or above what a unit can ever have."""
    uncertain, where = program.uncertain, f"{data.attrs['name']}, {type(ambiguity).__name__}"
    least, greatest = ambiguity.checked(uncertain).extremes
    most = uncertain.pack(renewable.most_available(data).to_dataset(name="renewable"))
    if (least < 0.0).any():
        j = int(np.argmin(least))
        raise InputError(
            "an outcome must not be negative",
            where=f"{where}, {uncertain.describe(j)}",
            got=f"{least[j]:g} MW",
            fix="raise it to 0",
        )
    if (greatest > most + TOLERANCE).any():
        j = int(np.argmax(greatest - most))
        raise InputError(
            f"an outcome must not exceed the installed capacity of {most[j]:g} MW",
            where=f"{where}, {uncertain.describe(j)}",
            got=f"{greatest[j]:g} MW",
            fix="lower it, or raise renewable_capacity of the case",
        )


def check_choice(what: str, got: object, legal: tuple[str, ...]) -> None:
    """Refuse a value of an option that is none of the legal ones."""
    if got not in legal:
        raise InputError(
            f"unknown {what}",
            where="ev-flexibility",
            got=got,
            fix=f"use one of {', '.join(legal)}",
        )
