"""What became of each fence in a recording."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from geofences.model import Fence, FenceKind
from telematics.core.params import RuleSet
from telematics.model import Severity
from telematics.replay.episodes import Episode
from telematics.replay.fencestats import FenceStats, fence_stats, visits_only, watched
from tests.support.judged import episodes
from tests.support.places import along, circle
from tests.support.story import Input, in_order
from tests.support.truck import Truck

GATE = Fence(id="gate", shape=circle(5, 300))
TOLL = Fence(id="toll", kind=FenceKind.TOLL, shape=circle(10, 300), detect=frozenset())
ROAD = Fence(id="road", kind=FenceKind.HIGH_RISK_CORRIDOR, risk=4, shape=along(12, 18))
FAR = Fence(id="far", shape=circle(50, 300))


def stats(inputs: list[Input], *fences: Fence, **rules: Any) -> dict[str | None, FenceStats]:
    """By fence, in the order in which they are told."""
    parameters = RuleSet(**rules)
    alerts = episodes(inputs, fences, parameters)
    visits = episodes(inputs, watched(fences), visits_only(parameters))
    found = fence_stats(fences, alerts.values(), visits.values(), inputs[-1][0])
    return {None if one.fence is None else one.fence.id: one for one in found}


def entry(start: int, ended_at: int | None = None, vehicle: str = "T1") -> Episode:
    """Of a visit to the gate."""
    rule = "geofence_enter"
    return Episode(f"{vehicle}-{start}", vehicle, rule, "gate", "gate", Severity.WARNING, start, start, ended_at)


def test_who_came_and_for_how_long() -> None:
    """Also at a fence that detects nothing, and for a visit that is not over; alerts count for the fence they name."""
    first, second = Truck().drive(14), Truck("T2", start_s=60).drive(10)
    first.stand(900).drive(24)
    second.stand(1540)  # to the end, as nobody falls silent
    found = stats(in_order([*first.sent, *second.sent]), GATE, TOLL, ROAD, FAR)
    assert list(found) == ["gate", "road", "toll", "far"]
    gate, road, toll = found["gate"], found["road"], found["toll"]
    # From the first fix inside, at kilometre 4.8, to the first clearly outside, at 5.4: 0.6 km at 72 km/h.
    assert (gate.entered, gate.left, gate.vehicles, gate.inside_ms) == (2, 2, 2, [30_000, 30_000])
    assert (gate.short, gate.alerts, gate.announced.total()) == (2, {"geofence_enter": 2, "geofence_exit": 2}, 4)
    # The second still stands there when the recording ends.
    assert (toll.entered, toll.left, toll.short, toll.inside_ms[0]) == (2, 1, 1, 30_000)
    assert toll.inside_ms[1] == 1_540_000
    assert toll.alerts == {}
    assert (road.alerts, road.announced) == ({"risk_stop": 1}, {"risk_stop": 1})
    assert (road.entered, road.left) == (1, 1)
    assert found["far"].is_quiet


def test_alerts_that_name_no_fence() -> None:
    """Are told too: the noise need not be a fence's."""
    truck = Truck().drive(7)
    truck.stand(1200)
    found = stats(in_order(truck.sent), GATE)
    assert found[None].alerts == {"unscheduled_stop": 1}
    assert (found[None].fence, found[None].entered, found[None].is_quiet) == (None, 0, False)
    assert None not in stats(in_order(Truck().drive(7).sent), GATE)


@pytest.mark.parametrize(
    ("apart_s", "entries", "chattering"),
    [
        (300, 2, 0),
        (300, 3, 1),
        (301, 9, 0),
        # 0:00, 5:00, 10:00, and again 15:00, 20:00, 25:00: none counts twice.
        (300, 6, 2),
        (100, 6, 1),
        (100, 9, 1),
        (100, 10, 2),
    ],
)
def test_chattering(apart_s: int, entries: int, chattering: int) -> None:
    """Three entries or more within ten minutes, of one vehicle, are one."""
    visits = [entry(apart_s * 1000 * n, apart_s * 1000 * n + 30_000) for n in range(entries)]
    others = [entry(at, at + 30_000, "T2") for at in (1_000, 2_000)]
    (gate,) = fence_stats([GATE], [], [*visits, *others], until=10_000_000)
    assert (gate.entered, gate.chattering) == (entries + 2, chattering)


