"""The one shape of problem: a two-stage program, partitioned out of one linopy model.

The programme, with an adversary whose box may depend on the first stage:

    min_x  c'x + ½ x'Qx + R[ max_{δ ∈ Δ(x)} V(x, δ, ξ) ]     A x {≤,=,≥} b,  l ≤ x ≤ u
    V(x, δ, ξ) = min_y q'y    T x + W y + D δ + H ξ {≤,=,≥} h,  bounds on y
    Δ(x) = { δ : L x + l ≤ δ ≤ U x + u }, at most `budget` coordinates away from zero
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp
import xarray as xr

from ambigrid.labels import Labels, Positions, Vector

if TYPE_CHECKING:
    import linopy

Stage = Literal["first_stage", "recourse", "uncertain", "adversarial"]
SENSES = ("<", "=", ">")


@dataclass(frozen=True)
class Columns:
    """Variables of one stage: cost, bounds, integrality and labels."""

    labels: Labels
    cost: Vector
    lower: Vector
    upper: Vector
    integer: np.ndarray

    @property
    def size(self) -> int:
        """Number of variables."""
        return self.labels.size


@dataclass(frozen=True)
class Rows:
    """Constraints of one stage: sense ("<", "=", ">"), right-hand side and labels."""

    labels: Labels
    sense: np.ndarray
    rhs: Vector

    @property
    def size(self) -> int:
        """Number of constraints."""
        return self.labels.size

    def bounds(self, rhs: Vector | None = None) -> tuple[Vector, Vector]:
        """Lower and upper side of the rows for a right-hand side (default: their own)."""
        rhs = self.rhs if rhs is None else rhs
        lower = np.where(self.sense == "<", -np.inf, rhs)
        upper = np.where(self.sense == ">", np.inf, rhs)
        return lower, upper


@dataclass(frozen=True)
class AffineMap:
    """An affine function of x: ``matrix @ x + constant``."""

    matrix: sp.csr_array
    constant: Vector

    def __call__(self, x: Vector) -> Vector:
        """Value at x."""
        return np.asarray(self.matrix @ x + self.constant)


@dataclass(frozen=True)
class TwoStageProgram:
    """A two-stage program as labelled arrays; build it with `from_linopy` or `from_matrices`.

    Attributes
    ----------
    first_stage, recourse : Columns
        x and y: cost, bounds, integrality, labels.
    uncertain, adversarial : Labels
        ξ and δ.
    first_rows, second_rows : Rows
        Senses and right-hand sides b and h.
    A, T, W, D, H : scipy.sparse.csr_array
        Coefficients as in the programme above.
    quadratic : scipy.sparse.csr_array
        Q (positive semidefinite).
    call_lower, call_upper : AffineMap
        The adversary's box as functions of x.
    budget : int or None
        Largest number of coordinates of δ away from zero, which every box must then hold;
        without one every coordinate sits at one of its two ends.
    """

    first_stage: Columns
    recourse: Columns
    uncertain: Labels
    adversarial: Labels
    first_rows: Rows
    second_rows: Rows
    A: sp.csr_array
    T: sp.csr_array
    W: sp.csr_array
    D: sp.csr_array
    H: sp.csr_array
    quadratic: sp.csr_array
    call_lower: AffineMap
    call_upper: AffineMap
    budget: int | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def labels(self, stage: Stage) -> Labels:
        """Labels of x, y, ξ or δ."""
        if stage == "first_stage":
            return self.first_stage.labels
        if stage == "recourse":
            return self.recourse.labels
        return self.uncertain if stage == "uncertain" else self.adversarial

    def columns(self, name: str, stage: Stage = "first_stage", **select: Any) -> Positions:
        """Positions of variable `name` in its stage's vector, optionally at chosen labels."""
        return self.labels(stage).positions(name, **select)

    def unpack(self, vector: Vector, stage: Stage = "first_stage") -> xr.Dataset:
        """Return a stage's vector as labelled arrays, one per variable."""
        return self.labels(stage).unpack(vector)

    def pack(self, dataset: xr.Dataset, stage: Stage = "first_stage") -> Vector:
        """Return the vector of a stage from labelled arrays, as `unpack` gives them."""
        return self.labels(stage).pack(dataset)

    def call(self, x: Vector, pattern: np.ndarray) -> Vector:
        """δ of a pattern: +1 the upper end of the box at x, -1 the lower end, 0 no call."""
        upper, lower = self.call_upper(x), self.call_lower(x)
        return np.where(pattern > 0, upper, np.where(pattern < 0, lower, 0.0))

    def call_map(self, pattern: np.ndarray) -> AffineMap:
        """δ of a pattern as an affine function of x."""
        up, down = sp.diags_array((pattern > 0) * 1.0), sp.diags_array((pattern < 0) * 1.0)
        matrix = sp.csr_array(up @ self.call_upper.matrix + down @ self.call_lower.matrix)
        constant = (pattern > 0) * self.call_upper.constant + (
            pattern < 0
        ) * self.call_lower.constant
        return AffineMap(matrix, np.asarray(constant, dtype=float))

    def recourse_rhs(self, x: Vector, call: Vector, outcome: Vector) -> Vector:
        """Right-hand side h - T x - D δ - H ξ that is left for y."""
        return np.asarray(self.second_rows.rhs - self.T @ x - self.D @ call - self.H @ outcome)

    def first_stage_cost(self, x: Vector) -> float:
        """First-stage cost c'x + ½ x'Qx, in the unit of the objective."""
        return float(self.first_stage.cost @ x + 0.5 * x @ (self.quadratic @ x))

    @classmethod
    def from_linopy(
        cls,
        model: linopy.Model,
        *,
        recourse: Sequence[str],
        uncertain: Sequence[str] = (),
        adversarial: Mapping[str, tuple[Any, Any]] | None = None,
        budget: int | None = None,
    ) -> TwoStageProgram:
        """Partition a linopy model into first stage, recourse, uncertain and adversarial parts.

        Parameters
        ----------
        model : linopy.Model
            An ordinary model that is minimised; every variable not named below is first stage.
        recourse, uncertain : sequence of str
            Names of the variables decided after, and revealed as, the uncertainty.
        adversarial : mapping of str to (lower, upper), optional
            Adversarial variables with their box: linopy expressions in first-stage variables,
            or numbers or DataArrays.
        budget : int, optional
            Largest number of adversarial coordinates away from zero; solving refuses boxes that
            may not hold zero then.

        Raises
        ------
        InputError
            Unknown variable names, a maximised objective, a cost on ξ or δ, a quadratic cost
            outside the first stage, a box that depends on other than first-stage variables.
        """
        from ambigrid.partition import partition

        return partition(cls, model, recourse, uncertain, adversarial or {}, budget)

    @classmethod
    def from_matrices(
        cls,
        *,
        cost: Vector,
        recourse_cost: Vector,
        W: Any,
        T: Any,
        h: Vector,
        sense: Sequence[str] | str = "<",
        **parts: Any,
    ) -> TwoStageProgram:
        """Build a program from dense or sparse arrays, with labels 0, 1, ….

        Parameters
        ----------
        cost, recourse_cost : array (n_x,), (n_y,)
            c and q.
        W, T : array (m, n_y), (m, n_x)
            Second-stage coefficients of y and x.
        h : array (m,)
            Second-stage right-hand side.
        sense : "<", "=", ">" or one per row
            Senses of the second-stage rows.
        **parts
            ``H`` (m, n_ξ), ``D`` (m, n_δ), ``A`` (k, n_x) with ``b`` and ``first_sense``,
            ``quadratic`` (n_x, n_x), bounds ``lower``, ``upper``, ``recourse_lower``,
            ``recourse_upper`` (default 0 and infinity), ``integer`` (n_x,) bool,
            ``call_lower``, ``call_upper``: pairs (matrix, constant), ``budget``.

        Raises
        ------
        InputError
            If a name in `parts` is unknown or a shape does not fit.
        """
        from ambigrid.partition import assemble

        return assemble(
            cls,
            {"cost": cost, "recourse_cost": recourse_cost, "W": W, "T": T, "h": h, "sense": sense},
            parts,
        )

    def to_netcdf(self, path: str | Path) -> None:
        """Write the program to one NetCDF file (groups of arrays; no Python objects)."""
        from ambigrid.program_file import write_program

        write_program(self, Path(path))

    @classmethod
    def from_netcdf(cls, path: str | Path) -> TwoStageProgram:
        """Read what `to_netcdf` wrote.

        Raises
        ------
        InputError
            If the file is missing, truncated or not a program.
        """
        from ambigrid.program_file import read_program

        return read_program(cls, Path(path))
