"""Every engine and whether it can be used here."""

from __future__ import annotations

from ambigrid.errors import InputError

ENGINES = ("highs", "julia")


def check_engine(name: str) -> None:
    """Accept an engine that can be used.

    Raises
    ------
    InputError
        If there is no such engine, or what it needs is missing.
    """
    if name not in ENGINES:
        raise InputError(
            "unknown engine", where="engine", got=name, fix=f"use one of {', '.join(ENGINES)}"
        )
    if name == "julia":
        raise InputError(
            "the Julia engine is not part of this version",
            where="engine",
            got=name,
            fix='use engine="highs"',
        )
