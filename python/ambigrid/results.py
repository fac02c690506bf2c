"""The result of a run: one labelled tree, its table, its pictures, its file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ambigrid.algorithms.log import relative_gap
from ambigrid.errors import InputError
from ambigrid.files import read_tree, write_tree
from ambigrid.status import Status

if TYPE_CHECKING:
    from ambigrid.plotting import Pictures

NESTED = ("agents", "options", "versions", "caveats", "built_with", "parts")
"""Attributes that hold mappings or lists; JSON text in the file."""

_SUMMARY = (
    *("study", "case", "engine", "method", "status", "objective", "bound", "gap", "certified"),
    *("exactness", "iterations", "wall_seconds", "certificate_seconds", "build_seconds"),
    *("seed", "data_hash", "message"),
)


@dataclass(frozen=True)
class Result:
    """Everything a run found, as one labelled tree.

    Parameters
    ----------
    tree : xarray.DataTree
        Groups ``/dispatch/<agent>`` (first-stage decisions), ``/duals/<agent>``,
        ``/worst_case/<agent>``, ``/recourse/<agent>``, ``/shared/<agent>``, ``/history`` and
        ``/derived/<agent>``; units stand in each variable's attributes. Attributes of the root:
        ``status``, ``objective`` and ``bound`` in $, ``certified``, ``agents`` (name to cost in
        $), ``options``, ``versions``, ``seed``, ``data_hash``, ``wall_seconds`` and the like. A
        group is absent when the run has nothing to say there.

    Raises
    ------
    InputError
        If the tree has no known status, which means that it is not a result.

    Examples
    --------
    >>> result = load_result("t30d2.nc")                      # doctest: +SKIP
    >>> result.dispatch["transmission/reserve_up"].sum("time")  # doctest: +SKIP
    """

    tree: xr.DataTree

    def __post_init__(self) -> None:
        status = self.tree.attrs.get("status")
        if status not in list(Status):
            raise InputError(
                "this tree is not a result: its status must be one of " + ", ".join(Status),
                where="attribute status",
                got=repr(status),
                fix="give a file written by `ambigrid run` or Result.save",
            )

    @classmethod
    def from_groups(
        cls, attrs: Mapping[str, Any], groups: Mapping[str, xr.Dataset | Mapping[str, xr.Dataset]]
    ) -> Result:
        """Put a result together from its attributes and datasets.

        Parameters
        ----------
        attrs : mapping
            Attributes of the root, see :class:`Result`.
        groups : mapping
            Group name to a dataset (``"history"``), or to a dataset per agent (``"dispatch"``).

        Returns
        -------
        Result
            The result; the datasets are used as they are, without a copy.
        """
        nodes: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=dict(attrs))}
        for group, content in groups.items():
            if isinstance(content, xr.Dataset):
                nodes[f"/{group}"] = content
            else:
                nodes |= {f"/{group}/{agent}": data for agent, data in content.items()}
        return cls(xr.DataTree.from_dict(nodes))

    # --- what the run says of itself ---

    @property
    def status(self) -> Status:
        """How the run ended; `optimal` only with a certified gap."""
        return Status(self.tree.attrs["status"])

    @property
    def objective(self) -> float:
        """Total cost of the decision found, $ (an upper bound); NaN without one."""
        return float(self.tree.attrs.get("objective", np.nan))

    @property
    def bound(self) -> float:
        """Lower bound on the total cost, $; ``-inf`` without one."""
        return float(self.tree.attrs.get("bound", -np.inf))

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound; ``inf`` when one of them is missing."""
        gap = self.tree.attrs.get("gap")
        return relative_gap(self.bound, self.objective) if gap is None else float(gap)

    @property
    def certified(self) -> bool:
        """Whether the upper bound has been proved against every call and scenario."""
        return bool(self.tree.attrs.get("certified", False))

    @property
    def agents(self) -> dict[str, float]:
        """Worst-case expected cost of each agent, $."""
        return {name: float(cost) for name, cost in self.attribute("agents", {}).items()}

    def attribute(self, name: str, default: Any = None) -> Any:
        """Give an attribute of the root, decoded when it is kept as JSON text."""
        value = self.tree.attrs.get(name, default)
        return json.loads(value) if name in NESTED and isinstance(value, str) else value

    # --- the groups ---

    @property
    def dispatch(self) -> xr.DataTree:
        """First-stage decisions by agent: ``result.dispatch["transmission/reserve_up"]``."""
        return self.group("dispatch")

    @property
    def duals(self) -> xr.DataTree:
        """Dual values of the first-stage rows by agent."""
        return self.group("duals")

    @property
    def worst_case(self) -> xr.DataTree:
        """Worst-case law and calls by agent: support points, probabilities, weights, calls."""
        return self.group("worst_case")

    @property
    def recourse(self) -> xr.DataTree:
        """Second-stage decisions by agent in each scenario, at its worst call."""
        return self.group("recourse")

    @property
    def shared(self) -> xr.DataTree:
        """Values and prices of the shared variables by the agent they are shared with."""
        return self.group("shared")

    @property
    def derived(self) -> xr.DataTree:
        """What the study makes of the solution: prices, settlement, line loading, envelopes."""
        return self.group("derived")

    @property
    def history(self) -> xr.Dataset:
        """The log over ``iteration``: bounds, residuals, penalty, seconds, note."""
        return self.group("history").to_dataset()

    def has(self, path: str) -> bool:
        """Whether the tree holds a group or variable at `path`, as in ``"derived/settlement"``."""
        try:
            self.tree[path]
        except KeyError:
            return False
        return True

    def group(self, name: str) -> xr.DataTree:
        """Give one group of the tree.

        Raises
        ------
        InputError
            If the run left no such group, as an infeasible one leaves no dispatch.
        """
        if name not in self.tree.children:
            raise InputError(
                f"this result ({self.status}) has no such group",
                where=f"/{name}",
                got="groups " + ", ".join(self.tree.children),
                fix="look at result.status, or run again with more time",
            )
        return self.tree.children[name]

    # --- what a user does with it ---

    def summary(self) -> dict[str, Any]:
        """Give the facts of the run as one JSON-ready object; numbers it lacks are None."""
        facts = {name: self.attribute(name) for name in _SUMMARY}
        facts |= {
            "status": str(self.status),
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "certified": self.certified,
            "agents": self.agents,
            "options": self.attribute("options", {}),
            "versions": self.attribute("versions", {}),
        }
        plain = _jsonable(facts)
        assert isinstance(plain, dict)
        return plain

    def report(self, width: int = 96) -> str:
        """Give the result as a table to read.

        Parameters
        ----------
        width : int
            Width of the text in characters.
        """
        from ambigrid.report import render

        return render(self, width)

    @property
    def plot(self) -> Pictures:
        """The pictures of this result: ``result.plot.convergence()`` and others."""
        from ambigrid.plotting import Pictures

        return Pictures(self)

    def save(self, path: str | Path) -> Path:
        """Write the result to one NetCDF file, which opens without this package.

        Parameters
        ----------
        path : str or Path
            The file; an older one is replaced only once the new one is complete.

        Returns
        -------
        Path
            The path written.
        """
        return write_tree(self.tree, path)


def load_result(path: str | Path, parts: Iterable[str | Path] = ()) -> Result:
    """Read a result from the file that :meth:`Result.save` wrote.

    Parameters
    ----------
    path : str or Path
        The NetCDF file.
    parts : iterable of path, optional
        Files that operators of a cluster saved in the same run, to be joined with the result.

    Raises
    ------
    InputError
        If a file is missing, truncated, or holds something else than a result or its parts.
    """
    tree = read_tree(path, content="result")
    if "status" not in tree.attrs:
        raise InputError(
            "this NetCDF file holds no result: it has no attribute status",
            where=str(path),
            got="groups " + (", ".join(tree.children) or "none"),
            fix="give a file written by `ambigrid run` or Result.save",
        )
    result, files = Result(tree), tuple(parts)
    if files:
        from ambigrid.parts import join_parts

        join_parts(tree, files, tuple(result.agents))
    return result


def _jsonable(value: Any) -> Any:
    """Plain Python for JSON: NumPy scalars unpacked, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
