"""What every test may ask for: a broker, names of its own on it, a broker to break, the real tracks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from telematics.stream.local.broker import LocalBroker
from tests.support import kafka

TRACKS_VARIABLE = "TELEMATICS_TEST_TRACKS"
BAD = ("failed", "error", "skipped")
OUTCOMES = ("passed", *BAD, "xfailed", "deselected")
_deselected_for_tracks = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def bootstrap() -> Iterator[str]:
    """`host:port` of the one broker of this run. Topics are told apart by `topic_prefix`."""
    with kafka.broker() as running:
        yield running


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that no other test has."""
    return f"test-{uuid4().hex[:12]}."


@pytest.fixture
def own_broker() -> Iterator[Callable[..., LocalBroker]]:
    """Call it, with `nodes=3` for a cluster, for a broker of this test's alone, to `kill()` and `start()` at will."""
    with ExitStack() as running:
        yield lambda nodes=1: running.enter_context(LocalBroker.temporary(nodes=nodes))


@pytest.fixture(scope="session")
def real_tracks() -> Path:
    """The file of real vehicle tracks; tests that ask for it carry the mark `real_tracks`."""
    return Path(os.environ[TRACKS_VARIABLE])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the real tracks the tests on them are left out, and named at the end."""
    named = os.environ.get(TRACKS_VARIABLE)
    if named and not Path(named).is_file():
        raise pytest.UsageError(f"{TRACKS_VARIABLE}={named} is not a file")
    if named:
        return
    left_out = [item for item in items if item.get_closest_marker("real_tracks")]
    config.stash[_deselected_for_tracks] = [item.nodeid for item in left_out]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_report_header() -> str:
    """Say which broker the run would use before it starts."""
    return f"kafka: {kafka.source().value}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Name the tests that were left out for want of the real tracks, and keep the outcome in build/tests.txt."""
    left_out = config.stash.get(_deselected_for_tracks, [])
    if left_out:
        terminalreporter.section("left out: real tracks")
        terminalreporter.line(f"{TRACKS_VARIABLE} names no file of real tracks; not run:")
        for nodeid in left_out:
            terminalreporter.line(f"  {nodeid}")
    lines = [
        f"exit code {int(exitstatus)}; pytest {' '.join(config.invocation_params.args)}",
        f"kafka: {kafka.source().value}; tracks: {os.environ.get(TRACKS_VARIABLE, 'none')}",
        *(f"{len(terminalreporter.getreports(outcome))} {outcome}" for outcome in OUTCOMES),
        *(f"{outcome} {report.nodeid}" for outcome in BAD for report in terminalreporter.getreports(outcome)),
        *(f"left out {nodeid}" for nodeid in left_out),
    ]
    summary = config.rootpath / "build" / "tests.txt"
    summary.parent.mkdir(exist_ok=True)
    summary.write_text("\n".join(lines) + "\n", encoding="utf-8")
