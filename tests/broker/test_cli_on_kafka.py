"""The commands on a real broker, as a person runs them: each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telematics.instants import format_rfc3339
from telematics.model import Alert
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.trips_topic import publish_trips
from telematics.wire.partitioner import partition_of
from tests.support import stories
from tests.support.feed import encoded, write
from tests.support.monitors import (
    MonitorProcess,
    all_alerts,
    eventually,
    running,
    settings_for,
    simulated_topics,
)
from tests.support.worlds import PARTITIONS, fences, world

_DEADLINE_S = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as one JSON document a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@asynccontextmanager
async def _started(settings: Settings, *arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that is running; ended at the latest here."""
    own = {
        "TELEMATICS_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "TELEMATICS_TOPICS__PREFIX": settings.topics.prefix,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telematics", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | own,
        limit=2**20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _run(settings: Settings, *arguments: object) -> Ran:
    """A command that ends by itself."""
    async with _started(settings, *arguments) as process, asyncio.timeout(_DEADLINE_S):
        out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


def _fences_file(folder: Path) -> Path:
    path = folder / "fences.geojson"
    path.write_text(json.dumps(stories.FENCES), encoding="utf-8")
    return path


async def test_a_running_monitor_is_scraped_watched_and_explained(
    bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """While a monitor runs: metrics and readiness over HTTP, alerts in `watch`, and the same ones explained."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world()
    await publish_trips(settings, scene.trips)
    drawn = _fences_file(tmp_path)
    monitor = MonitorProcess(settings, drawn, tmp_path / "monitor.log")
    try:
        async with _started(settings, "watch", "--from-offset", 0, "--all", "--json") as watching:
            await write(settings, scene.log)
            await monitor.until_caught_up()
            assert watching.stdout is not None
            seen: set[tuple[str, int]] = set()
            async with asyncio.timeout(_DEADLINE_S):
                while len(seen) < len(scene.expected):
                    shown = json.loads(await watching.stdout.readline())
                    assert shown["text"].startswith(shown["vehicle_id"])
                    seen.add((shown["alert_id"], shown["seq"]))
        assert seen == set(scene.expected)
        await _check_pages(monitor, pings=sum(record.kind == "ping" for record in scene.log), alerts=len(seen))
        alerts = await all_alerts(settings)
        await _check_watch(settings, alerts)
        await _check_explain(settings, alerts, drawn, tmp_path)
    finally:
        code = await monitor.terminate()
    assert code == 0, monitor.log.read_text(encoding="utf-8")


async def _check_pages(monitor: MonitorProcess, *, pings: int, alerts: int) -> None:
    async def ready() -> bool:
        return (await monitor.get("/readyz"))[0] == 200

    async def counted() -> bool:
        return f'telematics_partitions{{state="running"}} {PARTITIONS:.1f}' in (await monitor.get("/metrics"))[1]

    await eventually(ready, "ready")
    await eventually(counted, "the gauge of running partitions, which is brought up to date every second")
    status, text = await monitor.get("/readyz")
    checks = json.loads(text)["checks"]
    assert {"broker", "trips", "group", *(f"partition {number}" for number in range(PARTITIONS))} <= set(checks)
    assert await monitor.get("/healthz") == (200, "ok\n")
    status, text = await monitor.get("/metrics")
    assert status == 200
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert sum(float(value) for name, value in samples.items() if name.startswith("telematics_pings_total{")) == pings
    assert sum(float(value) for name, value in samples.items() if name.startswith("telematics_alerts_total{")) == alerts
    assert float(samples['telematics_partitions{state="running"}']) == PARTITIONS
    for number in range(PARTITIONS):
        assert float(samples[f'telematics_partition_clock_seconds{{partition="{number}"}}']) > 0
    for step in ("decode", "engine", "commit"):
        assert float(samples[f'telematics_step_duration_seconds_count{{step="{step}"}}']) > 0
    assert float(samples["telematics_batch_duration_seconds_count"]) > 0
    assert float(samples["telematics_event_time_lag_seconds_count"]) > 0


async def _check_watch(settings: Settings, alerts: list[Alert]) -> None:
    """Without following: announced alerts only unless asked, from a time, one line each in a pipe."""
    announced = [alert for alert in alerts if alert.severity >= 3]
    middle = sorted(alert.raised_at for alert in announced)[len(announced) // 2]
    ran = await _run(settings, "watch", "--no-follow", "--since", format_rfc3339(middle), "--lang", "es")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == sum(alert.raised_at >= middle for alert in announced)
    ran = await _run(settings, "watch", "--no-follow", "--json")
    assert {(shown["alert_id"], shown["seq"]) for shown in ran.lines} == set(encoded(announced))


async def _check_explain(settings: Settings, alerts: list[Alert], drawn: Path, folder: Path) -> None:
    """An alert by its id; a vehicle from Kafka, and the same from a dump."""
    stop = next(alert for alert in alerts if alert.rule == "risk_stop" and alert.event == "raised")
    ran = await _run(settings, "explain", stop.alert_id, "--json")
    assert ran.code == 0, ran.err
    assert [event["seq"] for event in ran.json["events"]] == sorted(
        alert.seq for alert in alerts if alert.alert_id == stop.alert_id
    )
    dump = folder / "topics.ndjson.gz"
    ran = await _run(settings, "topics", "dump", "--out", dump, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["written"]["ping"] > 0
    at = format_rfc3339(stop.raised_at)
    about = ("explain", "--vehicle", stop.vehicle_id, "--at", at, "--fences", drawn, "--json")
    live, dumped = await _run(settings, *about), await _run(settings, *about, "--dump", dump)
    assert live.code == 0, live.err
    said = {verdict["rule"]: verdict["verdict"] for verdict in live.json["verdicts"]}
    assert said["risk_stop"] in {"raised", "still open"}
    assert stop.alert_id in live.json["facts"]["open_alerts"].values()
    assert dumped.json == live.json


async def test_topics_are_created_checked_and_diagnosed(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Missing topics are named with what to do, created once, and then found well, by `topics` and by `doctor`."""
    settings = settings_for(bootstrap, topic_prefix)
    missing = await _run(settings, "topics", "check", "--json")
    assert missing.code == 1
    assert len(missing.json["findings"]) == 6
    created = await _run(settings, "topics", "create", "--profile", "sim", "--partitions", 2, "--json")
    assert len(created.json["created"]) == 6
    assert (await _run(settings, "topics", "create", "--profile", "sim", "--json")).json == {"created": []}
    assert (await _run(settings, "topics", "check")).code == 0
    other = await _run(settings, "topics", "check", "--profile", "live")
    assert other.code == 1
    assert "message.timestamp.type=LogAppendTime" in other.out
    well = await _run(settings, "doctor", "--fences", _fences_file(tmp_path), "--json")
    assert well.code == 0, well.out
    assert {check["check"] for check in well.json["checks"]} == {
        "settings",
        "broker",
        "topics",
        "partitioner",
        "fence sets",
        "fences",
    }


async def test_doctor_names_the_wrong_partitioner(bootstrap: str, topic_prefix: str) -> None:
    """A ping where murmur2 does not put its key is found, and the setting to change is named."""
    settings = await simulated_topics(bootstrap, topic_prefix, 2)
    producer = connection.producer(settings.kafka)
    await producer.start()
    wrong = 1 - partition_of(b"T-1", 2)
    await producer.send_and_wait(settings.topics.pings, b"{}", b"T-1", partition=wrong, timestamp_ms=1)
    await producer.stop()
    ran = await _run(settings, "doctor")
    assert ran.code == 1
    assert "WRONG  partitioner" in ran.out
    assert "murmur2" in ran.out


async def test_dead_letters_are_listed_shown_and_sent_again(bootstrap: str, topic_prefix: str) -> None:
    """A refused record is listed with its reason, shown with its bytes, and written back to where it came from."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    producer = connection.producer(settings.kafka)
    await producer.start()
    for value in (b"\xff\xfe", b'{"vehicle_id":"T-1"'):
        await producer.send_and_wait(settings.topics.pings, value, b"T-1", timestamp_ms=1_769_601_600_000)
    await producer.stop()
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    listed = await _run(settings, "deadletter", "list", "--json")
    assert [(letter["place"], letter["reason"]) for letter in listed.lines] == [
        ("0:0", "not_utf8"),
        ("0:1", "not_json"),
    ]
    one = await _run(settings, "deadletter", "list", "--reason", "not_json")
    assert one.out.startswith(f"0:1\t2026-01-28T12:00:00.000Z\tnot_json\t{settings.topics.pings} 0:1\t")
    shown = await _run(settings, "deadletter", "show", "0:0", "--json")
    assert (shown.json["key"], shown.json["value_hex"]) == ("T-1", "fffe")
    nowhere = await _run(settings, "deadletter", "show", "0:99")
    assert nowhere.code == 2
    assert "no offset 99" in nowhere.err
    again = await _run(settings, "deadletter", "retry", "0:1", "--json")
    assert again.json == {"sent": ["0:1"], "refused": {}}
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    # Behind the first two is the marker of their transaction.
    third = await _run(settings, "deadletter", "show", "0:3", "--json")
    assert (third.json["value"], third.json["offset"]) == ('{"vehicle_id":"T-1"', 2)


async def test_trips_are_published_and_shown(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """A published trip is shown as it holds; a file with one mistake publishes nothing."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    file = tmp_path / "trips.ndjson"
    file.write_text(
        '{"vehicle_id":"T-1","trip":{"id":"V-9","cargo":"steel"}}\n{"vehicle_id":"T-2"}\n', encoding="utf-8"
    )
    assert (await _run(settings, "trips", "publish", file, "--json")).json == {"published": 2}
    ran = await _run(settings, "trips", "show", "T-1")
    assert [trip["trip"]["id"] for trip in ran.json] == ["V-9"]
    assert (await _run(settings, "trips", "show", "T-9")).code == 1
    file.write_text('{"vehicle_id":"T-3"}\n{"vehicle_id":"T 4"}\n', encoding="utf-8")
    wrong = await _run(settings, "trips", "publish", file)
    assert wrong.code == 2
    assert [trip["vehicle_id"] for trip in (await _run(settings, "trips", "show", "--json")).json] == ["T-1", "T-2"]
