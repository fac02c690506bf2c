"""The command line: ``ambigrid run t30d2`` and what goes with it.

Exit status 0 solved, 1 not solved (a result is still written), 2 bad input. Standard output holds
the report, or with ``--json`` one object; progress and messages go to standard error.
"""

from __future__ import annotations

import typer

from ambigrid.cli import after, catalogue, run
from ambigrid.cli.common import Commands

app = typer.Typer(
    name="ambigrid",
    cls=Commands,
    help="Distributionally robust scheduling of coordinated energy systems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("reproduce")(after.reproduce)
app.command("plot")(after.plot)
app.command("evaluate")(after.evaluate)
app.command("cases")(catalogue.cases)
app.command("studies")(catalogue.studies)
app.command("template")(catalogue.template)
app.command("doctor")(catalogue.doctor)


def main() -> None:
    """Run the command line of this process."""
    app()
