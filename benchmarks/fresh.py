"""Measurements in a fresh process each, kept as soon as they are made.

A fresh process has no caches, no threads and no memory of earlier measurements, and can be ended
when it takes too long. ``python -m benchmarks.fresh`` is that process.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import ambigrid

Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A function that measures something, with its arguments.

    Attributes
    ----------
    name : str
        File name of what is kept.
    function : str
        Such as "benchmarks.size:measure_size"; it returns a dict of plain data.
    arguments : mapping
        Plain data.
    """

    name: str
    function: str
    arguments: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """SHA-256 of arguments, package and function: what is kept of other code is not used."""
        digest = hashlib.sha256(json.dumps([self.function, dict(self.arguments)]).encode())
        module = Path(__file__).parent / f"{self.function.partition(':')[0].rpartition('.')[2]}.py"
        for path in (*sorted(Path(ambigrid.__file__).parent.rglob("*.py")), module):
            digest.update(path.read_bytes())
        return digest.hexdigest()


class Bench:
    """Where measurements are made and kept.

    Parameters
    ----------
    folder : Path
        A file per measurement.
    time_limit : float
        Seconds of wall time for one measurement.
    """

    def __init__(self, folder: Path, time_limit: float) -> None:
        self._folder, self._time_limit = folder, time_limit

    def measure(self, task: Task) -> Record:
        """Return what a task measures: kept from an earlier run of the same code, or made now.

        A measurement that failed has ``failed``, which says why, instead of what it measures.
        """
        path, mark = self._folder / f"{task.name}.json", task.mark
        if path.is_file():
            kept: Record = json.loads(path.read_text())
            if kept.get("mark") == mark:
                return kept
        record = {**_run(task, self._time_limit), "mark": mark}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1))
        return record


def machine() -> dict[str, str]:
    """Return what measurements depend on: processor, cores, versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"Python {platform.python_version()}"
    return {"cores": str(cores), "processor": _processor(), "versions": versions}


def resident_memory(kind: str = "VmRSS") -> float:
    """Memory of this process that is in use (VmRSS), or was at most (VmHWM), MB.

    The kernel's own peak is used because `resource` counts what the parent process had, too.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024.0
    raise OSError(f"/proc/self/status has no {kind}")


def resident(kind: str) -> Record:
    """Measure a fresh process itself: what interpreter and package need before anything else."""
    return {"resident_mb": resident_memory(kind)}


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _run(task: Task, time_limit: float) -> Record:
    command = [sys.executable, "-m", "benchmarks.fresh", task.function]
    try:
        done = subprocess.run(
            [*command, json.dumps(dict(task.arguments))],
            capture_output=True,
            text=True,
            timeout=time_limit,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not within {time_limit:.0f} s"}
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"ended by signal {-done.returncode}"])[-1]
        return {"failed": reason}
    record: Record = json.loads(done.stdout.splitlines()[-1])
    return record


def main(function: str, arguments: str) -> None:
    """Be the fresh process: run the function, print what it returns and the peak of memory."""
    module, _, name = function.partition(":")
    record = getattr(import_module(module), name)(**json.loads(arguments))
    print(json.dumps({**record, "peak_memory_mb": resident_memory("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
