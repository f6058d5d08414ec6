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
    ("min_outside_s", "every_s", "entered", "chattering"),
    [
        (60.0, 20, 1, 0),
        # 0:00 in, 0:20 out, 0:40 in, 1:00 out, 1:20 in, 1:40 out, 2:00 in: 0:00 to 1:00, and 1:20 on.
        (0.0, 20, 4, 2),
        (0.0, 30, 4, 2),
        (0.0, 40, 4, 0),
    ],
)
def test_chattering(min_outside_s: float, every_s: float, entered: int, chattering: int) -> None:
    """Three times in or out within a minute is one; what the monitor takes for one visit does not chatter."""
    truck = Truck(km=5)
    for _ in range(3):
        truck.stand(every_s)
        truck.stand(every_s, drift_m=[600] * 4)
    truck.stand(120)
    found = stats(in_order(truck.sent), replace(GATE, min_outside_s=min_outside_s))
    assert (found["gate"].entered, found["gate"].chattering) == (entered, chattering)


def test_a_visit_that_is_not_over_is_not_short() -> None:
    """The truck may stay for hours; it is counted, until the recording ends."""
    gate = stats(in_order(Truck().drive(5).sent), GATE)["gate"]
    assert (gate.entered, gate.left, gate.short, gate.inside_ms) == (1, 0, 0, [0])
    assert (gate.median_ms, gate.longest_ms) == (0, 0)


def test_a_visit_without_an_exit_ends_with_the_next() -> None:
    """As where a truck was not heard of for so long that it was forgotten."""
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
