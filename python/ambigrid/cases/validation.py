"""Checks of a case at load: each failure is one sentence (what, where, got, next step)."""

from __future__ import annotations

import xarray as xr


def validate_case(tree: xr.DataTree, source: str = "case") -> None:
    """Check a case."""
