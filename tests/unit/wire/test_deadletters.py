"""Dead letters keep what was refused, as it was, with where it came from."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from telematics.wire.deadletters import KEPT_KEY_BYTES, KEPT_VALUE_BYTES, DeadLetter, from_dead_letter, to_dead_letter
from telematics.wire.reasons import Reject, RejectReason
from tests.support.records import Raw

RECORD = Raw(41, 1_769_613_720_250, b"truck-1", b'{"lat":NaN}')
REFUSAL = Reject(RejectReason.NOT_FINITE, "a number is not finite: línea 1")


def sent_and_read(record: Raw) -> DeadLetter:
    """The record as a dead letter, read back."""
    key, value, headers = to_dead_letter(record, "telematics.pings", 3, REFUSAL)
    letter = from_dead_letter(Raw(0, 0, key, value, tuple(headers)))
    assert isinstance(letter, DeadLetter)
    return letter


def test_headers_say_what_where_and_when() -> None:
    """Headers carry reason, detail and the place of the source record as texts that any tool shows."""
    _, _, headers = to_dead_letter(RECORD, "telematics.pings", 3, REFUSAL)
    assert dict(headers) == {
        "reason": b"not_finite",
        "detail": "a number is not finite: línea 1".encode(),
        "topic": b"telematics.pings",
        "partition": b"3",
        "offset": b"41",
        "arrival": b"2026-01-28T15:22:00.250Z",
    }


def test_a_letter_is_read_as_it_was_written() -> None:
    """Key, value and place come back; the hash is that of the value."""
    letter = sent_and_read(RECORD)
    assert letter == DeadLetter(
        "not_finite", REFUSAL.detail, "telematics.pings", 3, 41, 1_769_613_720_250, b"truck-1", RECORD.value, "",
        11, sha256(b'{"lat":NaN}').hexdigest(),
    )  # fmt: skip
    assert letter.whole


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", b"truck-1"])
@pytest.mark.parametrize("value", [None, b"", b"\x00\xff", b"x" * KEPT_VALUE_BYTES])
def test_bytes_are_unchanged(key: bytes | None, value: bytes | None) -> None:
    """Bytes up to the limit, null and empty ones too, come back as they were."""
    letter = sent_and_read(replace(RECORD, key=key, value=value))
    assert (letter.key, letter.value, letter.whole) == (key, value, True)


def test_a_letter_never_has_neither_key_nor_value() -> None:
    """The client refuses null beside null, so a letter's own value never is."""
    _, value, _ = to_dead_letter(replace(RECORD, key=None, value=None), "t", 0, REFUSAL)
    assert value == b""


def test_a_large_value_is_cut_and_named() -> None:
    """Over 900 KB the value is cut; size and hash are those of the whole, and it cannot be sent again."""
    value = bytes(range(256)) * 4_000
    letter = sent_and_read(replace(RECORD, value=value))
    assert letter.value == value[:KEPT_VALUE_BYTES]
    assert (letter.truncated, letter.size, letter.sha256) == ("value", len(value), sha256(value).hexdigest())
    assert not letter.whole


def test_a_large_key_cannot_fill_the_record() -> None:
    """A key that would make the letter larger than a record may be is cut too, so that the stream goes on."""
    key, value = b"k" * 1_000_000, b"v" * 40_000
    letter = sent_and_read(replace(RECORD, key=key, value=value))
    assert (letter.key, letter.value, letter.truncated) == (key[:KEPT_KEY_BYTES], value, "key")
    assert letter.size == 40_000
    written_key, written_value, headers = to_dead_letter(
        replace(RECORD, key=key, value=b"v" * 2_000_000), "t", 0, REFUSAL
    )
    assert len(written_key or b"") + len(written_value) + sum(len(n) + len(v) for n, v in headers) < 1_000_000


def test_a_stamp_outside_the_calendar_is_kept() -> None:
    """An arrival that no date can say is still said, in milliseconds."""
    assert sent_and_read(replace(RECORD, timestamp=2**62)).arrival == 2**62


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("reason", None, RejectReason.MISSING_FIELD),
        ("offset", None, RejectReason.MISSING_FIELD),
        ("offset", b"many", RejectReason.BAD_VALUE),
        ("arrival", b"yesterday", RejectReason.BAD_VALUE),
        ("detail", b"\xff", RejectReason.BAD_VALUE),
    ],
)
def test_no_dead_letter(header: str, value: bytes | None, reason: RejectReason) -> None:
    """A record that lacks what a letter has is refused with the header's name or its value."""
    _, body, headers = to_dead_letter(RECORD, "telematics.pings", 3, REFUSAL)
    changed = [(name, old) for name, old in headers if name != header] + ([(header, value)] if value else [])
    refused = from_dead_letter(Raw(0, 0, RECORD.key, body, tuple(changed)))
    assert isinstance(refused, Reject)
    assert refused.reason is reason


def test_a_reason_of_a_later_version_is_listed() -> None:
    """Letters of a newer monitor are still read."""
    _, body, headers = to_dead_letter(RECORD, "telematics.pings", 3, REFUSAL)
    newer = [(name, b"not_yet_known" if name == "reason" else old) for name, old in headers]
    letter = from_dead_letter(Raw(0, 0, RECORD.key, body, tuple(newer)))
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "not_yet_known"


@pytest.mark.parametrize("most_bytes", [4_000, 20_000, 1_000_000])
def test_a_letter_is_cut_to_what_a_broker_takes(most_bytes: int) -> None:
    """Key, value and headers together stay below the limit, and what is kept is as much as fits."""
    record = replace(RECORD, key=b"k" * 70_000, value=b"v" * 2_000_000)
    key, value, headers = to_dead_letter(record, "telematics.pings", 3, REFUSAL, most_bytes)
    size = len(key or b"") + len(value) + sum(len(name) + len(text) for name, text in headers)
    assert most_bytes * 0.8 <= size <= most_bytes
    assert dict(headers)["truncated"] == b"key,value"
