"""Live progress on standard error: a growing table on a terminal, one plain line elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from math import isfinite
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ambigrid.algorithms.log import IterationRecord

_COLUMNS = (
    ("iteration", 9),
    ("lower bound $", 15),
    ("upper bound $", 15),
    ("gap %", 8),
    ("primal MW", 10),
    ("dual MW", 10),
    ("time s", 8),
)
_SHOWN = 20


class ProgressTable:
    """Show the records of a run while it goes on.

    Use it as a context and hand it to a loop as its ``progress`` callback.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to show them; standard error by default. On a terminal the last 20 iterations stand
        in a table that is redrawn; elsewhere every iteration prints one line.

    Examples
    --------
    >>> with ProgressTable() as progress:                        # doctest: +SKIP
    ...     ambigrid.solve(study, progress=progress)
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stderr)
        self._rows: deque[tuple[str, ...]] = deque(maxlen=_SHOWN)
        self._live = Live(console=self.console, auto_refresh=False, transient=False)
        self._headed = False

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, record: IterationRecord) -> None:
        """Show one more record."""
        cells = _cells(record)
        if self.console.is_terminal:
            self._rows.append(cells)
            self._live.update(self._table(), refresh=True)
        else:
            self._print_line(cells)

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
        for name, width in _COLUMNS:
            table.add_column(name, justify="right", min_width=width)
        table.add_column("", style="dim", no_wrap=True)
        for row in self._rows:
            table.add_row(*row)
        return table

    def _print_line(self, cells: tuple[str, ...]) -> None:
        if not self._headed:
            self._headed = True
            print(_line([name for name, _ in _COLUMNS]), file=self.console.file, flush=True)
        print(_line(cells), file=self.console.file, flush=True)


def _cells(record: IterationRecord) -> tuple[str, ...]:
    return (
        str(record.iteration),
        _number(record.lower_bound, ",.1f"),
        _number(record.upper_bound, ",.1f"),
        _number(100 * record.gap, ".3f"),
        _number(record.primal_residual, ".4f"),
        _number(record.dual_residual, ".4f"),
        _number(record.seconds, ".1f"),
        record.note,
    )


def _number(value: float, form: str) -> str:
    return format(value, form) if isfinite(value) else "–"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    widths = [width for _, width in _COLUMNS]
    aligned = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*aligned, *cells[len(widths) :]]).rstrip()
