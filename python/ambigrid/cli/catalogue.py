"""Commands that tell what there is: cases, studies, a template to edit, this machine."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from ambigrid.cli.common import AsJson, print_json, print_table

STUDIES = {
    "ev-flexibility": "EV-station flexibility between a transmission and several distribution "
    "operators"
}
_PACKAGES = ("ambigrid", "highspy", "clarabel", "linopy", "xarray", "numpy", "scipy", "juliacall")


def cases(as_json: AsJson = False) -> None:
    """List the built-in systems."""
    from ambigrid.cases import list_cases

    known = list_cases()
    if as_json:
        print_json({"cases": [{"name": name, "title": title} for name, title in known.items()]})
    else:
        print_table("Built-in systems", ("case", "what it is"), known.items())


def studies(as_json: AsJson = False) -> None:
    """List the studies."""
    if as_json:
        print_json({"studies": [{"name": name, "title": text} for name, text in STUDIES.items()]})
    else:
        print_table("Studies", ("study", "what it decides"), STUDIES.items())


def template(
    path: Annotated[Path, typer.Argument(help="Folder to write the case to.")] = Path("my_case"),
    as_json: AsJson = False,
) -> None:
    """Write a small commented case to edit and run."""
    from ambigrid.cases.template import write_template

    write_template(path)
    if as_json:
        print_json({"template": str(path)})
    else:
        print(f"Wrote a case to edit: {path}\nRun it with: ambigrid run {path}")


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed here: packages, solvers, cores, Julia."""
    packages, julia = {name: _version(name) for name in _PACKAGES}, _julia()
    machine = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": _cores(),
    }
    if as_json:
        print_json({**machine, "packages": packages, "julia": julia})
        return
    rows = [*machine.items(), *((name, found or "no") for name, found in packages.items())]
    print_table("This machine", ("what", "found"), [*rows, ("Julia", _julia_line(julia))])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _julia() -> dict[str, Any]:
    """Look for Julia the way juliacall does, without importing it (which would start Julia)."""
    own = Path(sys.prefix, "julia_env", "pyjuliapkg", "install", "bin", "julia")
    places = (os.environ.get("PYTHON_JULIACALL_EXE"), shutil.which("julia"), str(own))
    found = [place for place in places if place and Path(place).exists()]
    return {
        "juliacall": find_spec("juliacall") is not None,
        "executable": found[0] if found else None,
        "project": os.environ.get("PYTHON_JULIACALL_PROJECT"),
    }


def _julia_line(julia: dict[str, Any]) -> str:
    if julia["executable"]:
        return str(julia["executable"])
    return "not found; engine highs needs none, and engine julia is not part of this version yet"
