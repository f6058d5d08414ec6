"""Fence sets on the topic: published whole, followed by a running monitor, in force at the same place for everybody."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest

from geofences.formats.geojson import dump_geojson, load_geojson
from geofences.index import FenceIndex
from geofences.model import Circle, Fence, FenceKind
from telematics.core.params import RuleSet
from telematics.errors import BrokerError, UserError
from telematics.model import AlertEvent
from telematics.replay.dumpfile import DumpRecord
from telematics.replay.feed import open_feed
from telematics.replay.plan import Plan
from telematics.replay.runner import FILE_WINS, replay
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.doctor import diagnose
from telematics.stream.dump import dump
from telematics.stream.fences_topic import Draft, Publication, publish_fences, read_log
from telematics.stream.trips_topic import publish_trips
from telematics.wire.fencesets import READING_KEY, Reading, encode_reading, set_key
from tests.support.feed import assert_alerts, encoded, judge, write
from tests.support.monitors import (
    MonitorProcess,
    Running,
    all_alerts,
    eventually,
    running,
    settings_for,
    simulated_topics,
)
from tests.support.worlds import PARTITIONS, World, fences, world

VEHICLES = 28


def changed() -> tuple[Fence, ...]:
    """The fences of the stories: one drawn larger and graver, one removed, one added."""
    by_id = {fence.id: fence for fence in fences().fences}
    yard = by_id["yard"]
    assert isinstance(yard.shape, Circle)
    larger = replace(yard, shape=replace(yard.shape, radius_m=500.0), severity=5)
    added = Fence(id="station", kind=FenceKind.GENERIC, shape=Circle(yard.shape.lon + 0.05, yard.shape.lat, 900.0))
    return larger, by_id["gorge"], by_id["plain"], added


async def publish(settings: Settings, drawn: Sequence[Fence], at: int | None = None) -> Publication:
    """As `telematics fences publish` does."""
    return await publish_fences(settings, Draft(drawn, "ana", at, "for a test"))


@dataclass(slots=True)
class Story:
    """A world whose fences change on the way: what engines say of it that have all sets from the start."""

    settings: Settings
    scene: World
    later: dict[int, list[tuple[FenceIndex, int]]] = field(default_factory=dict)

    def from_then_on(self, drawn: Sequence[Fence], ats: Mapping[int, int]) -> None:
        """So fences count in each partition."""
        index = FenceIndex(drawn)
        for number, at in ats.items():
            self.later.setdefault(number, []).append((index, at))

    def expected(self) -> dict[tuple[str, int], bytes]:
        """(alert id, number) → bytes."""
        return encoded(judge(self.scene.log, PARTITIONS, fences(), RuleSet(), self.scene.trips, self.later))


async def story(bootstrap: str, prefix: str, **given: float) -> Story:
    """Topics with the trips and the first set, and no pings yet."""
    settings = await simulated_topics(bootstrap, prefix, PARTITIONS, **given)
    scene = world(VEHICLES)
    await publish_trips(settings, scene.trips)
    await publish(settings, fences().fences)
    return Story(settings, scene)


def instants(log: Sequence[DumpRecord], at: int) -> dict[int, int]:
    """The same for each partition."""
    return dict.fromkeys({record.partition for record in log}, at)


def behind(log: Sequence[DumpRecord]) -> dict[int, int]:
    """For each partition the first instant after all that lies there."""
    return {
        number: 1 + max(record.arrival for record in log if record.partition == number) for number in range(PARTITIONS)
    }


async def sets_are_well(settings: Settings) -> bool:
    """As `telematics doctor` has it."""
    (found,) = [each for each in await diagnose(settings) if each.check == "fence sets"]
    return found.ok


async def until_read(monitor: Running, number: int) -> None:
    """Until the monitor's partitions have been told of a set."""

    async def told() -> bool:
        check = monitor.checks().get("fences")
        return check is not None and check.detail == f"set {number} is the newest"

    await eventually(told, f"set {number} is read")


