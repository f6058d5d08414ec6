"""State records: what is read of them, and what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from telematics.core.engine import MonitorEngine
from telematics.core.snapshot import NewerStateError
from telematics.wire.reasons import Reject, RejectReason
from telematics.wire.states import Kept, decode_state, encode_state
from tests.support.generator import RULE_SET, run
from tests.support.places import INDEX
from tests.support.truck import Truck


def _record() -> tuple[bytes, bytes]:
    engine = MonitorEngine(INDEX, RULE_SET)
    truck = Truck("T1")
    for i in range(30):
        truck.send(speed_kmh=60.5 + i / 7).wait(10)
    run(engine, list(truck.sent))
    return b"T1", encode_state(engine.save(0), 30, "g")


def test_a_state_comes_back_to_the_byte() -> None:
    """Taken up by an engine and saved again it is the same record."""
    key, value = _record()
    kept = decode_state(key, value)
    assert isinstance(kept, Kept)
    engine = MonitorEngine(INDEX, RULE_SET)
    engine.resume(kept.known.clock, [kept.known])
    assert encode_state(engine.save(0), kept.offset, kept.group) == value


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"group": 1}, "group"),
        ({"clock": 2**63}, "clock"),
        ({"offset": -1}, "offset"),
        ({"clock": None}, "clock"),
        ({"state": []}, "state"),
        ({"state": {"v": 0}}, "version 0"),
        ({"state": {"v": 1}}, "missing required field"),
        ({"trips": [{"vehicle_id": "T2"}]}, "T2"),
    ],
)
def test_what_is_no_state_is_refused_with_what_is_wrong(changed: dict[str, Any], told: str) -> None:
    """It names the field or the version, and raises nothing."""
    key, value = _record()
    found = decode_state(key, orjson.dumps(orjson.loads(value) | changed))
    assert isinstance(found, Reject)
    assert found.reason is RejectReason.BAD_VALUE
    assert told in found.detail


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=f"{value[:12]!r}")
        for value in (
            b"",
            b"{",
            b"[]",
            b"{}",
            b"null",
            b'{"state":{"v":2}}',
            b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        )
    ],
)
def test_other_bytes_are_refused(value: bytes) -> None:
    """Whatever they are."""
    assert isinstance(decode_state(b"T1", value), Reject)


def test_numbers_that_no_column_takes_are_refused() -> None:
    """JSON has no end to its numbers; the columns of an engine have."""
    key, value = _record()
    document = orjson.loads(value)
    huge = value.replace(b'"moved_ts":%d' % document["state"]["moved_ts"], b'"moved_ts":%d' % 10**400)
    assert huge != value
    assert isinstance(decode_state(key, huge), Reject)


@pytest.mark.parametrize("more", [{}, {"what_this_program_does_not_know": 1}])
def test_a_later_version_is_told_from_a_damaged_state(more: dict[str, Any]) -> None:
    """Whether or not its fields are those of ours."""
    key, value = _record()
    document = orjson.loads(value)
    document["state"] |= {"v": 99, **more}
    with pytest.raises(NewerStateError, match="version 99"):
        decode_state(key, orjson.dumps(document))
