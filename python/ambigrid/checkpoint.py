"""The state of a run in one file, from which `--resume` goes on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.algorithms.log import History
from ambigrid.errors import InputError
from ambigrid.files import replacing


@dataclass(frozen=True)
class Checkpoint:
    """State of a method, of every agent, and the log so far.

    Attributes
    ----------
    identity : mapping
        What the run solves; a run with another identity cannot resume it.
    method : mapping of str to array
    agents : mapping of agent name to mapping of str to array
    history : History
    seconds : float
        Wall time spent so far, s.
    """

    identity: Mapping[str, Any]
    method: Mapping[str, Any]
    agents: Mapping[str, Mapping[str, Any]]
    history: History
    seconds: float

    def write(self, path: str | Path) -> None:
        """Write atomically: a run that is killed leaves the last whole checkpoint."""
        records = self.history.to_dataset().to_dict()
        arrays = {f"method/{name}": np.asarray(value) for name, value in self.method.items()}
        for agent, state in self.agents.items():
            arrays |= {f"agent/{agent}/{name}": np.asarray(v) for name, v in state.items()}
        facts = {"identity": self.identity, "seconds": self.seconds, "history": records}
        arrays["facts"] = np.array(json.dumps(facts, default=str))
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def read(cls, path: str | Path) -> Checkpoint:
        """Read a checkpoint.

        Raises
        ------
        InputError
            If the file is missing, damaged, or no checkpoint.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(str(arrays.pop("facts")))
            method, agents = _sorted(arrays)
            history = History.from_dataset(xr.Dataset.from_dict(facts["history"]))
            return cls(facts["identity"], method, agents, history, float(facts["seconds"]))
        except _DAMAGE as error:
            raise InputError(
                "this checkpoint cannot be read",
                where=str(path),
                got=" ".join(str(error).split()) or type(error).__name__,
                fix="give the file that --checkpoint wrote, or start without --resume",
            ) from error

    def check_identity(self, identity: Mapping[str, Any]) -> None:
        """Refuse to go on with another run.

        Raises
        ------
        InputError
            If a fact of `identity` differs.
        """
        for key, value in json.loads(json.dumps(identity, default=str)).items():
            if self.identity.get(key) != value:
                raise InputError(
                    f"this checkpoint belongs to a run with another {key}",
                    where="resume",
                    got=self.identity.get(key),
                    fix=f"resume with that {key}, or start without --resume",
                )


_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile,
)  # fmt: skip
"""What reading a file that is no checkpoint, or half of one, may raise."""


def _sorted(
    arrays: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """Split arrays by name into those of the method and those of every agent."""
    method: dict[str, np.ndarray] = {}
    agents: dict[str, dict[str, np.ndarray]] = {}
    for name, value in arrays.items():
        room, rest = name.split("/", 1)
        if room == "method":
            method[rest] = value
        else:
            agent, entry = rest.split("/", 1)
            agents.setdefault(agent, {})[entry] = value
    return method, agents