async def replayed(settings: Settings, folder: Path, index: FenceIndex | None = None) -> dict[tuple[str, int], bytes]:
    """What a replay of the dump says."""
    file, out = folder / "dump.ndjson", io.BytesIO()
    with file.open("wb") as written:
        await dump(settings, written)
    summary = replay(open_feed(Plan((file,))), index, RuleSet(), out=out)
    assert not summary.rejected
    assert (FILE_WINS in summary.notes) is (index is not None)
    return {tuple(key): line for key, line in _keyed(out.getvalue().splitlines())}  # type: ignore[misc]


def _keyed(lines: Sequence[bytes]) -> list[tuple[tuple[str, int], bytes]]:
    documents = [orjson.loads(line) for line in lines]
    return [((each["alert_id"], each["seq"]), line) for each, line in zip(documents, lines, strict=True)]


async def test_a_set_counts_from_its_instant_on_while_pings_flow(
    bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Every ping before `effective_at` is judged by the old set, every later one by the new; a replay says the same."""
    told = await story(bootstrap, topic_prefix)
    log = told.scene.log
    third = len(log) // 3
    at = log[2 * third].arrival
    async with running(told.settings, None) as monitor:
        await write(told.settings, log[:third])
        await monitor.until_caught_up()
        publication = await publish(told.settings, changed(), at)
        await until_read(monitor, 2)
        await write(told.settings, log[third:])
        await monitor.until_caught_up()
        assert [monitor.count("telematics_fence_set", partition=str(n)) for n in range(PARTITIONS)] == [2] * PARTITIONS
        assert monitor.count("telematics_fences", partition="0") == len(changed())
        version = FenceIndex(publication.fences).version
        assert monitor.count("telematics_fence_set_info", partition="0", version=version) == 1
    told.from_then_on(publication.fences, instants(log, at))
    expected = told.expected()
    assert expected != told.scene.expected
    alerts = await all_alerts(told.settings)
    assert_alerts(alerts, expected)
    for alert in alerts:
        assert alert.evidence["fences_version"] == (version if alert.raised_at >= at else fences().version)
    assert await replayed(told.settings, tmp_path) == expected
    own = await replayed(told.settings, tmp_path, fences())
    assert own == told.scene.expected, "a file given to the replay wins"


async def test_a_set_that_is_read_too_late_counts_from_there_for_every_heir(
    bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """It applies at once, behind what was judged; killed monitors, their heirs and a replay repeat that place."""
    told = await story(bootstrap, topic_prefix)
    log = told.scene.log
    parts = [log[n * len(log) // 5 : (n + 1) * len(log) // 5] for n in range(5)]
    process = MonitorProcess(told.settings, None, tmp_path / "first.log")
    try:
        await write(told.settings, parts[0])
        await process.until_caught_up()
        # By what they say both would count from the first ping on.
        second = await publish(told.settings, changed())
        told.from_then_on(second.fences, behind(parts[0]))
        await write(told.settings, parts[1])
        await process.until_caught_up()
    finally:
        process.kill()
    said = [orjson.loads(line) for line in (tmp_path / "first.log").read_bytes().splitlines() if b"fences_read" in line]
    assert [(each["set"], each["effective_at"]) for each in said] == [(2, "1970-01-01T00:00:00.000Z")]
    third = await publish(told.settings, fences().fences)
    told.from_then_on(third.fences, behind([*parts[0], *parts[1]]))
    await write(told.settings, parts[2])
    process = MonitorProcess(told.settings, None, tmp_path / "second.log")
    try:
        await process.until_caught_up()
    finally:
        process.kill()
    await write(told.settings, [*parts[3], *parts[4]])
    async with running(told.settings, None) as monitor:
        await monitor.until_caught_up()
    expected = told.expected()
    assert expected != told.scene.expected
    assert_alerts(await all_alerts(told.settings), expected)
    assert await replayed(told.settings, tmp_path) == expected


async def test_no_ping_is_judged_before_there_is_a_set(bootstrap: str, topic_prefix: str) -> None:
    """The monitor waits and says for what; the first set then counts from the first ping on."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world(14)
    await publish_trips(settings, scene.trips)
    await write(settings, scene.log)
    async with running(settings, None) as monitor:

        async def waiting() -> bool:
            check = monitor.checks().get("fences")
            return check is not None and not check.ok and check.detail.startswith("waiting for a set")

        await eventually(waiting, "it waits for a set")

        async def waits_with_partitions() -> bool:
            found = [check for name, check in monitor.checks().items() if name.startswith("partition ")]
            return len(found) == PARTITIONS and all("waiting for fences" in check.detail for check in found)

        await eventually(waits_with_partitions, "the partitions wait")
        assert not await all_alerts(settings)
        await publish(settings, fences().fences, scene.log[-1].arrival)
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_what_is_no_set_changes_nothing(bootstrap: str, topic_prefix: str) -> None:
    """A manifest that names what is not there is refused, counted and said; the next good one is taken."""
    told = await story(bootstrap, topic_prefix)
    log = told.scene.log
    half = len(log) // 2
    manifest = b'{"number":2,"fences":["ghost@1"],"hash":"%b","author":"x","published_at":"2026-01-01T00:00:00Z"}' % (
        b"0" * 64
    )
    async with running(told.settings, None) as monitor:
        await write(told.settings, log[:half])
        await monitor.until_caught_up()
        producer = connection.producer(told.settings.kafka)
        await producer.start()
        try:
            await producer.send_and_wait(told.settings.topics.fences, b"7", b"@set-9")
            await producer.send_and_wait(told.settings.topics.fences, manifest, set_key(2))
        finally:
            await producer.stop()

        async def refused() -> bool:
            reasons = ("unreadable", "incomplete")
            return [monitor.count("telematics_fence_sets_refused_total", reason=reason) for reason in reasons] == [1, 1]

        await eventually(refused, "both are counted")
        await write(told.settings, log[half:])
        await monitor.until_caught_up()
        assert monitor.count("telematics_fence_set", partition="0") == 1
        assert not await sets_are_well(told.settings)
        assert (await publish(told.settings, changed())).manifest is not None
        await until_read(monitor, 10)
        assert await sets_are_well(told.settings), "the remedy of the doctor is one"
    assert_alerts(await all_alerts(told.settings), told.scene.expected)


async def test_publishing_is_all_or_nothing_and_one_after_the_other(bootstrap: str, topic_prefix: str) -> None:
    """Whoever publishes at the same time ends up behind the other or is told; what is there is whole, numbers rise."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    first = await publish(settings, fences().fences)
    again = await publish(settings, fences().fences)
    assert (first.manifest and first.manifest.number, again.manifest) == (1, None)
    sets = [(replace(changed()[0], name=f"{n}"), *changed()[1:]) for n in range(4)]
    found = await asyncio.gather(*(publish(settings, drawn) for drawn in sets), return_exceptions=True)
    done = [each for each in found if isinstance(each, Publication)]
    assert done
    for each in found:
        assert isinstance(each, Publication) or (isinstance(each, BrokerError) and "publish again" in str(each)), each
    taken, refused, _ = await read_log(settings)
    assert not refused
    assert [one.number for one in taken.sets] == list(range(1, len(done) + 2))
    assert {one.fences for one in taken.sets[1:]} == {each.fences for each in done}
    versions = [each.fences[0].version for each in done]
    assert sorted(versions) == list(range(2, len(done) + 2)), "no version is given twice"


async def test_on_a_live_topic_a_set_counts_ten_seconds_after_it_was_published(
    bootstrap: str, topic_prefix: str
) -> None:
    """By the broker's clock, and that is what is told; with an instant that lies later, from that on; the first at once."""
    settings = settings_for(bootstrap, topic_prefix)
    await topics.create(settings, topics.Profile.LIVE, 1)
    first = await publish(settings, fences().fences, 4_000_000_000_000)
    second = await publish(settings, changed())
    third = await publish(settings, fences().fences, 4_000_000_000_000)
    taken, _, _ = await read_log(settings)
    assert [each.effective_at for each in (first, second, third)] == [0, taken.sets[1].effective_at, 4_000_000_000_000]
    assert taken.sets[1].effective_at > 1_700_000_010_000
    assert taken.sets[2].effective_at == 4_000_000_000_000


async def test_a_monitor_with_a_fence_file_needs_no_fences_topic(bootstrap: str, topic_prefix: str) -> None:
    """Nor does a dump, and `topics check` names it; without a file the monitor does, and says how to make it."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    client = connection.admin(settings.kafka)
    await client.start()
    await client.delete_topics([settings.topics.fences])
    await client.close()

    async def gone() -> bool:
        return settings.topics.fences in [finding.where for finding in await topics.check(settings)]

    await eventually(gone, "the topic is gone")
    scene = world(14)
    await publish_trips(settings, scene.trips)
    await write(settings, scene.log)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        assert monitor.count("telematics_fence_set", partition="0") == 0
        assert monitor.count("telematics_fences", partition="0") == len(fences().fences)
    assert_alerts(await all_alerts(settings), scene.expected)
    with io.BytesIO() as out:
        await dump(settings, out)
    with pytest.raises(UserError, match=r"geofences.*telematics topics create"):
        async with running(settings, None) as monitor:
            await asyncio.wait_for(asyncio.shield(monitor.task), 60)


async def test_what_was_open_on_a_fence_of_a_file_that_is_gone_is_cleared(bootstrap: str, topic_prefix: str) -> None:
    """A monitor with a fence file is stopped and one that follows the sets begins: nothing stays open that nobody can leave."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world(VEHICLES)
    half = len(scene.log) // 2
    await publish_trips(settings, scene.trips)
    await write(settings, scene.log[:half])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    before = {alert.alert_id: alert for alert in await all_alerts(settings)}
    gone = {fence.id for fence in fences().fences}
    left = {key for key, alert in before.items() if alert.subject in gone and alert.event is not AlertEvent.CLEARED}
    assert left
    await publish(settings, changed()[3:])
    async with running(settings, None) as monitor:
        await write(settings, scene.log[half:])
        await monitor.until_caught_up()
    ended = [alert for alert in await all_alerts(settings) if alert.alert_id in left and alert not in before.values()]
    assert {alert.alert_id for alert in ended} == left
    assert {(alert.event, alert.evidence["facts"]["reason"]) for alert in ended} == {
        (AlertEvent.CLEARED, "fence removed")
    }


async def _telematics(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and notes of a command on the test's topics."""
    where = ("--bootstrap", settings.kafka.bootstrap, "--prefix", settings.topics.prefix)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telematics", *arguments, *where),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, notes = await process.communicate()
    return process.returncode or 0, out.decode(), notes.decode()


async def test_a_dump_names_the_groups_that_know_what_was_late(
    bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Under another one than theirs it says that their marks are missing; with `--group` it has them."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    await publish(settings, fences().fences)
    producer = connection.producer(settings.kafka)
    await producer.start()
    try:
        value = encode_reading(Reading(1, {1: 7_000}), "night")
        await producer.send_and_wait(settings.topics.states, value, READING_KEY)
    finally:
        await producer.stop()
    file = tmp_path / "dump.ndjson"
    code, out, notes = await _telematics(settings, "topics", "dump", "--out", str(file))
    assert (code, out) == (0, f"wrote 5 geofences to {file}\n")
    assert "group telematics-monitor has read no fence sets here, but night:" in notes
    assert "--group" in notes
    code, out, notes = await _telematics(settings, "topics", "dump", "--out", str(file), "--group", "night")
    assert (code, out, notes) == (0, f"wrote 5 geofences, 1 set_readings to {file}\n", "")


async def test_the_commands_publish_list_and_bring_back(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """What changes is told in words, a trial writes nothing, the same set neither, errors are refused; and one can go back."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    first, second, former, swapped = (tmp_path / f"{name}.geojson" for name in ("first", "second", "former", "swapped"))
    first.write_text(dump_geojson(fences().fences))
    second.write_text(dump_geojson(changed()))
    lyon = replace(fences().fences[0], shape=Circle(45.7, 4.8, 400.0))
    swapped.write_text(dump_geojson([lyon]))
    assert (await _telematics(settings, "fences", "history"))[:2] == (0, "")
    at = ("--at", "2030-01-01T00:00:00Z")
    code, out, notes = await _telematics(settings, "fences", "publish", str(first), *at, "--dry-run")
    assert (code, out) == (0, "set 1 would be published: 4 fences, from the beginning\n")
    assert "--at: the first set counts from the beginning" in notes
    code, out, notes = await _telematics(settings, "fences", "publish", str(first), "--author", "ana", "--note", "all")
    assert (code, out.splitlines()[-1]) == (0, "set 1 is published: 4 fences, from the beginning"), notes
    code, out, notes = await _telematics(settings, "fences", "publish", str(second), "--dry-run")
    assert code == 0
    assert {"bridge\tremoved\t", "station\tadded\t", "yard\tchanged\tradius 400 → 500 m"} <= set(out.splitlines())
    assert out.splitlines()[-1].startswith("set 2 would be published: 4 fences")
    assert notes.splitlines() == ["1 fence that changed has the version after the last one; the file has an older one"]
    code, out, _ = await _telematics(settings, "fences", "publish", str(second), *at, "--author", "leo", "--json")
    told = orjson.loads(out)
    assert (code, told["set"], told["written"], told["raised"]) == (0, 2, True, {"yard": 2})
    assert told["effective_at"] == "2030-01-01T00:00:00.000Z"
    code, out, _ = await _telematics(settings, "fences", "publish", str(second), *at)
    same = "set 2 is the same 4 fences"
    assert (code, out) == (0, f"published already: {same}, and counts from 2030-01-01T00:00:00.000Z\n")
    later = ("--at", "2031-01-01T00:00:00Z", "--dry-run")
    code, out, notes = await _telematics(settings, "fences", "publish", str(second), *later)
    assert (code, out) == (0, "set 3 would be published: 4 fences, from 2031-01-01T00:00:00.000Z\n")
    assert "set 2 still counts from 2030-01-01T00:00:00.000Z until then" in notes
    sooner = ("--at", "2029-01-01T00:00:00Z", "--author", "leo")
    code, out, notes = await _telematics(settings, "fences", "publish", str(second), *sooner)
    assert (code, out) == (0, "set 3 is published: 4 fences, from 2029-01-01T00:00:00.000Z\n")
    assert notes.splitlines()[-1] == "set 2, from 2030-01-01T00:00:00.000Z on, is replaced by it"

    code, out, _ = await _telematics(settings, "fences", "history", "--json")
    assert code == 0
    names = ("set", "author", "added", "changed", "removed", "note", "effective_at", "superseded_by")
    assert [[each[name] for name in names] for each in orjson.loads(out)] == [
        [1, "ana", 4, 0, 0, "all", "the beginning", None],
        [2, "leo", 1, 1, 1, "", "2030-01-01T00:00:00.000Z", 3],
        [3, "leo", 0, 0, 0, "", "2029-01-01T00:00:00.000Z", None],
    ]
    code, out, _ = await _telematics(settings, "fences", "history", "yard", "--json")
    assert [(each["version"], each["set"]) for each in orjson.loads(out)] == [(1, 1), (2, 2)]
    assert "radius 400 → 500 m" in orjson.loads(out)[1]["what"]
    assert (await _telematics(settings, "fences", "history", "nobody"))[0] == 1
    assert (await _telematics(settings, "fences", "history", "yard", "--set", "1"))[0] == 2
    code, _, notes = await _telematics(settings, "fences", "history", "--set", "9")
    assert (code, "there is no set 9; there are: 1, 2, 3" in notes) == (1, True)
    assert (await _telematics(settings, "fences", "history", "--set", "1", "--out", str(former)))[0] == 0
    assert load_geojson(former) == fences().fences
    code, out, _ = await _telematics(settings, "fences", "publish", str(former))
    assert (code, out.splitlines()[-1]) == (0, "set 4 is published: 4 fences, from the next ping of each partition on")
    code, out, _ = await _telematics(settings, "fences", "publish", str(former), *at)
    assert (code, out) == (0, "already in force: set 4 is the same 4 fences\n")

    code, out, _ = await _telematics(settings, "fences", "publish", str(swapped), "--region", "0,40,10,50")
    assert (code, "longitude and latitude are swapped" in out) == (2, True)
    code, out, _ = await _telematics(settings, "doctor", "--json")
    assert "set 4, 4 fences" in out
