"""Runs each solve of a reproduction once and keeps it, so that an interrupted one continues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import xarray as xr

from ambigrid.cases import load_case
from ambigrid.errors import AmbigridError, InputError
from ambigrid.files import read_tree, write_tree
from ambigrid.results import Result, load_result
from ambigrid.status import Status
from ambigrid.studies.ev_flexibility import EVFlexibility
from ambigrid.studies.reproduction.accounts import ACCOUNTS, Account

if TYPE_CHECKING:
    from ambigrid.studies.reproduction.recipes import Recipe

CERTIFICATE_LIMIT = 600.0
"""Seconds a proof may take."""

_NOT_KEPT = (Status.INTERRUPTED, Status.ERROR)


class NotRunError(AmbigridError):
    """A result is not there, and nothing more is to be solved."""


class Source(Protocol):
    """Where claims find their figures.

    Attributes
    ----------
    account : Account
        What the source document says about the system.
    """

    @property
    def account(self) -> Account:
        """What the source document says about the system."""
        ...

    def result(self, recipe: Recipe) -> Result:
        """Return the result of a solve."""
        ...

    def study(self, recipe: Recipe) -> EVFlexibility:
        """Return the study of a solve."""
        ...

    def measured(self, name: str, recipe: Recipe, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Return what was measured on results, measuring it once."""
        ...


class Runs:
    """Solves on demand, in a folder of result files.

    Parameters
    ----------
    case_name : str
        A built-in system that the source document makes claims about.
    folder : Path, optional
        Where results are kept and found again; without one, in memory.
    progress : callable
        Receives a line of text per solve.
    """

    def __init__(
        self, case_name: str, folder: Path | None, progress: Callable[[str], None]
    ) -> None:
        self._case_name, self._folder, self._progress = case_name, folder, progress
        self.account = ACCOUNTS[case_name]
        self._closed = False
        self._failed: dict[Recipe, AmbigridError] = {}
        self._cases: dict[tuple[int, float | None], xr.DataTree] = {}
        self._results: dict[Recipe, Result] = {}
        self._measured: dict[str, xr.Dataset] = {}

    def close(self) -> None:
        """Solve and measure nothing more; what is known or kept is still given."""
        self._closed = True

    def study(self, recipe: Recipe) -> EVFlexibility:
        """Return the study of a recipe; cases are built once."""
        key = (recipe.seed, recipe.wind_penetration)
        if key not in self._cases:
            self._cases[key] = load_case(self._case_name, seed=key[0], wind_penetration=key[1])
        return EVFlexibility(
            self._cases[key],
            ambiguity=recipe.ambiguity_set(),
            mode=recipe.mode,
            boundary_call=recipe.boundary_call,
        )

    def result(self, recipe: Recipe) -> Result:
        """Return the result of a recipe: known, kept in the folder, or solved now.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts the solve; what was solved before is kept.
        NotRunError
            If it is not there and the runs are closed.
        AmbigridError
            If the solve fails; it is not tried again.
        """
        if recipe in self._failed:
            raise self._failed[recipe]
        if recipe not in self._results:
            kept = self._read(recipe)
            self._results[recipe] = self._solve(recipe) if kept is None else kept
        return self._results[recipe]

    def measured(self, name: str, recipe: Recipe, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Return a measurement made on the results of a seed: known, kept, or made now."""
        file_name = f"{name}_{recipe.name}"
        if file_name not in self._measured:
            path, mark = self._path(file_name), self.study(recipe).source.hash
            kept = _measurement(path, mark) if path is not None else None
            if kept is None:
                self._check_open(file_name)
                self._progress(f"measuring {name.replace('_', ' ')}, seed {recipe.seed}")
                kept = measure().assign_attrs(data_hash=mark)
                if path is not None:
                    write_tree(xr.DataTree(kept), path)
            self._measured[file_name] = kept
        return self._measured[file_name]

    def _solve(self, recipe: Recipe) -> Result:
        from ambigrid.solving import solve

        self._check_open(recipe.name)
        try:
            result = solve(
                self.study(recipe),
                recipe.method,
                seed=recipe.seed,
                time_limit=recipe.time_limit,
                certify=recipe.certify,
                certificate_limit=CERTIFICATE_LIMIT,
            )
        except AmbigridError as error:
            self._failed[recipe] = error
            raise
        if result.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        self._progress(_line(recipe, result))
        path = self._path(recipe.name)
        if path is not None and result.status not in _NOT_KEPT:
            result.save(path)
        return result

    def _read(self, recipe: Recipe) -> Result | None:
        """Return a kept result if it is of the same data."""
        path = self._path(recipe.name)
        if path is None or not path.is_file():
            return None
        try:
            kept = load_result(path)
        except InputError:
            return None
        same = kept.attribute("data_hash") == self.study(recipe).source.hash
        if same:
            self._progress(f"{recipe.name}: kept from an earlier run")
        return kept if same else None

    def _check_open(self, name: str) -> None:
        if self._closed:
            raise NotRunError(f"{name} is not there")

    def _path(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{name}.nc"


def _measurement(path: Path, mark: str) -> xr.Dataset | None:
    if not path.is_file():
        return None
    try:
        kept = read_tree(path, content="measurement").to_dataset()
    except InputError:
        return None
    return kept if kept.attrs.get("data_hash") == mark else None


def _line(recipe: Recipe, result: Result) -> str:
    seconds = float(result.attribute("wall_seconds", 0.0))
    proof = ", proved" if result.certified else ""
    return (
        f"{recipe.name}: {result.status}{proof}, {result.bound:,.0f} to {result.objective:,.0f} $, "
        f"{result.attribute('iterations')} iterations, {seconds:.0f} s"
    )
