"""Agents and what couples them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """

    name: str
    kind: str
    program: TwoStageProgram
    ambiguity: AmbiguitySet
    constant: float = 0.0


@dataclass(frozen=True)
class Coupling:
    """First-stage variables that several agents must agree on.

    Attributes
    ----------
    name : str
        Such as "distribution_1/boundary_reserve_up".
    units : str
    labels : xarray.DataArray
        Any array with the dims and coordinates of the shared variable.
    columns : mapping of agent name to positions
        Where each agent holds its copy, in the order of `labels`.
    """

    name: str
    units: str
    labels: xr.DataArray
    columns: Mapping[str, Positions]

    @property
    def size(self) -> int:
        """Number of shared values."""
        return int(np.prod(self.labels.shape))
