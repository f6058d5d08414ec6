"""Dumps: written and read byte for byte."""

from __future__ import annotations

import io

import pytest

from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, Kind, decode_header, decode_line
from telematics.wire.reasons import Reject, RejectReason
from telematics.wire.ticks import TICK_VALUE, is_tick

RECORD = DumpRecord(2, 17, 1_769_613_720_250, Kind.PING, b"truck-1", b'{"a":1}')


def test_the_form() -> None:
    """A dump is one header and one JSON object a record, readable by any tool."""
    out = io.BytesIO()
    writer = DumpWriter(out, Header(3, DumpProfile.LIVE))
    writer.write(RECORD)
    writer.write(DumpRecord(0, 0, 5, Kind.TICK, None, TICK_VALUE))
    assert out.getvalue().decode().splitlines() == [
        '{"telematics_dump":1,"partitions":3,"profile":"live"}',
        (
            '{"partition":2,"offset":17,"arrival":"2026-01-28T15:22:00.250Z","kind":"ping","key":"truck-1",'
            '"value_b64":"eyJhIjoxfQ=="}'
        ),
        (
            '{"partition":0,"offset":0,"arrival":"1970-01-01T00:00:00.005Z","kind":"tick","key":null,'
            '"value_b64":"eyJ2IjoxfQ=="}'
        ),
    ]


def test_a_tick_is_a_tick_again() -> None:
    """A tick read from a dump has what tells a tick."""
    tick = DumpRecord(0, 0, 5, Kind.TICK, None, TICK_VALUE)
    assert is_tick(tick.key, tick.headers)
    assert not is_tick(RECORD.key, RECORD.headers)


def test_arrival_in_milliseconds() -> None:
    """An arrival may be written as a number."""
    line = (
        b'{"partition":2,"offset":17,"arrival":1769613720250,"kind":"ping","key":"truck-1","value_b64":"eyJhIjoxfQ=="}'
    )
    assert decode_line(line) == RECORD


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not a line of a dump"),
        (b"[1]", "not a line of a dump"),
        (b"7", "not a line of a dump"),
        (b'{"partition":0}', "missing"),
        (b'{"partition":0,"offset":-1,"arrival":1,"kind":"ping","key":"a","value_b64":null}', "offset is -1"),
        (b'{"partition":true,"offset":1,"arrival":1,"kind":"ping","key":"a","value_b64":null}', "partition is True"),
        (b'{"partition":0,"offset":1,"arrival":"now","kind":"ping","key":"a","value_b64":null}', "RFC 3339"),
        (b'{"partition":0,"offset":1,"arrival":1,"kind":"fence","key":"a","value_b64":null}', "fence"),
        (b'{"partition":0,"offset":1,"arrival":1,"kind":"ping","key":7,"value_b64":null}', "not a line"),
        (b'{"partition":0,"offset":1,"arrival":1,"kind":"ping","key":"a","value_b64":"*"}', "not a line"),
        (b'{"partition":0,"offset":1,"arrival":1,"kind":"ping","key":"a","value_b64":7}', "not a line"),
    ],
)
def test_no_lines(line: bytes, words: str) -> None:
    """A line that is no record is refused and says what is wrong."""
    refused = decode_line(line)
    assert isinstance(refused, Reject)
    assert refused.reason is RejectReason.BAD_ROW
    assert words in refused.detail


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"vehicle_id":"a"}', b""])
def test_no_header(line: bytes) -> None:
    """What is no dump's first line is left to the other forms."""
    assert decode_header(line) is None
