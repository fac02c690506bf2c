"""The command ``run``: solve a system, print the report, keep the result and its picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ambigrid.cli import options as opt
from ambigrid.cli.catalogue import STUDIES
from ambigrid.cli.common import (
    NOT_SOLVED,
    AsJson,
    choose,
    output_paths,
    parse_radius,
    positive,
    print_json,
    say,
)
from ambigrid.errors import InputError
from ambigrid.results import Result

if TYPE_CHECKING:
    from ambigrid.ambiguity import AmbiguitySet
    from ambigrid.coordination.method import Method


def run(
    case: opt.Case,
    study: opt.Study = "ev-flexibility",
    ambiguity: opt.Ambiguity = "wasserstein",
    radius: opt.Radius = None,
    norm: opt.Norm = None,
    support: opt.Support = None,
    mode: opt.Mode = "both",
    ignore_call: opt.IgnoreCall = False,
    voltage_margin: opt.VoltageMargin = 0.0,
    seed: opt.Seed = 0,
    wind_penetration: opt.WindPenetration = None,
    scenarios: opt.Scenarios = None,
    method: opt.Method = "admm",
    penalty: opt.Penalty = None,
    adaptive: opt.Adaptive = False,
    relaxation: opt.Relaxation = None,
    staleness: opt.Staleness = None,
    engine: opt.Engine = "highs",
    threads: opt.Threads = None,
    scheduler: opt.Scheduler = None,
    gap: opt.Gap = None,
    time_limit: opt.TimeLimit = None,
    certificate_limit: opt.CertificateLimit = None,
    iterations: opt.Iterations = None,
    no_certify: opt.NoCertify = False,
    checkpoint: opt.Checkpoint = None,
    resume: opt.Resume = None,
    parts: opt.Parts = None,
    output: opt.Output = None,
    no_plot: opt.NoPlot = False,
    as_json: AsJson = False,
) -> None:
    """Solve a system; print the report; save the result (.nc) and its picture (.png)."""
    from ambigrid.cases import load_case
    from ambigrid.coordination.cluster import connected
    from ambigrid.progress import ProgressTable
    from ambigrid.solving import solve
    from ambigrid.studies.ev_flexibility import EVFlexibility

    choose("--study", study, STUDIES)
    how = {
        "method": make_method(
            method,
            penalty=positive("--penalty", penalty),
            adaptive=adaptive or None,
            relaxation=positive("--relaxation", relaxation),
            staleness=staleness,
            iterations=positive("--iterations", iterations),
        ),
        "engine": choose("--engine", engine, opt.ENGINES),
        "gap": positive("--gap", gap),
        "time_limit": positive("--time-limit", time_limit),
        "certificate_limit": positive("--certificate-limit", certificate_limit),
        "threads": positive("--threads", threads),
        "checkpoint": checkpoint,
        "resume": resume,
        "parts": parts,
    }
    made: dict[str, Any] = {
        "seed": seed,
        "wind_penetration": wind_penetration,
        "scenarios": scenarios,
    }
    planned = EVFlexibility(
        ambiguity=make_ambiguity(ambiguity, radius, norm, support),
        mode=opt.MODES[choose("--mode", mode, opt.MODES)],
        boundary_call="ignored" if ignore_call else "adversarial",
        voltage_margin=voltage_margin,
        case=_own_file(case, made) if scheduler else load_case(case, **made),
    )
    given: dict[str, Any] = {name: value for name, value in how.items() if value is not None}
    with ExitStack() as stack:
        if scheduler:
            given["executor"] = stack.enter_context(connected(scheduler))
        progress = stack.enter_context(ProgressTable())
        result = solve(planned, seed=seed, certify=not no_certify, progress=progress, **given)
    files = _keep(result, *output_paths(output, Path(case).stem), no_plot=no_plot)
    _tell(result, files, as_json=as_json)
    if not result.status.solved:
        raise typer.Exit(NOT_SOLVED)


def _own_file(case: str, made: Mapping[str, Any]) -> str:
    """Return the path of a case that every operator reads for itself."""
    foreign = {f"--{name.replace('_', '-')}": value or None for name, value in made.items()}
    _refuse(foreign, "a built-in system", "--scheduler")
    return case


def make_ambiguity(
    kind: str, radius: str | None, norm: str | None, support: str | None
) -> AmbiguitySet:
    """Make the ambiguity set the options ask for; samples come from the case.

    Raises
    ------
    InputError
        If there is no such set or an option does not belong to it.
    """
    from ambigrid.ambiguity import Box, Empirical, Nominal, Wasserstein
    from ambigrid.studies.ev_flexibility import DEFAULT_RADIUS

    sets: dict[str, Callable[[], AmbiguitySet]]
    sets = {"box": Box, "empirical": Empirical, "nominal": Nominal}
    if choose("--ambiguity", kind, opt.AMBIGUITY) != "wasserstein":
        _refuse({"--radius": radius, "--norm": norm, "--support": support}, "wasserstein", kind)
        return sets[kind]()
    choose("--norm", norm or "inf", opt.NORMS)
    choose("--support", support or "samples", opt.SUPPORTS)
    return Wasserstein(
        radius=DEFAULT_RADIUS if radius is None else parse_radius(radius),
        norm=1 if norm == "1" else "inf",
        support="box" if support == "box" else "samples",
    )


def make_method(name: str, **options: float | None) -> Method:
    """Make the method with those of its options that were given.

    Parameters
    ----------
    name : str
        Name of the method on the command line.
    **options : float, optional
        Fields of its class; None leaves a field at its default.

    Raises
    ------
    InputError
        If there is no such method or an option does not belong to it.
    """
    from ambigrid.coordination import ADMM, Centralized, CutSharing

    methods: dict[str, type[Any]]
    methods = {"admm": ADMM, "cut-sharing": CutSharing, "centralized": Centralized}
    method = methods[choose("--method", name, opt.METHODS)]
    known = {field.name for field in fields(method)}
    foreign = {f"--{key}": value for key, value in options.items() if key not in known}
    _refuse(foreign, "another method", name)
    made: Method = method(**{key: v for key, v in options.items() if v is not None})
    return made


def _refuse(options: Mapping[str, object], owner: str, chosen: str) -> None:
    for option, value in options.items():
        if value is not None:
            raise InputError(
                f"this option belongs to {owner}",
                where=option,
                got=f"{value!r} with {chosen}",
                fix=f"leave it out, or choose {owner}",
            )


def _keep(result: Result, target: Path, picture: Path, *, no_plot: bool) -> dict[str, str]:
    """Save the result first, then its picture, so that nothing a picture needs can lose a run."""
    from ambigrid.plotting import save_figure

    files = {"result": str(result.save(target))}
    if not no_plot:
        files["picture"] = str(save_figure(result.plot.overview(), picture))
    return files


def _tell(result: Result, files: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(result.summary() | {"files": files})
        return
    print(result.report(), end="")
    say("\nsaved " + " and ".join(files.values()))
