"""A measurement in a process of its own: nothing it leaves in memory or in caches touches the next one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

DEADLINE_S = 300.0


class ChildError(Exception):
    """A measurement failed; the text is what it wrote to stderr."""


def measure(module: str, **given: object) -> dict[str, Any]:
    """Run `python -m module` with one JSON argument; what it answers is one line of JSON. Raises ChildError."""
    command = [sys.executable, "-m", module, json.dumps(given)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"{module} {given} did not end within {DEADLINE_S:g} s") from error
    if done.returncode:
        raise ChildError(f"{module} {given} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def given() -> dict[str, Any]:
    """The argument of this process."""
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    return arguments


def answer(**found: object) -> None:
    """Tell the parent."""
    print(json.dumps(found), flush=True)
