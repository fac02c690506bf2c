"""The centralised extensive form of a system in one linopy model, solved by HiGHS.

Every operator's day-ahead variables exist once, its redispatch once for every scenario and every
call it must be ready for. The worst law of a Wasserstein ball on the samples is the finite dual

    min λ r + Σ_i w_i s_i    s_i ≥ θ_k − λ d(ξ_i, ξ_k),   θ_k ≥ q'y_ku    for all i, k, calls u.

The physics is that of the package's own linopy models (their redundant limits left out, too), so
that the problem is the same; nothing of its decompositions is used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import linopy
import numpy as np
import xarray as xr

import ambigrid as ag
from ambigrid.networks import thermal
from ambigrid.studies.ev_flexibility import DEFAULT_RADIUS, SHARED
from ambigrid.studies.ev_models import (
    DISTRIBUTION_FIRST_STAGE,
    TRANSMISSION_FIRST_STAGE,
    distribution_model,
    transmission_model,
)
from benchmarks.problems import KINDS, Problem

COPY = "copy"


def solve_extensive(*, solver: str, time_limit: float, **problem: Any) -> dict[str, Any]:
    """Build and solve the extensive form; for a fresh process.

    Parameters
    ----------
    solver : str
        What HiGHS uses: "simplex" or "ipm".
    time_limit : float
        Seconds for the solver.
    **problem
        As `Problem`.
    """
    given = Problem(**problem)
    study = given.study()
    started = time.perf_counter()
    with linopy.options:
        linopy.options["semantics"] = "v1"
        model, constant = build(study, whole=KINDS[given.kind].whole)
    built = time.perf_counter()
    options: dict[str, Any] = {"solver": solver, "time_limit": time_limit, "output_flag": False}
    model.solve("highs", io_api="direct", log_to_console=False, **options)
    return {
        "build_seconds": built - started,
        "solve_seconds": time.perf_counter() - built,
        "status": str(model.termination_condition),
        "objective": _value(model) + constant,
        "note": f"{model.nvars:,} columns, {model.ncons:,} rows",
    }


def build(study: ag.EVFlexibility, *, whole: bool) -> tuple[linopy.Model, float]:
    """Return the extensive form of the whole system or of transmission, and the constant cost."""
    model, transmission = linopy.Model(), study.transmission
    data = study.data(transmission)
    terms = [_operator(model, data, transmission_model(data, study.boundary_baseline(), study.mode),
                       TRANSMISSION_FIRST_STAGE)]  # fmt: skip
    for name in study.distributions if whole else ():
        feeder = study.data(name)
        adversarial = study.boundary_call == "adversarial"
        template = distribution_model(feeder, study.mode, adversarial=adversarial)
        terms.append(_operator(model, feeder, template, DISTRIBUTION_FIRST_STAGE))
        for shared in SHARED:
            asked = model.variables[f"{transmission}/{shared}"].sel(distribution=name, drop=True)
            offered = model.variables[f"{name}/{shared}"]
            model.add_constraints(asked - offered == 0.0, name=f"{name}/agreed_{shared}")
    costs, labels = (np.concatenate(part) for part in zip(*terms, strict=True))
    model.add_objective(_expression(model, costs, labels, ("_term",)))
    return model, thermal.no_load_cost(data)


@dataclass(frozen=True)
class _Copies:
    """What a label of the template becomes in every copy: ``factor · variable + value``.

    Attributes
    ----------
    target, factor, value : array (copy, label)
        The last column is what the label −1, which stands for no variable, becomes: nothing.
    scenario : array (copy,)
    """

    target: np.ndarray
    factor: np.ndarray
    value: np.ndarray
    scenario: np.ndarray

    @classmethod
    def blank(cls, scenario: np.ndarray, labels: int) -> _Copies:
        """Start with nothing for every label."""
        shape = len(scenario), labels + 1
        return cls(np.full(shape, -1), np.ones(shape), np.zeros(shape), scenario)


def _operator(
    model: linopy.Model, data: xr.Dataset, template: linopy.Model, first_stage: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Add one operator; return costs and labels of its terms in the objective."""
    name = str(data.attrs["name"])
    copies = _add_variables(model, name, data, template, first_stage)
    late = _late_labels(template, first_stage, copies)
    for row_name, rows in template.constraints.items():
        _add_rows(model, f"{name}/{row_name}", rows, copies, late)
    cost = template.objective.expression
    coefficients, labels = cost.coeffs.to_numpy(), cost.vars.to_numpy()
    risk = _add_risk(model, name, data, copies, coefficients[late[labels]], labels[late[labels]])
    now = ~late[labels]
    return (
        np.concatenate([coefficients[now], risk[0]]),
        np.concatenate([copies.target[0, labels[now]], risk[1]]),
    )


def _add_variables(
    model: linopy.Model, name: str, data: xr.Dataset, template: linopy.Model,
    first_stage: tuple[str, ...],
) -> _Copies:  # fmt: skip
    """Add day-ahead variables once and the others per copy."""
    samples = data["renewable_samples"].transpose("scenario", "unit", "time").to_numpy()
    calls = _calls(data, template)
    scenario = np.repeat(np.arange(len(samples)), len(calls))
    size = 1 + max(int(v.labels.max()) for v in template.variables.data.values())
    copies = _Copies.blank(scenario, size)
    for variable_name, variable in template.variables.items():
        labels = variable.labels
        exists = labels.to_numpy() >= 0
        at = labels.to_numpy()[exists]
        if variable_name == "renewable":
            copies.value[:, at] = samples[scenario][:, exists]
        elif variable_name != "boundary_call":
            new = _add_variable(model, f"{name}/{variable_name}", variable, scenario,
                                copied=variable_name not in first_stage)  # fmt: skip
            copies.target[:, at] = new.labels.to_numpy()[..., exists]
    if "boundary_call" in template.variables:
        _call_at_corners(template, copies, np.tile(calls, (len(samples), 1)))
    return copies


