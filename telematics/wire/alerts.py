"""Alerts: `telematics.model.Alert` to wire bytes and back. Equal alerts have equal bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from pydantic import TypeAdapter

from telematics.model import Alert
from telematics.wire.documents import to_document
from telematics.wire.reasons import Reject
from telematics.wire.strict import decode

ALERT = TypeAdapter(Alert)


def encode_alert(alert: Alert, most_bytes: int | None = None) -> bytes:
    """Wire bytes: every field, in the order of the class; free-form parts sorted by name, numbers rounded.

    Of an alert that would take more than `most_bytes` the largest parts of the evidence are left out, and named there
    under `dropped`.
    """
    document = to_document(alert, sparse=False)
    evidence = document["evidence"]
    for name in ("evidence", "message_args"):
        # The order in which an engine filled a dict is no part of the alert, so it must not show in the bytes.
        document[name] = orjson.Fragment(orjson.dumps(document[name], option=orjson.OPT_SORT_KEYS))
    value = orjson.dumps(document)
    if most_bytes is None or len(value) <= most_bytes or not evidence:
        return value
    return _shortened(alert, evidence, len(value) - most_bytes)


def _shortened(alert: Alert, evidence: dict[str, Any], by_bytes: int) -> bytes:
    sizes = {name: len(orjson.dumps({name: part})) for name, part in evidence.items()}
    dropped: list[str] = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if by_bytes <= 0:
            break
        dropped.append(name)
        by_bytes += len(name) + 2 * len('""') + len('"dropped":[]') - sizes[name]
    kept = {name: part for name, part in alert.evidence.items() if name not in dropped}
    return encode_alert(replace(alert, evidence={**kept, "dropped": sorted(dropped)}))


def decode_alert(value: bytes | None) -> Alert | Reject:
    """The alert in `value`, or why there is none. Never raises. Fields of later versions are ignored."""
    return decode(ALERT, value)
