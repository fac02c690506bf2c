"""Convex quadratic programs on Clarabel, an interior-point method."""

from __future__ import annotations

import clarabel
import numpy as np
import scipy.sparse as sp

from ambigrid.engines.base import LinearProgram, Solution, SolveStatus
from ambigrid.labels import Vector

_STATUS = {
    "Solved": SolveStatus.OPTIMAL,
    "PrimalInfeasible": SolveStatus.INFEASIBLE,
    "DualInfeasible": SolveStatus.UNBOUNDED,
    "MaxTime": SolveStatus.TIME_LIMIT,
}

_ATTEMPTS = ((False, 1e-8), (True, 1e-8), (True, 1e-7))
"""Equilibration and static regularisation, tried in turn; tolerances are always the same."""


def solve_quadratic(
    program: LinearProgram,
    hessian: sp.csr_array,
    time_limit: float = np.inf,
    near: Vector | None = None,
    unit: Vector | None = None,
) -> Solution:
    """Minimise ½ z'hessian z + cost'z over the constraints of `program`.

    Parameters
    ----------
    program : LinearProgram
    hessian : sparse array (columns, columns)
        Positive semidefinite.
    time_limit : float
        Seconds.
    near, unit : array (columns,), optional
        The program is solved in (z - near) / unit, so that neither a minimum far from 0 nor a mix
        of units costs digits or iterations.

    Returns
    -------
    Solution
        `AlmostSolved` counts as an error, never as optimal, and so does an iteration limit.
    """
    size = len(program.cost)
    near = np.zeros(size) if near is None else near
    unit = np.ones(size) if unit is None else unit
    scaled, row_unit = _in_units(program, hessian, near, unit)
    matrix, rhs, cones, sides = _cone_form(scaled)
    diagonal = sp.diags_array(unit)
    upper_triangle = sp.csc_matrix(sp.triu(diagonal @ hessian @ diagonal))
    for equilibrate, regularization in _ATTEMPTS:
        settings = _settings(time_limit, equilibrate)
        settings.static_regularization_constant = regularization
        solver = clarabel.DefaultSolver(upper_triangle, scaled.cost, matrix, rhs, cones, settings)
        raw = solver.solve()
        status = _STATUS.get(str(raw.status), SolveStatus.ERROR)
        if status is not SolveStatus.ERROR:
            break
    shift = float(program.cost @ near + 0.5 * near @ (hessian @ near))
    row_duals, reduced = _split_duals(np.array(raw.z), sides, scaled)
    return Solution(
        status,
        float(raw.obj_val) + shift,
        float(raw.obj_val_dual) + shift,
        np.array(raw.x) * unit + near,
        row_duals / row_unit,
        reduced / unit,
    )


def _in_units(
    program: LinearProgram, hessian: sp.csr_array, near: Vector, unit: Vector
) -> tuple[LinearProgram, Vector]:
    """Write the program in (z - near) / unit with rows of size one; return the rows' units too."""
    matrix = sp.csr_array(program.matrix @ sp.diags_array(unit))
    row_unit = _largest_entries(matrix)
    at_near = program.matrix @ near
    scaled = LinearProgram(
        (program.cost + hessian @ near) * unit,
        (program.lower - near) / unit,
        (program.upper - near) / unit,
        sp.csr_array(sp.diags_array(1.0 / row_unit) @ matrix),
        (program.row_lower - at_near) / row_unit,
        (program.row_upper - at_near) / row_unit,
    )
    return scaled, row_unit


def _largest_entries(matrix: sp.csr_array) -> Vector:
    """Largest absolute entry of every row; 1 for an empty row."""
    largest = np.zeros(matrix.shape[0])
    np.maximum.at(largest, sp.coo_array(matrix).coords[0], np.abs(matrix.data))
    return np.where(largest > 0, largest, 1.0)


def _settings(time_limit: float, equilibrate: bool) -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"
    settings.equilibrate_enable = equilibrate
    if np.isfinite(time_limit):
        settings.time_limit = max(time_limit, 1e-3)
    return settings


def _cone_form(
    program: LinearProgram,
) -> tuple[sp.csc_matrix, Vector, list[object], list[np.ndarray]]:
    equal = program.row_lower == program.row_upper
    eq = np.flatnonzero(equal)
    low = np.flatnonzero(np.isfinite(program.row_lower) & ~equal)
    high = np.flatnonzero(np.isfinite(program.row_upper) & ~equal)
    fixed = program.lower == program.upper
    col_eq = np.flatnonzero(fixed)
    col_low = np.flatnonzero(np.isfinite(program.lower) & ~fixed)
    col_high = np.flatnonzero(np.isfinite(program.upper) & ~fixed)
    rows = sp.csr_array(program.matrix)
    identity = sp.eye_array(len(program.cost), format="csr")
    matrix = sp.vstack(
        [
            rows[eq],
            identity[col_eq],
            -rows[low],
            rows[high],
            -identity[col_low],
            identity[col_high],
        ],
        format="csc",
    )
    rhs = np.concatenate(
        [
            program.row_upper[eq],
            program.upper[col_eq],
            -program.row_lower[low],
            program.row_upper[high],
            -program.lower[col_low],
            program.upper[col_high],
        ]
    )
    cones: list[object] = []
    equalities = len(eq) + len(col_eq)
    if equalities:
        cones.append(clarabel.ZeroConeT(equalities))
    if len(rhs) > equalities:
        cones.append(clarabel.NonnegativeConeT(len(rhs) - equalities))
    return sp.csc_matrix(matrix), rhs, cones, [eq, col_eq, low, high, col_low, col_high]


def _split_duals(
    multipliers: Vector, sides: list[np.ndarray], program: LinearProgram
) -> tuple[Vector, Vector]:
    eq, col_eq, low, high, col_low, col_high = np.split(
        multipliers, np.cumsum([len(side) for side in sides])[:-1]
    )
    row_duals, reduced = np.zeros(len(program.row_lower)), np.zeros(len(program.cost))
    row_duals[sides[0]] -= eq
    reduced[sides[1]] -= col_eq
    row_duals[sides[2]] += low
    row_duals[sides[3]] -= high
    reduced[sides[4]] += col_low
    reduced[sides[5]] -= col_high
    return row_duals, reduced
