"""Laws: what is read the quick way is what the slow, obvious way reads."""

from __future__ import annotations

from dataclasses import astuple
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telematics import instants
from telematics.model import PING_FIELDS, Device, DeviceEvent, Fix
from telematics.wire import pings as wire
from telematics.wire.pings import encode_ping, read_ping, read_strictly
from telematics.wire.strict import MAX_BYTES
from tests.support.strategies import LAW, pings

written = pings.map(encode_ping)
digits = st.text("0123456789", max_size=30)
# At the limits of the fields, and beyond them.
LIMITS = ["-1001", "-180", "-90.1", "-90", "-1", "0", "0.9", "1", "5", "6", "64", "90", "90.000001", "100", "100.1", "128",
          "129", "180.1", "360", "360.1", "400", "400.1", "10001", "20001", "86400.1", "100001", "100000000.1"]  # fmt: skip
numbers = (
    st.sampled_from(LIMITS)
    | st.integers().map(str)
    | st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "", "-", "+"]),
        st.integers(0, 500) | digits,
        digits.map(".{}".format) | st.just(""),
        st.sampled_from(["", "", "e0", "E+2", "e-2", "e-400", "e400", "e"]),
    )
)
plain = st.integers(instants.FIRST_MS, instants.LAST_MS).map(instants.format_rfc3339)
# Every part in and just beyond its range: leap seconds, 24:00:00, 30 February, the year 0, odd offsets, no zone.
DAYS = ["2026-01-28", "2024-02-29", "2026-02-30", "0000-01-01", "0001-01-01", "9999-12-31", "2026-13-01", "2026-01-00"]
MINUTES = ["T15:22:", "T23:59:", "t00:00:", " 12:30:", "_12:30:", "T24:00:", "T12:60:", "T12-30:"]
SECONDS = ["00", "12", "59", "60", "7", "+1", "٣٣"]
FRACTIONS = ["", ".", ",", "Z", ".0", ".34", ".345", ",345", ".3456", ".345678912", "Z345", ".٣٤٥"]
ZONES = ["Z", "", "z", "+00:00", "-06:00", "+14:00", "-23:59", "+24:00", "ZZ", "Z\n"]
STAMPS = ["".join(parts) for parts in product(DAYS, MINUTES, SECONDS, FRACTIONS, ZONES)]
stamps = st.sampled_from(STAMPS)
one_off = st.builds(
    lambda text, at, other: text[: at % len(text)] + other + text[at % len(text) + 1 :],
    plain | stamps,
    st.integers(0, 30),
    st.sampled_from(["", "3", "-", "Z", ".", "12", "\ud800"]) | st.characters(),
)
odd = st.sampled_from(
    ["", "x" * 64, "x" * 65, "😀" * 64, "😀" * 65, "a\\n", "a\n", "\\u0061", "\\ud83d\\ude00", "\\ud800", "\\udc00\\ud83d",
     "\\u0000", "\x00", "\x1f", "\x7f", "\\/", "\\x", "\\", "ñ", *Fix, *Device, *DeviceEvent]
)  # fmt: skip
texts = (odd | plain | stamps | st.text(max_size=8)).map('"{}"'.format)
literals = st.sampled_from(["null", "true", "false", "[]", "{}", "NaN", "Infinity", "True", "01", ""])
raw_json = st.recursive(
    numbers | texts | literals,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.tuples(texts, inner).map("{{{0[0]}:{0[1]}}}".format)
    ),
    max_leaves=4,
)
blanks = st.sampled_from(["", "", " ", "\n\t\r ", "\x0b", "\xa0", "\ufeff"])
names = st.sampled_from([*sorted(PING_FIELDS), "x", "l\\u0061t", "lat\\u0000", "LAT", ""])
fields = st.tuples(blanks, names, blanks, raw_json).map(',{0[0]}"{0[1]}"{0[2]}:{0[3]}'.format)
# A valid ping with fields given again, or unknown: the last one counts.
extended = st.builds(
    lambda value, more, after: value[:-1] + ("".join(more) + "}" + after).encode("utf-8", "surrogatepass"),
    written,
    st.lists(fields, max_size=3),
    blanks,
)
damaged = st.builds(
    lambda value, at, cut, junk: value[: at % len(value)] + junk + value[at % len(value) + cut :],
    extended,
    st.integers(0, 10_000),
    st.integers(0, 3),
    st.binary(max_size=3) | st.sampled_from([b"\xed\xa0\x80", b"\xc0\x80", b"9" * 400, b"[" * 300, b'"', b"\\"]),
)


def exact(value: bytes | None, read: Any) -> str:
    """What a reader makes of bytes, told apart as `==` does not: -0.0 from 0.0, 1 from 1.0, a text from an enum."""
    result, unknown = read(value)
    return repr((astuple(result), unknown))


@LAW
@given(value=extended | damaged | st.binary(max_size=300))
@example(value=b'{"vehicle_id":"a","ts":"2026-01-28T15:22:00Z","lat":1,"lon":1}' + b" " * MAX_BYTES)
def test_pings(value: bytes) -> None:
    """Any bytes are the ping, or the refusal to its last word, that the specification makes of them."""
    assert exact(value, read_ping) == exact(value, read_strictly)


@pytest.mark.parametrize("name", sorted(PING_FIELDS))
@LAW
@given(value=written, raw=raw_json)
def test_fields(name: str, value: bytes, raw: str) -> None:
    """The same, whatever stands for one field."""
    value = value[:-1] + f',"{name}":{raw}}}'.encode("utf-8", "surrogatepass")
    assert exact(value, read_ping) == exact(value, read_strictly)


@LAW
@given(value=written)
def test_what_is_written_is_read_the_quick_way(value: bytes) -> None:
    """No ping as we write it needs to be read twice."""
    assert wire._REPORT.decode(value)


def test_instants() -> None:
    """A text of any form is the same instant, or none, by the tables and by the calendar."""
    assert [text for text in STAMPS if instant(instants.parse_rfc3339, text) != instant(instants._parse, text)] == []


@LAW
@given(text=plain | one_off)
def test_damaged_instants(text: str) -> None:
    """The same for any instant, and for one with any character lost, put in or changed."""
    assert instant(instants.parse_rfc3339, text) == instant(instants._parse, text)


def instant(parse: Any, text: str) -> int | None:
    """Milliseconds, or None for no instant."""
    try:
        return int(parse(text))
    except ValueError:
        return None
