"""Ticks: records that only carry time. Null key, header `type=tick`; the broker's (or simulator's) stamp is the message.

The value is not null because aiokafka refuses a record with neither key nor value.
"""

from __future__ import annotations

from collections.abc import Iterable

from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.strict import load_object

TICK_VALUE = b'{"v":1}'
TICK_HEADERS: list[tuple[str, bytes]] = [("type", b"tick")]
TICK_INTERVAL_MS = 5_000


def is_tick(key: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> bool:
    """Whether a record says that it is a tick. One with a key is not, whatever its headers say."""
    return key is None and ("type", b"tick") in headers


def check_tick(value: bytes | None) -> Reject | None:
    """None for a tick of this version: an object whose `v` is 1. Other fields are room for later versions."""
    if value == TICK_VALUE:
        return None
    document = load_object(value)
    if isinstance(document, Reject):
        return reject(RejectReason.BAD_TICK, f"a tick's value is {TICK_VALUE.decode()}; {document.detail}")
    version = document.get("v")
    if type(version) is int and version == 1:
        return None
    return reject(RejectReason.BAD_TICK, f"a tick's value is {TICK_VALUE.decode()}; found v = {version!r}")
