"""`reproduce`: the source document's claims beside what comes out here, each judged.

An ordering of costs holds only if the intervals [bound, objective] do not overlap, on every data
seed; where the ordering is a theorem, its margin is the finding. Rows that are only reported have
no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ambigrid.errors import AmbigridError, InputError
from ambigrid.studies.reproduction import claims, worst_cases
from ambigrid.studies.reproduction.judging import Row
from ambigrid.studies.reproduction.recipes import plan
from ambigrid.studies.reproduction.runs import Runs, Source

SEEDS = (0, 1, 2)

JUDGES: Mapping[str, tuple[claims.Judge, ...]] = {
    "t30d2": (
        claims.total_costs,
        claims.transmission_cost,
        claims.expected_losses,
        claims.line_loading,
        claims.robust_cost,
        worst_cases.against_stochastic,
        worst_cases.ignoring_the_call,
        claims.iterations,
        claims.penalties,
        claims.radii,
        worst_cases.radius_worst_cases,
        claims.penetration,
        claims.gap_to_centralized,
        claims.wall_time,
    )
}
"""By built-in system: what judges the source's claims on it, in the order of the rows."""

HEADLINES = ("gap_to_centralized", "wall_seconds")
_VERDICT = {True: "holds", False: "**does not hold**", None: "reported"}


def reproduce(
    case_name: str,
    progress: Callable[[str], None] = lambda words: None,
    seeds: Sequence[int] = SEEDS,
    folder: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Solve what the claims on a system need, and judge them.

    Parameters
    ----------
    case_name : str
        A built-in system with a source document.
    progress : callable
        Receives a line of text per solve.
    seeds : sequence of int
        Data seeds; an ordering must hold on each.
    folder : path, optional
        Where results are kept; an interrupted reproduction continues from there. Results of other
        data are not used.

    Returns
    -------
    list of dict
        One row per claim: `name`, `claim`, `seed` (the source's figure), `ours` (a figure per data
        seed), `holds` (None where only reported), `note`, `value` (where one number says it all).

    Raises
    ------
    InputError
        If nothing is claimed about the system, or there is no data seed.
    """
    if case_name not in JUDGES:
        raise InputError(
            "there are no claims about this system",
            where="reproduce",
            got=repr(case_name),
            fix=f"name one of {', '.join(JUDGES)}",
        )
    if not seeds:
        raise InputError("there is no data seed", where="reproduce", fix="give at least one")
    runs = Runs(case_name, None if folder is None else Path(folder), progress)
    recipes = list(dict.fromkeys(plan(seeds)))
    for number, recipe in enumerate(recipes, start=1):
        progress(f"solve {number} of {len(recipes)}")
        runs.result(recipe)
    return judge(runs, JUDGES[case_name], seeds)


def judge(
    runs: Source, judges: Iterable[claims.Judge], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Judge claims one by one; one that cannot be judged says why and does not hold."""
    rows: list[Row] = []
    for one in judges:
        try:
            rows += one(runs, seeds)
        except AmbigridError as error:
            claim = " ".join((one.__doc__ or one.__name__).split())
            rows.append(Row(one.__name__, claim, "", "not judged", False, str(error)))
    return [row.as_dict() for row in rows]


def headlines(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the figures that stand beside the rows: the gap to the centralised solution, …."""
    return {row["name"]: row["value"] for row in rows if row.get("name") in HEADLINES}


def as_markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| claim | source | ours | verdict | margin and notes |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row["claim"], row["seed"], row["ours"], _VERDICT[row["holds"]], row["note"])
        lines.append("| " + " | ".join(_escaped(str(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    """Keep Markdown from reading a column's end or a formula in a cell."""
    return cell.replace("|", "\\|").replace("$", "&#36;")
