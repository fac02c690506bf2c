"""The result of a session: its facts, its numbers, and labels on everything that was found."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from ambigrid.algorithms.log import History, crossed, relative_gap
from ambigrid.coordination import Agreement, Method, Team
from ambigrid.coordination.local import Findings
from ambigrid.parts import own_groups, solution_of, weakest
from ambigrid.results import Result
from ambigrid.session import Ending, Limits, Session
from ambigrid.status import Status
from ambigrid.study import Study

_VERSIONS = ("ambigrid", "highspy", "clarabel", "linopy", "xarray", "numpy", "scipy")


def facts_of(study: Study, method: Method, engine: str, limits: Limits) -> dict[str, Any]:
    """Return what a result says of how it was made, apart from the data's hash."""
    options: dict[str, Any] = asdict(method) if is_dataclass(method) else {}
    settings = {
        key: str(value)
        for key, value in vars(study).items()
        if key in ("mode", "boundary_call", "voltage_margin")
    }
    ambiguity, attrs = getattr(study, "ambiguity", None), study.source.attrs
    settings["ambiguity"] = repr(ambiguity)[:500]
    return {
        "study": study.name,
        "case": str(attrs.get("source", attrs.get("name", ""))),
        "engine": engine,
        "method": method.name,
        "options": {**options, "gap": limits.gap},
        "settings": json.dumps(settings, sort_keys=True),
        "ambiguity": getattr(ambiguity, "name", ""),
        "built_with": json.loads(attrs.get("built_with", "{}")),
        "versions": {name: version(name) for name in _VERSIONS}
        | {"python": platform.python_version()},
    }


def make_result(
    study: Study, session: Session, ending: Ending, facts: dict[str, Any], parts: str | Path | None
) -> Result:
    """Label what a session ended with; operators elsewhere save their own parts if asked.

    Parameters
    ----------
    study : Study
    session : Session
    ending : Ending
    facts : dict
        Attributes known so far.
    parts : path, optional
        Folder, where each operator lives, for its part.
    """
    groups: dict[str, Any] = {"history": session.run.history.to_dataset()}
    attrs = facts | _numbers(session, ending)
    if attrs["agents"]:
        groups["shared"], prices = _shared(session.team, ending.agreement)
        if ending.findings:
            groups |= _labelled(study, ending.findings, prices)
        if parts is not None:
            attrs |= _saved(session, parts, prices, attrs.get("message", ""))
    return Result.from_groups(attrs | _spent(session, ending), groups)


def _saved(
    session: Session, folder: str | Path, prices: dict[str, xr.DataArray], message: str
) -> dict[str, Any]:
    """Let operators elsewhere save their parts; say where, and who could not."""
    run = uuid4().hex
    saved = session.save_parts(str(folder), run, prices)
    missing = [name for name in session.team.names if name not in saved]
    told = f"No part of the result was saved by {', '.join(missing)}." if missing else ""
    message = " ".join(filter(None, [message, told]))
    return {"run": run, "parts": saved} | ({"message": message} if message else {})


def _spent(session: Session, ending: Ending) -> dict[str, Any]:
    return {
        "wall_seconds": session.coordination_seconds,
        "certificate_seconds": ending.proof.seconds,
        "certificate_programs": ending.proof.programs,
        "messages": len(session.team.log),
        "numbers_exchanged": session.team.log.volume,
        "iterations": session.run.iterations,
    }


