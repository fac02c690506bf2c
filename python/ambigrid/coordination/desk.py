"""An operator's side of the post: every question is answered once, however often it arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from ambigrid.coordination.messages import Answer, Request


class Desk:
    """Remembers the last answer, and sends it again to copies of its question.

    A question is put only after the one before has been answered, so nobody waits for an answer
    to an older copy, and the last one is enough to remember. While a question is at work its
    copies get the answer to the one before: whoever reads its number knows that there is none yet.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._begun = 0
        self._last = Answer()

    def once(self, request: Request, answer: Callable[[], Answer]) -> Answer:
        """Answer a question unless it is a copy; never wait."""
        with self._lock:
            if request.number <= self._begun:
                return self._last
            self._begun = request.number
        try:
            self._last = replace(answer(), number=request.number)
        except BaseException:
            self._begun = self._last.number  # a copy fails anew
            raise
        return self._last
