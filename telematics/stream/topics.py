"""The topics, their two profiles, and whether a broker has them as they must be.

A **live** topic is stamped by the broker: arrival is when the broker took the record. A **sim** topic is stamped by
whoever writes, so that simulated time may run fast and lie in the past; its limits on timestamps are therefore wide
open and it forgets by size, never by age (a record of 2014 is older than every `retention.ms`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, for_code

from telematics.errors import BrokerError, UserError
from telematics.settings import KafkaSettings, Settings, TopicSettings
from telematics.stream import connection

_MAX_MS = str(2**63 - 1)
_WEEK_MS = str(7 * 24 * 3600 * 1000)
# Per partition: about 16 million pings of 250 bytes, a simulated day of 10,000 trucks over 2 partitions.
_SIM_BYTES = str(4 * 1024**3)
# Kafka's default: what is written there has to fit.
_LARGEST = str(1024**2 + 12)
# Less of these only means to clean sooner.
_AT_MOST = frozenset({"segment.bytes", "segment.ms", "min.cleanable.dirty.ratio"})
# More does no harm.
_AT_LEAST = frozenset({"max.message.bytes"})
_NO_ERROR, _UNPERMITTED, _EXISTS = 0, 29, 36
_LED_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.05


class Profile(StrEnum):
    """Who stamps the records of a topic: the broker (live) or the writer (sim)."""

    LIVE = "live"
    SIM = "sim"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: what, where, and what would be right."""

    what: str
    where: str
    remedy: str


def wanted(topics: TopicSettings, profile: Profile, *, sets: bool = True) -> dict[str, dict[str, str]]:
    """Topic name → the configuration it must have. Without `sets` those that a monitor needs which has a fence file."""
    stamped = {"message.timestamp.type": "LogAppendTime"}
    kept = {"cleanup.policy": "delete", "retention.ms": _WEEK_MS}
    if profile is Profile.SIM:
        stamped = {
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": _MAX_MS,
            "message.timestamp.after.max.ms": _MAX_MS,
        }
        kept = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": _SIM_BYTES}
    large = {"max.message.bytes": _LARGEST}
    # Trips and fence sets are read whole by every monitor and few: one partition, so that their order is one order for
    # all. States are read whole at every start and written all day: cleaned soon, in small pieces.
    fences = {topics.fences: stamped | large | {"cleanup.policy": "compact"}} if sets else {}
    return {
        topics.pings: stamped | kept,
        topics.alerts: stamped | kept | large,
        topics.deadletters: stamped | kept | large,
        topics.trips: stamped | {"cleanup.policy": "compact"},
        **fences,
        topics.states: stamped
        | large
        | {
            "cleanup.policy": "compact",
            "segment.bytes": str(16 * 1024**2),
            "segment.ms": str(10 * 60 * 1000),
            "min.cleanable.dirty.ratio": "0.1",
        },
    }


async def create(settings: Settings, profile: Profile, partitions: int, replication: int = 1) -> list[str]:
    """Create what is missing and return its names once they can be used; what exists is left alone.

    Raises BrokerError when the broker refuses.
    """
    whole = (settings.topics.trips, settings.topics.fences)
    made = [
        NewTopic(name, 1 if name in whole else partitions, replication, topic_configs=config)
        for name, config in wanted(settings.topics, profile).items()
    ]
    try:
        async with _admin(settings.kafka) as client:
            answer = await client.create_topics(made)
            created = list(_created(answer.topic_errors))  # type: ignore[attr-defined]
            await _until_led(client, settings.kafka, created)
    except (KafkaError, TimeoutError) as error:
        raise await connection.unreachable(settings.kafka, error, "Create") from error
    return created


