"""Agents and what couples them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from ambigrid.ambiguity import AmbiguitySet
from ambigrid.labels import Positions
from ambigrid.program import TwoStageProgram


@dataclass(frozen=True)
class Agent:
    """One operator: its own program, its own ambiguity set.

    Attributes
    ----------
    name, kind : str
        Such as "distribution_1" and "distribution".
    program : TwoStageProgram
    ambiguity : AmbiguitySet
        Filled with the agent's samples.
    constant : float
        Cost that no decision changes, $.
    shared : mapping of coupling name to positions
        First-stage columns of the agent's copies of what it shares, in the order of the labels.
    """

    name: str
    kind: str
    program: TwoStageProgram
    ambiguity: AmbiguitySet
    constant: float = 0.0
    shared: Mapping[str, Positions] = field(default_factory=dict)


@dataclass(frozen=True)
class Coupling:
    """First-stage variables that several agents must agree on; nothing here is an agent's own.

    Attributes
    ----------
    name : str
        Such as "distribution_1/boundary_reserve_up".
    units : str
    labels : xarray.DataArray
        Any array with the dims and coordinates of the shared variable.
    members : tuple of str
        Agents that share them; the last one owns them.
    """

    name: str
    units: str
    labels: xr.DataArray
    members: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of shared values."""
        return int(np.prod(self.labels.shape))


@dataclass(frozen=True)
class Notice:
    """What one agent tells another once, before the first iteration.

    Attributes
    ----------
    sender, receiver : str
    name : str
        One of the names that may cross, such as "boundary_baseline".
    values : xarray.DataArray
    """

    sender: str
    receiver: str
    name: str
    values: xr.DataArray
