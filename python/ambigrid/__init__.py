"""Distributionally robust scheduling of coordinated energy systems.

Names are loaded on first use, so that ``import ambigrid`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC: dict[str, str] = {
    "InputError": "errors",
    "SolverError": "errors",
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
