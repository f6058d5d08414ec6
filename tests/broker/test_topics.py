"""Topics on a real broker: what is created is what is checked."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from aiokafka.admin import NewPartitions, NewTopic

from geofences.index import FenceIndex
from telematics.errors import BrokerError, UserError
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.topics import Profile
from tests.support.monitors import Running, eventually, running, settings_for


@pytest.mark.parametrize("profile", list(Profile))
async def test_what_is_created_is_as_it_must_be(bootstrap: str, topic_prefix: str, profile: Profile) -> None:
    """Created topics pass the check of their own profile, which is read from the broker when nobody says it."""
    settings = settings_for(bootstrap, topic_prefix)
    created = await topics.create(settings, profile, 3)
    assert created == [
        f"{topic_prefix}{name}" for name in ("pings", "alerts", "deadletters", "trips", "geofences", "vehicle-state")
    ]
    assert await topics.check(settings) == []
    assert await topics.check(settings, profile) == []
    described = await topics.describe(settings.kafka, created)
    assert {name: topic.partitions for name, topic in described.items()} == dict(
        zip(created, (3, 3, 3, 1, 1, 3), strict=True)
    )
    assert {topic.profile for topic in described.values()} == {profile}


async def test_what_exists_is_left_alone(bootstrap: str, topic_prefix: str) -> None:
    """Creating again creates nothing and changes nothing, not even the profile."""
    settings = settings_for(bootstrap, topic_prefix)
    await topics.create(settings, Profile.SIM, 2)
    assert await topics.create(settings, Profile.LIVE, 5) == []
    assert await topics.check(settings, Profile.SIM) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("message.timestamp.before.max.ms", "86400000"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "-1"),
    ],
)
async def test_every_setting_of_the_sim_profile_is_checked(
    bootstrap: str, topic_prefix: str, key: str, value: str
) -> None:
    """A sim topic that would refuse an old stamp, forget by age or fill the disk is a finding with what is right."""
    settings = settings_for(bootstrap, topic_prefix)
    config = topics.wanted(settings.topics, Profile.SIM)[settings.topics.pings]
    await _create(settings, [NewTopic(settings.topics.pings, 3, 1, topic_configs=config | {key: value})])
    await topics.create(settings, Profile.SIM, 3)
    (finding,) = await topics.check(settings)
    assert (finding.what, finding.remedy) == (f"{key} is {value}", f"{key}={config[key]}")
    assert settings.topics.pings in finding.where


async def test_the_wrong_profile_is_named_with_what_would_be_right(bootstrap: str, topic_prefix: str) -> None:
    """Sim topics checked as live ones are wrong in who stamps them, each with the setting to change."""
    settings = settings_for(bootstrap, topic_prefix)
    await topics.create(settings, Profile.SIM, 3)
    findings = await topics.check(settings, Profile.LIVE)
    assert {finding.remedy for finding in findings} == {"message.timestamp.type=LogAppendTime"}
    assert len(findings) == 6


async def test_missing_topics_are_found(bootstrap: str, topic_prefix: str) -> None:
    """Topics that are not there are findings, each with the command that creates them."""
    settings = settings_for(bootstrap, topic_prefix)
    findings = await topics.check(settings)
    assert [finding.where for finding in findings] == list(topics.wanted(settings.topics, Profile.LIVE))
    assert all("telematics topics create" in finding.remedy for finding in findings)


async def test_too_few_alert_partitions_are_found_and_refused(bootstrap: str, topic_prefix: str) -> None:
    """Alerts go to the partition number of their pings, so a narrower topic is a finding, and no monitor starts."""
    settings = settings_for(bootstrap, topic_prefix)
    config = topics.wanted(settings.topics, Profile.LIVE)[settings.topics.alerts]
    await _create(settings, [NewTopic(settings.topics.alerts, 1, 1, topic_configs=config)])
    await topics.create(settings, Profile.LIVE, 3)
    assert [finding.remedy for finding in await topics.check(settings)] == [
        f"at least 3, as {settings.topics.pings} has"
    ]
    with pytest.raises(UserError, match="at least 3"):
        await topics.ours(settings)


async def test_what_a_monitor_starts_with_is_told_what_is_unsuited(bootstrap: str, topic_prefix: str) -> None:
    """A monitor runs on a state topic that is not compacted, and says so: it would forget vehicles after a week."""
    settings = settings_for(bootstrap, topic_prefix)
    config = topics.wanted(settings.topics, Profile.LIVE)[settings.topics.states] | {"cleanup.policy": "delete"}
    await _create(settings, [NewTopic(settings.topics.states, 3, 1, topic_configs=config)])
    await topics.create(settings, Profile.LIVE, 3)
    profile, findings = await topics.ours(settings)
    assert profile is Profile.LIVE
    assert [(finding.what, finding.remedy) for finding in findings] == [
        ("cleanup.policy is delete", "cleanup.policy=compact")
    ]
    with structlog.testing.capture_logs() as logged:
        async with running(settings, FenceIndex([])) as monitor:
            await eventually(lambda: _joined(monitor), "the group was joined")
    (warning,) = [line for line in logged if line["event"] == "topic_unsuited"]
    assert settings.topics.states in warning["topic"]
    assert warning["right"] == "cleanup.policy=compact"


async def test_pings_that_grew_alone_are_seen(bootstrap: str, topic_prefix: str) -> None:
    """What the pings of new partitions raise would have no place to go to."""
    settings = settings_for(bootstrap, topic_prefix)
    await topics.create(settings, Profile.SIM, 2)
    names = topics.wanted(settings.topics, Profile.SIM)
    assert await topics.ailing(settings, names) == []
    client = connection.admin(settings.kafka)
    await client.start()
    await client.create_partitions({settings.topics.pings: NewPartitions(3)})
    await client.close()
    found: list[topics.Finding] = []
    async with asyncio.timeout(20):
        while not found:
            found = await topics.ailing(settings, names)
    ours = settings.topics
    assert {finding.where for finding in found} == {f"topic {n}" for n in (ours.alerts, ours.deadletters, ours.states)}
    assert {finding.what for finding in found} == {"has 2 partitions"}


async def test_an_unreachable_broker_is_named() -> None:
    """Without a broker the error names the address and the setting that holds it."""
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1.*TELEMATICS_KAFKA__BOOTSTRAP"):
        await topics.check(settings_for("127.0.0.1:1", "any."))


async def _create(settings: Settings, wanted: list[NewTopic]) -> None:
    client = connection.admin(settings.kafka)
    await client.start()
    await client.create_topics(wanted)
    await client.close()


async def _joined(monitor: Running) -> bool:
    return monitor.checks()["group"].ok
