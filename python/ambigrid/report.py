"""A result as text: what was decided, what it costs, how sure that is, what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from math import isfinite
from typing import TYPE_CHECKING

import xarray as xr
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ambigrid.profiles import over_time, step_hours
from ambigrid.status import Status

if TYPE_CHECKING:
    from ambigrid.results import Result

_CAVEATS = (
    "The two-stage recourse sees the whole day at once; hour-by-hour operation costs at least as "
    "much. `ambigrid evaluate RESULT --policy rolling` measures by how much.",
    "A station's envelope is an outer approximation of what its sessions can do; the evaluation "
    "reports the energy left unserved after disaggregation.",
)
_APART = (
    "Every operator's decision stays on its worker; `ag.load_result(result, parts)` joins the "
    "files that operators saved."
)
_WORDS = {
    Status.OPTIMAL: "gap within tolerance and proved",
    Status.CONVERGED: "gap within tolerance, not proved by the certificate",
    Status.TIME_LIMIT: "stopped at the time limit",
    Status.INTERRUPTED: "stopped by the user",
    Status.ITERATION_LIMIT: "stopped at the iteration limit",
    Status.INFEASIBLE: "no decision satisfies every constraint",
    Status.UNBOUNDED: "the cost can fall without limit; a price or a limit is missing",
    Status.ERROR: "a solver failed, or bounds contradict each other",
}
_RESERVES = {
    "reserve_up": "thermal reserve up",
    "reserve_down": "thermal reserve down",
    "boundary_reserve_up": "boundary reserve up",
    "boundary_reserve_down": "boundary reserve down",
    "ev_reserve_up": "station regulation up",
    "ev_reserve_down": "station regulation down",
}
_QUALITY = {
    "curtailment": "curtailment",
    "shedding": "shedding",
    "boundary_violation": "boundary violation",
    "balance_violation": "balance violation",
    "network_violation": "network violation",
}
_ALWAYS = ("curtailment", "shedding")
"""Losses shown even when they round to zero."""


def render(result: Result, width: int) -> str:
    """Render the report as plain text of the given width."""
    return as_text(Group(*_parts(result)), width)


def as_text(content: RenderableType, width: int) -> str:
    """Render anything of rich as plain text, without colours and trailing blanks."""
    console = Console(file=StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(content)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _parts(result: Result) -> Iterator[RenderableType]:
    yield _headline(result)
    tables = (_costs(result), _reserves(result), _quality(result), _radius(result))
    yield from (Padding(table, (1, 0, 0, 0)) for table in tables if table.row_count)
    if result.agents:
        yield Padding(_notes(result), (1, 0, 0, 0))


def _headline(result: Result) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_row("system", f"{result.attribute('case', '?')}, study {_study(result)}")
    facts.add_row("status", _status_line(result))
    if message := result.attribute("message"):
        facts.add_row("", Text(str(message)))
    if isfinite(result.objective):
        facts.add_row("cost", _cost_line(result))
    facts.add_row("method", _method_line(result))
    if spent := _time_line(result):
        facts.add_row("time", spent)
    return facts


def _status_line(result: Result) -> str:
    words = f"{result.status}: {_WORDS[result.status]}"
    if result.status.solved or result.status in (Status.INFEASIBLE, Status.UNBOUNDED):
        return words
    found = "the decision below is the best found" if result.agents else "no decision yet"
    return f"{words}; {found}"


def _study(result: Result) -> str:
    ambiguity = result.attribute("ambiguity")
    return f"{result.attribute('study', '?')}" + (f" ({ambiguity})" if ambiguity else "")


def _cost_line(result: Result) -> str:
    if not isfinite(result.bound):
        return f"{result.objective:,.2f} $, without a lower bound"
    proved = "certified" if result.certified else "not certified"
    return (
        f"{result.objective:,.2f} $, bound {result.bound:,.2f} $, "
        f"gap {100 * result.gap:.3f} %, {proved}"
    )


def _method_line(result: Result) -> str:
    iterations = result.attribute("iterations")
    words = [f"{result.attribute('method', '?')} on engine {result.attribute('engine', '?')}"]
    words += [f"{iterations} iterations"] if iterations is not None else []
    words += [f"reformulation {kind}"] if (kind := result.attribute("exactness")) else []
    return ", ".join(words)


def _time_line(result: Result) -> str:
    names = {
        "build_seconds": "building",
        "wall_seconds": "coordination",
        "certificate_seconds": "proof",
    }
    found = {words: result.attribute(name) for name, words in names.items()}
    return ", ".join(
        f"{value:.1f} s {words}" for words, value in found.items() if value is not None
    )


def new_table(title: str, *columns: str) -> Table:
    """Return an empty table in the style of the report; all but the first column are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.show_edge = table.pad_edge = False
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right", no_wrap=True)
    return table


def _costs(result: Result) -> Table:
    table = new_table("Worst-case expected cost", "agent", "$", "share")
    total = sum(result.agents.values())
    for name, cost in result.agents.items():
        table.add_row(name, f"{cost:,.2f}", f"{100 * cost / total:.1f} %" if total else "")
    return table


def _reserves(result: Result) -> Table:
    table = new_table("Reserve over the day", "agent", "product", "MWh", "highest MW")
    if not result.has("dispatch"):
        return table
    for agent, node in result.dispatch.children.items():
        dispatch = node.to_dataset()
        for name in (name for name in _RESERVES if name in dispatch):
            power = over_time(dispatch[name])
            hours = step_hours(power)
            table.add_row(
                agent, _RESERVES[name], f"{float(power.sum()) * hours:,.2f}", f"{power.max():,.2f}"
            )
    table.columns[1].justify = "left"
    return table


def _quality(result: Result) -> Table:
    table = new_table("Losses over the day, MWh", "agent", "quantity", "expected", "worst case")
    table.columns[1].justify = "left"
    for agent, node in _derived(result):
        for stem, words in _QUALITY.items():
            values = [node.get(f"{kind}_{stem}") for kind in ("expected", "worst_case")]
            lost = any(value is not None and float(value) >= 5e-4 for value in values)
            if lost or (stem in _ALWAYS and values[0] is not None):
                units = {value.attrs.get("units", "MWh") for value in values if value is not None}
                words = ", ".join([words, *sorted(units - {"MWh"})])
                table.add_row(agent, words, *(_number(value) for value in values))
    return table


def _radius(result: Result) -> Table:
    table = new_table("Ambiguity", "agent", "radius", "median sample distance", "ratio")
    for agent, node in _derived(result):
        if "radius" not in node or "median_sample_distance" not in node:
            continue
        radius, distance = float(node["radius"]), float(node["median_sample_distance"])
        ratio = f"{radius / distance:.3f}" if distance else "no distance"
        table.add_row(agent, f"{radius:g}", f"{distance:.3f}", ratio)
    return table


def _notes(result: Result) -> RenderableType:
    notes = Table.grid(padding=(0, 1))
    apart = () if result.has("dispatch") else (_APART,)
    for caveat in (*apart, *_CAVEATS, *result.attribute("caveats", [])):
        notes.add_row("·", caveat)
    return notes


def _derived(result: Result) -> Iterator[tuple[str, xr.Dataset]]:
    if result.has("derived"):
        yield from ((name, node.to_dataset()) for name, node in result.derived.children.items())


def _number(value: xr.DataArray | None) -> str:
    return "" if value is None else f"{float(value):,.3f}"
