"""The plan of a chaos run holds what was asked for, whatever the seed."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

import pytest

from tests.chaos.faults import FULL, SESSION_S, SHORT, Deed, Extent, Point, plan
from tests.chaos.run import MEMBERS

SEEDS = range(20)
extents = pytest.mark.parametrize("extent", [FULL, SHORT], ids=["full", "short"])


@extents
def test_the_same_seed_gives_the_same_faults(extent: Extent) -> None:
    """A run can be repeated, and another seed is another run."""
    assert plan(1, extent) == plan(1, extent)
    assert plan(1, extent) != plan(2, extent)


@extents
@pytest.mark.parametrize("seed", SEEDS)
def test_everything_that_was_asked_for_is_planned(extent: Extent, seed: int) -> None:
    """Every deed as often as asked, in order of time, within the time there is."""
    faults = plan(seed, extent)
    assert Counter(fault.deed for fault in faults) == {deed: extent.asked(deed) for deed in Deed}
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert 0 <= faults[0].at_s <= faults[-1].at_s <= extent.seconds


@extents
@pytest.mark.parametrize("seed", SEEDS)
def test_a_member_dies_at_every_point_of_a_commit(extent: Extent, seed: int) -> None:
    """No point is left to chance."""
    died = {fault.point for fault in plan(seed, extent) if fault.deed is Deed.KILL}
    assert died >= set(Point)


@extents
@pytest.mark.parametrize("seed", SEEDS)
def test_there_are_always_two_members_and_never_five(extent: Extent, seed: int) -> None:
    """What leaves and what joins keeps the group a group, on a machine of two cores."""
    steps = {Deed.LEAVE: -1, Deed.JOIN: 1}
    wanted = list(accumulate((steps.get(fault.deed, 0) for fault in plan(seed, extent)), initial=MEMBERS))
    assert min(wanted) >= 2
    assert max(wanted) <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pause_makes_a_zombie(seed: int) -> None:
    """Every pause outlasts the session, and some in a full run outlast a transaction too."""
    pauses = [fault.much for fault in plan(seed, FULL) if fault.deed is Deed.PAUSE]
    assert min(pauses) > SESSION_S


def test_a_full_run_has_fifty_kills() -> None:
    """As promised, and within the twenty minutes that it may take."""
    assert FULL.asked(Deed.KILL) >= 50
    assert FULL.seconds <= 15 * 60