@pytest.mark.parametrize(("min_outside_s", "entered", "chattering"), [(60.0, 3, 1), (0.0, 3, 1), (120.0, 1, 0)])
def test_the_margins_without_saying_do_not_hide_chattering(min_outside_s: float, entered: int, chattering: int) -> None:
    """A truck that is clearly outside for more than a minute each time has left, and come again."""
    truck = Truck(km=5)
    for _ in range(2):
        truck.stand(60)
        truck.stand(90, drift_m=[600] * 9)
    truck.stand(120)
    found = stats(in_order(truck.sent), replace(GATE, min_outside_s=min_outside_s))
    assert (found["gate"].entered, found["gate"].chattering) == (entered, chattering)


@pytest.mark.parametrize(("asleep_from_s", "short"), [(300, 0), (50, 1)])
def test_a_visit_is_over_when_the_fence_is_not_there_any_more(asleep_from_s: int, short: int) -> None:
    """Though nobody left, and the truck stands there to the end of the recording."""
    truck = Truck(km=5).stand(1200)
    fence = replace(GATE, valid_to=truck.sent[0][0] + asleep_from_s * 1000)
    gate = stats(in_order(truck.sent), fence)["gate"]
    assert (gate.entered, gate.left, gate.short, gate.inside_ms) == (1, 0, short, [asleep_from_s * 1000])


def test_a_visit_that_is_not_over_is_not_short() -> None:
    """The truck may stay for hours; it is counted, until the recording ends."""
    gate = stats(in_order(Truck().drive(5).sent), GATE)["gate"]
    assert (gate.entered, gate.left, gate.short, gate.inside_ms) == (1, 0, 0, [0])
    assert (gate.median_ms, gate.longest_ms) == (0, 0)


def test_of_a_truck_that_falls_silent_nobody_knows_whether_it_left() -> None:
    """Its visit lasts until it was last heard of, and is not short, though it is forgotten and comes back."""
    truck = Truck(km=5).stand(30).wait(32 * 86_400).drive(10)
    gate = stats(in_order(truck.sent), GATE)["gate"]
    assert (gate.entered, gate.left, gate.short, gate.inside_ms) == (2, 1, 1, [20_000, 20_000])


def test_a_visit_without_an_end_ends_with_the_next() -> None:
    """Whatever the reason that nothing tells of it."""
    visits = [
        Episode(str(start), "T1", rule, "gate", "gate", Severity.WARNING, start, start)
        for rule, start in (("geofence_enter", 1_000), ("geofence_enter", 91_000), ("geofence_exit", 121_000))
    ]
    (gate,) = fence_stats([GATE], [], visits, until=500_000)
    assert (gate.entered, gate.left, gate.short, gate.inside_ms) == (2, 1, 1, [30_000, 90_000])


def test_rules_that_are_off_hide_no_visit() -> None:
    """Visits are counted where nobody wants to be told of them."""
    inputs = in_order(Truck().drive(7).sent)
    found = stats(inputs, GATE, geofence_enter={"enabled": False}, geofence_exit={"enabled": False})
    assert (found["gate"].entered, found["gate"].alerts) == (1, {})


def test_the_noisiest_comes_first() -> None:
    """By alerts that are announced, then by all, then by visits, then by name."""
    loud = replace(GATE, id="loud", severity=3)
    record = replace(GATE, id="record", severity=1)
    unheard = replace(GATE, id="unheard", detect=frozenset())
    found = stats(in_order(Truck().drive(7).sent), FAR, unheard, replace(FAR, id="afar"), record, loud)
    assert list(found) == ["loud", "record", "unheard", "afar", "far"]
