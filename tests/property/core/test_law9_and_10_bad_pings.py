"""Laws 9 and 10: late pings, pings without a fix, clocks and positions that cannot be right; and bytes of any kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telematics.core.effects import PING_OUTCOMES, Outcome
from telematics.core.engine import MonitorEngine
from telematics.model import Alert, AlertEvent, DeviceEvent, Ping
from telematics.wire.alerts import encode_alert
from tests.support.generator import RULE_SET, Coverage, Stream, run, streams
from tests.support.places import INDEX
from tests.support.story import Input, Story, batch_of, clock
from tests.support.strategies import pings
from tests.support.truck import NOON, Truck

BAD: dict[str, Callable[[Ping], Ping]] = {
    "no satellites": lambda ping: replace(ping, ts=ping.ts + 1, satellites=0, speed_kmh=0.0),
    "no position": lambda ping: replace(ping, ts=ping.ts + 1, lat=0.0, lon=0.0, satellites=None),
    "clock years ahead": lambda ping: replace(ping, ts=ping.ts + 4 * 10**11),
    "clock of 1970": lambda ping: replace(ping, ts=1000, lat=0.0, lon=0.0),
    "sign flipped": lambda ping: replace(ping, ts=ping.ts + 1, lon=-ping.lon),
    "same time elsewhere": lambda ping: replace(ping, lat=ping.lat + 0.05),
}
# What a ping without a position does prove (it lives, it is not flagged) these rules may take up.
LIVENESS = {"signal_lost", "gnss_jamming", "implausible_jump"}


def _told(alerts: list[Alert]) -> list[tuple[str, int, int]]:
    return [(alert.alert_id, alert.seq, alert.raised_at) for alert in alerts if alert.rule not in LIVENESS]


def test_one_bad_ping_never_poisons_a_vehicle() -> None:
    """A bad ping put in anywhere changes no alert but what tells of silence, jamming and jumps themselves."""
    coverage = Coverage()

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(stream=streams(), where=st.integers(0, 999), kind=st.sampled_from(sorted(BAD)))
    def law(stream: Stream, where: int, kind: str) -> None:
        inputs = stream.inputs
        clean = run(stream.engine(), inputs)
        coverage.add(clean.alerts)
        places = [place for place, (_, ping) in enumerate(inputs) if ping is not None]
        position = places[len(places) * where // 1000]
        arrival, ping = inputs[position]
        assert ping is not None
        bad = BAD[kind](replace(ping, events=()))
        soiled = run(stream.engine(), [*inputs[: position + 1], (arrival, bad), *inputs[position + 1 :]])
        assert _told(soiled.alerts) == _told(clean.alerts)

    law()
    coverage.require()


def test_no_ping_without_a_fix_tells_a_stop_or_an_exit() -> None:
    """From any point of any stream, an hour of repeated positions raises no stop and no exit."""
    coverage = Coverage()
    stops = {"risk_stop", "no_stop_zone", "unscheduled_stop", "geofence_exit"}

    @settings(max_examples=45, deadline=None, derandomize=True)
    @given(stream=streams(), where=st.integers(0, 999))
    def law(stream: Stream, where: int) -> None:
        position = len(stream.inputs) * where // 1000 + 1
        engine = stream.engine()
        coverage.add(run(engine, stream.inputs).alerts)
        engine = stream.engine()
        run(engine, stream.inputs[:position])
        last = next((ping for _, ping in reversed(stream.inputs[:position]) if ping is not None), None)
        assert last is not None
        frozen: list[Input] = [
            (
                engine.clock + second * 1000,
                replace(last, ts=engine.clock + second * 1000, satellites=0, speed_kmh=0.0, events=()),
            )
            for second in range(10, 3600, 30)
        ]
        raised = [alert for alert in run(engine, frozen).alerts if alert.event is AlertEvent.RAISED]
        told = {alert.rule for alert in raised if alert.vehicle_id == last.vehicle_id}
        assert not told & stops

    law()
    coverage.require()


def test_every_ping_has_one_outcome() -> None:
    """The outcomes of pings add up to the pings, and the ticks to the ticks."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        came = run(stream.engine(), stream.inputs)
        coverage.add(came.alerts)
        bare = len(stream.without_ticks())
        assert sum(came.counts[outcome.value] for outcome in PING_OUTCOMES) == bare
        assert came.counts[Outcome.TICK.value] == len(stream.inputs) - bare
        reasons = sum(count for name, count in came.counts.items() if name.startswith("quarantined "))
        assert came.counts[Outcome.QUARANTINED.value] == reasons

    law()
    coverage.require()


