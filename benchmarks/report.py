"""What a benchmark has to say: tables, notes and a picture; printed, kept, published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ambigrid.cli.common import print_table, say
from benchmarks.fresh import machine


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : tuple of str
    rows : tuple of tuple of str
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Report:
    """One benchmark.

    Attributes
    ----------
    name : str
        Of its files.
    tables : tuple of Table
    notes : tuple of str
        How to read the tables, a sentence or two each.
    draw : callable, optional
        Writes the picture to a path.
    records : tuple of dict
        The measurements behind the tables.
    wrong : tuple of str
        What contradicts what must hold; the command fails if there is something.
    """

    name: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    draw: Callable[[Path], Path] | None = None
    records: tuple[dict[str, Any], ...] = ()
    wrong: tuple[str, ...] = ()

    def show(self) -> None:
        """Print tables and notes."""
        for table in self.tables:
            print_table(table.title, table.columns, table.rows)
            print()
        for note in self.notes:
            print(note)

    def write(self, folder: Path) -> None:
        """Write the tables (.json, read by the documentation) and the picture (.png)."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.content(), indent=1, ensure_ascii=False) + "\n")
        written = [path]
        if self.draw is not None:
            written.append(self.draw(folder / f"{self.name}.png"))
        say("written: " + ", ".join(map(str, written)))

    def content(self) -> dict[str, Any]:
        """Return the report as plain data, with the machine it was made on."""
        tables = [asdict(table) for table in self.tables]
        return {
            "machine": machine(),
            "tables": tables,
            "notes": list(self.notes),
            "records": list(self.records),
        }


def plain(records: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Leave out of records what only says whether they can be used again."""
    return tuple({k: v for k, v in record.items() if k != "mark"} for record in records)
