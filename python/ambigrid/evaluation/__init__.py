"""Out-of-sample evaluation: a plan operated on days it has not seen."""

from ambigrid.evaluation.evaluation import Evaluation, load_evaluation
from ambigrid.evaluation.held_out import read_held_out
from ambigrid.evaluation.out_of_sample import evaluate

__all__ = ["Evaluation", "evaluate", "load_evaluation", "read_held_out"]
