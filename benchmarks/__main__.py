"""``python -m benchmarks``: tables on standard output, and files for the documentation.

``methods``: what one system costs and where its time goes. ``growth``: time and memory against
size. ``peers``: other software on the same problems. ``all``, the default, is all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ambigrid.cli.common import say
from benchmarks import growth, methods, peers
from benchmarks.fresh import Bench
from benchmarks.report import Report
from benchmarks.size import METHODS

PUBLISHED = Path("docs/benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; return 1 if a benchmark found something wrong."""
    if not {"-h", "--help"} & set(arguments[:1]) and (not arguments or arguments[0][0] == "-"):
        arguments = ["all", *arguments]
    options = _parser().parse_args(arguments)
    names = list(BENCHMARKS) if options.what == "all" else [options.what]
    reports = []
    for name in names:
        report = BENCHMARKS[name](options)
        report.write(PUBLISHED if options.publish else options.folder)
        reports.append(report)
        if not options.json:
            report.show()
    if options.json:
        print(json.dumps({report.name: report.content() for report in reports}, indent=2))
    wrong = [words for report in reports for words in report.wrong]
    for words in wrong:
        say(f"wrong: {words}")
    return int(bool(wrong))


def _methods(options: argparse.Namespace) -> Report:
    return methods.methods_report()


def _growth(options: argparse.Namespace) -> Report:
    sweep = growth.Sweep(
        feeders=tuple(options.feeders),
        scenarios=tuple(options.scenarios),
        at_scenarios=options.at_scenarios,
        at_feeders=options.at_feeders,
        hours=options.hours,
        seed=options.seed,
        method=options.method,
        gap=options.gap,
        time_limit=options.time_limit,
    )
    return growth.growth(sweep, Bench(options.folder / "growth", 2 * options.time_limit))


def _peers(options: argparse.Namespace) -> Report:
    size = peers.Size(
        options.peer_feeders, options.peer_scenarios, options.hours, options.short_hours,
        options.seed, options.gap, options.time_limit,
    )  # fmt: skip
    return peers.peers(size, Bench(options.folder / "peers", 3 * options.time_limit))


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Report]] = {
    "methods": _methods,
    "growth": _growth,
    "peers": _peers,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name in (*BENCHMARKS, "all"):
        command = commands.add_parser(name, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        _add_common(command)
        if name in ("growth", "all"):
            _add_growth(command)
        if name in ("peers", "all"):
            _add_peers(command)
        if name != "methods":
            _add_limits(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--folder", type=Path, default=Path("results/benchmarks"),
        help="where finished measurements are kept, so that an interrupted run continues",
    )  # fmt: skip
    command.add_argument(
        "--publish", action="store_true", help=f"write tables and pictures to {PUBLISHED}"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object instead")


def _add_growth(command: argparse.ArgumentParser) -> None:
    sweep = growth.Sweep()
    command.add_argument("--feeders", type=int, nargs="+", default=sweep.feeders)
    command.add_argument("--scenarios", type=int, nargs="+", default=sweep.scenarios)
    command.add_argument("--at-scenarios", type=int, default=sweep.at_scenarios, help="fixed")
    command.add_argument("--at-feeders", type=int, default=sweep.at_feeders, help="fixed")
    command.add_argument("--method", choices=METHODS, default=sweep.method, help="coordination")


def _add_peers(command: argparse.ArgumentParser) -> None:
    size = peers.Size()
    command.add_argument("--peer-feeders", type=int, default=size.feeders)
    command.add_argument("--peer-scenarios", type=int, default=size.scenarios)
    command.add_argument(
        "--short-hours", type=int, default=size.short_hours, help="where all calls are listed, h"
    )


def _add_limits(command: argparse.ArgumentParser) -> None:
    sweep = growth.Sweep()
    command.add_argument("--hours", type=int, default=sweep.hours, help="horizon, h")
    command.add_argument("--seed", type=int, default=sweep.seed, help="data seed")
    command.add_argument("--gap", type=float, default=sweep.gap, help="own relative gap")
    command.add_argument("--time-limit", type=float, default=sweep.time_limit, help="per run, s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
