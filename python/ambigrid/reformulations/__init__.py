"""From an ambiguity set to rows of a master and back. One reformulation per file."""

from ambigrid.ambiguity import AmbiguitySet, Box, Empirical, Nominal, Wasserstein
from ambigrid.reformulations.base import Link, Reformulation, Search, StaticColumns
from ambigrid.reformulations.expectation import Expectation
from ambigrid.reformulations.transport import Transport
from ambigrid.reformulations.worst_outcome import WorstOutcome

_BY_SET: dict[type[AmbiguitySet], type[Reformulation]] = {
    Nominal: Expectation,
    Empirical: Expectation,
    Box: WorstOutcome,
    Wasserstein: Transport,
}


def reformulate(ambiguity: AmbiguitySet) -> Reformulation:
    """Reformulation of a checked ambiguity set."""
    return _BY_SET[type(ambiguity)](ambiguity)  # type: ignore[call-arg]


__all__ = ["Link", "Reformulation", "Search", "StaticColumns", "reformulate"]
