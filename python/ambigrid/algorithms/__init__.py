"""Methods for one program: a deterministic equivalent and two decompositions."""

from ambigrid.algorithms.benders import Benders
from ambigrid.algorithms.column_constraint import ColumnConstraint
from ambigrid.algorithms.extensive import Extensive

__all__ = ["Benders", "ColumnConstraint", "Extensive"]
