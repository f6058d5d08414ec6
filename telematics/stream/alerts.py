"""The alerts topic as readers see it: from a time, from an offset, or from now on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog

from telematics.model import Alert
from telematics.settings import Settings
from telematics.stream.reader import Records, TopicReader, open_reader
from telematics.wire.alerts import decode_alert
from telematics.wire.reasons import Reject

log = structlog.get_logger(__name__)


async def read_alerts(
    settings: Settings, *, since: int | None = None, from_offset: int | None = None, follow: bool = True
) -> AsyncIterator[Alert]:
    """Alerts in the order of each partition, and so of each vehicle.

    Begins with the first alert stamped at or after `since` (ms; a live topic stamps when it takes the alert, on a
    sim topic it is `raised_at`), or at `from_offset` of every partition; with neither, at the end when following
    and at the beginning when not. Ends at the present end unless `follow`. Raises UserError, BrokerError.
    """
    async with open_reader(settings.kafka, settings.topics.alerts) as reader:
        ends = await reader.ends()
        if since is not None:
            await reader.seek_time(since)
        else:
            reader.seek(await _starts(reader, from_offset, follow=follow))
        async for partition, records in reader.onwards() if follow else reader.until(ends):
            for alert in _decoded(partition, records):
                yield alert


async def _starts(reader: TopicReader, from_offset: int | None, *, follow: bool) -> dict[int, int]:
    begins, ends = await reader.begins(), await reader.ends()
    if from_offset is not None:
        return {number: min(max(from_offset, begins[number]), ends[number]) for number in reader.partitions}
    return ends if follow else begins


def _decoded(partition: int, records: Records) -> list[Alert]:
    alerts = []
    for record in records:
        alert = decode_alert(record.value)
        if isinstance(alert, Reject):
            log.warning("alert_unreadable", partition=partition, offset=record.offset, detail=alert.detail)
        else:
            alerts.append(alert)
    return alerts