def _numbers(session: Session, ending: Ending) -> dict[str, Any]:
    """Status, bounds and costs, which must fit one another."""
    agreement, proof, message = ending.agreement, ending.proof, ending.message
    costs = _costs(session.team, ending)
    known = sum(costs.values())  # also of a proof that was not finished
    objective = proof.upper if proof.certified or not costs else max(proof.upper, known)
    gap = relative_gap(agreement.lower, objective)
    status = _status(agreement.status, proof.certified, gap <= session.limits.gap)
    if crossed(agreement.lower, objective):
        status = Status.ERROR if status.solved else status
        gap = relative_gap(objective, agreement.lower)
        told = _crossing(agreement.lower, objective, proof.certified)
        message = " ".join(filter(None, [message, told]))
    return {
        "status": str(status),
        "objective": objective,
        "bound": agreement.lower,
        "gap": gap,
        "certified": bool(proof.certified),
        "agents": costs,
        **_exactness(ending.findings),
        **({"message": message} if message else {}),
    }


def _costs(team: Team, ending: Ending) -> dict[str, float]:
    """Costs of the decisions that agents keep, where all of them keep one."""
    if team.here:
        return {name: item.cost for name, item in ending.findings.items()}
    known = isfinite(ending.agreement.upper) and set(team.costs.kept) == set(team.names)
    return {name: team.costs.kept[name] for name in team.names} if known else {}


def _exactness(findings: dict[str, Findings]) -> dict[str, str]:
    kinds = [item.exactness for item in findings.values()]
    return {"exactness": weakest(kinds)} if kinds else {}


def _labelled(
    study: Study, findings: dict[str, Findings], prices: dict[str, xr.DataArray]
) -> dict[str, dict[str, xr.Dataset]]:
    """Return groups of a result by agent, for those whose findings are here."""
    own = {name: own_groups(item, study) for name, item in findings.items()}
    solutions = {name: solution_of(groups) for name, groups in own.items()}
    found: dict[str, dict[str, xr.Dataset]] = {"derived": study.interpret(solutions, prices)}
    for name, groups in own.items():
        for group, data in groups.items():
            found.setdefault(group, {})[name] = data
    return found


def unprepared(facts: dict[str, Any], build_seconds: float) -> Result:
    """Make the result of a run whose solver failed before the first iteration."""
    attrs = {
        **facts,
        "build_seconds": build_seconds,
        "status": str(Status.ERROR),
        "objective": np.inf,
        "bound": -np.inf,
        "gap": np.inf,
        "certified": False,
        "iterations": 0,
        "agents": {},
    }
    return Result.from_groups(attrs, {"history": History().to_dataset()})


def _status(status: Status, certified: bool, closed: bool) -> Status:
    """Status after the proof, which may have found the cost to be higher than thought."""
    if not status.solved:
        return status
    if not closed:
        return Status.TIME_LIMIT
    return Status.OPTIMAL if certified else Status.CONVERGED


def _crossing(lower: float, upper: float, certified: bool) -> str:
    """Say what a lower bound above the cost of the decision means."""
    advice = "The search has missed a worse call: run again with the proof of the gap."
    if certified:
        advice = "Both are proved, so one is wrong: please report it, with the case."
    return (
        f"The lower bound {lower:,.2f} $ lies above the cost {upper:,.2f} $ of the decision by "
        f"more than rounding. {advice}"
    )


def _shared(
    team: Team, agreement: Agreement
) -> tuple[dict[str, xr.Dataset], dict[str, xr.DataArray]]:
    """Shared values and prices by the agent that owns them, and prices by coupling."""
    groups: dict[str, xr.Dataset] = {}
    prices: dict[str, xr.DataArray] = {}
    for coupling in team.shared.couplings:
        part = team.shared.slices[coupling.name]
        owner, variable = coupling.name.split("/", 1)
        shape = coupling.labels.shape
        values = coupling.labels.copy(data=agreement.values[part].reshape(shape))
        price = coupling.labels.copy(data=agreement.multipliers[part].reshape(shape))
        price = price.assign_attrs(units=f"$/{coupling.units}", long_name=f"price of {variable}")
        prices[coupling.name] = price
        known = groups.get(owner, xr.Dataset())
        groups[owner] = known.assign(
            {variable: values.assign_attrs(units=coupling.units), f"{variable}_price": price}
        )
    return groups, prices
