"""Two judgements of one recording, alert by alert."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geofences.model import Fence, FenceKind
from telematics.model import Severity
from telematics.replay.backtest import Change, Compared, compare, rows
from telematics.replay.episodes import Episode
from tests.support.judged import episodes
from tests.support.places import along, circle
from tests.support.story import Input, clock, in_order
from tests.support.truck import Truck

UNTIL = 10_000


def told(
    start: int, ended_at: int | None = None, *, rule: str = "geofence_enter", vehicle: str = "T1", **fields: int
) -> Episode:
    """An episode on the fence "yard", of severity 3, knowable as soon as it began."""
    severity = Severity(fields.get("severity", 3))
    alert_id = f"{vehicle} {rule} {start}"
    return Episode(alert_id, vehicle, rule, "yard", "yard", severity, start, fields.get("raised_at", start), ended_at)


def by_id(*told_: Episode) -> dict[str, Episode]:
    """As judgements have them."""
    return {one.alert_id: one for one in told_}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([], [], []),
        ([told(100, 200)], [told(100, 200)], ["same"]),
        ([told(100)], [told(100)], ["same"]),
        ([], [told(100, 200)], ["added"]),
        ([told(100, 200)], [], ["removed"]),
        ([told(100, 200)], [told(100, 200, severity=4)], ["changed"]),
        ([told(100, 200)], [told(100, 200, raised_at=150)], ["changed"]),
        ([told(100, 200)], [told(100, 230)], ["changed"]),
        ([told(100, 200)], [told(100)], ["changed"]),
        ([told(100, 200)], [told(80, 220)], ["moved"]),
        ([told(100, 200)], [told(199, 300)], ["moved"]),
        ([told(100)], [told(5_000)], ["moved"]),
        ([told(100, 200)], [told(200, 300)], ["removed", "added"]),
        ([told(100, 200)], [told(80, 220, vehicle="T2")], ["added", "removed"]),
        ([told(100, 200)], [told(80, 220, rule="geofence_dwell")], ["added", "removed"]),
        # Two visits become one: the longer of them is it.
        ([told(100, 150), told(160, 300)], [told(90, 310)], ["moved", "removed"]),
        ([told(100, 250), told(260, 300)], [told(90, 310)], ["moved", "removed"]),
        # And one becomes two.
        ([told(90, 310)], [told(100, 150), told(160, 300)], ["added", "moved"]),
        # One of two is the same, so that the other is no part of it.
        ([told(100, 300)], [told(100, 150), told(160, 300)], ["changed", "added"]),
        # An exit lasts until the next entry, and with what else is open the engine may let go of it.
        ([told(100, 200, rule="geofence_exit")], [told(100, rule="geofence_exit")], ["same"]),
        (
            [told(100, rule="geofence_exit"), told(500, rule="geofence_exit")],
            [told(510, rule="geofence_exit"), told(110, rule="geofence_exit")],
            ["moved", "moved"],
        ),
        (
            [told(510, rule="geofence_exit")],
            [told(100, rule="geofence_exit"), told(500, rule="geofence_exit")],
            ["added", "moved"],
        ),
        (
            [told(500, rule="geofence_exit")],
            [told(100, rule="geofence_exit"), told(510, rule="geofence_exit")],
            ["added", "moved"],
        ),
    ],
)
def test_what_became_of_each_alert(before: list[Episode], after: list[Episode], changes: list[str]) -> None:
    """By its beginning, else by overlap in time with one of the same vehicle, rule and subject; in the order of time."""
    compared = compare(by_id(*before), by_id(*after), UNTIL)
    assert [str(one.change) for one in compared] == changes


def test_two_visits_that_become_one_are_the_longer_one() -> None:
    """Of the alerts that overlap one, the one that does for longest is it."""
    short, long, whole = told(100, 150), told(160, 300), told(90, 310)
    found = {one.change: one for one in compare(by_id(short, long), by_id(whole), UNTIL)}
    assert found == {
        Change.MOVED: Compared(Change.MOVED, long, whole),
        Change.REMOVED: Compared(Change.REMOVED, short, None),
    }


def test_rows_add_up() -> None:
    """By fence and rule; what was told and what is, less and more what came and went; the most different fence first."""
    other = replace(told(1), alert_id="other", fence="other")
    nowhere = replace(told(2, rule="unscheduled_stop"), alert_id="nowhere", subject=None, fence=None)
    before = by_id(told(100, 200), told(300, 400), told(500, 600, severity=2), other)
    after = by_id(told(90, 200), told(300, 400, severity=2), other, nowhere, told(7_000))
    yard, none, same = rows(compare(before, after, UNTIL))
    assert (yard.fence, yard.rule, yard.before, yard.after) == ("yard", "geofence_enter", 3, 3)
    assert yard.changes == dict.fromkeys((Change.MOVED, Change.CHANGED, Change.REMOVED, Change.ADDED), 1)
    assert (yard.announced_before, yard.announced_after, yard.differences) == (2, 2, 4)
    assert (none.fence, none.rule, none.before, none.after, none.changes) == (
        None,
        "unscheduled_stop",
        0,
        1,
        {"added": 1},
    )
    assert (same.fence, same.changes, same.differences) == ("other", {Change.SAME: 1}, 0)


def test_what_an_operator_hears_of_comes_first() -> None:
    """One alert that is announced before many that are only recorded."""
    records = [replace(told(start, severity=2), alert_id=f"record {start}", fence="records") for start in (1, 2, 3)]
    found = rows(compare({}, by_id(*records, told(100)), UNTIL))
    assert [(row.fence, row.loud, row.differences) for row in found] == [("yard", 1, 1), ("records", 0, 3)]


@pytest.mark.parametrize(("was", "is_", "counts_for"), [("a", "b", "a"), (None, "b", "b"), ("a", None, "a")])
def test_an_alert_counts_for_one_fence(was: str | None, is_: str | None, counts_for: str) -> None:
    """That of before, so that what a fence loses is found with it."""
    before, after = replace(told(1), fence=was), replace(told(1), fence=is_)
    (row,) = rows(compare(by_id(before), by_id(after), UNTIL))
    assert (row.fence, row.before, row.after) == (counts_for, 1, 1)


def passage() -> list[Input]:
    """72 km/h past kilometres 5 and 10, a fix each 200 m; then 20 min at kilometre 14."""
    truck = Truck().drive(14)
    truck.stand(1200).drive(16)
    return in_order(truck.sent)


A = Fence(id="a", shape=circle(5, 300))
B = Fence(id="b", shape=circle(10, 300))


def shown(old: list[Fence], new: list[Fence]) -> list[tuple[str, str, str | None, str | None, str | None]]:
    """What is different: what became of it, rule, fence, and its beginning before and after."""
    inputs = passage()
    compared = compare(episodes(inputs, old), episodes(inputs, new), inputs[-1][0])
    return [
        (
            str(one.change),
            one.shown.rule,
            one.fence,
            None if one.before is None else clock(one.before.start),
            None if one.after is None else clock(one.after.start),
        )
        for one in compared
        if one.change is not Change.SAME
    ]


def test_a_fence_dropped_and_one_that_grew() -> None:
    """The alerts of the one are gone, those of the other begin two fixes sooner and end two later."""
    assert shown([A, B], [replace(B, shape=circle(10, 700))]) == [
        ("removed", "geofence_enter", "a", "4:00", None),
        ("removed", "geofence_exit", "a", "4:30", None),
        ("moved", "geofence_enter", "b", "8:10", "7:50"),
        ("moved", "geofence_exit", "b", "8:40", "9:00"),
    ]


def test_a_place_explains_a_stop() -> None:
    """A stop that names no fence is gone when a place is drawn round it, which tells of its visit instead."""
    assert shown([], [Fence(id="rest", kind=FenceKind.AUTHORISED_STOP, shape=circle(14, 300))]) == [
        ("added", "geofence_enter", "rest", None, "11:30"),
        ("removed", "unscheduled_stop", None, "11:40", None),
        ("added", "geofence_exit", "rest", None, "32:00"),
    ]


def test_a_corridor_of_more_risk_tells_of_a_stop_in_its_own_way() -> None:
    """Its unscheduled stop becomes a risk_stop of the same fence, told sooner."""
    road = Fence(id="road", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=3, shape=along(12, 18))
    assert shown([road], [replace(road, risk=5)]) == [
        ("added", "risk_stop", "road", None, "11:40"),
        ("removed", "unscheduled_stop", "road", "11:40", None),
    ]


def test_a_fence_that_weighs_less() -> None:
    """Is the same alert with another severity."""
    inputs = passage()
    found = compare(episodes(inputs, [A]), episodes(inputs, [replace(A, severity=1)]), inputs[-1][0])
    assert {str(one.change) for one in found if one.fence == "a"} == {"changed"}
    (enter,) = (row for row in rows(found) if (row.fence, row.rule) == ("a", "geofence_enter"))
    assert (enter.announced_before, enter.announced_after) == (1, 0)


def test_an_episode_has_the_weight_it_came_to() -> None:
    """A stop that was escalated is told once, with its highest severity, when it was raised, and when it was over."""
    road = Fence(id="road", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=5, shape=along(12, 18))
    (stop,) = (one for one in episodes(passage(), [road]).values() if one.rule == "risk_stop")
    assert (stop.severity, stop.subject, stop.fence) == (Severity.HIGH, None, "road")
    assert stop.ended_at is not None
    assert [clock(at) for at in (stop.start, stop.raised_at, stop.ended_at)] == ["11:40", "14:40", "32:00"]
