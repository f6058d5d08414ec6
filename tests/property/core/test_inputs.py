"""The law of a prepared batch: its columns and hits are those that its pings give one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.index import FenceIndex
from geofences.model import Circle, Fence
from telematics.core.engine import MonitorEngine
from telematics.core.inputs import DEVICES, prepare
from telematics.core.params import RuleSet
from telematics.core.surroundings import Surroundings
from telematics.model import Batch, Device, DeviceEvent, Fix, Ping, Pings, fields_of

# Three circles, each reaching into the next: a point is in none, one, two or near one.
FENCES = FenceIndex(
    Fence(id=name, shape=Circle(-99.0 + k / 100, 19.0, 1_000.0), approach_m=500.0 * k) for k, name in enumerate("abc")
)
NUMBERS = ("ts", "lon", "lat", "speed_kmh", "interval_s", "odometer_km", "satellites", "hdop", "accuracy_m", "power_v")

_pings = st.builds(
    Ping,
    st.sampled_from(["v1", "v2"]),
    ts=st.integers(0, 2 * 10**12),
    lat=st.just(19.0),
    lon=st.integers(-2, 6).map(lambda k: -99.0 + k / 200),
    speed_kmh=st.none() | st.floats(0, 400),
    satellites=st.none() | st.integers(0, 20),
    fix=st.none() | st.sampled_from(Fix),
    ignition=st.none() | st.booleans(),
    power_v=st.none() | st.floats(0, 100),
    device=st.sampled_from(Device),
    buffered=st.booleans(),
    events=st.lists(st.sampled_from(DeviceEvent), max_size=1).map(tuple),
)
# Batches of plain pings take the short ways: let half of them be such.
_plain = _pings.map(
    lambda ping: replace(ping, fix=None, device=Device.TRACTOR, buffered=False, events=(), power_v=None)
)


def _surroundings() -> Surroundings:
    return MonitorEngine(FENCES, RuleSet())._surroundings


_batches = st.one_of(*(st.lists(st.none() | pings, min_size=1, max_size=8) for pings in (_pings, _plain)))


@settings(deadline=None, max_examples=150)
@given(pings=_batches, data=st.data())
def test_a_prepared_batch_is_its_pings_one_by_one(pings: list[Ping | None], data: st.DataObject) -> None:
    """Whatever the batch has none of, a tick among them or not: each column holds what its ping tells, NaN for None."""
    told = data.draw(st.sampled_from([pings, Pings([None if ping is None else fields_of(ping) for ping in pings])]))
    arrivals = data.draw(st.lists(st.integers(0, 100), min_size=len(pings), max_size=len(pings)))
    surroundings = _surroundings()
    inputs = prepare(Batch(list(range(len(pings))), arrivals, told), 50, surroundings)
    assert inputs.ats == [max(50, *arrivals[: i + 1]) for i in range(len(pings))] == inputs.at.tolist()
    for i, ping in enumerate(pings):
        if ping is None:
            assert (inputs.vehicle_ids[i], inputs.special[i], inputs.located[i]) == ("", False, ())
            continue
        assert inputs.vehicle_ids[i] == ping.vehicle_id
        assert inputs.special[i] == bool(ping.events or ping.buffered or ping.fix is Fix.NONE)
        assert inputs.device[i] == DEVICES[ping.device]
        for name in (*NUMBERS, "ignition"):
            value = getattr(ping, name)
            np.testing.assert_equal(getattr(inputs, name)[i], np.nan if value is None else float(value))
        alone = FENCES.match(np.array([ping.lon]), np.array([ping.lat]))
        hits = tuple(2 * n + inside for n, inside in zip(alone.fences.tolist(), alone.inside.tolist(), strict=True))
        assert inputs.located[i] == hits
        assert all(type(code) is int for code in inputs.located[i])
        assert inputs.located.keys[i] == surroundings.key(hits)


@settings(deadline=None, max_examples=30)
@given(pings=st.lists(_pings, min_size=2, max_size=30))
def test_two_points_share_a_key_if_and_only_if_they_share_their_hits(pings: list[Ping]) -> None:
    """A key stands for a set of hits and no other."""
    located = _surroundings().locate(np.array([p.lon for p in pings]), np.array([p.lat for p in pings]))
    keys = located.keys.tolist()
    count = range(len(pings))
    assert [[keys[i] == keys[j] for i in count] for j in count] == [
        [located[i] == located[j] for i in count] for j in count
    ]
