"""Quadratic programs over the rows that matter: the answer of all rows, solve after solve."""

import numpy as np
import pytest
import scipy.sparse as sp

from ambigrid.algorithms import active_rows
from ambigrid.algorithms.active_rows import ActiveRows, Scale
from ambigrid.engines import LinearProgram, SolveStatus, solve_quadratic

COLUMNS = 5


class Growing:
    """A feasible program whose rows are appended and deleted, and whose costs change."""

    def __init__(self, seed):
        self.rng, self.solver = np.random.default_rng(seed), ActiveRows()
        self.matrix, self.lower = np.zeros((0, COLUMNS)), np.zeros(0)
        self.cost = self.rng.normal(size=COLUMNS)

    def append(self, count):
        new = self.rng.normal(size=(count, COLUMNS))
        self.matrix = np.vstack([self.matrix, new])
        self.lower = np.append(self.lower, -self.rng.uniform(0, 1, count))
        self.solver.append(np.arange(count) % 2 == 0)

    def delete(self):
        kept = self.rng.random(len(self.lower)) < 0.8
        self.matrix, self.lower = self.matrix[kept], self.lower[kept]
        self.solver.keep(kept)

    def solve(self, extra=0):
        """Solve both ways, with rows of this solve only at the end."""
        free, last = np.full(COLUMNS, 10.0), np.zeros((extra, COLUMNS))
        last[:, 0] = 1.0
        rows = sp.csr_array(np.vstack([self.matrix, last]))
        lower = np.append(self.lower, np.full(extra, -0.05))
        program = LinearProgram(self.cost, -free, free, rows, lower, np.full(len(lower), np.inf))
        self.cost = self.cost + self.rng.normal(scale=0.1, size=COLUMNS)
        hessian = sp.csr_array(np.eye(COLUMNS))
        scale = Scale(np.zeros(COLUMNS), np.ones(COLUMNS))
        return self.solver.solve(program, hessian, scale), solve_quadratic(program, hessian)


@pytest.mark.parametrize("seed", range(10))
def test_answers_of_all_rows(seed):
    growing = Growing(seed)
    growing.append(30)
    for step in range(12):
        found, expected = growing.solve(extra=step % 2)
        assert found.status is expected.status is SolveStatus.OPTIMAL
        assert found.objective == pytest.approx(expected.objective, rel=1e-5, abs=1e-5)
        assert found.primal == pytest.approx(expected.primal, abs=1e-4)
        assert found.row_duals == pytest.approx(expected.row_duals, abs=1e-3)
        if step % 3 == 1:
            growing.append(5)
        if step % 4 == 3:
            growing.delete()


def test_rows_that_never_bind_wait_outside(monkeypatch):
    growing, shapes = Growing(0), []
    honest = solve_quadratic

    def watched(program, *given):
        shapes.append(len(program.row_lower))
        return honest(program, *given)

    monkeypatch.setattr(active_rows, "solve_quadratic", watched)
    growing.append(400)
    for _ in range(12):
        growing.solve()
    assert shapes[0] == 400
    assert max(shapes[-2:]) < 60
