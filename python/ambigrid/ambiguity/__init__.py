"""Ambiguity sets: what is known of the law of the uncertain variables. One set per file."""

from ambigrid.ambiguity.base import AmbiguitySet
from ambigrid.ambiguity.box import Box
from ambigrid.ambiguity.empirical import Empirical
from ambigrid.ambiguity.nominal import Nominal
from ambigrid.ambiguity.wasserstein import Wasserstein

__all__ = ["AmbiguitySet", "Box", "Empirical", "Nominal", "Wasserstein"]
