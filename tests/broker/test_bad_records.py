"""Records that are no pings go aside with their bytes and the reason, and the stream goes on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from telematics.errors import UserError
from telematics.model import Ping
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.deadletters import list_letters, retry_letters, show_letter
from telematics.stream.doctor import diagnose
from telematics.stream.topics import Profile
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from tests.support import stories
from tests.support.monitors import all_alerts, running, settings_for, simulated_topics
from tests.support.worlds import PARTITIONS, fences

AT = stories.START
GOOD = encode_ping(Ping("truck-1", AT, 19.0, -99.0))
KEY = b"truck-1"
HOME = partition_of(KEY, PARTITIONS)
FIVE_MB = 5_000_000


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that is no ping, and the reason it has to get."""

    reason: str
    value: bytes | None
    key: bytes | None = KEY
    partition: int = HOME


POISONS = [
    Poison("empty", None),
    Poison("empty", b""),
    Poison("not_utf8", b'{"vehicle_id":"\xff"}'),
    Poison("not_json", GOOD[:-10]),
    Poison("not_json", b"\x00" * 64),
    Poison("not_object", b"[1,2,3]"),
    Poison("too_deep", b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    Poison("missing_field", b'{"vehicle_id":"truck-1"}'),
    Poison("wrong_type", GOOD.replace(b'"lat":19.0', b'"lat":"19"')),
    Poison("not_finite", GOOD.replace(b'"lat":19.0', b'"lat":NaN')),
    Poison("out_of_range", GOOD.replace(b'"lat":19.0', b'"lat":91')),
    Poison("bad_ts", GOOD.replace(b"2023-", b"23-")),
    Poison("key_mismatch", GOOD, b"truck-2", partition_of(b"truck-2", PARTITIONS)),
    Poison("no_key", GOOD, None),
    Poison("wrong_partition", GOOD, KEY, (HOME + 1) % PARTITIONS),
    Poison("too_large", b'{"x":"' + b"y" * 1_000_010 + b'"}'),
]


async def _send(settings: Settings, poisons: list[Poison], most: int = 1_048_576) -> list[tuple[int, int]]:
    """Write them; where they lie, as (partition, offset)."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap, max_request_size=most)
    await producer.start()
    try:
        sent = [
            await producer.send_and_wait(
                settings.topics.pings, poison.value, poison.key, partition=poison.partition, timestamp_ms=AT + number
            )
            for number, poison in enumerate(poisons)
        ]
    finally:
        await producer.stop()
    return [(place.partition, place.offset) for place in sent]


async def test_each_poison_is_set_aside_with_its_reason(bootstrap: str, topic_prefix: str) -> None:
    """Every hostile record becomes one dead letter: its bytes, its reason, its place and arrival; the next ping counts."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    places = await _send(settings, POISONS)
    await _send(settings, [Poison("", GOOD)])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        for reason in {poison.reason for poison in POISONS}:
            expected = sum(poison.reason == reason for poison in POISONS)
            assert monitor.count("telematics_dead_letters_total", reason=reason) == expected, reason
        assert monitor.count("telematics_pings_total", outcome="accepted") == 1
    letters = [stored.letter async for stored in list_letters(settings)]
    found = {(letter.partition, letter.offset): letter for letter in letters}
    assert sorted(found) == sorted(places)
    for number, (poison, place) in enumerate(zip(POISONS, places, strict=True)):
        letter = found[place]
        assert (letter.reason, letter.key) == (poison.reason, poison.key)
        assert letter.topic == settings.topics.pings
        assert letter.arrival == AT + number
        assert letter.detail
        assert letter.value == (poison.value if letter.whole else (poison.value or b"")[: len(letter.value or b"")])
    assert [alert.vehicle_id for alert in await all_alerts(settings)] == ["truck-1"]


async def test_five_megabytes_are_cut_and_do_not_stop_the_stream(bootstrap: str, topic_prefix: str) -> None:
    """A message of 5 MB is set aside cut, with its size and hash, and the ping behind it is judged."""
    settings = settings_for(bootstrap, topic_prefix)
    client = connection.admin(settings.kafka)
    await client.start()
    large = topics.wanted(settings.topics, Profile.SIM)[settings.topics.pings] | {"max.message.bytes": "6000000"}
    await client.create_topics([NewTopic(settings.topics.pings, PARTITIONS, 1, topic_configs=large)])
    await client.close()
    await topics.create(settings, Profile.SIM, PARTITIONS)
    value = b"{" + b" " * (FIVE_MB - 2) + b"}"
    await _send(settings, [Poison("too_large", value), Poison("", GOOD)], most=6_000_000)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        assert monitor.count("telematics_pings_total", outcome="accepted") == 1
    (stored,) = [stored async for stored in list_letters(settings)]
    letter = stored.letter
    assert (letter.reason, letter.truncated, letter.size) == ("too_large", "value", FIVE_MB)
    assert letter.sha256 == hashlib.sha256(value).hexdigest()
    assert letter.value is not None
    assert value.startswith(letter.value)
    (result,) = await retry_letters(settings, [stored])
    assert result.refused is not None
    assert "cut" in result.refused


async def test_a_retry_sends_the_same_bytes_to_where_they_belong(bootstrap: str, topic_prefix: str) -> None:
    """A ping on the wrong partition, retried, is judged on the right one; the letter stays, unchanged."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    await _send(settings, [Poison("wrong_partition", GOOD, KEY, (HOME + 1) % PARTITIONS)])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        (stored,) = [stored async for stored in list_letters(settings, reason="wrong_partition")]
        assert stored == await show_letter(settings, stored.partition, stored.offset)
        (result,) = await retry_letters(settings, [stored])
        assert result.refused is None
        await monitor.until_caught_up()
        assert monitor.count("telematics_pings_total", outcome="accepted") == 1
    assert len([stored async for stored in list_letters(settings)]) == 1
    (alert,) = await all_alerts(settings)
    assert (alert.vehicle_id, alert.raised_at) == ("truck-1", AT)


async def test_a_letter_that_is_not_there_is_named(bootstrap: str, topic_prefix: str) -> None:
    """Showing a place that holds no letter says what there is instead."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    with pytest.raises(UserError, match="no partition 9; it has 3"):
        await show_letter(settings, 9, 0)
    with pytest.raises(UserError, match="no offset 5 on partition 1: none"):
        await show_letter(settings, 1, 5)


async def test_the_doctor_finds_a_wrong_partitioner(bootstrap: str, topic_prefix: str) -> None:
    """Pings where murmur2 would not put them are found, with the producer's setting to change."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    await _send(settings, [Poison("", GOOD)])
    assert all(one.ok for one in await diagnose(settings))
    await _send(settings, [Poison("", GOOD, KEY, (HOME + 1) % PARTITIONS)])
    (wrong,) = [one for one in await diagnose(settings) if not one.ok]
    assert wrong.check == "partitioner"
    assert "murmur2_random" in wrong.remedy
    assert "1 of the last 2" in wrong.seen


async def test_the_doctor_names_a_broker_that_is_not_there() -> None:
    """Without a broker there is one finding, and it says what to start or to set."""
    (wrong,) = await diagnose(settings_for("127.0.0.1:1", "any."))
    assert (wrong.check, wrong.ok) == ("broker", False)
    assert "TELEMATICS_KAFKA__BOOTSTRAP" in wrong.remedy
