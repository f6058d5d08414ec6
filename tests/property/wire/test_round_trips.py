"""Laws: what was written is read as the same value, and equal values have equal bytes."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from telematics.model import Alert, Ping, Trip
from telematics.wire.alerts import decode_alert, encode_alert
from telematics.wire.pings import decode_ping, encode_ping
from telematics.wire.trips import decode_trip, encode_trip
from tests.support.strategies import LAW, alerts, pings, trips


@LAW
@given(ping=pings)
def test_pings(ping: Ping) -> None:
    """A ping is read as it was written."""
    assert decode_ping(encode_ping(ping)) == ping


@LAW
@given(alert=alerts)
def test_alerts(alert: Alert) -> None:
    """An alert is read as it was written."""
    assert decode_alert(encode_alert(alert)) == alert


@LAW
@given(trip=trips)
def test_trips(trip: Trip) -> None:
    """A trip is read as it was written."""
    assert decode_trip(encode_trip(trip)) == trip


@LAW
@given(alert=alerts, random=st.randoms(use_true_random=False))
def test_the_order_of_evidence_does_not_show(alert: Alert, random: Random) -> None:
    """An alert whose evidence was filled in another order has the same bytes."""
    items = list(alert.evidence.items())
    random.shuffle(items)
    assert encode_alert(replace(alert, evidence=dict(items))) == encode_alert(alert)


@LAW
@given(ping=pings, lat=st.floats(-90, 90), speed_kmh=st.floats(0, 400))
def test_rounding_is_done_once(ping: Ping, lat: float, speed_kmh: float) -> None:
    """Writing rounds; writing what was read changes nothing more."""
    once = encode_ping(replace(ping, lat=lat, speed_kmh=speed_kmh))
    read = decode_ping(once)
    assert isinstance(read, Ping)
    assert encode_ping(read) == once
    assert abs(read.lat - lat) <= 0.5e-6 + 1e-12
