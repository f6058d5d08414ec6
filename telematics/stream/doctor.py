"""What a person would look at when no alerts come: the broker, the topics, the producers' partitioner."""

from __future__ import annotations

from dataclasses import dataclass

from telematics.errors import BrokerError
from telematics.settings import Settings
from telematics.stream import topics
from telematics.stream.fences_topic import read_log
from telematics.stream.reader import Record, open_reader
from telematics.stream.refusals import RefusedError
from telematics.wire.fencesets import Refusal
from telematics.wire.partitioner import partition_of

# The last records of each partition; one producer with the wrong partitioner shows among far fewer.
_SAMPLE = 200

PARTITIONER_REMEDY = (
    "set the producer's partitioner to murmur2: librdkafka and all built on it (confluent-kafka, node-rdkafka, .NET, "
    "Go) partitioner=murmur2_random; Java: leave partitioner.class unset; Sarama: a hash partitioner with murmur2; "
    "kcat -X partitioner=murmur2_random"
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check: what was looked at, whether it is well, what was seen, and what to do (empty when well)."""

    check: str
    ok: bool
    seen: str
    remedy: str = ""


async def diagnose(settings: Settings) -> list[Diagnosis]:
    """All checks that can be made; the later ones are left out where an earlier one makes them pointless."""
    try:
        findings = await topics.check(settings)
        described = await topics.describe(settings.kafka, [settings.topics.pings, settings.topics.fences])
    except RefusedError as error:
        return [Diagnosis("broker", ok=False, seen=error.said, remedy=error.remedy)]
    except BrokerError as error:
        remedy = "start Kafka there (telematics broker run), or set TELEMATICS_KAFKA__BOOTSTRAP to where it is"
        return [Diagnosis("broker", ok=False, seen=str(error), remedy=remedy)]
    results = [Diagnosis("broker", ok=True, seen=f"{settings.kafka.bootstrap} answers")]
    results += [Diagnosis("topics", ok=False, seen=f"{f.where}: {f.what}", remedy=f.remedy) for f in findings]
    if not findings:
        results.append(Diagnosis("topics", ok=True, seen=f"{settings.topics.prefix}* are as they must be"))
    if pings := described.get(settings.topics.pings):
        results.append(await _partitioner(settings, pings.partitions))
    if settings.topics.fences in described:
        results.append(await _fence_sets(settings))
    return results


async def _fence_sets(settings: Settings) -> Diagnosis:
    taken, _, _ = await read_log(settings)
    if isinstance(taken.latest, Refusal):
        seen = f"{taken.latest.key} is not taken ({taken.latest.fault}): {taken.latest.detail}"
        return Diagnosis("fence sets", ok=False, seen=seen, remedy="publish the set anew: telematics fences publish")
    if not taken.sets:
        seen = "none is published: monitors need --fences FILE, or wait for one"
        return Diagnosis("fence sets", ok=True, seen=seen)
    newest = taken.sets[-1]
    seen = f"set {newest.number}, {len(newest.fences)} fences, by {newest.manifest.author}"
    return Diagnosis("fence sets", ok=True, seen=seen)


async def _partitioner(settings: Settings, partitions: int) -> Diagnosis:
    astray: list[Record] = []
    looked_at = 0
    async with open_reader(settings.kafka, settings.topics.pings) as reader:
        begins, ends = await reader.begins(), await reader.ends()
        reader.seek({number: max(begins[number], ends[number] - _SAMPLE) for number in reader.partitions})
        async for number, records in reader.until(ends):
            keyed = [(record.key, record) for record in records if record.key is not None]
            looked_at += len(keyed)
            astray += [record for key, record in keyed if partition_of(key, partitions) != number]
    if not looked_at:
        return Diagnosis("partitioner", ok=True, seen="no pings to look at yet")
    if not astray:
        return Diagnosis("partitioner", ok=True, seen=f"the last {looked_at} pings are where murmur2 puts them")
    one = astray[0]
    return Diagnosis(
        "partitioner",
        ok=False,
        seen=f"{len(astray)} of the last {looked_at} pings are on a partition that murmur2 does not give their key, "
        f"such as {(one.key or b'')[:64]!r} at {one.partition}:{one.offset}; they become dead letters (wrong_partition)",
        remedy=PARTITIONER_REMEDY,
    )
