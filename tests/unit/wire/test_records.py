"""Batches of records: inputs in the order of the log, and a reason for everything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telematics.instants import LAST_MS
from telematics.model import Ping
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.reasons import RejectReason
from telematics.wire.records import decode_records
from telematics.wire.ticks import TICK_HEADERS, TICK_VALUE
from tests.support.records import Raw

PARTITIONS = 4
PING = Ping("truck-1", 1_700_000_000_000, 19.5, -99.25)
HOME = partition_of(b"truck-1", PARTITIONS)


GOOD = Raw(7, 1_700_000_001_000, b"truck-1", encode_ping(PING))
TICK = Raw(8, 1_700_000_005_000, None, TICK_VALUE, tuple(TICK_HEADERS))


def test_a_batch_is_columns_in_log_order() -> None:
    """Offsets, arrivals and pings stand side by side, a tick as None, whatever their arrivals say."""
    decoded = decode_records([TICK, GOOD, replace(GOOD, offset=9, timestamp=5)], HOME, PARTITIONS)
    assert decoded.batch.offsets == [8, 7, 9]
    assert decoded.batch.arrivals == [1_700_000_005_000, 1_700_000_001_000, 5]
    assert list(decoded.batch.pings) == [None, PING, PING]
    assert decoded.rejects == []


R = RejectReason
REFUSED: dict[str, tuple[Raw, RejectReason]] = {
    "null value": (replace(GOOD, value=None), R.EMPTY),
    "null key": (replace(GOOD, key=None), R.NO_KEY),
    "null key and value": (replace(GOOD, key=None, value=None), R.NO_KEY),
    "null key and 5 MB": (replace(GOOD, key=None, value=b"x" * 5_000_000), R.TOO_LARGE),
    "another header": (replace(TICK, headers=(("type", b"tock"),)), R.NO_KEY),
    "mismatched key": (replace(GOOD, key=b"truck-2"), R.KEY_MISMATCH),
    "key with other case": (replace(GOOD, key=b"TRUCK-1"), R.KEY_MISMATCH),
    "empty key": (replace(GOOD, key=b""), R.KEY_MISMATCH),
    "key that is no text": (replace(GOOD, key=b"\xff\x00"), R.KEY_MISMATCH),
    "tick of another version": (replace(TICK, value=b'{"v":2}'), R.BAD_TICK),
    "tick with true for 1": (replace(TICK, value=b'{"v":true}'), R.BAD_TICK),
    "tick without value": (replace(TICK, value=None), R.BAD_TICK),
    "tick that is no JSON": (replace(TICK, value=b"tick"), R.BAD_TICK),
    "stamp before 1970": (replace(GOOD, timestamp=-1), R.BAD_ARRIVAL),
    "stamp after 9999": (replace(GOOD, timestamp=LAST_MS + 1), R.BAD_ARRIVAL),
    "tick with a stamp outside the calendar": (replace(TICK, timestamp=2**62), R.BAD_ARRIVAL),
    "unreadable and mismatched": (Raw(1, 1, b"truck-2", b"{"), R.NOT_JSON),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """A record that is no input leaves the batch with its reason and takes nothing else with it."""
    record, reason = REFUSED[name]
    decoded = decode_records([GOOD, record, TICK], HOME, PARTITIONS)
    assert list(decoded.batch.pings) == [PING, None]
    assert [(rejected.record, rejected.reject.reason) for rejected in decoded.rejects] == [(record, reason)]


@pytest.mark.parametrize("partition", [number for number in range(PARTITIONS) if number != HOME])
def test_wrong_partition(partition: int) -> None:
    """A ping elsewhere than murmur2 puts it is refused, and the detail names the setting to change."""
    (rejected,) = decode_records([GOOD], partition, PARTITIONS).rejects
    assert rejected.reject.reason is RejectReason.WRONG_PARTITION
    assert f"murmur2 mod {PARTITIONS} is {HOME}" in rejected.reject.detail
    assert "partitioner" in rejected.reject.detail


def test_a_tick_may_say_more() -> None:
    """A later version may add fields to a tick without stopping the clocks of this one."""
    decoded = decode_records([replace(TICK, value=b' {"v": 1, "by": "x"}')], HOME, PARTITIONS)
    assert list(decoded.batch.pings) == [None]


def test_a_keyed_record_is_never_a_tick() -> None:
    """A ping with a tick's header is a ping."""
    decoded = decode_records([replace(GOOD, headers=tuple(TICK_HEADERS))], HOME, PARTITIONS)
    assert list(decoded.batch.pings) == [PING]


def test_unknown_fields_add_up() -> None:
    """Unknown fields of all accepted pings of the batch are counted together."""
    more = replace(GOOD, value=encode_ping(PING)[:-1] + b',"a":1,"b":2}')
    assert decode_records([more, GOOD, more], HOME, PARTITIONS).unknown_fields == 4
