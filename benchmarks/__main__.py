"""``python -m benchmarks``: a table on standard output, a figure in a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ambigrid.cli.common import print_table, say
from benchmarks import measure
from benchmarks.measure import Row
from benchmarks.picture import draw


def main(arguments: Sequence[str]) -> None:
    """Measure, print and draw."""
    options = _parser().parse_args(arguments)
    rows = list(_rows(options.scenarios))
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2))
    else:
        cells = ((row.group, row.what, f"{row.seconds:.2f}", _ratio(row), row.note) for row in rows)
        print_table("Benchmarks", ("group", "what", "seconds", "ratio", "note"), cells)
    say(f"figure: {draw(rows, options.output)}")


def _rows(scenarios: Sequence[int]) -> Iterator[Row]:
    groups = (measure.cold_and_warm, measure.shares, measure.methods)
    for group in groups:
        yield from _told(group())
    yield from _told(measure.scenarios(scenarios))


def _told(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        say(f"{row.group}: {row.what}, {row.seconds:.2f} s")
        yield row


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=measure.__doc__)
    parser.add_argument("--scenarios", type=int, nargs="+", default=list(measure.SCENARIOS))
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks.png"))
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    return parser


main(sys.argv[1:])
