"""Slow tests run only with --slow; every run ends with what it left out, and why."""

from collections import Counter

import pytest

_LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_configure(config):
    config.stash[_LEFT_OUT] = 0


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    items[:] = [item for item in items if item not in slow]
    config.hook.pytest_deselected(items=slow)
    config.stash[_LEFT_OUT] = len(slow)


def pytest_sessionfinish(session):
    """Let a worker of pytest-xdist tell the controller what it left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[_LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter, config):
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    slow = config.stash[_LEFT_OUT]
    terminalreporter.section("left out")
    for (path, reason), count in sorted(skipped.items()):
        terminalreporter.write_line(f"{count} in {path}: {reason}")
    if slow:
        terminalreporter.write_line(f"{slow} marked slow: run with --slow")
    if not skipped and not slow:
        terminalreporter.write_line("nothing")


def _reason(report):
    path, _, reason = report.longrepr
    return report.nodeid.split("::")[0] or path, reason.removeprefix("Skipped: ")