named = st.sampled_from(["V1", "V2"])
arrivals = st.integers(NOON, NOON + 7_200_000) | st.integers(0, 4 * 10**12)
near = st.builds(
    lambda ping, ms, lat, lon: replace(ping, ts=NOON + ms, lat=20 + lat / 100, lon=-99.5 + lon / 50),
    pings,
    st.integers(-100_000, 7_200_000),
    st.floats(-1, 1),
    st.floats(-30, 30),
)
any_ping = st.builds(lambda name, ping: replace(ping, vehicle_id=name), named, pings | near)


@settings(max_examples=300, deadline=None)
@given(inputs=st.lists(st.tuples(arrivals, st.none() | any_ping), max_size=40), truncated=st.booleans())
def test_no_ping_whatever_raises_out_of_step(inputs: list[Input], *, truncated: bool) -> None:
    """Arbitrary valid pings at arbitrary arrivals: no exception, alerts that can be written, state that can be kept."""
    engine = MonitorEngine(INDEX, RULE_SET, truncated=truncated)
    effects = engine.step(batch_of(inputs))
    for alert in effects.alerts:
        encode_alert(alert)
    for plain in engine.snapshot()["vehicles"].values():
        assert plain["v"] == 1


# -- law 9: late pings without a gap -------------------------------------------------------------------------------


def _sent_late(age_s: float, **fields: object) -> Story:
    """A truck that drives for 20 min, and one ping of `age_s` ago that arrives at the end."""
    story = Story()
    truck = story.truck(every_s=30, km=16, start_s=-600).drive(28)
    end_s = truck.now_s
    truck.now_s = end_s - 30 - age_s
    truck.km = 28 - 0.02 * (age_s + 30)
    truck.send(arrives_s=end_s, speed_kmh=72, **fields)
    truck.now_s = end_s
    return story


@pytest.mark.parametrize(
    ("age_s", "outcome"),
    [
        (15, Outcome.LATE),
        (300, Outcome.DUPLICATE),
        (315, Outcome.LATE),
        (605, Outcome.LATE_IGNORED),
        (900, Outcome.LATE_IGNORED),
    ],
)
def test_a_late_fix_counts_within_ten_minutes_and_the_ring(age_s: float, outcome: Outcome) -> None:
    """Younger than 10 min and within the last 20 fixes it counts for geometry, else it is ignored and counted."""
    assert _sent_late(age_s).told.counts[outcome] == 1


@pytest.mark.parametrize("age_s", [15, 300, 900, 3000])
def test_a_late_ping_counts_for_device_events_however_old(age_s: float) -> None:
    """A panic that comes an hour late is told, marked late, at its own time."""
    story = Story()
    truck = story.truck(every_s=30, km=16, start_s=-600).drive(28)
    end_s = truck.now_s
    truck.now_s = end_s - 37 - age_s
    truck.send(DeviceEvent.PANIC, arrives_s=end_s)
    (panic,) = story.told.of("panic")
    assert (panic.late, clock(panic.raised_at)) == (True, clock(NOON + round(end_s * 1000)))
    assert panic.event_time == NOON + round((end_s - 37 - age_s) * 1000)


def test_a_noisy_flag_does_not_hide_another_devices_late_panic() -> None:
    """Forty jamming flags of the tractor, one a second, leave a press of a minute ago news."""
    story = Story()
    truck = story.truck(every_s=1).arriving(25)
    truck.repeat(60, DeviceEvent.JAMMING)
    end_s = truck.now_s
    other = Truck("T1", km=25, start_s=end_s - 55.5)
    other.send(DeviceEvent.PANIC, arrives_s=end_s)
    truck.sent += other.sent
    assert [alert.late for alert in story.told.of("panic")] == [True]
