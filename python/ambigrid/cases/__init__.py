"""Cases: the data of one coordinated system, as an :class:`xarray.DataTree`.

``load_case("t30d2")`` makes a built-in system; ``load_case("my_case.nc")`` reads a file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import xarray as xr

from ambigrid.cases.folder import read_folder
from ambigrid.cases.netcdf import case_hash, read_case, write_case
from ambigrid.cases.system import System, build_system, within
from ambigrid.cases.t30d2 import T30D2
from ambigrid.cases.t118 import MOST_FEEDERS, T118D10, scale_case, t118
from ambigrid.cases.template import write_template
from ambigrid.cases.validation import validate_case
from ambigrid.errors import InputError

__all__ = [
    "case_hash",
    "list_cases",
    "load_case",
    "save_case",
    "scale_case",
    "validate_case",
    "write_template",
]

BUILT_IN: dict[str, System] = {system.name: system for system in (T30D2, T118D10)}
OTHER_SIZES = {T118D10.name: f"t118d1 … t118d{MOST_FEEDERS} have another number of feeders"}

_T118 = re.compile(r"t118d(?P<feeders>\d+)")


def list_cases() -> dict[str, str]:
    """Names of the built-in systems, each with its title and what other sizes there are."""
    return {
        name: "; ".join(filter(None, (system.title, OTHER_SIZES.get(name))))
        for name, system in BUILT_IN.items()
    }


def built_in(name: str) -> System | None:
    """Describe the built-in system of a name: one that is listed, or ``t118dN``.

    Raises
    ------
    InputError
        When ``t118dN`` asks for less than 1 or more than 100 feeders.
    """
    found = _T118.fullmatch(name)
    if name in BUILT_IN or found is None:
        return BUILT_IN.get(name)
    return t118(within(int(found["feeders"]), 1, MOST_FEEDERS, where=name, what="feeders"))


def load_case(
    name_or_path: str | Path,
    *,
    seed: int = 0,
    wind_penetration: float | None = None,
    scenarios: int | None = None,
) -> xr.DataTree:
    """Load a case and check it.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a built-in system (``t30d2``, ``t118d1`` to ``t118d100``), or path of a case file
        (NetCDF) or folder (see :func:`ambigrid.cases.template.write_template`).
    seed : int
        Data seed of a built-in system.
    wind_penetration : float, optional
        Wind energy over load energy of a built-in system; as documented if left out.
    scenarios : int, optional
        In-sample scenarios per operator of a built-in system; as documented if left out.

    Returns
    -------
    DataTree
        A group per agent; schema in :mod:`ambigrid.cases.schema`.

    Raises
    ------
    InputError
        When there is no such case or it fails a check.
    """
    name = str(name_or_path)
    if (system := built_in(name)) is not None:
        tree = build_system(
            system, seed=seed, wind_penetration=wind_penetration, scenarios=scenarios
        )
        made = {"seed": seed, "wind_penetration": wind_penetration, "scenarios": scenarios}
        tree.attrs["built_with"] = json.dumps(made)  # what a result needs to make it again
    elif seed != 0 or wind_penetration is not None or scenarios is not None:
        raise InputError(
            "a data seed, a wind penetration and a number of scenarios apply to built-in systems "
            "only",
            where=name,
            fix=f"leave them out, or name one of {', '.join(BUILT_IN)}",
        )
    else:
        path = Path(name_or_path)
        tree = read_folder(path) if path.is_dir() else read_case(path)
        tree.attrs["source"] = str(path)
        tree.attrs.pop("built_with", None)  # the file may have been edited since
    validate_case(tree, source=name)
    return tree


def save_case(tree: xr.DataTree, path: str | Path) -> None:
    """Write a case to one NetCDF file.

    Parameters
    ----------
    tree : DataTree
        A case; it is checked first.
    path : str or Path
        File to write.

    Raises
    ------
    InputError
        When the case fails a check.
    """
    validate_case(tree, source="save_case")
    write_case(tree, Path(path))
