"""Hypothesis strategies for the values of `telematics.model`, as they may stand on the wire (already rounded)."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from telematics.model import (
    Alert,
    AlertEvent,
    Device,
    DeviceEvent,
    Fix,
    Ping,
    PlannedStop,
    Position,
    Severity,
    StopKind,
    Trip,
    TripPlan,
    Vehicle,
    Window,
)
from telematics.wire.rounding import decimals

# A law does not depend on how busy the machine is: no deadline, and slow drawing is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(LAW, max_examples=50)

instants = st.integers(-62_135_596_800_000, 253_402_300_799_999)
vehicle_ids = st.text(string.ascii_letters + string.digits + "._:-", min_size=1, max_size=64)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
short_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)


def floats(name: str, least: float, most: float) -> st.SearchStrategy[float]:
    """Floats between two bounds with the decimals that a field of this name keeps on the wire."""
    places = decimals(name)
    return st.floats(least, most).map(lambda value: round(value, places) + 0.0)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """None, or a value of the strategy."""
    return st.none() | strategy


lats = floats("lat", -90, 90)
lons = floats("lon", -180, 180)

pings = st.builds(
    Ping,
    vehicle_id=vehicle_ids,
    ts=instants,
    lat=lats,
    lon=lons,
    speed_kmh=maybe(floats("speed_kmh", 0, 400)),
    heading_deg=maybe(floats("heading_deg", 0, 360)),
    altitude_m=maybe(floats("altitude_m", -1000, 20000)),
    accuracy_m=maybe(floats("accuracy_m", 0, 100000)),
    hdop=maybe(floats("hdop", 0, 100)),
    satellites=maybe(st.integers(0, 128)),
    fix=maybe(st.sampled_from(Fix)),
    ignition=maybe(st.booleans()),
    odometer_km=maybe(floats("odometer_km", 0, 100_000_000)),
    gsm_level=maybe(st.integers(0, 5)),
    power_v=maybe(floats("power_v", 0, 100)),
    fuel_l=maybe(floats("fuel_l", 0, 10000)),
    interval_s=maybe(floats("interval_s", 1, 86400)),
    device=st.sampled_from(Device),
    device_id=maybe(short_texts),
    buffered=st.booleans(),
    events=st.lists(st.sampled_from(DeviceEvent), max_size=4).map(tuple),
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | floats("other", -1e9, 1e9) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "other"]), inner, max_size=3)
    ),
    max_leaves=6,
)
# One name of each unit, with floats as its unit keeps them.
evidence = st.fixed_dictionaries(
    {},
    optional={
        "distance_m": floats("distance_m", 0, 1e7),
        "speed_kmh": floats("speed_kmh", 0, 400),
        "standing_s": floats("standing_s", 0, 1e6),
        "lat": lats,
        "fence": texts,
        "other": json_values,
    },
)

alerts = st.builds(
    Alert,
    alert_id=texts,
    seq=st.integers(1, 99),
    event=st.sampled_from(AlertEvent),
    vehicle_id=vehicle_ids,
    rule=texts,
    severity=st.sampled_from(Severity),
    subject=maybe(texts),
    episode_start=instants,
    event_time=instants,
    raised_at=instants,
    position=maybe(st.builds(Position, lat=lats, lon=lons, ts=instants, accuracy_m=floats("accuracy_m", 0, 1e5))),
    late=st.booleans(),
    delayed=st.booleans(),
    evidence=evidence,
    message_key=texts,
    message_args=evidence,
)

windows = st.builds(Window, start=instants, end=instants)
stops = st.builds(
    PlannedStop,
    kind=st.sampled_from(StopKind),
    place=maybe(texts),
    lat=maybe(lats),
    lon=maybe(lons),
    radius_m=floats("radius_m", 1, 50000),
    window=maybe(windows),
)
text_lists = st.lists(texts, max_size=3).map(tuple)
trips = st.builds(
    Trip,
    vehicle_id=vehicle_ids,
    effective_at=maybe(instants),
    vehicle=st.builds(
        Vehicle,
        client=maybe(texts),
        tags=text_lists,
        plates=maybe(texts),
        max_speed_kmh=maybe(floats("max_speed_kmh", 1, 200)),
        devices=text_lists,
    ),
    trip=maybe(
        st.builds(
            TripPlan,
            id=short_texts,
            route=st.lists(st.tuples(lons, lats), max_size=3).map(tuple),
            stops=st.lists(stops, max_size=2).map(tuple),
            value=maybe(floats("value", 0, 1e9)),
            carrier_vetted=maybe(st.booleans()),
            escort_vehicle_ids=st.lists(vehicle_ids, max_size=2).map(tuple),
            waivers=text_lists,
        )
    ),
)
