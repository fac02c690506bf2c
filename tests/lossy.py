"""A post that loses, delays and doubles messages between the coordinator and its agents."""

from collections import Counter
from concurrent.futures import Future
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np

from ambigrid.coordination.homes import Threads

_QUESTIONS = 2
"""Questions that an agent is asked in one iteration."""


class LossyPost:
    """What happens to every message is drawn from a seed.

    Parameters
    ----------
    seed : int
    late : int
        Largest number of iterations by which an answer is held back; a third of them is. Time is
        told by the questions put to whom is asked most, and by every one that is repeated: no
        answer is held for ever.
    lost, doubled : float
        Share of requests, and of answers, that are lost; share of requests that arrive twice, the
        second time when the agent has been asked something else.
    """

    def __init__(self, seed, late=3, lost=0.05, doubled=0.05):
        self.late, self.lost, self.doubled = late, lost, doubled
        self.happened = Counter()
        self._rng = np.random.default_rng(seed)
        self._asked, self._seen, self._repeated = Counter(), set(), 0
        self._held, self._copies = {}, {}

    def send(self, deliver, name, request):
        """Carry a request to its agent and, now or later or never, the answer back."""
        letter = (name, request.number)
        again = letter in self._seen
        self._seen.add(letter)
        self._asked[name] += not again
        self._repeated += again
        self._release()
        future = Future()
        if letter in self._held or self._drawn(self.lost, "requests lost"):
            return future
        answered = self._answered(deliver)
        if copy := self._copies.pop(name, None):
            self._answered(copy)
        if self._drawn(self.doubled, "requests doubled"):
            self._copies[name] = deliver
        if self._drawn(self.lost, "answers lost"):
            return future
        if not again and self.late and self._drawn(1 / 3, "answers late"):
            wait = _QUESTIONS * int(self._rng.integers(1, self.late + 1))
            self._held[letter] = (self._now + wait, future, answered)
            return future
        return answered

    @property
    def _now(self):
        return max(self._asked.values()) + self._repeated

    def _drawn(self, share, what):
        happens = bool(self._rng.random() < share)
        self.happened[what] += happens
        return happens

    def _answered(self, deliver):
        future = Future()
        try:
            future.set_result(deliver())
        except Exception as error:
            future.set_exception(error)
        return future

    def _release(self):
        for letter, (due, held, answered) in list(self._held.items()):
            if due <= self._now:
                del self._held[letter]
                if held.set_running_or_notify_cancel():
                    held.set_result(answered.result())


@contextmanager
def lossy_post(seed, **shares):
    """Let all answers of agents in threads go through a `LossyPost`."""
    call, post = Threads.call, LossyPost(seed, **shares)

    def send(homes, name, method, *arguments):
        if method != "answer":
            return call(homes, name, method, *arguments)
        deliver = lambda: call(homes, name, method, *arguments).result()  # noqa: E731
        return post.send(deliver, name, arguments[0])

    with patch.object(Threads, "call", send):
        yield post
