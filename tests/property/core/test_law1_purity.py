"""Law 1: the engine reads no clock, file, network or random number, and logs nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import geofences
import telematics.core

FORBIDDEN = frozenset(
    [
        "aiokafka",
        "asyncio",
        "datetime",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "prometheus_client",
        "random",
        "secrets",
        "select",
        "signal",
        "socket",
        "sqlalchemy",
        "ssl",
        "structlog",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
        "warnings",
    ]
)
# The one reader of files: the rules' parameters, before there is an engine.
READS_FILES = {"params.py"}
# The one that knows calendars; what day it is, it is told.
KNOWS_DATES = {"schedule.py"}
CLOCKS = frozenset({"now", "today", "utcnow", "monotonic", "perf_counter", "time_ns"})
CORE = Path(telematics.core.__file__).parent
GEOFENCES = Path(geofences.__file__).parent
FILES = [*CORE.rglob("*.py"), *GEOFENCES.glob("*.py"), *(GEOFENCES / "lint").glob("*.py")]


def _imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def _called(tree: ast.AST) -> set[str]:
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE.parent.parent)))
def test_the_core_imports_nothing_that_knows_the_time_or_the_outside(path: Path) -> None:
    """No module of the core or the geometry imports a clock, randomness, logging or input and output, or prints."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = {"datetime"} if path.name in KNOWS_DATES else set()
    assert not _imported(tree) & (FORBIDDEN - allowed)
    if allowed:
        assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & CLOCKS
    assert not _called(tree) & {"print", "input", "breakpoint"}
    if path.name not in READS_FILES:
        assert "pathlib" not in _imported(tree)
        assert "open" not in _called(tree)
