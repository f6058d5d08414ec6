"""Recorded tracks, through real Kafka and through replay: who entered what is what shapely and pyproj count."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.core.effects import PING_OUTCOMES, Quarantine
from telematics.model import Alert, AlertEvent, Ping
from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.wire.alerts import decode_alert
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.ticks import TICK_VALUE
from tests.support.feed import write
from tests.support.monitors import all_alerts, running, simulated_topics
from tests.support.tracks import Features, Fix, Tracks, Visit, around, believe, entries, read_fixes

DATA = Path(__file__).parents[1] / "data"
DIRTY = DATA / "fence_quirks.csv"
DIRTY_FENCES: Features = orjson.loads((DATA / "fence_quirks.geojson").read_bytes())["features"]
PARTITIONS = 3
TAIL_S = 120  # longer than any fence asks a vehicle to stay

# Each quirk of the dirty file is a track of its own, named for it: how often it entered which fence.
DIRTY_ENTRIES = {
    ("clean", "yard"): 2,  # there and back; the block's hole is a way out and in again
    ("clean", "block"): 4,
    ("clean", "street"): 2,
    ("one-point", "yard"): 1,
    ("leap-out", "yard"): 1,  # 1,892 m and back in 6 s each: 1,135 km/h
    ("moved", "street"): 1,  # gone for good: the third fix that agrees is believed
    ("two-leaps", "yard"): 1,
    ("fast", "yard"): 1,  # 200 km/h, but not over a kilometre
    ("repeats", "yard"): 1,
    ("drift", "yard"): 1,  # 55 to 62 m outside for two minutes: less 15 m of accuracy, within the margin of 50
    ("short-leave", "yard"): 1,
    ("out-twice", "yard"): 1,  # the second time a minute after the first, each for less
    ("long-leave", "yard"): 2,
    ("gap-back", "yard"): 1,
    ("gap-left", "yard"): 2,
    ("hole", "block"): 2,
    ("along", "street"): 1,
    ("silent-inside", "street"): 1,
    ("twin-a", "yard"): 1,
    ("twin-a", "block"): 1,
    ("twin-b", "yard"): 1,
    ("twin-b", "block"): 1,
    ("shuffled", "yard"): 1,
}  # and none for leap-in, zero-time, across, one-point-outside
DIRTY_REFUSED = {"duplicate": 7, "same_time_elsewhere": 1, "implausible_jump": 6}


async def test_dirty_tracks_through_kafka(bootstrap: str, topic_prefix: str) -> None:
    """Jumps, zero-time steps, repeats, gaps and lone points raise the entries that are real, and no others."""
    await _judge_live(bootstrap, topic_prefix, read_fixes(DIRTY), DIRTY_FENCES)


def test_dirty_tracks_through_replay(tmp_path: Path) -> None:
    """The same file through `telematics replay` gives the same entries."""
    _judge_replay(DIRTY, read_fixes(DIRTY), DIRTY_FENCES, tmp_path)


def test_dirty_tracks_are_counted_as_they_were_drawn() -> None:
    """The count that the engine is held against is itself what each quirk was drawn to give."""
    tracks = believe(read_fixes(DIRTY))
    found = Counter((visit.vehicle_id, visit.fence_id) for visit in entries(tracks, DIRTY_FENCES))
    assert found == DIRTY_ENTRIES
    assert tracks.refused == DIRTY_REFUSED


@pytest.mark.real_tracks
async def test_real_tracks_through_kafka(bootstrap: str, topic_prefix: str, real_tracks: Path) -> None:
    """Every real vehicle enters every fence as often as shapely and pyproj count, and no ping is too late to count."""
    found = read_fixes(real_tracks)
    await _judge_live(bootstrap, topic_prefix, found, around(found))


@pytest.mark.real_tracks
def test_real_tracks_through_replay(real_tracks: Path, tmp_path: Path) -> None:
    """`telematics replay` of the file of real tracks gives the same entries."""
    found = read_fixes(real_tracks)
    _judge_replay(real_tracks, found, around(found), tmp_path)


async def _judge_live(bootstrap: str, prefix: str, found: Mapping[str, list[Fix]], features: Features) -> None:
    settings = await simulated_topics(bootstrap, prefix, PARTITIONS)
    await write(settings, _log(found))
    index = FenceIndex(load_geojson(orjson.dumps({"type": "FeatureCollection", "features": features})))
    async with running(settings, index) as monitor:
        await monitor.until_caught_up()
        outcomes = {str(name): monitor.count("telematics_pings_total", outcome=name) for name in PING_OUTCOMES}
        quarantined = {str(name): monitor.count("telematics_quarantined_total", reason=name) for name in Quarantine}
    _compare(await all_alerts(settings), outcomes, quarantined, found, features)


def _log(found: Mapping[str, list[Fix]]) -> list[DumpRecord]:
    """The fixes as records in order of time, each arriving when it was measured, and a tick at the end."""
    rows = sorted((fix.t, vehicle_id, fix) for vehicle_id, fixes in found.items() for fix in fixes)
    records = []
    for t, vehicle_id, fix in rows:
        key = vehicle_id.encode()
        value = encode_ping(Ping(vehicle_id, t * 1000, fix.lat, fix.lon))
        records.append(DumpRecord(partition_of(key, PARTITIONS), 0, t * 1000, Kind.PING, key, value))
    end = (rows[-1][0] + TAIL_S) * 1000
    return records + [DumpRecord(number, 0, end, Kind.TICK, None, TICK_VALUE) for number in range(PARTITIONS)]


def _judge_replay(file: Path, found: Mapping[str, list[Fix]], features: Features, folder: Path) -> None:
    fences, out = folder / "fences.geojson", folder / "alerts.ndjson"
    fences.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    command = [sys.executable, "-m", "telematics", "replay", str(file), "--fences", str(fences), "--json"]
    command += ["--map", "vehicle_id=track_id,ts=t", "--tail", str(TAIL_S), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    alerts = [decode_alert(line) for line in out.read_bytes().splitlines()]
    assert summary["rejected"] == {}
    assert summary["vehicles"] == len(found)
    _compare(alerts, summary["outcomes"], summary["quarantined"], found, features)


def _compare(
    alerts: Iterable[object],
    outcomes: Mapping[str, float],
    quarantined: Mapping[str, float],
    found: Mapping[str, list[Fix]],
    features: Features,
) -> None:
    tracks: Tracks = believe(found)
    entered = [
        Visit(alert.vehicle_id, alert.subject or "", alert.episode_start // 1000)
        for alert in alerts
        if isinstance(alert, Alert) and alert.rule == "geofence_enter" and alert.event is AlertEvent.RAISED
    ]
    assert sorted(entered) == sorted(entries(tracks, features))
    assert outcomes.get("late_ignored", 0) == 0
    assert sum(outcomes.values()) == sum(map(len, found.values()))
    assert Counter(outcomes)["duplicate"] == tracks.refused["duplicate"]
    for reason in Quarantine:
        assert quarantined.get(reason, 0) == tracks.refused[reason], reason