@asynccontextmanager
async def _admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started client, closed at the end. Raises BrokerError when it cannot be started."""
    client = connection.admin(kafka)
    await connection.started(client, kafka)
    try:
        yield client
    finally:
        await client.close()


def _created(answers: Iterable[Sequence[Any]]) -> Iterator[str]:
    for name, code, *detail in answers:
        if code == _NO_ERROR:
            yield name
        elif code == _UNPERMITTED:
            raise TopicAuthorizationFailedError(name)
        elif code != _EXISTS:
            why = detail[0] if detail and detail[0] else for_code(code).__name__
            raise BrokerError(f"topic {name} was not created: {why}")


async def _until_led(client: AIOKafkaAdminClient, kafka: KafkaSettings, names: list[str]) -> None:
    """The controller answers before the brokers have heard of a new topic: wait until every partition has a leader."""
    async with asyncio.timeout(_LED_WITHIN_S):
        while names:
            described = await _metadata(client, kafka, names)
            leaders = [part["leader"] for topic in described for part in topic["partitions"]]
            if all(topic["error_code"] == _NO_ERROR for topic in described) and -1 not in leaders:
                return
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _metadata(client: AIOKafkaAdminClient, kafka: KafkaSettings, names: list[str]) -> list[Any]:
    described = await client.describe_topics(names)
    hidden = {topic["topic"] for topic in described if topic["error_code"] == _UNPERMITTED}
    if hidden:
        raise await connection.unreachable(kafka, TopicAuthorizationFailedError(hidden), "Describe")
    return described


def _counts(described: Iterable[Any]) -> dict[str, int]:
    """The partitions of those topics that exist."""
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == _NO_ERROR}


async def delete(settings: Settings) -> None:
    """Delete the topics and all that is in them, those that exist. Raises BrokerError when the broker is away."""
    try:
        async with _admin(settings.kafka) as client:
            await client.delete_topics(list(wanted(settings.topics, Profile.SIM)))
    except KafkaError as error:
        raise await connection.unreachable(settings.kafka, error) from error


@dataclass(frozen=True, slots=True)
class Described:
    """A topic as the broker has it. `config` is empty where it was not asked for, or we may not see it."""

    partitions: int
    config: Mapping[str, str]

    @property
    def profile(self) -> Profile:
        """Who stamps this topic."""
        return Profile.LIVE if self.config.get("message.timestamp.type") == "LogAppendTime" else Profile.SIM


async def describe(
    kafka: KafkaSettings, names: Iterable[str], needed: Collection[str] | None = None
) -> dict[str, Described]:
    """Partitions and configuration of those of the named topics that exist. Raises BrokerError.

    To see a configuration takes a permission of its own: that of the `needed` ones must be there, all if None. Where
    none is needed none is asked for.
    """
    try:
        async with _admin(kafka) as client:
            return await _describe(client, kafka, list(names), needed)
    except KafkaError as error:
        raise await connection.unreachable(kafka, error) from error


async def _describe(
    client: AIOKafkaAdminClient, kafka: KafkaSettings, names: list[str], needed: Collection[str] | None
) -> dict[str, Described]:
    counts = _counts(await _metadata(client, kafka, names))
    asked = counts if needed is None or needed else ()
    answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in asked])
    configs: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, _message, _kind, name, entries in answer.resources:  # type: ignore[attr-defined]
            if code == _UNPERMITTED and (needed is None or name in needed):
                raise await connection.unreachable(kafka, TopicAuthorizationFailedError(name), "DescribeConfigs")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {name: Described(count, configs.get(name, {})) for name, count in counts.items()}


async def partition_count(kafka: KafkaSettings, name: str) -> int:
    """Of one topic. Raises UserError when there is none, BrokerError."""
    return (await _existing(kafka, name, [])).partitions


async def describe_one(kafka: KafkaSettings, name: str) -> Described:
    """One topic. Raises UserError when there is none, BrokerError."""
    return await _existing(kafka, name, [name])


async def _existing(kafka: KafkaSettings, name: str, needed: Collection[str]) -> Described:
    found = await describe(kafka, [name], needed)
    if name not in found:
        msg = f"topic {name} does not exist on {kafka.bootstrap}; create it: telematics topics create"
        raise UserError(msg)
    return found[name]


async def ailing(settings: Settings, names: Iterable[str]) -> list[Finding]:
    """Which of these topics are missing, too narrow, or have a partition that nobody leads. Raises BrokerError."""
    try:
        async with _admin(settings.kafka) as client:
            described = await _metadata(client, settings.kafka, list(names))
    except (KafkaError, OSError) as error:
        raise await connection.unreachable(settings.kafka, error) from error
    missing = [
        Finding("does not exist", f"topic {topic['topic']}", "create it again; telematics topics create makes ours")
        for topic in described
        if topic["error_code"] != _NO_ERROR
    ]
    unled = {
        topic["topic"]: [part["partition"] for part in topic["partitions"] if part["leader"] == -1]
        for topic in described
    }
    headless = [
        Finding(
            f"has no leader for partition {', '.join(map(str, sorted(numbers)))}", f"topic {name}", "start its brokers"
        )
        for name, numbers in unled.items()
        if numbers
    ]
    found = {name: Described(count, {}) for name, count in _counts(described).items()}
    return missing + headless + _narrow(settings.topics, found)


async def ours(settings: Settings, *, sets: bool = True) -> tuple[Profile, list[Finding]]:
    """The profile of the pings topic, and what of the topics' configuration is not as it must be, as far as we may see it.

    Without `sets` the fences topic is none of ours.
    Raises UserError naming each topic that is missing or too narrow, BrokerError.
    """
    names = wanted(settings.topics, Profile.LIVE, sets=sets)
    found = await describe(settings.kafka, names, [settings.topics.pings])
    missing = [name for name in names if name not in found]
    if missing:
        msg = f"no topic {', '.join(missing)} on {settings.kafka.bootstrap}; create them: telematics topics create"
        raise UserError(msg)
    if narrow := _narrow(settings.topics, found):
        raise UserError("; ".join(f"{n.where} {n.what}, and needs {n.remedy}" for n in narrow))
    profile = found[settings.topics.pings].profile
    return profile, _unsuited(settings.topics, found, profile)


async def check(settings: Settings, profile: Profile | None = None) -> list[Finding]:
    """What is wrong with the topics; the profile is read from the pings topic unless given. Raises BrokerError."""
    names = list(wanted(settings.topics, Profile.LIVE))
    found = await describe(settings.kafka, names)
    missing = [
        Finding(
            "the topic does not exist",
            name,
            f"telematics topics create --profile {profile or 'live (sim for a simulated feed)'}",
        )
        for name in names
        if name not in found
    ]
    if profile is None:
        if settings.topics.pings not in found:
            return missing
        profile = found[settings.topics.pings].profile
    return [*missing, *_unsuited(settings.topics, found, profile), *_narrow(settings.topics, found)]


def _unsuited(topics: TopicSettings, found: Mapping[str, Described], profile: Profile) -> list[Finding]:
    return [
        Finding(f"{key} is {found[name].config.get(key)}", f"topic {name} ({profile} profile)", f"{key}={value}")
        for name, config in wanted(topics, profile).items()
        if name in found and found[name].config
        for key, value in config.items()
        if not _suits(key, value, found[name].config.get(key))
    ]


def _suits(key: str, value: str, present: str | None) -> bool:
    if present is None:
        return False
    if key == "retention.ms" and value != "-1":
        return True  # how long a live topic remembers is the operator's choice
    if key == "retention.bytes":
        return int(present) > 0  # any bound will do; none fills the disk, for nothing goes by age
    if key == "cleanup.policy":
        return value in present.split(",")
    if key in _AT_LEAST:
        return int(present) >= int(value)
    if key in _AT_MOST:
        return float(present) <= float(value)
    return present == value


def _narrow(topics: TopicSettings, found: Mapping[str, Described]) -> list[Finding]:
    # What comes of pings goes to their partition's number, so that each vehicle's stays in one order.
    if topics.pings not in found:
        return []
    least = found[topics.pings].partitions
    return [
        Finding(f"has {found[name].partitions} partitions", f"topic {name}", f"at least {least}, as {topics.pings} has")
        for name in (topics.alerts, topics.deadletters, topics.states)
        if name in found and found[name].partitions < least
    ]
