"""The topics of a run as readers find them, and as a run that nobody disturbs would have left them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from telematics.model import Alert
from telematics.replay.dumpfile import DumpRecord, Kind, decode_line
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.deadletters import Stored, list_letters
from telematics.stream.reader import open_reader
from telematics.wire.alerts import decode_alert
from telematics.wire.fencesets import READING_KEY, Reading, encode_reading, read_set_key
from tests.chaos.judge import Said


class CommandError(Exception):
    """A command of the product did not end well; the text is what it said."""


async def read_back(settings: Settings) -> tuple[list[Said], list[Said]]:
    """The alerts and the dead letters that a read_committed reader finds, each partition's in its order."""
    alerts = []
    async with open_reader(settings.kafka, settings.topics.alerts) as reader:
        async for partition, records in reader.until(await reader.ends()):
            alerts += [_alert(record.value, f"{partition}:{record.offset}") for record in records]
    return alerts, [_read_letter(stored) async for stored in list_letters(settings)]


async def replayed(settings: Settings, folder: Path) -> tuple[list[Said], list[Said], list[DumpRecord]]:
    """The alerts and dead letters of a replay of the whole log, with Kafka out of the way, and the log itself."""
    dump, alerts, rejects = folder / "log.ndjson", folder / "replayed.ndjson", folder / "rejects.ndjson"
    where = ("--bootstrap", settings.kafka.bootstrap, "--prefix", settings.topics.prefix)
    await _telematics("topics", "dump", "--out", str(dump), *where, group=settings.kafka.group)
    await _telematics("replay", str(dump), "--out", str(alerts), "--rejects", str(rejects))
    # The first line is the header.
    log = [_record(line) for line in dump.read_bytes().splitlines()[1:]]
    said = [_alert(line, "replay") for line in alerts.read_bytes().splitlines()]
    return said, list(_refused(log, rejects)), log


async def copy_sets(settings: Settings, log: Sequence[DumpRecord]) -> None:
    """Write the fence sets of a log, and from when on each partition had them, for the group of the settings."""
    late: dict[int, dict[int, int]] = {}
    for record in log:
        if record.kind is Kind.SET_READING:
            late.setdefault(record.partition, {})[record.offset] = record.arrival
    records = [record for record in log if record.kind is Kind.GEOFENCE]
    newest = max(read_set_key(record.key) or 0 for record in records)
    producer = connection.producer(settings.kafka)
    await producer.start()
    try:
        for record in records:
            topic, at = settings.topics.fences, record.arrival
            await producer.send_and_wait(topic, record.value, record.key, partition=0, timestamp_ms=at)
        for partition, moved in late.items():
            reading = encode_reading(Reading(newest, moved), settings.kafka.group)
            await producer.send_and_wait(settings.topics.states, reading, READING_KEY, partition=partition)
    finally:
        await producer.stop()


def _refused(log: list[DumpRecord], rejects: Path) -> Iterator[Said]:
    for line in rejects.read_bytes().splitlines():
        row = orjson.loads(line)
        record = log[row["line"] - 2]
        yield _letter(record.partition, record.offset, record.arrival, row["reason"], record.value, "replay")


def _record(line: bytes) -> DumpRecord:
    record = decode_line(line)
    assert isinstance(record, DumpRecord), record
    return record


def _alert(value: bytes | None, place: str) -> Said:
    alert = decode_alert(value)
    assert isinstance(alert, Alert), f"{place} is no alert: {alert.detail}"
    return Said(
        f"{alert.alert_id} {alert.seq}", alert.vehicle_id, value or b"", alert.raised_at, f"{place} {alert.rule}"
    )


def _read_letter(stored: Stored) -> Said:
    letter = stored.letter
    return _letter(letter.partition, letter.offset, letter.arrival, letter.reason, letter.value, stored.place)


def _letter(partition: int, offset: int, arrival: int, reason: str, value: bytes | None, place: str) -> Said:
    return Said(f"{partition}:{offset}", str(partition), b"%b %b" % (reason.encode(), value or b""), arrival, place)


async def _telematics(*arguments: str, group: str = "telematics-monitor") -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telematics", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"TELEMATICS_KAFKA__GROUP": group},
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise CommandError(f"telematics {' '.join(arguments)} ended with {process.returncode}:\n{said.decode()}")
