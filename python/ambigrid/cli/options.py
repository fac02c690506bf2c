"""The options of ``run``: one annotated type each, in the panels its help shows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

AMBIGUITY = ("wasserstein", "box", "empirical", "nominal")
NORMS = ("1", "inf")
SUPPORTS = ("samples", "box")
MODES: dict[str, Literal["both", "distribution_only", "none"]] = {
    "both": "both",
    "distribution-only": "distribution_only",
    "none": "none",
}
METHODS = ("admm", "cut-sharing", "centralized")
ENGINES = ("highs", "julia")


def _option(panel: str, words: str, *names: str) -> Any:
    return typer.Option(*names, help=words, rich_help_panel=panel)


def _one_of(panel: str, words: str, choices: Iterable[str]) -> Any:
    return typer.Option(help=words, metavar="|".join(choices), rich_help_panel=panel)


_STUDY, _METHOD, _ENDS, _FILES = "Study", "Method", "When to stop", "Files"

Case = Annotated[str, typer.Argument(help="Built-in system (see `ambigrid cases`) or a path.")]
Study = Annotated[str, _option(_STUDY, "What is decided; see `ambigrid studies`.")]
Ambiguity = Annotated[str, _one_of(_STUDY, "What is known of the renewables' law.", AMBIGUITY)]
Radius = Annotated[
    str | None,
    _option(_STUDY, "Wasserstein radius, MW: a number, or transmission=10,distribution=1."),
]
Norm = Annotated[str | None, _one_of(_STUDY, "Wasserstein norm over units and hours.", NORMS)]
Support = Annotated[str | None, _one_of(_STUDY, "Where the worst law may put mass.", SUPPORTS)]
Mode = Annotated[str, _one_of(_STUDY, "Whom the charging stations serve.", MODES)]
IgnoreCall = Annotated[bool, _option(_STUDY, "Plan as if no reserve were called.", "--ignore-call")]
VoltageMargin = Annotated[float, _option(_STUDY, "Kept from both voltage limits, p.u.")]
Seed = Annotated[int, _option(_STUDY, "Seed of a built-in system's data.")]
WindPenetration = Annotated[
    float | None, _option(_STUDY, "Wind energy over load energy of a built-in system.")
]
Scenarios = Annotated[
    int | None, _option(_STUDY, "In-sample scenarios per operator of a built-in system.")
]

Method = Annotated[str, _one_of(_METHOD, "How the operators agree.", METHODS)]
Penalty = Annotated[float | None, _option(_METHOD, "ADMM penalty, $/MW².")]
Adaptive = Annotated[bool, _option(_METHOD, "Let ADMM adapt its penalty.", "--adaptive")]
Relaxation = Annotated[float | None, _option(_METHOD, "ADMM over-relaxation, 1 to 1.9.")]
Staleness = Annotated[
    int | None, _option(_METHOD, "Iterations an operator may be late; 0 waits for all.")
]
Engine = Annotated[str, _one_of(_METHOD, "Who solves.", ENGINES)]
Threads = Annotated[int | None, _option(_METHOD, "Operators solved at once.")]

Scheduler = Annotated[
    str | None,
    _option(
        _METHOD,
        "Address of a Dask scheduler: operators work on its workers, each with its own group "
        "of the case file.",
    ),
]

Gap = Annotated[float | None, _option(_ENDS, "Relative gap to reach, such as 0.005.")]
TimeLimit = Annotated[float | None, _option(_ENDS, "Seconds that the coordination may take.")]
CertificateLimit = Annotated[float | None, _option(_ENDS, "Seconds that the proof may take.")]
Iterations = Annotated[int | None, _option(_ENDS, "Most iterations.")]
NoCertify = Annotated[bool, _option(_ENDS, "Leave out the proof of the gap.", "--no-certify")]

Checkpoint = Annotated[Path | None, _option(_FILES, "Keep the state of every iteration here.")]
Resume = Annotated[Path | None, _option(_FILES, "Go on from this checkpoint.")]
Parts = Annotated[
    Path | None, _option(_FILES, "With --scheduler: folder, on each worker, for its own results.")
]
Output = Annotated[
    Path | None, _option(_FILES, "Folder, or .nc file, of the result; results/ by default.")
]
NoPlot = Annotated[bool, _option(_FILES, "Save no picture.", "--no-plot")]
