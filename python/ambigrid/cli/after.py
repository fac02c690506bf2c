"""Commands that work on results: reproduce, plot, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambigrid.cli.common import AsJson, choose, print_json, print_table, say
from ambigrid.results import Result, load_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ResultFile = Annotated[Path, typer.Argument(help="A result file written by `ambigrid run`.")]
POLICIES = ("two-stage", "rolling")


def reproduce(
    case: Annotated[str, typer.Argument(help="Name of a built-in system.")] = "t30d2",
    as_json: AsJson = False,
) -> None:
    """Print the source document's claims beside what comes out here."""
    from ambigrid.studies.reproduce import reproduce as reproduce_case

    rows = reproduce_case(case, say)
    if as_json:
        print_json({"case": case, "rows": rows})
        return
    cells = ([row["claim"], row["seed"], row["ours"], _verdict(row)] for row in rows)
    print_table(f"Reproduction of {case}", ("claim", "source", "ours", "holds"), cells)


def plot(
    result: ResultFile,
    picture: Annotated[str, typer.Option(help="Which picture; `all` for every one.")] = "overview",
    agent: Annotated[str | None, typer.Option(help="Agent to draw, where it applies.")] = None,
    station: Annotated[str | None, typer.Option(help="Station to draw.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Picture file (.png, .svg, .pdf), or a folder for `all`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a result."""
    from ambigrid.plotting import NAMES, save_figure

    choose("--picture", picture, (*NAMES, "all"))
    loaded = load_result(result)
    files = []
    for name in NAMES if picture == "all" else (picture,):
        target = _picture_path(result, output, name, several=picture == "all")
        files.append(str(save_figure(_draw(loaded, name, agent, station), target)))
    if as_json:
        print_json({"pictures": files})
    else:
        print("\n".join(files))


def evaluate(
    result: ResultFile,
    case: Annotated[
        str | None, typer.Option(help="System or path; by default the one of the result.")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="How the day is operated.", metavar="|".join(POLICIES))
    ] = "two-stage",
    as_json: AsJson = False,
) -> None:
    """Operate a schedule on the held-out days of its case."""
    from ambigrid.cases import load_case
    from ambigrid.evaluation import evaluate as evaluate_result

    choose("--policy", policy, POLICIES)
    loaded = load_result(result)
    system = load_case(case or str(loaded.attribute("case")), seed=loaded.attribute("seed", 0))
    evaluation = evaluate_result(loaded, system, policy=policy)
    if as_json:
        print_json(evaluation.summary())
    else:
        print(evaluation.report(), end="")


def _draw(result: Result, picture: str, agent: str | None, station: str | None) -> Figure:
    """Draw one picture with those of the options that it knows and that were given."""
    known = {"day": {"agent": agent}, "line_loading": {"agent": agent}}
    known["station"] = {"agent": agent, "name": station}
    given = {name: value for name, value in known.get(picture, {}).items() if value is not None}
    drawn: Figure = getattr(result.plot, picture)(**given)
    return drawn


def _picture_path(result: Path, output: Path | None, name: str, *, several: bool) -> Path:
    """Name the picture after the result, beside it, unless a place is given."""
    own = f"{result.stem}.png" if name == "overview" else f"{result.stem}-{name}.png"
    if several or output is None:
        return (output or result.parent) / own
    return output / own if output.is_dir() else output


def _verdict(row: dict[str, Any]) -> str:
    words = {True: "holds", False: "does not hold", None: "reported"}[row["holds"]]
    return f"{words}: {row['note']}" if row.get("note") else words
