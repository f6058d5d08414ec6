"""What was done and when: a file to read afterwards, and what lies around a moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from time import monotonic
from typing import TextIO

# What goes wrong with an input goes wrong when it is judged, or judged again: by a group that has yet to find itself, or
# by a zombie that wakes up.
_BEFORE_S, _AFTER_S = 5.0, 20.0

Note = Callable[[str], None]
"""Takes a line for the journal."""


class Journal:
    """Notes with their seconds since the beginning of the run."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began_s = monotonic()
        self._notes: list[tuple[float, str]] = []
        self._written: list[tuple[int, float]] = []

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return monotonic() - self._began_s

    def note(self, text: str) -> None:
        """Something was done, or happened."""
        self._notes.append((self.now_s, text))
        print(f"{self.now_s:9.3f} {text}", file=self._out, flush=True)

    def wrote(self, until: int) -> None:
        """All inputs that arrived (ms) by then are in the log."""
        self._written.append((until, self.now_s))

    @property
    def written_until(self) -> int | None:
        """The last arrival (ms) that is in the log; None before there is one."""
        return self._written[-1][0] if self._written else None

    def around(self, arrival: int) -> tuple[float, list[str]]:
        """When the inputs of an arrival (ms) were written, and what was noted around then."""
        found = bisect_left(self._written, arrival, key=lambda written: written[0])
        at_s = self._written[min(found, len(self._written) - 1)][1] if self._written else 0.0
        near = [f"{s:.3f} {text}" for s, text in self._notes if at_s - _BEFORE_S <= s <= at_s + _AFTER_S]
        return at_s, near
