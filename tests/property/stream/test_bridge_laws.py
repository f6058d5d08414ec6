"""The law of bridges: whatever is forwarded, each record becomes a ping that the monitor reads, or a dead letter."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import orjson
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from telematics.metrics import Metrics
from telematics.settings import TopicSettings
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position
from telematics.stream.source import Route, Source
from telematics.wire.deadletters import DeadLetter, from_dead_letter
from telematics.wire.dialects.traccar import EVENTS, FLAGS, NUMBERS, decode_traccar
from telematics.wire.records import decode_records
from tests.support.records import Raw
from tests.support.strategies import FEW, json_values

PINGS = 3
TOPICS = TopicSettings()

numbers = st.integers(-(10**6), 10**6) | st.floats() | st.sampled_from([0, -0.0, 1e308, 10**18, 359.96, 399.99])
odd = json_values | numbers | st.text(max_size=4)
flags = st.booleans() | odd
times = st.sampled_from(["2026-01-28T15:22:00.000+00:00", "2026-01-28T15:22:00.000+0000", 1_769_613_720_000, 0]) | odd
ids = st.sampled_from(["truck-1", "359632106090555", 77, "truck 1", "x" * 65, "ñ", "", "truck-1\n"]) | odd
own = {
    "latitude": st.floats(-90, 90) | numbers,
    "longitude": st.floats(-180, 180) | numbers,
    "fixTime": times,
    "deviceTime": times,
    "valid": flags,
    "outdated": flags,
    "protocol": odd,
}
mapped = {name: numbers | odd for name, _, _ in NUMBERS} | {name: flags for name, _ in FLAGS}
alarms = st.lists(st.sampled_from([*EVENTS, "lowBattery", " sos", ""]), max_size=5).map(",".join)
extra = {"alarm": alarms | odd, "approximate": flags, "uniqueId": ids, "device_id": odd, "": odd}
attributes = st.fixed_dictionaries({}, optional=mapped | extra)
positions = st.fixed_dictionaries({}, optional=own | mapped | {"attributes": attributes | odd})
devices = st.fixed_dictionaries(
    {}, optional={"uniqueId": ids, "attributes": st.fixed_dictionaries({}, optional={"plates": ids}) | odd}
)
messages = st.fixed_dictionaries({}, optional={"position": positions | odd, "device": devices | odd, "event": odd})
# Most of a message is as Traccar writes it, or hardly any would be a ping.
usual: dict[str, Any] = {
    "latitude": 19.5,
    "longitude": -99.25,
    "fixTime": "2026-01-28T15:22:00.000+00:00",
    "valid": True,
}
nearly = st.builds(
    lambda position, inner, device: {
        "position": usual | position | {"attributes": inner},
        "device": {"uniqueId": "truck-1", "attributes": {"plates": "ABC-12"}} | device,
    },
    st.fixed_dictionaries({}, optional=mapped) | st.fixed_dictionaries({}, optional=own),
    attributes,
    st.just({}) | devices,
)
encoded = (messages | nearly).map(orjson.dumps)
damaged = st.builds(lambda value, at: value[: at % (len(value) + 1)], encoded, st.integers(0, 500))
values = st.none() | encoded | damaged | st.binary(max_size=40)
stamps = st.just(1_769_613_720_000) | st.integers(-(2**63), 2**63 - 1)


class Kept:
    """A checkpoint that keeps what it is given."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, list[Outgoing]] = {}

    async def write(self, encode: Any, _former: int | None, _then: Position) -> None:
        """Keep everything."""
        self.records = {place: list(outgoing) for place, outgoing in encode(1_000_000).items()}


@FEW
@given(
    load=st.lists(st.tuples(values, st.none() | st.binary(max_size=9), stamps), min_size=1, max_size=20),
    id_attribute=st.sampled_from([None, "plates"]),
)
def test_every_record_is_a_ping_that_is_read_or_a_dead_letter(
    load: list[tuple[bytes | None, bytes | None, int]], id_attribute: str | None
) -> None:
    """Of what a bridge writes to the pings the monitor refuses nothing, and all else is in the dead letters, whole."""
    kept = Kept()
    route = Route("traccar", lambda value: decode_traccar(value, id_attribute), TOPICS, PINGS, 2)
    source = Source(9, 10, route, cast("Checkpoint", kept), Metrics())
    source.run_from(0, None)
    raws = [Raw(offset, at, key, value) for offset, (value, key, at) in enumerate(load)]
    source.take(cast("Any", raws))
    asyncio.run(source.settle())
    pings = 0
    for place, outgoings in kept.records.items():
        as_read = [Raw(n, it.at or 0, it.key, it.value, tuple(it.headers or ())) for n, it in enumerate(outgoings)]
        if place.topic == TOPICS.pings:
            decoded = decode_records(as_read, place.partition, PINGS)
            assert decoded.rejects == []
            assert decoded.unknown_fields == 0
            pings += len(decoded.batch)
            continue
        assert place == TopicPartition(TOPICS.deadletters, 1)
        for record in as_read:
            letter = from_dead_letter(record)
            assert isinstance(letter, DeadLetter)
            sent = raws[letter.offset]
            assert (letter.topic, letter.partition, letter.key, letter.value) == ("traccar", 9, sent.key, sent.value)
    assert pings + len(kept.records[TopicPartition(TOPICS.deadletters, 1)]) == len(load)
