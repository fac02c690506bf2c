"""An operator's side of the post: every question is answered once, however often it arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from ambigrid.coordination.messages import Answer, Request


class Desk:
    """Remembers the last answer, and sends it again to copies of its question.

    A question is put only after the one before has been answered, so nobody waits for an answer
    to an older copy, and the last one is enough to remember.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = Answer()

    def once(self, request: Request, answer: Callable[[], Answer]) -> Answer:
        """Answer a question that has not been answered yet; copies wait for the same answer."""
        with self._lock:
            if request.number > self._last.number:
                self._last = replace(answer(), number=request.number)
            return self._last
