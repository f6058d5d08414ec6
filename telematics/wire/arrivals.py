"""Record timestamps that can be a partition's clock."""

from __future__ import annotations

from telematics.instants import LAST_MS, format_rfc3339
from telematics.wire.reasons import Reject, RejectReason, reject


def check_arrival(ms: int) -> Reject | None:
    """None for an instant between 1970 and 9999.

    A record's stamp is any 64 bit integer, and a CreateTime topic believes its producer. Outside the calendar it is no
    instant, and one of them would set a partition's clock beyond every later record.
    """
    if 0 <= ms <= LAST_MS:
        return None
    return reject(
        RejectReason.BAD_ARRIVAL,
        f"record timestamp {ms} ms is outside {format_rfc3339(0)} to {format_rfc3339(LAST_MS)}",
    )
