"""Where a study's data come from: a case in memory, or a file that is read group by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from ambigrid.cases.netcdf import group_hash, joined_hash, read_group, read_outline
from ambigrid.cases.validation import validate_group, validate_root
from ambigrid.errors import InputError


@dataclass(frozen=True)
class CaseSource:
    """A case of which every operator reads its own group only.

    Sent to another process, a source with a path takes along what everybody knows and none of
    the groups that were read here.

    Attributes
    ----------
    attrs : mapping
        Attributes of the case's root.
    kinds : mapping of group name to kind
    path : Path or None
        The file, where there is one; relative to the folder in which it is read.
    groups : mapping of group name to xarray.Dataset
        Groups in memory: all of a tree, those read so far of a file.
    """

    attrs: Mapping[str, Any]
    kinds: Mapping[str, Any]
    path: Path | None = None
    groups: dict[str, xr.Dataset] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, case: xr.DataTree | str | Path) -> CaseSource:
        """Return the source of a case in memory or in a file.

        Raises
        ------
        InputError
            If there is no such file, or it is no case file.
        """
        if isinstance(case, xr.DataTree):
            groups = {str(name): group.to_dataset() for name, group in case.children.items()}
            kinds = {name: data.attrs.get("kind") for name, data in groups.items()}
            return cls(
                {str(name): value for name, value in case.attrs.items()}, kinds, None, groups
            )
        path = Path(case)
        if not path.is_file():
            raise InputError(
                "there is no case file here",
                where=str(path),
                fix="give the path of a file written by ag.save_case, or what ag.load_case returns",
            )
        attrs, kinds = read_outline(path)
        validate_root(attrs, kinds, str(path))
        attrs.pop("built_with", None)  # the file may have been edited since
        return cls(attrs | {"source": str(path)}, kinds, path)

    def group(self, name: str) -> xr.Dataset:
        """Return one operator's group, read and checked when it is asked for first.

        Raises
        ------
        InputError
            If the file does not hold it, or it fails a check.
        """
        if name not in self.groups and self.path is not None:
            data = read_group(self.path, name)
            validate_group(data, name, self.attrs, str(self.path))
            self.groups[name] = data
        return self.groups[name]

    def group_hash(self, name: str) -> str:
        """SHA-256 of one operator's group."""
        return group_hash(self.group(name), self.attrs)

    @property
    def hash(self) -> str:
        """Hash of the whole case, as `case_hash`; it reads all groups."""
        return joined_hash({name: self.group_hash(name) for name in self.kinds})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "groups": {} if self.path else self.groups}
