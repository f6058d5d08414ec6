"""Dead letters: what could not be read, to be looked at and, once the cause is gone, sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Container
from contextlib import aclosing
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from telematics.errors import UserError
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.checkpoint import Outgoing
from telematics.stream.reader import open_reader
from telematics.wire.deadletters import DeadLetter, from_dead_letter, to_dead_letter
from telematics.wire.reasons import Reject, RejectReason
from telematics.wire.records import Rejected


def dead_letter(refused: Rejected, topic: str, partition: int, most_bytes: int) -> Outgoing:
    """What becomes of a record of `topic` that was refused; stamped as it was, where that is a time."""
    record = refused.record
    key, value, headers = to_dead_letter(record, topic, partition, refused.reject, most_bytes)
    return Outgoing(
        None if refused.reject.reason is RejectReason.BAD_ARRIVAL else record.timestamp, key, value, headers
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A dead letter and its own place, by which it is shown and retried."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def place(self) -> str:
        """`partition:offset`, as commands take it."""
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a retry: sent again, or why not."""

    stored: Stored
    refused: str | None


async def list_letters(
    settings: Settings, *, reason: str | None = None, since: int | None = None, limit: int | None = None
) -> AsyncIterator[Stored]:
    """Dead letters up to the present end, those of one reason or written since an instant (ms) if asked."""
    found = 0
    async with open_reader(settings.kafka, settings.topics.deadletters) as reader:
        ends = await reader.ends()
        if since is not None:
            await reader.seek_time(since)
        async for partition, records in reader.until(ends):
            for record in records:
                letter = from_dead_letter(record)
                # What is no dead letter was not written by us; whoever wrote it may look after it.
                if isinstance(letter, Reject) or (reason is not None and letter.reason != reason):
                    continue
                if limit is not None and found >= limit:
                    return
                found += 1
                yield Stored(partition, record.offset, letter)


async def show_letter(settings: Settings, partition: int, offset: int) -> Stored:
    """The dead letter at its own place. Raises UserError when there is none."""
    async with open_reader(settings.kafka, settings.topics.deadletters) as reader:
        begins, ends = await reader.begins(), await reader.ends()
        if partition not in ends:
            raise UserError(f"{settings.topics.deadletters} has no partition {partition}; it has {len(ends)}, from 0")
        if not begins[partition] <= offset < ends[partition]:
            held = f"{begins[partition]} to {ends[partition] - 1}" if ends[partition] > begins[partition] else "none"
            raise UserError(f"{settings.topics.deadletters} has no offset {offset} on partition {partition}: {held}")
        reader.seek(ends | {partition: offset})
        async with aclosing(reader.until(ends | {partition: offset + 1})) as batches:
            async for _, records in batches:
                letter = from_dead_letter(records[0])
                if isinstance(letter, Reject):
                    raise UserError(f"{partition}:{offset}: {letter.detail}")
                return Stored(partition, offset, letter)
    raise UserError(f"{partition}:{offset} is no record that can be read")


async def retry_letters(settings: Settings, letters: Collection[Stored]) -> list[Retried]:
    """Send the original key and value to the topic they came from, unchanged; the key decides the partition anew.

    That is the topic of the pings, or what a bridge reads. One that was cut is refused: half a ping is none; so is the
    state of a vehicle, which was found out anew long since. Raises BrokerError; what was sent by then stays sent.
    """
    known = await topics.describe(settings.kafka, {stored.letter.topic for stored in letters}) if letters else {}
    producer = connection.producer(settings.kafka)
    await connection.started(producer, settings.kafka)
    results = []
    try:
        for stored in letters:
            letter = stored.letter
            refused = _refusal(letter, known)
            if letter.topic == settings.topics.states:
                refused = "it is the state of a vehicle, which was found out anew from the pings"
            if refused is None:
                await producer.send_and_wait(
                    letter.topic, letter.value, letter.key, timestamp_ms=max(0, letter.arrival)
                )
            results.append(Retried(stored, refused))
    except KafkaError as error:
        raise await connection.unreachable(settings.kafka, error, "Write") from error
    finally:
        await connection.ended(producer)
    return results


def _refusal(letter: DeadLetter, topics_there_are: Container[str]) -> str | None:
    if letter.topic not in topics_there_are:
        return f"there is no topic {letter.topic} any more, from which it came"
    if not letter.whole:
        return f"its {letter.truncated} was cut (the whole value had {letter.size} bytes): send it from where it came"
    if letter.key is None and letter.value is None:
        return "it has neither key nor value: there is nothing to send"
    return None
