"""Whatever lies on the state topic: it is a state that an engine can go on from, or it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from telematics.core.engine import MonitorEngine
from telematics.core.snapshot import NewerStateError
from telematics.model import Device, DeviceEvent
from telematics.wire.states import Kept, decode_state, encode_state
from tests.support.generator import RULE_SET, run
from tests.support.places import INDEX
from tests.support.truck import Truck

# What a bit that fell over, another program or a person might write in place of a value.
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    99,
    0.5,
    2**53,
    2**63,
    -(2**63),
    10**30,
    1e308,
    "",
    "x",
    "T1",
    [],
    [1],
    [[]],
    {},
]


def _life() -> list[Any]:
    """Visits, alerts, late fixes, a second device, and at last a stop: something in every part of a state."""
    truck = Truck("T1", km=26, odometer_km=1_000.0)
    truck.drive(28).send(DeviceEvent.PANIC, DeviceEvent.JAMMING, speed_kmh=40.0).wait(5)
    trailer = Truck("T1", km=28, start_s=truck.now_s, device=Device.TRAILER)
    trailer.send(DeviceEvent.DOOR_OPEN)
    truck.sent += trailer.sent
    truck.wait(5).stand(1_200)
    return list(truck.sent)


@cache
def _record() -> bytes:
    engine = MonitorEngine(INDEX, RULE_SET)
    run(engine, _life()[:-20])
    return encode_state(engine.save(0), 100, "g")


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a document: what holds it, and where."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_spoilt_state_is_refused_or_gone_on_from(data: st.DataObject) -> None:
    """One or two values of a state are replaced: no engine that takes it up ends with an error, at once or later."""
    document = orjson.loads(_record())
    for _ in range(data.draw(st.integers(1, 2))):
        holders = list(_places(document))
        holder, key = holders[data.draw(st.integers(0, len(holders) - 1))]
        holder[key] = data.draw(st.sampled_from(ODD))
    try:
        value = orjson.dumps(document)
    except orjson.JSONEncodeError:
        return
    try:
        kept = decode_state(b"T1", value)
    except NewerStateError:
        assert document["state"]["v"] > 1
        return
    if isinstance(kept, Kept):
        engine = MonitorEngine(INDEX, RULE_SET)
        engine.resume(kept.known.clock, [kept.known])
        later = _life()[-20:]
        run(engine, [*later, (later[-1][0] + 86_400_000, None)])
        decode_state(b"T1", encode_state(engine.save(0), 200, "g"))
