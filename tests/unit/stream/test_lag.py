"""How far behind: told by ends of the log seen over time, never by anybody's clock."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from telematics.stream.lag import Lag


def test_what_was_there_before_us_waits_since_nobody_knows_when() -> None:
    """A backlog found at the start is older than any limit until it has been passed."""
    lag = Lag(100)
    assert lag.behind(40, now_s=5.0) == (60, math.inf)
    assert lag.behind(100, now_s=5.0) == (0, 0.0)


def test_an_empty_log_is_not_behind() -> None:
    """With nothing written there is nothing to wait for."""
    assert Lag(0).behind(0, now_s=1.0) == (0, 0.0)


def test_the_oldest_end_not_reached_tells_the_age() -> None:
    """Behind since the first moment at which the log was seen to be longer than what has been judged."""
    lag = Lag(0)
    for at, end in ((10.0, 50), (20.0, 80), (30.0, 80), (40.0, 120)):
        lag.seen(end, at)
    assert lag.behind(0, now_s=41.0) == (120, 31.0)
    assert lag.behind(50, now_s=41.0) == (70, 21.0)
    assert lag.behind(79, now_s=41.0) == (41, 21.0)
    assert lag.behind(80, now_s=41.0) == (40, 1.0)
    assert lag.behind(120, now_s=41.0) == (0, 0.0)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=1500))
def test_the_age_is_never_understated_and_memory_is_bounded(steps: list[int]) -> None:
    """However long a partition makes no progress, the age is that of its first unread record, and little is kept."""
    lag = Lag(0)
    end, first = 0, None
    for now, step in enumerate(steps):
        end += step
        lag.seen(end, float(now))
        if first is None and end:
            first = now
    records, behind_s = lag.behind(0, now_s=float(len(steps)))
    assert records == end
    assert behind_s == (0.0 if first is None else len(steps) - first)
    assert len(lag._ends) <= 601
