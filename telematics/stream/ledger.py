"""Which vehicles of a partition have changed since their state was last made durable, and since which place in the log.

The log before `replay_from` is in the snapshots; what follows is judged again, in silence, by whoever takes the
partition over. A snapshot is taken of a vehicle when something was announced of it, so that what was told is never
found out anew, and of the others in turn, so that each is in one before the interval is over: that bounds the replay.
"""

from __future__ import annotations

import re
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from telematics.core.fleet import grown

Slots = NDArray[np.intp]

_CLEAN = np.iinfo(np.int64).max
# Of one partition in one go: some 20 ms in which nothing is judged.
_MOST_AT_ONCE = 250


class Mark(NamedTuple):
    """A place in the log: its offset, and the clock before it (arrival, ms)."""

    offset: int
    clock: int


class Restart(NamedTuple):
    """What a partition's owner leaves beside its offset: from where the next one has to judge again.

    `truncated_until` as the engine has it: its vehicles may have been there before what it has seen of the log.
    """

    replay_from: Mark
    truncated_until: int | None

    def text(self) -> str:
        """As the metadata of a commit, below 100 characters whatever the numbers: Kafka takes 4,096."""
        until = "-" if self.truncated_until is None else self.truncated_until
        return f"v1 {self.replay_from.offset} {self.replay_from.clock} {until}"

    @classmethod
    def read(cls, text: str) -> Restart | None:
        """The metadata of a commit; None for any other text, such as the empty one of a tool that moved the offset."""
        found = re.fullmatch(r"v1 (\d{1,20}) (\d{1,20}) (\d{1,20}|-)", text)
        if found is None:
            return None
        return cls(Mark(int(found[1]), int(found[2])), None if found[3] == "-" else int(found[3]))


class Ledger:
    """Vehicles by their number; `interval_s` is how long one that has changed may go without a snapshot."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        # By vehicle: since which offset, from which clock, and when by a monotonic clock.
        self._since = np.zeros(0, dtype=np.int64)
        self._clock = np.zeros(0, dtype=np.int64)
        self._noted_s = np.zeros(0)
        self._owed = 0.0
        self._asked_s: float | None = None

    def note(self, changed: Slots, mark: Mark, now_s: float) -> None:
        """These have changed by inputs from `mark` on."""
        if not len(changed):
            return
        most = int(changed[-1]) + 1
        if most > len(self._since):
            self._since, self._clock = grown(self._since, most, _CLEAN), grown(self._clock, most, 0)
            self._noted_s = grown(self._noted_s, most, 0.0)
        fresh = changed[self._since[changed] == _CLEAN]
        self._since[fresh], self._clock[fresh], self._noted_s[fresh] = mark.offset, mark.clock, now_s

    def replay_from(self, end: Mark) -> Mark:
        """From where the vehicles that have changed would have to be judged again; `end` if none has."""
        if not len(self._since):
            return end
        first = int(self._since.argmin())
        if self._since[first] == _CLEAN:
            return end
        return Mark(int(self._since[first]), int(self._clock[first]))

    def in_turn(self, now_s: float) -> Slots:
        """Whose turn it is: those that have waited longest, as many as keep all within the interval."""
        changed = np.flatnonzero(self._since != _CLEAN)
        since_s = 0.0 if self._asked_s is None else now_s - self._asked_s
        self._asked_s = now_s
        if not len(changed):
            self._owed = 0.0
            return changed
        waited_s = now_s - self._noted_s[changed]
        overdue = int(np.count_nonzero(waited_s >= self._interval_s))
        self._owed += len(changed) * since_s / self._interval_s
        number = min(_MOST_AT_ONCE, len(changed), max(ceil(self._owed), overdue))
        self._owed = max(0.0, self._owed - number)
        if number == len(changed):
            return changed
        return changed[np.argpartition(-waited_s, number)[:number]]

    def clean(self, slots: Slots) -> None:
        """Of these a snapshot is taken."""
        self._since[slots[slots < len(self._since)]] = _CLEAN
