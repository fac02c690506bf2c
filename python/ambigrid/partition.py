"""From a linopy model, or from plain matrices, to the arrays of a `TwoStageProgram`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.labels import Positions, Vector, plain_labels, select_labels
from ambigrid.program import SENSES, AffineMap, Columns, Rows, TwoStageProgram

if TYPE_CHECKING:
    import linopy


def partition(
    cls: type[TwoStageProgram],
    model: linopy.Model,
    recourse: Sequence[str],
    uncertain: Sequence[str],
    adversarial: Mapping[str, tuple[Any, Any]],
    budget: int | None,
) -> TwoStageProgram:
    """Partition `model`; see `TwoStageProgram.from_linopy`."""
    _check_names(model, recourse, uncertain, adversarial)
    _check_kinds(model, [*uncertain, *adversarial])
    matrices = model.matrices
    templates = _variable_templates(model, matrices.vlabels)
    parts = _stage_positions(model, templates, recourse, uncertain, list(adversarial))
    cost, quadratic = _objective(model, matrices, parts)
    matrix = sp.csr_array(matrices.A) if matrices.A is not None else sp.csr_array((0, len(cost)))
    late = np.concatenate([parts["recourse"], parts["uncertain"], parts["adversarial"]])
    is_second = np.diff(sp.csr_array(matrix[:, late]).indptr) > 0
    rows = _constraint_templates(model, matrices.clabels)

    def columns(stage: str) -> Columns:
        chosen = parts[stage]
        return Columns(
            select_labels(templates, chosen),
            cost[chosen],
            np.asarray(matrices.lb, dtype=float)[chosen],
            np.asarray(matrices.ub, dtype=float)[chosen],
            np.isin(np.asarray(matrices.vtypes)[chosen], ("B", "I")),
        )

    def row_group(mask: np.ndarray) -> Rows:
        kept = np.flatnonzero(mask)
        return Rows(
            select_labels(rows, kept),
            np.asarray(matrices.sense)[kept],
            np.asarray(matrices.b, dtype=float)[kept],
        )

    second = sp.csr_array(matrix[np.flatnonzero(is_second)])
    first = sp.csr_array(matrix[np.flatnonzero(~is_second)])
    first_positions = parts["first_stage"]
    lower, upper = _call_box(model, adversarial, first_positions, matrices.vlabels)
    return cls(
        first_stage=columns("first_stage"),
        recourse=columns("recourse"),
        uncertain=select_labels(templates, parts["uncertain"]),
        adversarial=select_labels(templates, parts["adversarial"]),
        first_rows=row_group(~is_second),
        second_rows=row_group(is_second),
        A=sp.csr_array(first[:, first_positions]),
        T=sp.csr_array(second[:, first_positions]),
        W=sp.csr_array(second[:, parts["recourse"]]),
        D=sp.csr_array(second[:, parts["adversarial"]]),
        H=sp.csr_array(second[:, parts["uncertain"]]),
        quadratic=sp.csr_array(quadratic[first_positions][:, first_positions]),
        call_lower=lower,
        call_upper=upper,
        budget=budget,
    )


def _check_names(
    model: linopy.Model,
    recourse: Sequence[str],
    uncertain: Sequence[str],
    adversarial: Mapping[str, tuple[Any, Any]],
) -> None:
    if model.objective.sense != "min":
        raise InputError(
            "the objective must be minimised",
            where="model",
            got=model.objective.sense,
            fix="change its sign and its sense",
        )
    named = [*recourse, *uncertain, *adversarial]
    for name in named:
        if name not in model.variables:
            raise InputError(
                f"there is no variable {name!r} in the model",
                got=", ".join(map(str, model.variables)),
                fix="name variables of the model",
            )
    doubled = sorted({name for name in named if named.count(name) > 1})
    if doubled:
        raise InputError(
            "a variable is given two roles",
            where=", ".join(doubled),
            fix="name each variable once, as recourse, uncertain or adversarial",
        )


def _check_kinds(model: linopy.Model, unbounded: Sequence[str]) -> None:
    """Refuse what the programme cannot express rather than leave it out."""
    for kind, names in (
        ("semi-continuous variables", model.variables.semi_continuous),
        ("special ordered sets", model.variables.sos),
        ("indicator constraints", model.indicator_constraints),
    ):
        if len(names):
            raise InputError(
                f"{kind} are not supported",
                where=", ".join(map(str, names)),
                fix="write them with binary variables",
            )
    for name in unbounded:
        variable = model.variables[name]
        bounds = np.concatenate(
            [variable.lower.to_numpy().ravel(), variable.upper.to_numpy().ravel()]
        )
        if np.isfinite(bounds).any():
            raise InputError(
                "an uncertain or adversarial variable cannot have bounds of its own",
                where=name,
                fix="give them to the ambiguity set, or to the adversary's box",
            )


def _variable_templates(model: linopy.Model, vlabels: np.ndarray) -> list[tuple[str, xr.DataArray]]:
    return _templates(((str(n), v.labels) for n, v in model.variables.items()), vlabels)


def _constraint_templates(
    model: linopy.Model, clabels: np.ndarray
) -> list[tuple[str, xr.DataArray]]:
    return _templates(((str(n), c.labels) for n, c in model.constraints.items()), clabels)


def _templates(items: Any, active: np.ndarray) -> list[tuple[str, xr.DataArray]]:
    lookup = np.full((int(active.max()) + 1) if len(active) else 0, -1, dtype=np.intp)
    lookup[active] = np.arange(len(active))
    templates = []
    for name, labels in items:
        values = labels.to_numpy()
        inside = (values >= 0) & (values < len(lookup))
        mapped = np.where(inside, lookup[np.where(inside, values, 0)] if len(lookup) else -1, -1)
        coords = {dim: labels.coords[dim] for dim in labels.dims if dim in labels.coords}
        templates.append((name, xr.DataArray(mapped, coords, labels.dims)))
    return templates


def _stage_positions(
    model: linopy.Model,
    templates: list[tuple[str, xr.DataArray]],
    recourse: Sequence[str],
    uncertain: Sequence[str],
    adversarial: Sequence[str],
) -> dict[str, Positions]:
    by_name = dict(templates)

    def gather(names: Sequence[str]) -> Positions:
        flat = [by_name[name].to_numpy().ravel() for name in names]
        joined = np.concatenate(flat) if flat else np.zeros(0, dtype=np.intp)
        return joined[joined >= 0]

    late = {*recourse, *uncertain, *adversarial}
    first = [str(name) for name in model.variables if name not in late]
    return {
        "first_stage": gather(first),
        "recourse": gather(recourse),
        "uncertain": gather(uncertain),
        "adversarial": gather(adversarial),
    }


def _objective(
    model: linopy.Model, matrices: Any, parts: dict[str, Positions]
) -> tuple[Vector, sp.csr_array]:
    cost = np.asarray(matrices.c, dtype=float)
    size = len(cost)
    quadratic = sp.csr_array((size, size)) if matrices.Q is None else sp.csr_array(matrices.Q)
    for stage, name in (("uncertain", "uncertain"), ("adversarial", "adversarial")):
        if np.any(cost[parts[stage]]):
            raise InputError(
                f"{name} variables cannot have a cost of their own",
                where="objective",
                fix="let a recourse variable equal them and put the cost there",
            )
    late = np.concatenate([parts["recourse"], parts["uncertain"], parts["adversarial"]])
    if quadratic[late].nnz:
        raise InputError(
            "only first-stage variables can have a quadratic cost",
            where="objective",
            fix="make the recourse cost piecewise linear",
        )
    return cost, quadratic


def _call_box(
    model: linopy.Model,
    adversarial: Mapping[str, tuple[Any, Any]],
    first_positions: Positions,
    vlabels: np.ndarray,
) -> tuple[AffineMap, AffineMap]:
    column_of = {int(label): i for i, label in enumerate(vlabels[first_positions])}
    lower, upper = [], []
    for name, (low, high) in adversarial.items():
        variable = model.variables[name]
        lower.append(_affine(low, variable, column_of, f"lower end of {name}"))
        upper.append(_affine(high, variable, column_of, f"upper end of {name}"))
    return _stack_affine(lower, len(first_positions)), _stack_affine(upper, len(first_positions))


def _stack_affine(parts: list[AffineMap], width: int) -> AffineMap:
    if not parts:
        return AffineMap(sp.csr_array((0, width)), np.zeros(0))
    matrix = sp.csr_array(sp.vstack([part.matrix for part in parts]))
    return AffineMap(matrix, np.concatenate([part.constant for part in parts]))


def _affine(
    expression: Any, variable: linopy.Variable, column_of: dict[int, int], where: str
) -> AffineMap:
    shape, dims = variable.labels.shape, variable.labels.dims
    active = variable.labels.to_numpy().ravel() >= 0
    if not hasattr(expression, "to_linexpr") and not hasattr(expression, "coeffs"):
        values = xr.DataArray(expression).broadcast_like(variable.labels).transpose(*dims)
        constant = values.to_numpy().astype(float).ravel()[active]
        return AffineMap(sp.csr_array((len(constant), len(column_of))), constant)
    expression = expression.to_linexpr() if hasattr(expression, "to_linexpr") else expression
    data = expression.data
    fit = {name: data[name].broadcast_like(variable.labels) for name in ("const", "vars", "coeffs")}
    if fit["const"].sizes != variable.labels.sizes:
        raise InputError("the box has other labels than its variable", where=where)
    vars_, coeffs = (fit[name].transpose(*dims, "_term") for name in ("vars", "coeffs"))
    terms = vars_.sizes["_term"]
    rows = np.repeat(np.arange(int(np.prod(shape))), terms)
    labels, weights = vars_.to_numpy().ravel(), coeffs.to_numpy().ravel()
    used = (labels >= 0) & ~np.isnan(weights)
    if any(int(label) not in column_of for label in labels[used]):
        raise InputError(
            "the adversary's box may depend on first-stage variables only",
            where=where,
            fix="write its ends in variables that are not recourse or uncertain",
        )
    columns = [column_of[int(label)] for label in labels[used]]
    matrix = sp.csr_array(
        (weights[used], (rows[used], columns)), shape=(int(np.prod(shape)), len(column_of))
    )
    constant = fit["const"].transpose(*dims).to_numpy().astype(float).ravel()
    return AffineMap(sp.csr_array(matrix[np.flatnonzero(active)]), constant[active])


_OPTIONAL = {
    "H", "D", "A", "b", "first_sense", "quadratic", "lower", "upper", "recourse_lower",
    "recourse_upper", "integer", "call_lower", "call_upper", "budget",
}  # fmt: skip


def assemble(
    cls: type[TwoStageProgram], required: dict[str, Any], parts: dict[str, Any]
) -> TwoStageProgram:
    """Build a program from plain arrays; see `TwoStageProgram.from_matrices`."""
    unknown = sorted(set(parts) - _OPTIONAL)
    if unknown:
        raise InputError(
            "unknown part", got=", ".join(unknown), fix=f"use {', '.join(sorted(_OPTIONAL))}"
        )
    cost, recourse_cost = _vector(required["cost"]), _vector(required["recourse_cost"])
    h = _vector(required["h"])
    n_x, n_y, m = len(cost), len(recourse_cost), len(h)
    b = _vector(parts.get("b", ()))
    D, H = _matrix(parts.get("D"), m, None, "D"), _matrix(parts.get("H"), m, None, "H")
    n_call = D.shape[1]

    def box(name: str) -> AffineMap:
        matrix, constant = parts.get(name, (None, np.zeros(n_call)))
        return AffineMap(_matrix(matrix, n_call, n_x, name), _fill(constant, n_call, 0.0, name))

    def columns(name: str, costs: Vector, prefix: str, integer: Any) -> Columns:
        size = len(costs)
        return Columns(
            plain_labels(name, size),
            costs,
            _fill(parts.get(prefix + "lower"), size, 0.0, prefix + "lower"),
            _fill(parts.get(prefix + "upper"), size, np.inf, prefix + "upper"),
            np.broadcast_to(np.asarray(integer, dtype=bool), (size,)),
        )

    return cls(
        first_stage=columns("x", cost, "", parts.get("integer", False)),
        recourse=columns("y", recourse_cost, "recourse_", False),
        uncertain=plain_labels("xi", H.shape[1]),
        adversarial=plain_labels("delta", n_call),
        first_rows=Rows(plain_labels("first", len(b)), _senses(parts.get("first_sense"), b), b),
        second_rows=Rows(plain_labels("second", m), _senses(required["sense"], h), h),
        A=_matrix(parts.get("A"), len(b), n_x, "A"),
        T=_matrix(required["T"], m, n_x, "T"),
        W=_matrix(required["W"], m, n_y, "W"),
        D=D,
        H=H,
        quadratic=_matrix(parts.get("quadratic"), n_x, n_x, "quadratic"),
        call_lower=box("call_lower"),
        call_upper=box("call_upper"),
        budget=parts.get("budget"),
    )


def _vector(values: Any) -> Vector:
    return np.atleast_1d(np.asarray(values, dtype=float))


def _fill(values: Any, size: int, default: float, name: str) -> Vector:
    array = np.asarray(default if values is None else values, dtype=float)
    if array.ndim and array.shape != (size,):
        raise InputError(f"{name} must have {size} elements", where=name, got=array.shape)
    return np.array(np.broadcast_to(array, (size,)))


def _matrix(values: Any, rows: int, columns: int | None, name: str) -> sp.csr_array:
    if values is None:
        return sp.csr_array((rows, columns or 0))
    matrix = sp.csr_array(values, dtype=float)
    wanted = (rows, matrix.shape[1] if columns is None else columns)
    if matrix.shape != wanted:
        raise InputError(f"{name} must have shape {wanted}", where=name, got=matrix.shape)
    return matrix


def _senses(sense: Sequence[str] | str | None, rhs: Vector) -> np.ndarray:
    senses = np.array(
        np.broadcast_to(np.asarray("<" if sense is None else sense, dtype="U1"), rhs.shape)
    )
    if not np.isin(senses, SENSES).all():
        raise InputError("senses are '<', '=' and '>'", where="sense", got=senses)
    return senses
