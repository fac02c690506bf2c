"""Commands that work on results: reproduce, plot, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ambigrid.cli.common import (
    NOT_SOLVED,
    AsJson,
    choose,
    output_paths,
    parse_days,
    parse_seeds,
    print_json,
    print_table,
    say,
)
from ambigrid.results import Result, load_result

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

ResultFile = Annotated[Path, typer.Argument(help="A result file written by `ambigrid run`.")]
POLICIES: dict[str, Literal["two-stage", "rolling"]] = {
    "two-stage": "two-stage",
    "rolling": "rolling",
}
CALLS: dict[str, Literal["requested", "worst", "none"]] = {
    "requested": "requested",
    "worst": "worst",
    "none": "none",
}


def reproduce(
    case: Annotated[str, typer.Argument(help="A system of the source: t30d2, t118d10.")] = "t30d2",
    seeds: Annotated[str, typer.Option(help="Data seeds, such as 0,1,2.")] = "0,1,2",
    claims: Annotated[
        str | None,
        typer.Option(help="Names of claims to judge, such as cost_1_2,wind_cost; by default all."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where results are kept, so that an interrupted reproduction continues; by "
            "default results/reproduce-CASE."
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the source document's claims beside what comes out here."""
    from ambigrid.studies.reproduce import INTERRUPTED, as_markdown, headlines, not_run
    from ambigrid.studies.reproduce import reproduce as reproduce_case

    rows = reproduce_case(
        case,
        say,
        seeds=parse_seeds(seeds),
        folder=folder or Path("results", f"reproduce-{case}"),
        claims=None if claims is None else [name.strip() for name in claims.split(",")],
    )
    if as_json:
        print_json({"case": case, **headlines(rows), "not_run": not_run(rows), "rows": rows})
    elif markdown:
        print(as_markdown(rows), end="")
    else:
        cells = ([row["claim"], row["seed"], row["ours"], _verdict(row)] for row in rows)
        print_table(f"Reproduction of {case}", ("claim", "source", "ours", "holds"), cells)
        if missing := not_run(rows):
            print(f"\nNot run: {', '.join(missing)}.")
    if any(row["note"] == INTERRUPTED for row in rows):
        raise typer.Exit(NOT_SOLVED)


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
    calls: Annotated[
        str, typer.Option(help="Which calls the feeders follow.", metavar="|".join(CALLS))
    ] = "requested",
    samples: Annotated[
        Path | None,
        typer.Option(help="NetCDF file: a group per operator with renewable_held_out, MW."),
    ] = None,
    days: Annotated[
        str | None, typer.Option(help="How many days, or all; rolling takes 20 unless told.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder, or .nc file; by default beside the result.")
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Save no picture.")] = False,
    as_json: AsJson = False,
) -> None:
    """Operate a schedule on held-out days; print the report; save it (.nc) and its picture."""
    from ambigrid.cases import load_case
    from ambigrid.evaluation import evaluate as evaluate_result
    from ambigrid.evaluation import read_held_out
    from ambigrid.plotting import save_figure

    chosen = POLICIES[choose("--policy", policy, POLICIES)], CALLS[choose("--calls", calls, CALLS)]
    count = parse_days(days)
    loaded = load_result(result)
    held_out = None if samples is None else read_held_out(samples)
    evaluation = evaluate_result(
        loaded,
        load_case(case) if case else _own_case(loaded),
        chosen[0],
        calls=chosen[1],
        samples=held_out,
        days=count,
        progress=say,
    )
    target, picture = output_paths(output or result.parent, f"{result.stem}-{policy}")
    files = {"evaluation": str(evaluation.save(target))}
    if not no_plot:
        files["picture"] = str(save_figure(evaluation.plot(), picture))
    if as_json:
        print_json(evaluation.summary() | {"files": files})
        return
    print(evaluation.report(), end="")
    say("\nsaved " + " and ".join(files.values()))


def _own_case(result: Result) -> xr.DataTree:
    """Load the case a result names; a built-in system is made with the arguments it records."""
    from ambigrid.cases import load_case

    return load_case(str(result.attribute("case")), **result.attribute("built_with", {}))


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
    from ambigrid.studies.reproduction.judging import NOT_RUN

    words = {True: "holds", False: "does not hold", None: "reported"}[row["holds"]]
    words = NOT_RUN if row["ours"] == NOT_RUN else words
    return f"{words}: {row['note']}" if row.get("note") else words
