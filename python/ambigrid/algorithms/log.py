"""The log of a run: one record per iteration, as data.

Stopping rules read it, the progress table shows it, and a result keeps it in ``/history``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from math import inf, isfinite, nan
from typing import Any

import numpy as np
import xarray as xr

_ATTRS: dict[str, dict[str, str]] = {
    "lower_bound": {"units": "$", "long_name": "best lower bound on the total cost"},
    "upper_bound": {"units": "$", "long_name": "best upper bound on the total cost"},
    "primal_residual": {"units": "MW", "long_name": "disagreement on the shared variables"},
    "dual_residual": {"units": "MW", "long_name": "change of the shared variables"},
    "penalty": {"units": "$/MW2", "long_name": "penalty on disagreement"},
    "seconds": {"units": "s", "long_name": "wall time since the start"},
    "note": {"long_name": "what happened in this iteration"},
}

_ROUNDING = 1e-5
"""Relative crossing of two bounds that solvers' tolerances explain."""


@dataclass(frozen=True)
class IterationRecord:
    """What one iteration of a loop knew when it ended.

    Parameters
    ----------
    iteration : int
        Number of the iteration, from 1.
    lower_bound, upper_bound : float
        Best bounds on the total cost so far, $; ``-inf`` and ``inf`` while there is none.
    primal_residual : float
        Largest disagreement on the shared variables, in their units; NaN where a loop has none.
    dual_residual : float
        Largest change of the shared variables since the last iteration; NaN where a loop has none.
    penalty : float
        Penalty on disagreement; NaN where a loop has none.
    seconds : float
        Wall time since the start of the run, s.
    note : str
        A few words for the reader, such as "2 cuts" or "certificate".
    """

    iteration: int
    lower_bound: float = -inf
    upper_bound: float = inf
    primal_residual: float = nan
    dual_residual: float = nan
    penalty: float = nan
    seconds: float = nan
    note: str = ""

    @property
    def gap(self) -> float:
        """Relative gap between the two bounds; ``inf`` while one of them is missing."""
        return relative_gap(self.lower_bound, self.upper_bound)

    @property
    def crossed(self) -> bool:
        """Whether the lower bound lies above the upper one by more than rounding."""
        return crossed(self.lower_bound, self.upper_bound)


Progress = Callable[[IterationRecord], None]
"""What a loop calls at the end of every iteration."""


class History:
    """The records of a run in order.

    Parameters
    ----------
    records : iterable of IterationRecord, optional
        Records to start from, such as those of a checkpoint.

    Examples
    --------
    >>> history = History()
    >>> history.append(IterationRecord(1, lower_bound=90.0, upper_bound=100.0))
    >>> history.last.gap
    0.1
    """

    def __init__(self, records: Iterable[IterationRecord] = ()) -> None:
        self._records = list(records)

    def append(self, record: IterationRecord) -> None:
        """Add the record of the iteration that just ended."""
        self._records.append(record)

    @property
    def last(self) -> IterationRecord:
        """The newest record."""
        return self._records[-1]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[IterationRecord]:
        return iter(self._records)

    def __getitem__(self, position: int) -> IterationRecord:
        return self._records[position]

    def to_dataset(self) -> xr.Dataset:
        """Give the log as a dataset over ``iteration``, ready for a result's ``/history``."""
        rows = [astuple(record) for record in self._records]
        columns = {field.name: [row[k] for row in rows] for k, field in enumerate(_FIELDS)}
        iteration = np.asarray(columns.pop("iteration"), dtype=np.int64)
        data: dict[str, Any] = {
            name: ("iteration", np.asarray(values, dtype=_dtype(name)), _ATTRS[name])
            for name, values in columns.items()
        }
        return xr.Dataset(data, coords={"iteration": iteration})

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> History:
        """Read back what :meth:`to_dataset` wrote."""
        names = [field.name for field in _FIELDS]
        columns = [dataset[name].values.tolist() for name in names]
        return cls(IterationRecord(*row) for row in zip(*columns, strict=True))


def relative_gap(lower: float, upper: float) -> float:
    """Relative distance of two bounds, ``(upper - lower) / max(1, |upper|)``.

    Parameters
    ----------
    lower, upper : float
        Bounds on one objective, in the same units.

    Returns
    -------
    float
        The gap, at least 0; ``inf`` when a bound is missing or not a number. Bounds that cross
        count as 0, so that a loop ends and its searched upper bound is put to the proof: what
        they mean is told by `crossed`.
    """
    if not (isfinite(lower) and isfinite(upper)):
        return inf
    return max(0.0, upper - lower) / max(1.0, abs(upper))


def crossed(lower: float, upper: float) -> bool:
    """Whether a lower bound lies above an upper bound by more than rounding: 1e-5 of the upper.

    Solvers accept rows that are violated by 1e-7; at prices of 5,000 $/MWh and a thousand rows
    that moves a cost of 70,000 $ by 0.5 $, which is 7e-6 of it. A larger crossing means that an
    upper bound that rests on a search has missed a worse outcome, or that a bound is wrong.
    """
    if not (isfinite(lower) and isfinite(upper)):
        return False
    return lower - upper > _ROUNDING * max(1.0, abs(upper))


_FIELDS = fields(IterationRecord)


def _dtype(name: str) -> type:
    return object if name == "note" else float
