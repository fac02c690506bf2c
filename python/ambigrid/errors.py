"""Errors that say what is wrong, where, what was got, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial


class AmbigridError(Exception):
    """Base class of every error this package raises on purpose."""


class InputError(AmbigridError, ValueError):
    """The user's data or arguments cannot be used; the command line exits with status 2.

    Parameters
    ----------
    what : str
        What is wrong, as a clause: "the line flow limit must not be negative".
    where : str, optional
        Group, variable and label concerned: "transmission/line_flow_limit, line L3".
    got : object, optional
        The value that was found.
    fix : str, optional
        The next step, as a clause in the imperative: "give a limit in MW, or leave it out".

    Examples
    --------
    >>> str(InputError("the radius must not be negative", where="Wasserstein", got=-1.0,
    ...                fix="give a radius of at least 0"))
    'Wasserstein: the radius must not be negative; got -1.0. Give a radius of at least 0.'
    """

    def __init__(
        self, what: str, *, where: str | None = None, got: object = None, fix: str | None = None
    ) -> None:
        self.what, self.where, self.got, self.fix = what, where, got, fix
        super().__init__(_sentence(what, where, got, fix))

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[str]]:
        got = None if self.got is None else str(self.got)
        return partial(InputError, where=self.where, got=got, fix=self.fix), (self.what,)


class SolverError(AmbigridError):
    """A solver could not finish; the message carries its status and what was being solved."""


def _sentence(what: str, where: str | None, got: object, fix: str | None) -> str:
    text = f"{where}: {what}" if where else what[:1].upper() + what[1:]
    if got is not None:
        text += f"; got {got}"
    text = _ended(text)
    if fix:
        text += " " + _ended(f"{fix[:1].upper()}{fix[1:]}")
    return text


def _ended(text: str) -> str:
    """End a sentence with one full stop, also after "p.u."."""
    return text if text.endswith(".") else text + "."
