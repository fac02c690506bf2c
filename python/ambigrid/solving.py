"""`solve`: from a study to a result, with agents in this process or on the workers of a cluster."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ambigrid.algorithms.log import Progress
from ambigrid.ambiguity import AmbiguitySet
from ambigrid.checkpoint import Checkpoint
from ambigrid.coordination import ADMM, Centralized, CutSharing, MessageLog, Method, Team
from ambigrid.coordination.cluster import Cluster, check_options, is_client
from ambigrid.coordination.homes import Homes, Threads
from ambigrid.engines.registry import check_engine
from ambigrid.errors import InputError, SolverError
from ambigrid.outcome import facts_of, make_result, unprepared
from ambigrid.results import Result
from ambigrid.session import Limits, Session
from ambigrid.study import Study

if TYPE_CHECKING:
    from distributed import Client

Methods = ADMM | CutSharing | Centralized
"""Every method there is."""

_IDENTITY = ("study", "case", "data_hash", "method", "settings")
"""Facts by which a checkpoint knows the run that it belongs to."""


def solve(
    study: Study,
    method: Method | None = None,
    *,
    engine: str = "highs",
    gap: float = 5e-3,
    time_limit: float = np.inf,
    certify: bool = True,
    certificate_limit: float = 600.0,
    threads: int | None = None,
    executor: Executor | Client | None = None,
    patience: float = np.inf,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    parts: str | Path | None = None,
    progress: Progress = lambda record: None,
    log: MessageLog | None = None,
) -> Result:
    """Solve a study with several agents.

    Parameters
    ----------
    study : Study
        Such as `EVFlexibility`.
    method : ADMM, CutSharing or Centralized, optional
        How agents come to an agreement; default `ADMM()`.
    engine : "highs" or "julia"
        Where programs are solved.
    gap : float
        Relative gap between own upper and lower bound at which to stop.
    time_limit : float
        Seconds of wall time for the coordination.
    certify : bool
        Whether to prove the upper bound against every call; without, the best status is
        ``converged``.
    certificate_limit : float
        Seconds of wall time for the proof.
    threads : int, optional
        Agents solved at once; default the number of cores.
    executor : concurrent.futures.Executor or distributed.Client, optional
        Where agents live, instead of threads of this process. With a client of a Dask cluster
        each agent is an actor on a worker, which reads its own group of the study's case file.
    patience : float
        Seconds after which an unanswered question is put to an agent again, then after twice
        that time and so on; infinite by default, for threads lose no message. Agents answer a
        repeated question once, so that too little patience costs messages and nothing else.
    seed : int
        Recorded in the result.
    checkpoint, resume : path, optional
        Where to save the state after every iteration; where to continue from.
    parts : path, optional
        With a cluster: folder, on each worker, in which every operator saves its own part of the
        result, which stays there. `load_result` joins parts with the result.
    progress : callable
        Receives an `IterationRecord` after every iteration.
    log : MessageLog, optional
        Filled with everything that crosses between agents.

    Returns
    -------
    Result
        Also after a time limit, an interruption (Ctrl-C) or a solver failure, with what there
        is and the status that says so. From a cluster it holds what was exchanged and the agents'
        costs; all else about an operator stays on its worker.

    Raises
    ------
    InputError
        If arguments or data cannot be used.
    """
    started = time.monotonic()
    check_engine(engine)
    method = _known(ADMM() if method is None else method)
    limits = Limits(gap, time_limit, certify, certificate_limit, patience)
    if threads is not None and not threads >= 1:
        raise InputError(
            "there must be a thread", where="solve, threads", got=threads, fix="give 1 or more"
        )
    remote = is_client(executor)
    if remote:
        check_options(method, checkpoint=checkpoint, resume=resume)
    elif parts is not None:
        raise InputError(
            "only operators on a cluster save parts of their own",
            where="solve, parts",
            got=parts,
            fix="save the result, or give a Dask client as executor",
        )
    facts = facts_of(study, method, engine, limits) | {"seed": seed}
    facts |= {} if remote else {"data_hash": study.source.hash}
    identity = {key: facts.get(key) for key in _IDENTITY}
    earlier = None if resume is None else Checkpoint.read(resume)
    if earlier is not None:
        earlier.check_identity(identity)
    with ExitStack() as stack:
        try:
            homes = stack.enter_context(_homes(study, executor, threads))
        except SolverError as error:
            return unprepared({**facts, "message": str(error)}, time.monotonic() - started)
        facts["build_seconds"] = time.monotonic() - started
        if isinstance(homes, Threads):
            identity["ambiguity set"] = _digest(homes.ambiguities)
        if earlier is not None:
            earlier.check_identity(identity)
        team = Team(homes, MessageLog() if log is None else log, patience)
        session = Session(team, method, limits, identity, checkpoint, earlier, progress)
        return make_result(study, session, session.ended(), facts, parts)


def _known(method: Any) -> Method:
    if not isinstance(method, get_args(Methods)):
        raise InputError(
            "unknown method",
            where="solve, method",
            got=repr(method),
            fix="give ADMM(), CutSharing() or Centralized()",
        )
    known: Method = method
    return known


@contextmanager
def _homes(
    study: Study, executor: Executor | Client | None, threads: int | None
) -> Iterator[Homes]:
    """Bring agents to where they live, for as long as they are needed."""
    if is_client(executor):
        with Cluster(study, executor) as homes:
            yield homes
    elif isinstance(executor, Executor):
        yield Threads(study, executor)
    elif executor is None:
        with ThreadPoolExecutor(threads or cpu_count() or 1) as pool:
            yield Threads(study, pool)
    else:
        raise InputError(
            "unknown executor",
            where="solve, executor",
            got=repr(executor),
            fix="give a concurrent.futures.Executor or a distributed.Client",
        )


def _digest(ambiguities: Mapping[str, AmbiguitySet]) -> str:
    """SHA-256 of all parameters of the agents' ambiguity sets, samples included."""
    digest = hashlib.sha256()
    for name, ambiguity in ambiguities.items():
        digest.update(f"\n{name} {ambiguity.name}".encode())
        for key, value in vars(ambiguity).items():
            array = np.asarray(value)
            content = array.tobytes() if array.dtype.kind in "biuf" else repr(value).encode()
            digest.update(f"\n{key} {array.shape} ".encode() + content)
    return digest.hexdigest()
