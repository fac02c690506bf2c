"""An evaluation as text: what the days cost, what they broke, how far that is from the promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import xarray as xr
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from ambigrid.report import as_text, new_table

if TYPE_CHECKING:
    from ambigrid.evaluation.evaluation import Evaluation

_POLICIES = {
    "two-stage": "two-stage: every redispatch knows its whole day",
    "rolling": "rolling: every hour knows the past, and of later hours their expectation",
}
_CALLS = {
    "requested": "what the transmission operator's own redispatch calls on the day",
    "worst": "the worst within the reserve offered, by a fast search, not certified",
    "none": "none",
}
_NOTES = (
    "The promise is a worst-case expectation over laws and calls; a mean below it keeps the "
    "promise. CVaR 95 % is the mean of the dearest 5 % of the days; days count the same.",
    "A violation counts from 1e-6 MW in one step of the day on; network violations of a feeder "
    "are in MVAh.",
)
_ROLLING = (
    "Known in advance is compared at the same outcomes and calls.",
    "Unserved is what is missing from the energy sessions are guaranteed when they follow their "
    "station's profile; deviation is what they cannot follow of it.",
)


def render(evaluation: Evaluation, width: int) -> str:
    """Render the evaluation as plain text of the given width."""
    return as_text(Group(*_parts(evaluation)), width)


def _parts(evaluation: Evaluation) -> Iterator[RenderableType]:
    yield _headline(evaluation)
    tables = (
        *(_costs(evaluation), _foresight(evaluation)),
        *(_violations(evaluation), _service(evaluation)),
    )
    yield from (Padding(table, (1, 0, 0, 0)) for table in tables if table.row_count)
    notes = Table.grid(padding=(0, 1))
    for words in (*_NOTES, *(_ROLLING if evaluation.policy == "rolling" else ())):
        notes.add_row("·", words)
    yield Padding(notes, (1, 0, 0, 0))


def _headline(evaluation: Evaluation) -> RenderableType:
    attrs, facts = evaluation.tree.attrs, Table.grid(padding=(0, 2))
    facts.add_row("plan", f"{attrs.get('case', '?')}, study {attrs.get('study', '?')}")
    facts.add_row("days", f"{evaluation.days.sizes['day']} {attrs['days']}")
    facts.add_row("policy", _POLICIES[evaluation.policy])
    facts.add_row("calls", _CALLS[str(attrs["calls"])])
    return facts


def _costs(evaluation: Evaluation) -> Table:
    table = new_table(
        "Cost of a day, $",
        *("agent", "promised", "mean", "mean - promised", "CVaR 95 %", "highest", "days above"),
    )
    for name, row in _rows(evaluation.statistics):
        amounts = ("promised", "mean", "disappointment", "cvar_95", "highest")
        cells = [f"{float(row[key]):,.2f}" for key in amounts]
        table.add_row(name, *cells, f"{100 * float(row['share_above']):.1f} %")
    return table


def _foresight(evaluation: Evaluation) -> Table:
    table = new_table(
        "Mean cost of the redispatch, $", "agent", "known in advance", "hour by hour", "difference"
    )
    days = evaluation.days
    if "foresight_cost" in days:
        for name, row in _rows(days[["foresight_cost", "recourse_cost"]].mean("day")):
            known, done = float(row["foresight_cost"]), float(row["recourse_cost"])
            table.add_row(name, *(f"{cost:,.2f}" for cost in (known, done, done - known)))
    return table


def _violations(evaluation: Evaluation) -> Table:
    table = new_table("Losses", "agent", "quantity", "days with any", "mean MWh", "highest MWh")
    table.columns[1].justify = "left"
    for name, row in _rows(evaluation.violations):
        for loss, cells in _rows(row, "loss"):
            if name != "total" and bool(cells["probability"].notnull()):
                energy = (f"{float(cells[key]):,.4f}" for key in ("mean", "highest"))
                often = f"{100 * float(cells['probability']):.1f} %"
                table.add_row(name, loss.replace("_", " "), often, *energy)
    return table


def _service(evaluation: Evaluation) -> Table:
    table = new_table(
        "Sessions, MWh a day", "agent", "unserved", "highest unserved", "deviation", "worst station"
    )
    for name, row in evaluation.service.items():
        cells = [f"{float(row[key]):.4f}" for key in ("unserved", "highest_unserved", "deviation")]
        missed = evaluation.stations[name]["unserved"].mean("day")
        worst = missed.idxmax().item() if float(missed.max()) > 0 else ""
        table.add_row(name, *cells, str(worst))
    return table


def _rows(data: xr.Dataset, dim: str = "agent") -> Iterator[tuple[str, xr.Dataset]]:
    yield from ((str(label), data.sel({dim: label})) for label in data[dim].to_numpy())
