"""Tables of a page made from the code while the site is built, so that they cannot drift.

A page asks for one by a line of its own: ``<!-- table: schema transmission -->``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

_MARK = re.compile(r"^<!-- table: (?P<name>\w+)(?: (?P<argument>\S+))? -->$", re.MULTILINE)

_SIZES = {
    "boundary_baseline": ("distribution → transmission", "T", "once, before the first iteration"),
    "shared_values": ("both ways", "n; 2n for a range", "every iteration"),
    "multipliers": ("coordinator → operator", "n", "every iteration of ADMM"),
    "residuals": (
        "coordinator → operator",
        "2 for each iteration since its last proposal",
        "every iteration of ADMM",
    ),
    "bounds": ("both ways", "2", "every iteration"),
    "subgradient": ("operator → coordinator", "n", "cut sharing only"),
}
"""Direction, size and time of what crosses; names must be the code's whitelist."""


_QUESTIONS = {
    "range": ("–", "least and largest values its bounds allow"),
    "propose": ("agreed values, multipliers, residuals", "the values it wants"),
    "bound": ("multipliers", "a lower bound"),
    "price": ("multipliers", "a lower bound, and the cost of what it proposed"),
    "follow": ("values, multipliers, bounds so far", "a lower bound, and its cost of the values"),
    "cost": ("values, bounds so far", "lower and upper cost, subgradient; or the nearest values"),
    "keep": ("the number of a question that told a cost", "–"),
    "search": ("–", "the cost of what it keeps after a thorough search"),
    "certify": ("bounds so far", "the searched and the proved cost of what it keeps"),
}
"""What a question gives and what an answer holds; names must be the code's questions."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the tables in; an unknown name stops the build."""
    return _MARK.sub(lambda found: _TABLES[found["name"]](found["argument"]), markdown)


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(_escaped(line)) + " |" for line in lines)


def _escaped(cells: Iterable[str]) -> list[str]:
    return [cell.replace("|", "\\|").replace("\n", " ").replace("$", "&#36;") for cell in cells]


def _schema(part: str) -> str:
    from ambigrid.cases import schema

    everywhere = {**schema.RENEWABLE, **schema.SESSION}
    parts = {"renewable": schema.RENEWABLE, "session": schema.SESSION}
    for kind, declared in schema.KINDS.items():
        parts[kind] = {name: v for name, v in declared.items() if name not in everywhere}
    return _variables(parts[part])


def _variables(declared: dict[str, Any]) -> str:
    from ambigrid.cases.folder import file_of

    rows = [
        (
            f"`{name}`" + ("" if v.required else " (optional)"),
            ", ".join(v.dims) or "–",
            v.units or {"label": "label", "instant": "instant"}.get(v.kind, "–"),
            _range(v.minimum, v.maximum),
            v.long_name,
            f"`{stem}.csv`" if (stem := file_of(name, v)) else "`case.toml`",
        )
        for name, v in declared.items()
    ]
    return _table(("variable", "dims", "unit", "range", "what it is", "in a folder"), rows)


def _range(least: float, most: float) -> str:
    ends = [f"≥ {least:g}"] * bool(np.isfinite(least)) + [f"≤ {most:g}"] * bool(np.isfinite(most))
    return ", ".join(ends)


def _assumed(kind: str) -> str:
    from ambigrid.cases import schema
    from ambigrid.cases.assemble import ASSUMED

    rows = [
        (f"`{name}`", f"{value:g}", schema.KINDS[kind][name].units)
        for name, value in ASSUMED[kind].items()
    ]
    return _table(("variable", "value", "unit"), rows)


def _assumptions(case: str) -> str:
    from ambigrid.cases import BUILT_IN

    return "\n".join(f"- {line}".replace("$", "&#36;") for line in BUILT_IN[case].assumptions)


def _applicability(_: str | None) -> str:
    from ambigrid.algorithms.applicability import METHODS, RULES, SETS, verdict

    features = dict.fromkeys(rule.feature for rule in RULES)
    names = {"extensive": "Extensive", "benders": "Benders", "column_constraint": "C&CG"}
    rows = []
    for feature in features:
        for ambiguity in SETS:
            rules = [_rule(verdict, feature, ambiguity, method) for method in METHODS]
            rows.append((feature, f"`{ambiguity}`", *rules))
    return _table(("program has", "set", *(names[method] for method in METHODS)), _merged(rows))