def _add_variable(
    model: linopy.Model, name: str, variable: linopy.Variable, scenario: np.ndarray, *, copied: bool
) -> linopy.Variable:
    lower, upper, mask = variable.lower, variable.upper, variable.labels >= 0
    if copied:
        axis = {COPY: np.arange(len(scenario))}
        lower, upper, mask = (part.expand_dims(axis) for part in (lower, upper, mask))
    return model.add_variables(lower=lower, upper=upper, mask=mask, name=name)


def _calls(data: xr.Dataset, template: linopy.Model) -> np.ndarray:
    """All corners of the box of calls, +1 up and −1 down per hour; one empty row without calls."""
    if "boundary_call" not in template.variables:
        return np.zeros((1, 0))
    return np.array(list(product((1.0, -1.0), repeat=data.sizes["time"])))


def _call_at_corners(template: linopy.Model, copies: _Copies, calls: np.ndarray) -> None:
    """A call is all of the reserve up, or minus all of the reserve down."""
    at = template.variables["boundary_call"].labels.to_numpy()
    up, down = (
        copies.target[0, template.variables[f"boundary_reserve_{d}"].labels.to_numpy()]
        for d in ("up", "down")
    )
    copies.target[:, at] = np.where(calls > 0, up, down)
    copies.factor[:, at] = calls


def _late_labels(
    template: linopy.Model, first_stage: tuple[str, ...], copies: _Copies
) -> np.ndarray:
    """Tell which labels of the template differ between copies."""
    late = np.ones(copies.target.shape[1], dtype=bool)
    for name in first_stage:
        late[template.variables[name].labels.to_numpy().ravel()] = False
    late[-1] = False
    return late


def _add_rows(model: linopy.Model, name: str, rows: Any, copies: _Copies, late: np.ndarray) -> None:
    """Add a block of rows: once, or once per copy with the samples on the right-hand side."""
    dims = [str(dim) for dim in rows.labels.dims]
    labels = rows.lhs.vars.transpose(*dims, "_term").to_numpy()
    coefficients = np.nan_to_num(rows.lhs.coeffs.transpose(*dims, "_term").to_numpy())
    chosen = slice(None) if late[labels].any() else slice(1)
    target, factor, value = (
        part[chosen][:, labels] for part in (copies.target, copies.factor, copies.value)
    )
    coords = {COPY: np.arange(len(target)), **{dim: rows.labels.coords[dim] for dim in dims}}
    left = np.where(target >= 0, coefficients * factor, 0.0)
    right = rows.rhs.transpose(*dims).to_numpy() - (coefficients * value).sum(axis=-1)
    model.add_constraints(
        _expression(model, left, target, (COPY, *dims, "_term"), coords),
        str(np.unique(rows.sign)[0]),
        xr.DataArray(right, coords, (COPY, *dims)),
        name=name,
        mask=(rows.labels >= 0).transpose(*dims).expand_dims({COPY: coords[COPY]}),
    )


def _add_risk(
    model: linopy.Model, name: str, data: xr.Dataset, copies: _Copies,
    costs: np.ndarray, labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Add the worst expectation over the ball; return its costs and labels in the objective."""
    samples = data["renewable_samples"].transpose("scenario", ...).to_numpy()
    flat = samples.reshape(len(samples), -1)
    distance = np.abs(flat[:, None] - flat[None]).max(axis=2)
    index = np.arange(len(samples))
    theta = model.add_variables(coords={"scenario": index}, name=f"{name}/recourse_cost")
    tail = model.add_variables(coords={"scenario": index}, name=f"{name}/sample_risk")
    price = model.add_variables(lower=0.0, name=f"{name}/distance_price")
    own = theta.labels.to_numpy()[copies.scenario, None]
    rows = np.concatenate([own, copies.target[:, labels]], axis=1)
    weights = np.concatenate([np.ones_like(own, float), -costs * np.ones(rows[:, 1:].shape)], 1)
    axis = {COPY: np.arange(len(rows))}
    paid = _expression(model, weights, rows, (COPY, "_term"), axis)
    model.add_constraints(paid, ">=", 0.0, name=f"{name}/cost_of_copy")
    pairs = np.broadcast_arrays(
        tail.labels.to_numpy()[:, None], int(price.labels), theta.labels.to_numpy()[None, :]
    )
    unit = np.ones_like(distance)
    moved = _expression(
        model, np.stack([unit, distance, -unit], axis=-1), np.stack(pairs, axis=-1),
        ("sample", "point", "_term"), {"sample": index, "point": index},
    )  # fmt: skip
    model.add_constraints(moved, ">=", 0.0, name=f"{name}/transport")
    radius = DEFAULT_RADIUS[str(data.attrs["kind"])]
    return (
        np.concatenate([data["weight"].to_numpy(), [radius]]),
        np.concatenate([tail.labels.to_numpy(), [int(price.labels)]]),
    )


def _expression(
    model: linopy.Model, coefficients: np.ndarray, labels: np.ndarray, dims: tuple[str, ...],
    coords: dict[str, Any] | None = None,
) -> linopy.LinearExpression:  # fmt: skip
    terms = {"coeffs": (dims, coefficients), "vars": (dims, labels), "const": 0.0}
    return linopy.LinearExpression(xr.Dataset(terms, coords or {}), model)


def _value(model: linopy.Model) -> float:
    value = model.objective.value
    return float("nan") if value is None else float(value)
