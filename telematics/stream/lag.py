"""How far behind a partition is, in seconds, without trusting any clock but our own stopwatch.

Wall clock minus arrival would do on a live topic and mean nothing on a simulated one. Instead we remember when we
saw which end of the log: the oldest end that we have not reached yet was in the log at least since then.
"""

from __future__ import annotations

import math
from collections import deque

# One a second: ten minutes at full resolution.
_SAMPLES = 600


class Lag:
    """Ends of the log as seen over time, against the position reached. `end` is the end when we came."""

    def __init__(self, end: int = 0) -> None:
        # What was there before us waits since nobody knows when.
        self._ends: deque[tuple[float, int]] = deque([(-math.inf, end)])
        self._end = end

    def seen(self, end: int, now_s: float) -> None:
        """The log ended at this offset at `now_s` of a monotonic clock."""
        if end <= self._end:
            return
        if len(self._ends) >= _SAMPLES:
            # Half the resolution rather than the oldest forgotten, which is the answer.
            self._ends = deque(list(self._ends)[::2])
        self._ends.append((now_s, end))
        self._end = end

    def behind(self, position: int, now_s: float) -> tuple[int, float]:
        """Records not processed yet, and since how many seconds the oldest of them waits."""
        while self._ends and self._ends[0][1] <= position:
            self._ends.popleft()
        return max(0, self._end - position), now_s - self._ends[0][0] if self._ends else 0.0
