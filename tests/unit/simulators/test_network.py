"""Latency, silence and bursts: what was sent is received, and in which order."""

from __future__ import annotations

from random import Random

import pytest

from simulators.devices import Report
from simulators.network import Uplink
from telematics.model import Ping, Trip

GAP = range(600, 1200)


def reports() -> list[Report]:
    """Half an hour of pings every 10 s without contact from minute 10 to 20, and a trip in between."""
    sent = [
        Report(s * 1000, contact=s not in GAP, payload=Ping("v", s * 1000, 19.0, -99.0, speed_kmh=80.0))
        for s in range(0, 1800, 10)
    ]
    return [*sent[:90], Report(895_000, contact=True, payload=Trip("v")), *sent[90:]]


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_was_stored_comes_as_a_burst(newest_first: bool) -> None:  # noqa: FBT001
    """Stored pings arrive after contact is back, marked buffered, in the device's order; nothing is lost."""
    arrivals = list(Uplink(Random(1), newest_first=newest_first).deliver(reports()))
    pings = [(arrival, ping) for arrival, ping in arrivals if isinstance(ping, Ping)]
    assert sorted(ping.ts for _, ping in pings) == list(range(0, 1_800_000, 10_000))
    assert [arrival for arrival, _ in arrivals] == sorted(arrival for arrival, _ in arrivals)
    burst = [(arrival, ping) for arrival, ping in pings if ping.buffered]
    assert {ping.ts // 1000 for _, ping in burst} >= set(range(600, 1200, 10))
    assert min(arrival for arrival, _ in burst) > 1_200_000
    order = [ping.ts for _, ping in burst]
    assert order == sorted(order, reverse=newest_first)


def test_live_pings_fall_into_the_burst() -> None:
    """A burst takes its time, and live pings go on arriving in it."""
    pings = [ping for _, ping in Uplink(Random(1)).deliver(reports()) if isinstance(ping, Ping)]
    flags = [ping.buffered for ping in pings]
    burst = flags[flags.index(True) : len(flags) - flags[::-1].index(True)]
    assert False in burst


def test_live_pings_keep_their_order_and_come_within_two_seconds() -> None:
    """One connection: live pings do not overtake each other, and take 0.2 to 2 s."""
    live = [(a, p) for a, p in Uplink(Random(1)).deliver(reports()) if isinstance(p, Ping) and not p.buffered]
    assert [ping.ts for _, ping in live] == sorted(ping.ts for _, ping in live)
    assert all(200 <= arrival - ping.ts <= 2000 for arrival, ping in live)


def test_trips_do_not_come_from_the_truck() -> None:
    """Dispatch publishes a trip at its own time, whether the truck has network or not."""
    assert [arrival for arrival, item in Uplink(Random(1)).deliver(reports()) if isinstance(item, Trip)] == [895_000]
