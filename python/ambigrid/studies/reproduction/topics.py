"""What belongs together in a reproduction: claims, the solves they need, and who judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ambigrid.errors import InputError
from ambigrid.studies.reproduction import claims, recipes, worst_cases
from ambigrid.studies.reproduction.accounts import Account
from ambigrid.studies.reproduction.claims import Case, Judge
from ambigrid.studies.reproduction.recipes import Recipe

Needs = Callable[[Account, int], list[Recipe]]


@dataclass(frozen=True)
class Topic:
    """Claims that look at the same runs.

    Attributes
    ----------
    claims : tuple of str
        Names, in the order of the rows.
    judge : callable
        From where results come from and the data seeds to the rows.
    needs : callable
        From the source's account and a data seed to the solves.
    every_seed : bool
        Whether every data seed counts, or the first one only.
    """

    claims: tuple[str, ...]
    judge: Judge
    needs: Needs
    every_seed: bool = True


def _cases(*cases: Case) -> Needs:
    return lambda account, seed: [case(seed) for case in cases]


def _penalties(account: Account, seed: int) -> list[Recipe]:
    fixed = [recipes.at_penalty(seed, penalty) for penalty in account.penalties]
    return fixed + [recipes.at_penalty(seed, start, adaptive=True) for start in account.starts]


def _radii(account: Account, seed: int) -> list[Recipe]:
    return [recipes.at_radius(seed, radius) for radius in recipes.RADII]


TOPICS = (
    Topic(
        ("cost_1_2", "cost_2_3", "cost_1_3"),
        claims.total_costs,
        _cases(recipes.case_1, recipes.case_2, recipes.case_3),
    ),
    Topic(
        ("transmission_cost_1_2",),
        claims.transmission_cost,
        _cases(recipes.case_1, recipes.case_2),
    ),
    Topic(
        (
            "expected_curtailment_1_2",
            "expected_shedding_1_2",
            "expected_curtailment_1_3",
            "expected_shedding_1_3",
        ),
        claims.expected_losses,
        _cases(recipes.case_1, recipes.case_2, recipes.case_3),
    ),
    Topic(
        ("line_loading_max", "line_loading_average"),
        claims.line_loading,
        _cases(recipes.case_1, recipes.case_2),
    ),
    Topic(
        ("cost_dro_ro",),
        claims.robust_cost,
        lambda account, seed: [
            recipes.case_1(seed),
            recipes.case_5(seed, account.robust_seconds),
        ],
    ),
    Topic(
        (
            "worst_curtailment_relative",
            "worst_curtailment_absolute",
            "worst_shedding_relative",
            "worst_shedding_absolute",
            "worst_boundary_violation_relative",
            "worst_boundary_violation_absolute",
        ),
        worst_cases.against_stochastic,
        _cases(recipes.case_1, recipes.case_6),
    ),
    Topic(
        (
            "ignored_reserve_up",
            "ignored_reserve_down",
            "ignored_violation_relative",
            "ignored_violation_absolute",
        ),
        worst_cases.ignoring_the_call,
        _cases(recipes.case_1, recipes.case_7),
    ),
    Topic(
        ("admm_iterations",),
        claims.iterations,
        lambda account, seed: [
            recipes.case_1(seed),
            recipes.at_penalty(seed, account.penalty),
        ],
        every_seed=False,
    ),
    Topic(
        ("penalty_sweep", "adaptive_penalty"),
        claims.penalties,
        _penalties,
        every_seed=False,
    ),
    Topic(("radius_cost",), claims.radii, _radii),
    Topic(
        ("radius_curtailment", "radius_shedding", "radius_boundary_violation"),
        worst_cases.radius_worst_cases,
        _radii,
    ),
    Topic(
        (
            "wind_cost",
            "wind_curtailment",
            "wind_shedding",
            "wind_boundary_violation",
            "wind_sharp",
        ),
        claims.penetration,
        lambda account, seed: [
            recipes.at_penetration(seed, share) for share in recipes.PENETRATIONS
        ],
    ),
    Topic(
        ("gap_to_centralized",),
        claims.gap_to_centralized,
        _cases(recipes.case_1, recipes.centralized),
        every_seed=False,
    ),
    Topic(("wall_seconds",), claims.wall_time, _cases(recipes.case_1)),
)
"""In the order of the rows."""


def chosen_topics(names: Iterable[str] | None) -> tuple[Topic, ...]:
    """Choose the topics that have one of the claims; all where none is named.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    if names is None:
        return TOPICS
    wanted, known = list(names), [name for topic in TOPICS for name in topic.claims]
    for name in wanted:
        if name not in known:
            raise InputError(
                "there is no such claim",
                where="reproduce, claims",
                got=repr(name),
                fix="choose among " + ", ".join(known),
            )
    return tuple(topic for topic in TOPICS if set(wanted) & set(topic.claims))


def plan(topics: Iterable[Topic], account: Account, seeds: Sequence[int]) -> list[Recipe]:
    """List the solves that topics need, once each: seed by seed, then what one seed needs."""
    return list(dict.fromkeys(_needed(list(topics), account, seeds)))


def _needed(topics: list[Topic], account: Account, seeds: Sequence[int]) -> Iterator[Recipe]:
    for seed in seeds:
        for topic in topics:
            if topic.every_seed:
                yield from topic.needs(account, seed)
    for topic in topics:
        yield from topic.needs(account, seeds[0])
