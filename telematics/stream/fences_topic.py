"""Publishing fence sets and reading them back, for people and their programs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    IllegalOperation,
    InvalidProducerEpoch,
    KafkaError,
    ProducerFenced,
)
from aiokafka.structs import OffsetAndMetadata

from geofences.model import Fence
from telematics.errors import BrokerError, UserError
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.reader import end_of_log, open_reader
from telematics.stream.topics import Profile, describe_one
from telematics.wire.fencesets import (
    READING_KEY,
    FenceLog,
    FenceSet,
    Manifest,
    Reading,
    Refusal,
    decode_reading,
    encode_fence,
    encode_manifest,
    fence_key,
    from_clock,
    in_order,
    reading_group,
    set_hash,
    set_key,
)
from telematics.wire.reasons import Reject
from telematics.wire.strict import MAX_BYTES
from telematics.wire.trips import LIVE_DELAY_MS

# So long a set that was replaced stays, and with it what a replay, a rebuild or somebody who wants it back needs.
KEPT_MS = 30 * 24 * 3_600_000
# A set of many long outlines takes its time; then the broker undoes it.
_PATIENCE_S = 60.0
# A Kafka that no group has ever used makes the topic of the offsets when it is first asked for them.
_COORDINATOR_S = 15.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What is published: fences as drawn, who wants them and why, and from when on.

    `effective_at` is by the clock of the feed (ms), None is as soon as may be.
    """

    fences: Sequence[Fence]
    author: str
    effective_at: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What came of a draft, or would: the set, the one before it, and what has to be written for it.

    `manifest` is None where the set that is there already is the same. `raised` are fences whose version had to be raised
    because they changed. `records` are key and value, tombstones (None) of what nobody needs any more among them. `coming`
    are the sets that were to count later: this one replaces those that would not count before it.
    """

    fences: tuple[Fence, ...]
    before: FenceSet | None
    manifest: Manifest | None
    raised: tuple[Fence, ...]
    records: tuple[tuple[bytes, bytes | None], ...]
    effective_at: int
    """From when on the set counts (ms); 0 is from the beginning for the first one, from the next ping on for others."""
    coming: tuple[FenceSet, ...] = ()

    @property
    def replaced(self) -> tuple[FenceSet, ...]:
        """The sets to come that do not, because of this one."""
        return () if self.manifest is None else tuple(s for s in self.coming if s.effective_at >= self.effective_at)


async def publish_fences(settings: Settings, draft: Draft, *, dry_run: bool = False) -> Publication:
    """Write a set, whole or not at all. Raises UserError, BrokerError.

    Whoever publishes ends what another is publishing, then looks at what there is: numbers and versions are never given
    twice.
    """
    if dry_run:
        taken, _, profile = await read_log(settings)
        return prepared(taken, draft, profile, _now())
    profile = (await describe_one(settings.kafka, settings.topics.fences)).profile
    producer = connection.publisher(settings.kafka, settings.topics.fences, _PATIENCE_S)
    await connection.started(producer, settings.kafka)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            taken, _, _ = await read_log(settings)
            # Now and not earlier: to read a large file and the log takes longer than a set waits until it counts.
            publication = prepared(taken, draft, profile, _now())
            if publication.manifest is not None:
                # What it means when it was written, nothing tells a simulated truck.
                stamp = 0 if profile is Profile.SIM else None
                written_at = await _write(settings, producer, publication, stamp)
                publication = replace(
                    publication, effective_at=_counts_from(publication.before, draft, profile, written_at)
                )
    except (ProducerFenced, InvalidProducerEpoch, IllegalOperation) as error:
        msg = f"{settings.topics.fences}: somebody else has begun to publish; nothing was written, publish again"
        raise BrokerError(msg) from error
    except (KafkaError, TimeoutError) as error:
        raise await connection.unreachable(settings.kafka, error, "Write") from error
    finally:
        await connection.ended(producer)
    return publication


def _now() -> int:
    return int(time.time() * 1000)


async def _write(settings: Settings, producer: AIOKafkaProducer, publication: Publication, stamp: int | None) -> int:
    """Returns the arrival of the manifest, ms."""
    topic = settings.topics.fences
    async with producer.transaction():
        sent = [
            await producer.send(topic, value, key, partition=0, timestamp_ms=stamp)
            for key, value in publication.records
        ]
        written = (await asyncio.gather(*sent))[-1]
    async with open_reader(settings.kafka, topic, [0]) as reader:

        async def end() -> int:
            return (await reader.ends())[0]

        await end_of_log(end, written.offset + 1)  # so that who looks next finds it
    return int(written.timestamp)


async def read_log(settings: Settings) -> tuple[FenceLog, list[Refusal], Profile]:
    """The topic as it is now, the manifests on it that are not taken, and its profile. Raises UserError, BrokerError."""
    profile = (await describe_one(settings.kafka, settings.topics.fences)).profile
    taken, refused = FenceLog(live=profile is Profile.LIVE), []
    async with open_reader(settings.kafka, settings.topics.fences) as reader:
        async for _, records in reader.until(await reader.ends()):
            for record in records:
                found = taken.take(record.key, record.value, record.timestamp)
                if isinstance(found, Refusal):
                    refused.append(found)
    return taken, refused, profile


async def committed_offsets(settings: Settings) -> dict[int, int]:
    """How far the group has come in the pings, by partition. Raises BrokerError."""
    client = connection.admin(settings.kafka)
    await connection.started(client, settings.kafka)
    found: Mapping[TopicPartition, OffsetAndMetadata] = {}
    try:
        async with asyncio.timeout(_COORDINATOR_S):
            for wait_s in connection.backoff_s():
                try:
                    found = await client.list_consumer_group_offsets(settings.kafka.group)
                except GroupCoordinatorNotAvailableError:
                    await asyncio.sleep(wait_s)
                else:
                    break
    except (KafkaError, TimeoutError) as error:
        raise await connection.unreachable(settings.kafka, error) from error
    finally:
        await client.close()
    return {place.partition: held.offset for place, held in found.items() if place.topic == settings.topics.pings}


@dataclass(frozen=True, slots=True)
class LateSets:
    """Which sets partitions had later than they say, and when (arrival, ms), by partition and number.

    `others` are the consumer groups that told so where none is known of our own: how it was for them is not known here.
    """

    by_partition: Mapping[int, Mapping[int, int]]
    others: tuple[str, ...] = ()


async def late_sets(settings: Settings, sets: Sequence[FenceSet], clocks: Mapping[int, int]) -> LateSets:
    """By a partition's own word; one that it had not read when it last committed, its clock at `clocks`, comes after that.

    Raises BrokerError.
    """
    last: dict[int, bytes | None] = {}
    async with open_reader(settings.kafka, settings.topics.states) as reader:
        async for partition, records in reader.until(await reader.ends()):
            for record in records:
                if record.key == READING_KEY:
                    last[partition] = record.value
    late: dict[int, Mapping[int, int]] = {}
    groups = {group for value in last.values() if (group := reading_group(value or b""))}
    if groups and settings.kafka.group not in groups:
        return LateSets(late, tuple(sorted(groups)))
    for partition, value in last.items():
        reading = decode_reading(value or b"", settings.kafka.group)
        if not isinstance(reading, Reading):
            continue
        for one in sets:
            if one.number > reading.newest:
                reading, _ = reading.take(one, clocks.get(partition, 0))
        late[partition] = reading.late
    return LateSets(late)


def prepared(taken: FenceLog, draft: Draft, profile: Profile, now: int) -> Publication:
    """What a draft comes to, after what was published before it. Raises UserError for what cannot be a set.

    `now` (ms) is by the clock of who publishes.
    """
    written: dict[str, str] = {}
    newest: dict[str, Fence] = {}
    for key, record in taken.records.items():
        if isinstance(record.fence, Reject):
            continue  # is written anew
        written[key] = record.sha256
        former = newest.setdefault(record.fence.id, record.fence)
        if former.version < record.fence.version:
            newest[record.fence.id] = record.fence
    fences = tuple(_versioned(fence, newest.get(fence.id)) for fence in draft.fences)
    raised = tuple(
        fence
        for fence, drawn in zip(fences, draft.fences, strict=True)
        if fence.version > drawn.version and fence != newest[fence.id]
    )
    before = taken.sets[-1] if taken.sets else None
    # Nothing tells what time it is on a simulated topic: every set that says from when on may still be to come.
    clock = now if profile is Profile.LIVE else 0
    coming = tuple(one for one, _ in from_clock(in_order(taken.sets), clock)[1:])
    at = _counts_from(before, draft, profile, now)
    keys = [fence_key(fence) for fence in fences]
    if before is not None and sorted(keys) == sorted(before.manifest.fences):
        soonest = _counts_from(before, replace(draft, effective_at=None), profile, now)
        is_moved = draft.effective_at != before.manifest.effective_at and before.effective_at > soonest
        if before not in coming or not is_moved:
            return Publication(fences, before, None, (), (), in_order(taken.sets)[-1][1], coming)
    values = {key: encode_fence(fence) for key, fence in zip(keys, fences, strict=True) if key not in written}
    # Of what is there its bytes count: they may have been written otherwise than now.
    hashes = written | {key: sha256(value).hexdigest() for key, value in values.items()}
    manifest = Manifest(
        number=taken.given + 1,
        fences=tuple(keys),
        hash=set_hash((key, hashes[key]) for key in keys),
        author=draft.author,
        published_at=now,
        effective_at=draft.effective_at,
        note=draft.note,
    )
    records = {key.encode(): value for key, value in values.items()}
    records[set_key(manifest.number)] = encode_manifest(manifest)
    _check_sizes(records, len(fences))
    gone = dict.fromkeys(expired(taken, manifest))
    made = Publication(fences, before, manifest, raised, (*gone.items(), *records.items()), at, coming)
    _check_taken(taken, made, clock)
    return made


def _counts_from(before: FenceSet | None, draft: Draft, profile: Profile, arrival: int) -> int:
    """As the monitors have it, of a set that is written then (ms); the first one counts from the beginning."""
    if before is None:
        return 0
    return max(draft.effective_at or 0, arrival + LIVE_DELAY_MS if profile is Profile.LIVE else 0)


def _check_taken(taken: FenceLog, made: Publication, arrival: int) -> None:
    """Raises UserError for a set that monitors would refuse: nobody would notice before the next look at their logs."""
    log = taken.copy()
    for key, value in made.records:
        found = log.take(key, value, arrival)
        if isinstance(found, Refusal):
            raise UserError(f"nothing was published: monitors would refuse the set ({found.fault}): {found.detail}")


def _versioned(drawn: Fence, newest: Fence | None) -> Fence:
    """With the version that its record has: a higher one than any before if it is another fence than the newest."""
    if newest is None:
        return drawn
    if replace(drawn, version=newest.version) == newest:
        return newest
    return replace(drawn, version=max(drawn.version, newest.version + 1))


def _check_sizes(records: dict[bytes, bytes], fences: int) -> None:
    """Raises UserError for a record that is too large for the topic."""
    for key, value in records.items():
        if len(value) <= MAX_BYTES:
            continue
        name, size = key.decode(), f"{len(value):,} bytes, and a record holds {MAX_BYTES:,}"
        if name.startswith("@"):
            raise UserError(f"the list of {fences:,} fences has {size}: take fewer fences, or shorter ids")
        raise UserError(f"fence {name} has {size}: draw it with fewer corners (telematics fences lint), or split it")


def expired(taken: FenceLog, coming: Manifest) -> list[bytes]:
    """The keys of sets that were replaced `KEPT_MS` or longer ago, and of fences that only they name."""
    now = coming.published_at
    replaced_at = max(now, coming.effective_at or 0)
    gone: list[FenceSet] = []
    for one in reversed(taken.sets):
        if replaced_at <= now - KEPT_MS:
            gone.append(one)
        replaced_at = min(replaced_at, max(one.manifest.published_at, one.effective_at))
    gone_numbers = {one.number for one in gone}
    staying = [one.manifest.fences for one in taken.sets if one.number not in gone_numbers]
    named = {key for keys in (*staying, coming.fences) for key in keys}
    unnamed = {key for one in gone for key in one.manifest.fences if key not in named}
    return [*(set_key(one.number) for one in gone), *(key.encode() for key in sorted(unnamed))]
