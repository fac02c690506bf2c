"""Tiny studies of several agents, made of random programs or of programs written by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

import ambigrid as ag
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.master import Master
from ambigrid.cases.source import CaseSource
from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.testing import ProgramShape, random_program, random_samples

BOX = {"lower": -1.0, "upper": 1.2}


@dataclass(frozen=True)
class Tie(Coupling):
    """A coupling that knows every agent's columns."""

    columns: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class SmallStudy:
    """Agents, couplings and as little of a case as `solve` needs."""

    team: dict
    coupled: list
    name = "small"
    source = CaseSource({"name": "small", "base_mva": 1.0, "step_hours": 1.0}, {})

    @property
    def names(self):
        return tuple(self.team)

    def agent(self, name, notices):
        ties = [tie for tie in self.coupled if name in tie.members]
        return replace(self.team[name], shared={tie.name: tie.columns[name] for tie in ties})

    def couplings(self, notices):
        return list(self.coupled)

    def unit(self, name):
        return "1"

    def preamble(self, name):
        return []

    def interpret(self, solutions, prices):
        return {}


def coupling(name, size, **columns):
    labels = xr.DataArray(np.zeros(size), dims="item", coords={"item": np.arange(size)})
    positions = {agent: np.asarray(where) for agent, where in columns.items()}
    return Tie(name, "MW", labels, tuple(positions), positions)


def ambiguity_sets(seed, size):
    samples, weights = random_samples(seed, 3, size)
    ball = {"samples": samples, "weights": weights, "radius": 0.2}
    return [
        ag.Empirical(samples, weights),
        ag.Wasserstein(**ball),
        ag.Box(**BOX),
        ag.Wasserstein(**ball, norm=1, support="box", **BOX),
    ]


def random_study(seed, *, adversaries=True, **features):
    """Two to four agents in a chain, the first three of them with one more value in common.

    Without adversaries all supports are samples: searches are exact then, and bounds above hold
    without a proof.
    """
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 5))
    team = {}
    for k in range(count):
        moving = int(rng.integers(0, 3)) if adversaries else 0
        shape = ProgramShape(first_stage=4, adversarial=moving, **features)
        program = random_program(seed + 1000 * k, shape)
        choice = int(rng.integers(0, 4 if adversaries else 2))
        chosen = ambiguity_sets(seed + k, shape.uncertain)[choice]
        team[f"agent_{k}"] = Agent(f"agent_{k}", "agent", program, chosen, constant=float(k))
    chain = [
        coupling(f"agent_{k}/link_{k}", 1, **{f"agent_{k}": [1], f"agent_{k - 1}": [2]})
        for k in range(1, count)
    ]
    common = coupling("agent_0/common", 1, **{f"agent_{k}": [0] for k in range(min(3, count))})
    return SmallStudy(team, [*chain, common])


def with_rows(program, rows, rhs):
    """Replace the first-stage rows by rows ≤ rhs."""
    matrices = {"cost": program.first_stage.cost, "recourse_cost": program.recourse.cost}
    return ag.TwoStageProgram.from_matrices(
        **matrices, W=program.W, T=program.T, H=program.H, h=program.second_rows.rhs,
        A=rows, b=rhs, upper=program.first_stage.upper, recourse_upper=program.recourse.upper,
    )  # fmt: skip


def joint_optimum(study):
    """Optimal total cost: the deterministic equivalents of all agents, tied, in one program."""
    names = list(study.team)
    blocks = [Block(name, agent.program, agent.ambiguity) for name, agent in study.team.items()]
    ties = []
    for shared in study.coupled:
        (first, columns), *others = shared.columns.items()
        ties += [
            (names.index(first), columns, names.index(name), positions)
            for name, positions in others
        ]
    incumbent = ag.Extensive().run(Master(blocks, ties))
    constant = sum(agent.constant for agent in study.team.values())
    return incumbent.status, incumbent.lower + constant
