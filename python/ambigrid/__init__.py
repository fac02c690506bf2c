"""Distributionally robust scheduling of coordinated energy systems.

Names are loaded on first use, so that ``import ambigrid`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC: dict[str, str] = {
    "ADMM": "coordination",
    "Benders": "algorithms",
    "Box": "ambiguity",
    "Centralized": "coordination",
    "ColumnConstraint": "algorithms",
    "CutSharing": "coordination",
    "EVFlexibility": "studies.ev_flexibility",
    "Empirical": "ambiguity",
    "Evaluation": "evaluation",
    "Extensive": "algorithms",
    "InputError": "errors",
    "MessageLog": "coordination",
    "Nominal": "ambiguity",
    "Result": "results",
    "RobustProgram": "robust_program",
    "RobustSolution": "robust_program",
    "SolverError": "errors",
    "Status": "status",
    "TwoStageProgram": "program",
    "Wasserstein": "ambiguity",
    "case_from_networks": "cases.assemble",
    "disaggregate": "cases.disaggregation",
    "evaluate": "evaluation",
    "from_matpower": "cases.matpower",
    "from_pandapower": "cases.pandapower",
    "generate_sessions": "cases.sessions",
    "list_cases": "cases",
    "load_case": "cases",
    "load_result": "results",
    "robustify": "robust_program",
    "save_case": "cases",
    "scale_case": "cases",
    "solve": "solving",
    "stations_from_sessions": "cases.measured",
    "validate_case": "cases",
    "write_template": "cases",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ambigrid' has no attribute {name!r}")
    value = getattr(import_module(f"ambigrid.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
