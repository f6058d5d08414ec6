"""The judge of the chaos suite finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.judge import Said, Verdict, judge

EXPECTED = [
    Said(f"{vehicle}-{number}", vehicle, f"{vehicle} says {number}".encode(), number)
    for number in range(4)
    for vehicle in ("a", "b")
]


def test_what_an_undisturbed_run_says_is_accepted() -> None:
    """The same things in the same order leave nothing to complain of."""
    assert judge(EXPECTED, EXPECTED)


def test_vehicles_may_overtake_each_other() -> None:
    """Order counts within a vehicle only: partitions are read in any order."""
    read = sorted(EXPECTED, key=lambda said: said.lane)
    assert read != EXPECTED
    assert judge(EXPECTED, read)


@pytest.mark.parametrize("number", range(len(EXPECTED)))
def test_a_lost_alert_is_missed(number: int) -> None:
    """Whichever one is lost, it alone is named."""
    read = [*EXPECTED[:number], *EXPECTED[number + 1 :]]
    assert judge(EXPECTED, read) == Verdict(missing=(EXPECTED[number],))


@pytest.mark.parametrize("later", [0, 1, len(EXPECTED)])
def test_a_repeated_alert_is_found(later: int) -> None:
    """Said again at once or at the end, with the same bytes, an alert is repeated, and nothing is out of order."""
    read = [*EXPECTED]
    read.insert(1 + later, EXPECTED[0])
    assert judge(EXPECTED, read) == Verdict(repeated=(EXPECTED[0],))


def test_a_changed_alert_is_found() -> None:
    """The same id and number with other bytes is different, as read."""
    changed = replace(EXPECTED[3], content=b"something else")
    read = [*EXPECTED[:3], changed, *EXPECTED[4:]]
    assert judge(EXPECTED, read) == Verdict(different=(changed,))


def test_an_alert_that_nobody_expected_is_different() -> None:
    """What the undisturbed run never says may not be there."""
    invented = Said("a-9", "a", b"a says 9", 9)
    assert judge(EXPECTED, [*EXPECTED, invented]) == Verdict(different=(invented,))


def test_a_reordered_alert_is_found() -> None:
    """Two alerts of one vehicle in the wrong order: the one that comes too late is named."""
    read = [EXPECTED[2], *EXPECTED[:2], *EXPECTED[3:]]
    assert judge(EXPECTED, read) == Verdict(out_of_order=(EXPECTED[0],))


def test_a_repetition_with_another_content_is_a_repetition() -> None:
    """The second of two is one too many, whatever it says."""
    again = replace(EXPECTED[0], content=b"something else")
    assert judge(EXPECTED, [*EXPECTED, again]) == Verdict(repeated=(again,))


def test_an_expectation_that_repeats_itself_is_no_expectation() -> None:
    """An undisturbed run that says something twice is itself broken, and nothing can be held against it."""
    with pytest.raises(ValueError, match="a-0"):
        judge([*EXPECTED, EXPECTED[0]], EXPECTED)
