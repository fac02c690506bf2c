"""One agent inside an algorithm: its program, its risk, and its warm recourse problems."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ambigrid.algorithms.recourse import RecourseProgram, Vertex
from ambigrid.algorithms.vertex_search import Found, VertexSearch
from ambigrid.ambiguity import AmbiguitySet
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import reformulate


@dataclass(frozen=True)
class Evaluation:
    """What the searches found at a point: one `Found` per centre and the risk they amount to."""

    found: tuple[Found, ...]
    risk: float
    first_stage_cost: float

    @property
    def total(self) -> float:
        """First-stage cost plus risk."""
        return self.first_stage_cost + self.risk


class Block:
    """Program, reformulated ambiguity set and searches of one agent."""

    def __init__(self, name: str, program: TwoStageProgram, ambiguity: AmbiguitySet) -> None:
        self.name, self.program = name, program
        self.ambiguity = ambiguity.checked(program.uncertain)
        self.risk = reformulate(self.ambiguity)
        centres = len(self.risk.searches(self.risk.static().lower))
        recourse = RecourseProgram(program)
        solvers = [recourse.twin() if k else recourse for k in range(centres)]
        self.searches = [VertexSearch(program, solver) for solver in solvers]

    @property
    def recourse_solves(self) -> int:
        """Recourse programs solved so far."""
        return sum(search.solves for search in self.searches)

    def evaluate(self, x: Vector, static: Vector, *, thorough: bool) -> Evaluation:
        """Search the worst vertex of every centre at x."""
        pairs = zip(self.searches, self.risk.searches(static), strict=True)
        found = tuple(search.best(x, group, thorough=thorough) for search, group in pairs)
        return self._evaluation(x, static, found)

    def glance(
        self, x: Vector, static: Vector, theta: Vector, *, further: bool
    ) -> tuple[Evaluation, float]:
        """Search only the centres that carry the worst-case law of the values θ.

        Parameters
        ----------
        x, static, theta : array
        further : bool
            Whether to look beyond the calls that were worst last time.

        Returns
        -------
        Evaluation
            Its risk is infinite: the other centres were not looked at.
        float
            How far θ underestimates the risk on the centres that were.
        """
        law = self.risk.worst_case(theta)[1]
        groups = self.risk.searches(static)
        chosen = [k for k in range(len(groups)) if self.risk.grows or law[k] > 1e-9]
        quick = partial(VertexSearch.best, thorough=False) if further else VertexSearch.glance
        found = tuple(quick(self.searches[k], x, groups[k]) for k in chosen)
        excess = sum(
            law[k] * (item.value - theta[k]) for k, item in zip(chosen, found, strict=True)
        )
        return Evaluation(found, np.inf, self.program.first_stage_cost(x)), float(excess)

    def evaluate_all(self, x: Vector, static: Vector) -> Evaluation:
        """Take the worst of all vertices of every centre at x."""
        pairs = zip(self.searches, self.risk.searches(static), strict=True)
        return self._evaluation(x, static, tuple(s.exhaustive(x, group) for s, group in pairs))

    def lists_all(self, static: Vector) -> bool:
        """Whether a thorough evaluation tries every vertex: its risk is then the exact one."""
        pairs = zip(self.searches, self.risk.searches(static), strict=True)
        return all(search.lists_all(group) for search, group in pairs)

    def _evaluation(self, x: Vector, static: Vector, found: tuple[Found, ...]) -> Evaluation:
        values = np.array([item.value for item in found])
        risk = self.risk.risk(values, static) if np.isfinite(values).all() else np.inf
        return Evaluation(found, risk, self.program.first_stage_cost(x))

    def support_numbers(self, outcome: Vector) -> list[int]:
        """Numbers of the support points at an outcome: none where it is new, all equal samples."""
        return [k for k, point in enumerate(self.risk.support) if np.array_equal(point, outcome)]

    def mean_vertex(self, pattern: np.ndarray) -> Vertex:
        """Vertex at the reference law's mean, for a copy that underestimates every law's risk."""
        count = len(self.risk.reference)
        outcome = self.risk.reference @ np.array(self.risk.support[:count]).reshape(count, -1)
        return Vertex(outcome, pattern)
