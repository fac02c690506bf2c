"""When a loop must end: time, an interruption, or the tolerance it was given."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ambigrid.errors import InputError


@dataclass
class Budget:
    """Wall time that is left, and a flag that another thread may raise.

    A budget sent to another process starts there with what is left; its flag is its own.

    Parameters
    ----------
    seconds : float
        Time limit from now, s; infinite by default.
    """

    seconds: float = float("inf")
    started: float = field(default_factory=time.monotonic)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise InputError(
                "the time limit must be positive", got=self.seconds, fix="give seconds, or none"
            )

    def __reduce__(self) -> tuple[type[Budget], tuple[float]]:
        return Budget, (max(self.remaining, 1e-9),)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """Seconds that are left; 0 after `stop`."""
        return 0.0 if self._stopped.is_set() else max(0.0, self.seconds - self.elapsed)

    @property
    def expired(self) -> bool:
        """Whether the loop must end now."""
        return self.remaining <= 0.0

    def discount(self, seconds: float) -> None:
        """Leave out of account the last `seconds`, which were spent on something else."""
        self.started += seconds

    def stop(self) -> None:
        """Make every loop that shares this budget end after its present solve."""
        self._stopped.set()

    def limited(self, seconds: float) -> Budget:
        """Return a budget that ends after `seconds` or with this one, whichever is first."""
        part = Budget(max(min(seconds, self.remaining), 1e-9))
        part._stopped = self._stopped
        return part
