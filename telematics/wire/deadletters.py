"""Dead letters: refused records with their bytes unchanged and headers that say why, where and when.

Headers (texts in UTF-8): `reason`, `detail`, `topic`, `partition`, `offset`, `arrival` (RFC 3339, or the bare number of
milliseconds where that is no calendar date) of the source record. A record too large to be kept whole is cut:
`truncated` then names what was cut (`value`, `key` or `key,value`), `size` and `sha256` are those of the whole value.
A null value is kept as an empty one with the header `value` = `null`: aiokafka refuses null beside a null key.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from telematics.instants import format_rfc3339, parse_rfc3339
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.records import Record

# Kafka's default limit for a record is 1 MiB with key and headers; 900 KB of value leave room for both.
MOST_BYTES = 1_000_000
KEPT_VALUE_BYTES = 900_000
# A key of ours has at most 64 bytes. A larger one is kept as evidence only as far as it cannot fill the record.
KEPT_KEY_BYTES = 65_536

# What the headers that tell of a cut take, and the framing.
_CUT_BYTES = 200

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as read back. `size` and `sha256` (hex) are of the whole value, None for a null value.

    `reason` is a text, not an enum: letters written by a later version must still be listed.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    arrival: int
    key: bytes | None
    value: bytes | None
    truncated: str
    size: int | None
    sha256: str | None

    @property
    def whole(self) -> bool:
        """Whether key and value are all there, so that the record can be sent again."""
        return not self.truncated


def to_dead_letter(
    record: Record, topic: str, partition: int, refusal: Reject, most_bytes: int = MOST_BYTES
) -> tuple[bytes | None, bytes, Headers]:
    """Key, value and headers, of `most_bytes` together, of the dead letter for a record of `topic` and `partition`."""
    key, value = record.key, record.value
    headers = [
        ("reason", refusal.reason.value.encode()),
        ("detail", refusal.detail.encode()),
        ("topic", topic.encode()),
        ("partition", str(partition).encode()),
        ("offset", str(record.offset).encode()),
        ("arrival", _write_arrival(record.timestamp).encode()),
    ]
    cut = []
    kept_key = min(KEPT_KEY_BYTES, most_bytes // 4)
    if key is not None and len(key) > kept_key:
        key = key[:kept_key]
        cut.append("key")
    used = len(key or b"") + sum(len(name) + len(text) for name, text in headers) + _CUT_BYTES
    kept_value = max(0, min(KEPT_VALUE_BYTES, most_bytes - used))
    if value is None:
        headers.append(("value", b"null"))
        value = b""
    elif len(value) > kept_value:
        cut.append("value")
    if cut:
        headers += [
            ("truncated", ",".join(cut).encode()),
            ("size", str(len(value)).encode()),
            ("sha256", sha256(value).hexdigest().encode()),
        ]
    return key, value[:kept_value], headers


def from_dead_letter(record: Record) -> DeadLetter | Reject:
    """Read a record of the dead letter topic back. Never raises: a record that is no dead letter is a `Reject`."""
    try:
        texts = {name: (raw or b"").decode() for name, raw in record.headers}
        value = None if texts.get("value") == "null" else record.value or b""
        return DeadLetter(
            reason=texts["reason"],
            detail=texts["detail"],
            topic=texts["topic"],
            partition=int(texts["partition"]),
            offset=int(texts["offset"]),
            arrival=_read_arrival(texts["arrival"]),
            key=record.key,
            value=value,
            truncated=texts.get("truncated", ""),
            size=int(texts["size"]) if "size" in texts else _size(value),
            sha256=texts.get("sha256") or _sha256(value),
        )
    except KeyError as missing:
        return reject(RejectReason.MISSING_FIELD, f"not a dead letter: header {missing} is missing")
    except ValueError as error:
        return reject(RejectReason.BAD_VALUE, f"not a dead letter: {error}")


def _size(value: bytes | None) -> int | None:
    return None if value is None else len(value)


def _sha256(value: bytes | None) -> str | None:
    return None if value is None else sha256(value).hexdigest()


def _write_arrival(ms: int) -> str:
    try:
        return format_rfc3339(ms)
    except OverflowError:
        return str(ms)


def _read_arrival(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return parse_rfc3339(text)
