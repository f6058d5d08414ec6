"""Which vehicles are owed a snapshot, and from where they would be judged again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telematics.stream.ledger import Ledger, Mark, Restart

END = Mark(10_000, 99)


def _slots(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.array(numbers, dtype=np.intp)


def test_the_replay_begins_with_the_oldest_change_that_is_in_no_snapshot() -> None:
    """A vehicle counts from its first change since its last snapshot, with the clock before it."""
    ledger = Ledger(60)
    assert ledger.replay_from(END) == END
    ledger.note(_slots(3), Mark(10, 1), 0.0)
    ledger.note(_slots(1, 3), Mark(20, 2), 1.0)
    assert ledger.replay_from(END) == Mark(10, 1)
    ledger.clean(_slots(3))
    assert ledger.replay_from(END) == Mark(20, 2)
    ledger.note(_slots(3), Mark(30, 3), 2.0)
    ledger.clean(_slots(1, 700))
    assert ledger.replay_from(END) == Mark(30, 3)
    ledger.clean(_slots(3))
    assert ledger.replay_from(END) == END


def test_each_has_its_turn_within_the_interval() -> None:
    """Asked four times a second while all change all the time, none waits longer than the interval, nor all at once."""
    ledger, vehicles = Ledger(60), 1_000
    saved_s = dict.fromkeys(range(vehicles), 0.0)
    most, waited_s = 0, 0.0
    for quarter in range(4 * 300):
        now_s = quarter / 4
        ledger.note(np.arange(vehicles), Mark(quarter, quarter), now_s)
        slots = ledger.in_turn(now_s)
        ledger.clean(slots)
        most = max(most, len(slots))
        for slot in slots.tolist():
            waited_s = max(waited_s, now_s - saved_s[slot])
            saved_s[slot] = now_s
    assert max(300 - at for at in saved_s.values()) <= 62
    assert waited_s <= 62
    assert most <= 8


def test_a_stretch_without_asking_does_not_stop_the_judging() -> None:
    """However many are overdue, only so many are taken in one go; the oldest first."""
    ledger = Ledger(60)
    ledger.note(np.arange(5_000), Mark(0, 0), 0.0)
    ledger.note(np.arange(5_000, 5_100), Mark(1, 1), 500.0)
    taken = ledger.in_turn(1_000.0)
    assert len(taken) <= 250
    assert taken.max() < 5_000


@pytest.mark.parametrize("text", ["", "v1", "v1 1 2", "v1 1 2 -2", "v2 1 2 0", "v1 -1 2 0", "v1 1 2 0 ", "null"])
def test_other_metadata_is_no_restart(text: str) -> None:
    """What a tool or another program left beside the offset is not guessed at."""
    assert Restart.read(text) is None


@given(offset=st.integers(0, 2**63 - 1), clock=st.integers(0, 2**63 - 1), until=st.none() | st.integers(0, 2**63 - 1))
def test_metadata_is_small_and_comes_back(offset: int, clock: int, until: int | None) -> None:
    """Any restart is read as it was written, in far less than the 4,096 bytes that Kafka takes."""
    restart = Restart(Mark(offset, clock), until)
    assert Restart.read(restart.text()) == restart
    assert len(restart.text()) < 100
