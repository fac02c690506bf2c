"""Upper bounds of inner maxima against listing all vertices; certificates of whole blocks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigrid.algorithms import vertex_search
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.certificate import certify
from ambigrid.algorithms.enumeration import vertices
from ambigrid.algorithms.inner_maximum import InnerMaximum
from ambigrid.algorithms.recourse import RecourseProgram
from ambigrid.algorithms.stopping import Budget
from ambigrid.algorithms.vertex_search import VertexSearch, penalty
from ambigrid.ambiguity import Box, Empirical, Wasserstein
from ambigrid.errors import InputError
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import Search
from ambigrid.testing import ProgramShape, random_program, random_samples

SEEDS = st.integers(0, 2**16)
TIGHT = 1e-5


def largest(program, x, search) -> float:
    recourse = RecourseProgram(program)
    return max(
        recourse.value(x, vertex).value - penalty(search, vertex)
        for vertex in vertices(program, [search])
    )


def a_point(program, seed) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, program.first_stage.size)


def a_search(seed, size, kind) -> Search:
    rng = np.random.default_rng(seed)
    centre = np.round(rng.uniform(-1, 1, size), 2)
    columns = np.arange(size)
    low, high = centre - rng.uniform(0, 1, size), centre + rng.uniform(0, 1, size)
    if kind == "fixed":
        return Search(centre)
    if kind == "one_norm":
        options = np.stack([centre, low, high], axis=1)
        return Search(centre, columns, options, 0.7 * np.abs(options - centre[:, None]))
    options = np.stack([centre, low, high] if kind == "budget" else [low, high], axis=1)
    budget = 1 if kind == "budget" else None
    return Search(centre, columns, options, np.zeros_like(options), budget, offset=0.3)


@settings(deadline=None, max_examples=80)
@given(
    SEEDS,
    st.sampled_from(["fixed", "one_norm", "budget", "box"]),
    st.sampled_from([(0, None), (3, None), (3, 1), (3, 2)]),
    st.booleans(),
)
def test_bound_is_the_largest_value_over_all_vertices(seed, kind, adversary, started):
    shape = ProgramShape(adversarial=adversary[0], budget=adversary[1], uncertain=3)
    program = random_program(seed, shape)
    x, search = a_point(program, seed), a_search(seed, 3, kind)
    exact = largest(program, x, search)
    inner = InnerMaximum(program)
    start = vertices(program, [search])[0] if started else None
    bound = inner.solve(x, search, start, gap=TIGHT)
    assert bound.closed
    assert exact - 1e-7 <= bound.value <= exact + 2 * TIGHT
    value = RecourseProgram(program).value(x, bound.vertex).value - penalty(search, bound.vertex)
    assert value >= bound.value - 2 * TIGHT
    assert inner.relaxation(x, search) >= exact - 1e-6


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_bound_by_dominance_in_the_renewable_row(seed):
    """Rows used + curtailed = ξ without slack; lower bounds of columns away from zero."""
    rng = np.random.default_rng(seed)
    # y: used (2), curtailed (2), import up, import down
    W = np.array([[1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0], [1, 1, 0, 0, 1, -1.0]])
    program = TwoStageProgram.from_matrices(
        cost=[0.0], recourse_cost=[0, 0, *rng.uniform(0, 9, 4)], W=W, T=[[0], [0], [1.0]],
        h=[0.0, 0.0, 3.0], H=[[-1, 0], [0, -1], [0, 0.0]], D=[[0], [0], [1.0]], sense="=",
        recourse_lower=[0.2, 0, 0, 0, 0, 0],
        call_lower=([[-1.0]], [0.0]), call_upper=([[1.0]], [0.0]),
    )  # fmt: skip
    search = replace(a_search(seed, 2, "box"), outcome=np.ones(2))
    search = replace(search, options=np.abs(search.options) + 0.2)
    x = rng.uniform(0, 2, 1)
    assert InnerMaximum(program).solve(x, search, gap=TIGHT).value == pytest.approx(
        largest(program, x, search), abs=2 * TIGHT
    )


def test_infinite_recourse_gives_no_finite_bound():
    program = TwoStageProgram.from_matrices(
        cost=[0.0], recourse_cost=[1.0, 2.0], W=[[1.0, 1.0]], T=[[0.0]], h=[0.0], H=[[-1.0]],
        sense="=",
    )  # fmt: skip
    search = Search(np.zeros(1), np.arange(1), np.array([[-1.0, 2.0]]), np.zeros((1, 2)))
    inner = InnerMaximum(program)
    assert inner.solve(np.zeros(1), search).value == np.inf
    assert inner.relaxation(np.zeros(1), search) == np.inf
    inside = replace(search, options=np.array([[0.0, 2.0]]))
    assert inner.solve(np.zeros(1), inside).value == pytest.approx(2.0, abs=1e-5)


def test_tiny_reserves_need_no_binary_but_are_in_the_bound():
    program = random_program(3, ProgramShape(adversarial=3))
    shrunk = replace(
        program,
        call_lower=replace(program.call_lower, constant=-1e-9 * np.ones(3)),
        call_upper=replace(program.call_upper, constant=1e-9 * np.ones(3)),
    )
    x, search = np.zeros(2), Search(np.zeros(2))
    bound = InnerMaximum(shrunk).solve(x, search, gap=1e-3)
    exact = largest(shrunk, x, search)
    assert exact <= bound.value + 1e-9
    assert bound.value <= exact + 1e-3


def test_integer_recourse_is_refused():
    program = random_program(1)
    integer = replace(program.recourse, integer=np.ones(program.recourse.size, dtype=bool))
    with pytest.raises(InputError, match=r"y\[.*integer recourse cannot be certified.*Extensive"):
        InnerMaximum(replace(program, recourse=integer))


def test_row_without_price_is_named():
    program = random_program(5, ProgramShape(complete_recourse=False, adversarial=1))
    with pytest.raises(InputError, match=r"second\[.*has no finite bound"):
        InnerMaximum(program).solve(np.zeros(2), Search(np.zeros(2)))


AMBIGUITY = {
    "empirical": lambda samples, weights: Empirical(samples, weights),
    "wasserstein": lambda samples, weights: Wasserstein(samples, weights, radius=0.3),
    "box norm inf": lambda s, w: Wasserstein(s, w, radius=0.3, support="box", lower=-1, upper=1),
    "box norm 1": lambda s, w: Wasserstein(s, w, radius=0.3, norm=1, support="box"),
    "robust": lambda samples, weights: Box(samples.min(axis=0), samples.max(axis=0)),
}


@pytest.fixture
def no_listing(monkeypatch):
    monkeypatch.setattr(vertex_search, "_FEW", 0)


def evaluated(kind, seed):
    program = random_program(seed, ProgramShape(adversarial=3, uncertain=2))
    block = Block("block", program, AMBIGUITY[kind](*random_samples(seed, 3, 2)))
    x, static = a_point(program, seed), block.risk.static().lower
    static = np.where(np.isfinite(static), static + 0.4, 0.0)
    exact = block.evaluate_all(x, static)
    return block, x, static, exact


@pytest.mark.parametrize("kind", AMBIGUITY)
@pytest.mark.parametrize("seed", range(4))
def test_certificate_equals_listing(kind, seed, no_listing):
    block, x, static, exact = evaluated(kind, seed)
    found = block.evaluate(x, static, thorough=False)
    proof = certify(block, x, static, found, target=-np.inf, tolerance=1e-4)
    assert exact.total - 1e-7 <= proof.upper <= exact.total + 2e-4
    assert proof.solved > 0
    assert not proof.within
    for value, item, best in zip(proof.values, proof.found, exact.found, strict=True):
        assert item.value <= best.value + 1e-9 <= value + 2e-9


@pytest.mark.parametrize("kind", AMBIGUITY)
def test_few_vertices_are_listed(kind):
    block, x, static, exact = evaluated(kind, 1)
    found = block.evaluate(x, static, thorough=False)
    proof = certify(block, x, static, found, target=exact.total, tolerance=1e-9)
    assert proof.within
    assert proof.solved == 0
    assert proof.upper == pytest.approx(exact.total)


def test_certificate_stops_at_its_tolerance(no_listing):
    block, x, static, exact = evaluated("empirical", 2)
    found = block.evaluate(x, static, thorough=True)
    everything = certify(block, x, static, found, target=exact.total, tolerance=1e-6)
    assert everything.within
    slack = certify(block, x, static, found, target=exact.total, tolerance=1e6)
    assert slack.within
    assert slack.solved == 0
    assert slack.upper >= everything.upper
    spent = Budget()
    spent.stop()
    nothing = certify(block, x, static, found, target=0.0, tolerance=0.0, budget=spent)
    assert (nothing.upper, nothing.within, nothing.solved) == (np.inf, False, 0)


def test_worse_vertices_come_back_with_their_cuts(no_listing):
    block, x, static, exact = evaluated("empirical", 7)
    poor = tuple(
        VertexSearch(block.program, RecourseProgram(block.program))._found(
            x, group[0], vertices(block.program, group)[0]
        )
        for group in block.risk.searches(static)
    )
    evaluation = replace(exact, found=poor)
    proof = certify(block, x, static, evaluation, target=exact.total, tolerance=1e-6)
    assert proof.within
    assert proof.worse
    for item in proof.worse:
        assert item.recourse.cut(x) == pytest.approx(item.recourse.value)


def test_without_an_adversary_nothing_is_solved():
    program = random_program(4)
    block = Block("block", program, Empirical(*random_samples(4, 3, 2)))
    x, static = a_point(program, 4), np.zeros(0)
    found = block.evaluate(x, static, thorough=False)
    proof = certify(block, x, static, found, target=found.total, tolerance=1e-9)
    assert proof.within
    assert proof.solved == 0
    assert proof.upper == pytest.approx(found.total)
    assert not proof.worse
