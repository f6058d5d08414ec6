"""A vehicle that was not heard of for long is forgotten: once, when it is due, and without a trace."""

from __future__ import annotations

import json
from typing import Any

from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.core.quality import QualityParams
from tests.support.generator import run
from tests.support.places import INDEX
from tests.support.story import Input, Story, in_order
from tests.support.truck import Truck

DAY_S = 86_400
RULES = RuleSet(quality=QualityParams(forgotten_s=DAY_S))


def _silent(vehicle_id: str = "T1", **how: Any) -> Truck:
    """A truck that stands where it must not, and falls silent."""
    truck = Truck(vehicle_id, **how)
    truck.drive(30).stand(300)
    return truck


def test_what_is_open_is_cleared_when_it_is_due() -> None:
    """A day after the last ping, not before and whoever shows it, every open alert is cleared, and says why."""
    story = Story(quality=QualityParams(forgotten_s=DAY_S))
    truck = story.truck(km=28)
    truck.drive(30).stand(300)
    other = story.truck("T2", km=60)
    other.wait(2 * DAY_S).send()
    alerts = [alert for alert in story.told.alerts if alert.vehicle_id == "T1"]
    opened = {alert.alert_id for alert in alerts if alert.event == "raised"}
    cleared = [
        alert for alert in alerts if alert.event == "cleared" and alert.evidence["facts"]["reason"] == "forgotten"
    ]
    assert opened
    assert {alert.alert_id for alert in cleared} == opened
    assert {alert.raised_at for alert in cleared} == {truck.sent[-1][0] + DAY_S * 1000}
    assert story.engine.vehicle("T1") is None
    assert story.engine.vehicle("T2") is not None


def test_it_is_put_off_whenever_the_vehicle_is_heard() -> None:
    """Any ping counts, also one without a position; a vehicle that reports once an hour is never forgotten."""
    truck = Truck("T1", km=16)
    truck.send()
    for _ in range(72):
        truck.wait(3600).send(satellites=0)
    engine = MonitorEngine(INDEX, RULES)
    effects = run(engine, in_order(truck.sent, tick_every_ms=600_000))
    assert effects.counts["accepted"] == 1
    assert engine.vehicle("T1") is not None


def _world() -> list[Input]:
    """Trucks that fall silent at different times, others that come later and take their places, and some that return."""
    sent = []
    for number in range(30):
        truck = _silent(f"A{number}", km=28, start_s=number * 500)
        if number % 3 == 0:
            truck.wait(2 * DAY_S).drive(truck.km + 5)
        sent += truck.sent
    for number in range(30):
        sent += Truck(f"B{number}", km=28, start_s=DAY_S + number * 2_000).drive(33).stand(400).sent
    return in_order(sent, tick_every_ms=300_000)


def test_however_it_is_cut_and_restored() -> None:
    """In one go, in small batches, or restored in the midst of it: the same bytes, the same state."""
    inputs = _world()
    whole = MonitorEngine(INDEX, RULES)
    expected = run(whole, inputs)
    assert sum(alert.evidence["facts"].get("reason") == "forgotten" for alert in expected.alerts) >= 30
    assert len(whole._fleet.by_slot) < 60, "whoever comes takes the place of one who was forgotten"
    small = MonitorEngine(INDEX, RULES)
    assert run(small, inputs, range(0, len(inputs), 7)).encoded() == expected.encoded()
    assert json.dumps(small.snapshot(), sort_keys=True) == json.dumps(whole.snapshot(), sort_keys=True)
    for cut in range(0, len(inputs), len(inputs) // 9):
        first, second = MonitorEngine(INDEX, RULES), MonitorEngine(INDEX, RULES)
        before = run(first, inputs[:cut])
        second.restore(json.loads(json.dumps(first.snapshot())))
        after = run(second, inputs[cut:])
        assert [*before.encoded(), *after.encoded()] == expected.encoded()


def test_one_that_returns_is_new() -> None:
    """It is told of again from its first ping on, under ids of its own, and those of others keep their places."""
    truck = _silent()
    truck.wait(2 * DAY_S)
    truck.km = 28.0
    truck.drive(30).stand(300)
    effects = run(MonitorEngine(INDEX, RULES), in_order(truck.sent, tick_every_ms=300_000))
    raised = [alert for alert in effects.alerts if alert.rule == "no_stop_zone" and alert.event == "raised"]
    assert len(raised) == 2
    assert len({alert.alert_id for alert in raised}) == 2
    assert not [alert for alert in effects.alerts if alert.rule == "implausible_jump"]
