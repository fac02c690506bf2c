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
from ambigrid.studies.reproduction.accounts import ACCOUNTS
from ambigrid.studies.reproduction.judging import NOT_RUN, Row
from ambigrid.studies.reproduction.runs import NotRunError, Runs, Source
from ambigrid.studies.reproduction.topics import TOPICS, Topic, chosen_topics, plan

SEEDS = (0, 1, 2)

HEADLINES = ("gap_to_centralized", "wall_seconds")
INTERRUPTED, LEFT_OUT = "interrupted before it was known", "left out"
_VERDICT = {True: "holds", False: "**does not hold**", None: "reported"}


def reproduce(
    case_name: str,
    progress: Callable[[str], None] = lambda words: None,
    seeds: Sequence[int] = SEEDS,
    folder: str | Path | None = None,
    claims: Iterable[str] | None = None,
) -> list[dict[str, Any]]:
    """Solve what the claims on a system need, and judge them.

    Parameters
    ----------
    case_name : str
        A built-in system that the source document makes claims about: ``t30d2``, ``t118d10``.
    progress : callable
        Receives a line of text before and after each solve.
    seeds : sequence of int
        Data seeds; an ordering must hold on each.
    folder : path, optional
        Where results are kept, each as soon as it is solved; an interrupted reproduction
        continues from there. Results of other data are not used.
    claims : iterable of str, optional
        Names of the claims to judge, with those that need the same solves; all if left out.

    Returns
    -------
    list of dict
        One row per claim: `name`, `claim`, `seed` (the source's figure), `ours` (a figure per data
        seed), `holds` (None where only reported), `note`, `value` (where one number says it all).
        A claim that was left out, or that an interruption (Ctrl-C) came before, has its row, too:
        `ours` is "not run" and `note` says why.

    Raises
    ------
    InputError
        If nothing is claimed about the system, a claim is unknown, or there is no data seed.
    """
    if case_name not in ACCOUNTS:
        raise InputError(
            "there are no claims about this system",
            where="reproduce",
            got=repr(case_name),
            fix=f"name one of {', '.join(ACCOUNTS)}",
        )
    if not seeds:
        raise InputError("there is no data seed", where="reproduce", fix="give at least one")
    runs = Runs(case_name, None if folder is None else Path(folder), progress)
    topics = chosen_topics(claims)
    try:
        _solve_all(runs, topics, seeds, progress)
        return judge(runs, topics, seeds)
    except KeyboardInterrupt:
        progress("interrupted; the same command continues from here")
        runs.close()
        return judge(runs, topics, seeds)


def judge(runs: Source, topics: Iterable[Topic], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Judge claims topic by topic, and name those of the other topics.

    A topic that cannot be judged says why and does not hold; one that was not run has no verdict.
    """
    chosen, rows = list(topics), []
    for topic in dict.fromkeys([*TOPICS, *chosen]):
        rows += _rows(runs, topic, seeds) if topic in chosen else _not_run(runs, topic, LEFT_OUT)
    return [row.as_dict() for row in rows]


def not_run(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the claims that were not run."""
    return [row["name"] for row in rows if row["ours"] == NOT_RUN]


def headlines(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the figures that stand beside the rows: the gap to the centralised solution, …."""
    return {row["name"]: row["value"] for row in rows if row.get("name") in HEADLINES}


def as_markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| claim | source | ours | verdict | margin and notes |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = NOT_RUN if row["ours"] == NOT_RUN else _VERDICT[row["holds"]]
        cells = (row["claim"], row["seed"], row["ours"], verdict, row["note"])
        lines.append("| " + " | ".join(_escaped(str(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    """Keep Markdown from reading a column's end or a formula in a cell."""
    return cell.replace("|", "\\|").replace("$", "&#36;")


def _solve_all(
    runs: Runs, topics: Iterable[Topic], seeds: Sequence[int], progress: Callable[[str], None]
) -> None:
    """Solve everything there is to solve; what fails is judged as such later."""
    recipes = plan(topics, runs.account, seeds)
    for number, recipe in enumerate(recipes, start=1):
        progress(f"solve {number} of {len(recipes)}: {recipe.name}")
        try:
            runs.result(recipe)
        except AmbigridError as error:
            progress(f"{recipe.name} failed: {error}")


def _rows(runs: Source, topic: Topic, seeds: Sequence[int]) -> list[Row]:
    try:
        return topic.judge(runs, seeds)
    except NotRunError:
        return _not_run(runs, topic, INTERRUPTED)
    except AmbigridError as error:
        claims = [runs.account.claims[name] for name in topic.claims]
        return [Row(c.name, c.text, c.figure, "not judged", False, str(error)) for c in claims]


def _not_run(runs: Source, topic: Topic, why: str) -> list[Row]:
    return [runs.account.claims[name].not_run(why) for name in topic.claims]
