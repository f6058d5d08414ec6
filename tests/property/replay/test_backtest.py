"""Laws: a set against itself says nothing, old and new are alike, and every alert is accounted for once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.model import Circle, Fence
from telematics.model import Severity
from telematics.replay.backtest import Change, Compared, compare, rows
from telematics.replay.episodes import Episode
from tests.support.generator import Stream, streams
from tests.support.judged import episodes
from tests.support.places import FENCES
from tests.support.strategies import LAW

UNTIL = 120
MIRRORED = {Change.ADDED: Change.REMOVED, Change.REMOVED: Change.ADDED}


def _episode(vehicle: str, rule: str, subject: str | None, start: int, lasts: int | None, severity: int) -> Episode:
    alert_id = f"{vehicle}|{rule}|{subject}|{start}"
    ended_at = None if lasts is None else start + lasts
    return Episode(alert_id, vehicle, rule, subject, subject, Severity(severity), start, start, ended_at)


judgements = st.lists(
    st.builds(
        _episode,
        st.sampled_from("ab"),
        st.sampled_from(["geofence_enter", "geofence_exit"]),
        st.sampled_from(["yard", None]),
        st.integers(0, 100),
        st.none() | st.integers(0, 40),
        st.integers(2, 4),
    ),
    max_size=12,
).map(lambda told: {one.alert_id: one for one in told})


def _mirrored(compared: list[Compared]) -> Counter[Compared]:
    return Counter(Compared(MIRRORED.get(one.change, one.change), one.after, one.before) for one in compared)


@LAW
@given(before=judgements, after=judgements)
def test_every_alert_is_accounted_for_once(before: dict[str, Episode], after: dict[str, Episode]) -> None:
    """Nothing is lost or doubled, in the comparison and in the rows made of it."""
    compared = compare(before, after, UNTIL)
    assert Counter(one.before.alert_id for one in compared if one.before is not None) == Counter(list(before))
    assert Counter(one.after.alert_id for one in compared if one.after is not None) == Counter(list(after))
    for row in rows(compared):
        assert row.after == row.before + row.changes[Change.ADDED] - row.changes[Change.REMOVED]
        assert row.after == row.changes.total() - row.changes[Change.REMOVED]


@LAW
@given(told=judgements)
def test_a_judgement_is_no_different_from_itself(told: dict[str, Episode]) -> None:
    """Each of its alerts is the same."""
    assert {one.change for one in compare(told, told, UNTIL)} <= {Change.SAME}


@LAW
@given(before=judgements, after=judgements)
def test_old_and_new_are_alike(before: dict[str, Episode], after: dict[str, Episode]) -> None:
    """What one way was added is removed the other way; the same alerts are moved, and the same changed."""
    assert _mirrored(compare(before, after, UNTIL)) == Counter(compare(after, before, UNTIL))


@LAW
@given(before=judgements, after=judgements)
def test_what_moved_overlaps(before: dict[str, Episode], after: dict[str, Episode]) -> None:
    """And is of the same vehicle, rule and subject."""
    moved = [one for one in compare(before, after, UNTIL) if one.change is Change.MOVED]
    for old, new in ((one.before, one.after) for one in moved):
        assert old is not None
        assert new is not None
        assert (old.vehicle_id, old.rule, old.subject) == (new.vehicle_id, new.rule, new.subject)
        assert old.start < (UNTIL if new.ended_at is None else new.ended_at)
        assert new.start < (UNTIL if old.ended_at is None else old.ended_at)


def _redrawn(fence: Fence, factor: float) -> Fence:
    shape = fence.shape
    return (
        replace(fence, shape=replace(shape, radius_m=shape.radius_m * factor)) if isinstance(shape, Circle) else fence
    )


@settings(LAW, max_examples=15)
@given(
    stream=streams(),
    kept=st.lists(st.booleans(), min_size=len(FENCES), max_size=len(FENCES)),
    factor=st.sampled_from([0.5, 1.0, 1.2, 3.0]),
)
def test_the_laws_hold_for_what_engines_say(stream: Stream, kept: list[bool], factor: float) -> None:
    """On dirty pings, where fences are dropped and redrawn; and of two judgements by the same fences nothing is told."""
    changed = [_redrawn(fence, factor) for fence, is_kept in zip(FENCES, kept, strict=True) if is_kept]
    until = stream.inputs[-1][0]
    before = episodes(stream.inputs, FENCES, trips=stream.trips)
    again = episodes(stream.inputs, FENCES, trips=stream.trips)
    after = episodes(stream.inputs, changed, trips=stream.trips)
    assert {one.change for one in compare(before, again, until)} <= {Change.SAME}
    compared = compare(before, after, until)
    assert _mirrored(compared) == Counter(compare(after, before, until))
    gone = {fence.id for fence, is_kept in zip(FENCES, kept, strict=True) if not is_kept}
    told = [one.after for one in compared if one.after is not None]
    assert not any(one.fence in gone for one in told)
