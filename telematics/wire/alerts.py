"""Alerts: `telematics.model.Alert` to wire bytes and back. Equal alerts have equal bytes."""

from __future__ import annotations

import orjson
from pydantic import TypeAdapter

from telematics.model import Alert
from telematics.wire.documents import to_document
from telematics.wire.reasons import Reject
from telematics.wire.strict import decode

ALERT = TypeAdapter(Alert)


def encode_alert(alert: Alert) -> bytes:
    """Wire bytes: every field, in the order of the class; free-form parts sorted by name, numbers rounded."""
    document = to_document(alert, sparse=False)
    for name in ("evidence", "message_args"):
        # The order in which an engine filled a dict is no part of the alert, so it must not show in the bytes.
        document[name] = orjson.Fragment(orjson.dumps(document[name], option=orjson.OPT_SORT_KEYS))
    return orjson.dumps(document)


def decode_alert(value: bytes | None) -> Alert | Reject:
    """The alert in `value`, or why there is none. Never raises. Fields of later versions are ignored."""
    return decode(ALERT, value)
