"""What the commands share: output, errors, choices."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from ambigrid.errors import AmbigridError, InputError
from ambigrid.report import as_text

NOT_SOLVED, BAD_INPUT = 1, 2

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of text for people.")
]


class Commands(TyperGroup):
    """The commands; an error made on purpose ends in one sentence and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command named on the line."""
        try:
            return super().invoke(ctx)
        except AmbigridError as error:
            say(f"ambigrid: {error}")
            code = BAD_INPUT if isinstance(error, InputError) else NOT_SOLVED
            raise typer.Exit(code) from None


def say(message: str) -> None:
    """Write one message to standard error."""
    print(message, file=sys.stderr, flush=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Write one JSON object to standard output."""
    print(json.dumps(content, indent=2, allow_nan=False))


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table to standard output, as wide as the terminal or the content."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.show_edge = table.pad_edge = False
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    print(as_text(table, Console().width), end="")


def choose(option: str, value: str, choices: Iterable[str]) -> str:
    """Give back a value that is one of the choices.

    Raises
    ------
    InputError
        If it is not; the sentence lists the choices.
    """
    known = list(choices)
    if value not in known:
        raise InputError(
            "there is no such choice",
            where=option,
            got=repr(value),
            fix="choose one of " + ", ".join(known),
        )
    return value


def positive(option: str, value: float | None) -> float | None:
    """Give back a number that is positive, or none.

    Raises
    ------
    InputError
        If it is zero, negative or not a number.
    """
    if value is not None and not value > 0:
        raise InputError(
            "the value must be positive", where=option, got=value, fix="give a positive number"
        )
    return value


def parse_radius(text: str) -> float | dict[str, float]:
    """Read a radius: one number, or ``transmission=10,distribution=1``.

    Returns
    -------
    float or dict
        The radius of every agent, or a radius by name or kind of agent, in MW.

    Raises
    ------
    InputError
        If the text is neither, or a radius is negative.
    """
    if "=" not in text:
        return _radius(text, text)
    parts = [part.partition("=") for part in text.split(",")]
    return {name.strip(): _radius(number, text) for name, _, number in parts}


def parse_days(text: str | None) -> int | Literal["all"] | None:
    """Read a number of days, or ``all``; None stays None.

    Raises
    ------
    InputError
        If the text is neither.
    """
    if text is None or text == "all":
        return "all" if text else None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(
            "the number of days is a whole number of at least 1, or all",
            where="--days",
            got=repr(text),
            fix="write --days 20 or --days all",
        )
    return int(text)


def parse_seeds(text: str) -> list[int]:
    """Read data seeds, such as ``0,1,2``.

    Raises
    ------
    InputError
        If one is not a whole number of at least 0.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(
            "data seeds are whole numbers of at least 0",
            where="--seeds",
            got=repr(text),
            fix="write --seeds 0,1,2",
        )
    return [int(part) for part in parts]


def output_paths(output: Path | None, name: str) -> tuple[Path, Path]:
    """Give the result file and the picture beside it: ``DIR/name.nc`` or the file asked for."""
    target = output or Path("results")
    if target.suffix != ".nc":
        target = target / f"{name}.nc"
    return target, target.with_suffix(".png")


def _radius(number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(
            "a radius is a number of at least 0, or one per agent",
            where="--radius",
            got=repr(text),
            fix="write --radius 10 or --radius transmission=10,distribution=1",
        )
    return value