def _rule(verdict: Callable[..., Any], feature: str, ambiguity: str, method: str) -> str:
    rule = verdict(feature, ambiguity, method)
    return "refused" if rule.verdict == "refused" else f"**{rule.verdict}**"


def _merged(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Join rows of one feature that differ in the set only."""
    joined: dict[tuple[str, ...], list[str]] = {}
    for feature, ambiguity, *verdicts in rows:
        joined.setdefault((feature, *verdicts), []).append(ambiguity)
    return [(key[0], ", ".join(sets), *key[1:]) for key, sets in joined.items()]


def _refusals(_: str | None) -> str:
    from ambigrid.algorithms.applicability import RULES

    rows = [
        (rule.feature, ", ".join(rule.methods), rule.reason, rule.fix)
        for rule in RULES
        if rule.verdict == "refused"
    ]
    return _table(("program has", "methods", "why it is refused", "what to do"), rows)


def _whitelist(_: str | None) -> str:
    from ambigrid.coordination import WHITELIST

    if set(_SIZES) != WHITELIST:
        raise ValueError(f"docs/_hooks/tables.py: the whitelist is now {sorted(WHITELIST)}")
    head = ("name", "direction", "numbers", "when")
    return _table(head, ((f"`{name}`", *facts) for name, facts in _SIZES.items()))


def _questions(_: str | None) -> str:
    from ambigrid.coordination.messages import QUESTIONS

    if set(_QUESTIONS) != set(QUESTIONS):
        raise ValueError(f"docs/_hooks/tables.py: the questions are now {QUESTIONS}")
    rows = ((f"`{name}`", *_QUESTIONS[name]) for name in QUESTIONS)
    return _table(("question", "the coordinator gives", "the operator answers"), rows)


def _statuses(_: str | None) -> str:
    from ambigrid.report import _WORDS
    from ambigrid.status import Status

    rows = ((f"`{s}`", _WORDS[s], "0" if s.solved else "1") for s in Status)
    return _table(("status", "meaning", "exit status"), rows)


def _cli(command: str) -> str:
    import typer

    from ambigrid.cli import app

    made: Any = typer.main.get_command(app)
    rows = []
    for parameter in made.commands[command].params:
        option = parameter.opts[0].startswith("-")
        name = ", ".join(parameter.opts) if option else parameter.name.upper()
        text = getattr(parameter, "help", None) or "print this help"
        values = parameter.metavar if option and "|" in (parameter.metavar or "") else ""
        default = parameter.default
        shown = "" if default in (None, False) or callable(default) else f"`{default}`"
        rows.append((f"`{name}`", text, _choices(values), shown))
    return _table(("option", "what it does", "values", "default"), rows)


def _choices(metavar: str) -> str:
    return ", ".join(f"`{choice}`" for choice in metavar.split("|") if choice)


def _benchmark(name: str) -> str:
    """Tables, notes and picture that ``python -m benchmarks NAME --publish`` has written."""
    folder = Path(__file__).parent.parent / "benchmarks"
    if not (folder / f"{name}.json").is_file():
        return f"*Not measured yet: `python -m benchmarks {name} --publish`.*"
    written = json.loads((folder / f"{name}.json").read_text())
    parts = []
    if (folder / f"{name}.png").is_file():
        parts.append(f"![{written['tables'][0]['title']}](benchmarks/{name}.png)")
    for table in written["tables"]:
        parts += [f"**{table['title']}**", _table(table["columns"], table["rows"])]
    machine = ", ".join(f"{what} {found}" for what, found in written["machine"].items())
    return "\n\n".join([*parts, *written["notes"], f"*Measured with: {machine}.*"])


def _public(_: str | None) -> str:
    import ambigrid

    return "\n\n".join(f"::: ambigrid.{ambigrid._PUBLIC[n]}.{n}" for n in ambigrid.__all__)


_TABLES: dict[str, Callable[[Any], str]] = {
    "applicability": _applicability,
    "assumed": _assumed,
    "assumptions": _assumptions,
    "benchmark": _benchmark,
    "cli": _cli,
    "public": _public,
    "questions": _questions,
    "refusals": _refusals,
    "schema": _schema,
    "statuses": _statuses,
    "whitelist": _whitelist,
}
