"""Replay end to end, on tracks with every quirk that real ones have."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from geofences.formats.geojson import load_geojson
from geofences.geodesy import distance_m
from geofences.index import FenceIndex
from telematics.core.effects import Outcome
from telematics.core.params import load_rules
from telematics.model import Alert, AlertEvent, Trip
from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, Kind
from telematics.replay.feed import open_feed
from telematics.replay.files import Options
from telematics.replay.plan import Plan
from telematics.replay.rejects import Rejects
from telematics.replay.runner import Judgement, Summary, judge, replay
from telematics.wire.alerts import decode_alert
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.ticks import TICK_VALUE

DIRTY = Path(__file__).parents[2] / "data/dirty_tracks.csv"
COLUMNS = Options(columns={"vehicle_id": "track_id", "ts": "t"})
# Around the middle of track 6 and its twin 7, which cross it once.
FENCE = b"""{"type": "FeatureCollection", "features": [{"type": "Feature",
 "properties": {"id": "yard", "name": "Yard", "kind": "generic", "radius_m": 150, "severity": 3,
                "detect": ["enter", "exit"]},
 "geometry": {"type": "Point", "coordinates": [-150.2452, 12.4508]}}]}"""


def run(plan: Plan, out: io.BytesIO | None = None, trips: tuple[Trip, ...] = ()) -> tuple[Summary, list[Alert]]:
    """Replay with one fence and the default rules."""
    out = out or io.BytesIO()
    summary = replay(open_feed(plan), FenceIndex(load_geojson(FENCE)), load_rules(None), trips, out)
    alerts = [decode_alert(line) for line in out.getvalue().splitlines()]
    assert all(isinstance(alert, Alert) for alert in alerts)
    return summary, [alert for alert in alerts if isinstance(alert, Alert)]


def dirty_rows() -> dict[str, list[tuple[int, float, float]]]:
    """Track to its rows (epoch seconds, lat, lon) in file order."""
    tracks: dict[str, list[tuple[int, float, float]]] = {}
    with DIRTY.open() as file:
        for row in csv.DictReader(file):
            tracks.setdefault(row["track_id"], []).append((int(row["t"]), float(row["lat"]), float(row["lon"])))
    return tracks


def test_the_dirty_tracks_are_dirty() -> None:
    """The file has each quirk that the real tracks have, so that what follows means something."""
    tracks = dirty_rows()
    steps = {
        name: [(b[0] - a[0], distance_m(a[2], a[1], b[2], b[1])) for a, b in pairwise(rows)]
        for name, rows in tracks.items()
    }
    assert any(1_130 < m / s * 3.6 < 1_140 for s, m in steps["1"] if s)
    assert any(s == 0 and m > 1 for s, m in steps["2"])
    assert sum(m == 0 for _, m in steps["3"]) >= 10
    assert any(s == m == 0 for s, m in steps["3"])
    assert len(tracks["4"]) == 1
    assert {75, 1_368 + 75} & {s for s, _ in steps["5"]}
    assert max(s for s, _ in steps["5"]) >= 1_368
    assert tracks["6"] == tracks["7"]
    assert max(row[0] for row in tracks["8"]) < min(row[0] for row in tracks["1"])
    assert min(row[0] for row in tracks["9"]) < 10**9 < 1_800_000_000 < max(row[0] for row in tracks["9"])


def test_dirty_tracks() -> None:
    """Every row of a dirty file is judged, and each quirk has the outcome that is its own."""
    summary, _ = run(Plan((DIRTY,), COLUMNS))
    assert (summary.pings, summary.vehicles, sum(summary.rejected.values())) == (184, 9, 0)
    assert summary.quarantined == {"implausible_jump": 1, "same_time_elsewhere": 1, "future_clock": 1}
    assert summary.outcomes[Outcome.DUPLICATE] == 1
    # The clock that forgot the date: it arrives with its neighbours, years late.
    assert summary.outcomes[Outcome.LATE_IGNORED] == 1
    assert sum(summary.outcomes.values()) == summary.pings


def test_twins_have_twin_alerts() -> None:
    """Two vehicles on the same track enter and leave the same fence at the same times."""
    _, alerts = run(Plan((DIRTY,), COLUMNS, tail_ms=600_000))
    told = {
        vehicle: [(a.rule, a.event, a.event_time, a.raised_at) for a in alerts if a.vehicle_id == vehicle]
        for vehicle in ("6", "7")
    }
    assert told["6"] == told["7"]
    assert {"geofence_enter", "geofence_exit"} <= {rule for rule, *_ in told["6"]}


def test_alerts_are_in_the_order_in_which_they_became_known() -> None:
    """The file of alerts is a story: nothing in it was known before the line above."""
    summary, alerts = run(Plan((DIRTY,), COLUMNS, tail_ms=3_600_000))
    known = [alert.raised_at for alert in alerts]
    assert known == sorted(known)
    assert summary.alert_records == len(alerts)
    assert summary.alerts == Counter(a.rule for a in alerts if a.event is AlertEvent.RAISED)


def test_until_is_a_prefix() -> None:
    """Judged up to an instant, a replay says the first part of what it says in full."""
    whole, part = io.BytesIO(), io.BytesIO()
    _, alerts = run(Plan((DIRTY,), COLUMNS, tail_ms=3_600_000), whole)
    until = alerts[len(alerts) // 2].raised_at
    run(Plan((DIRTY,), COLUMNS, until_ms=until), part)
    assert part.getvalue()
    assert whole.getvalue().startswith(part.getvalue())
    assert part.getvalue().count(b"\n") == sum(alert.raised_at <= until for alert in alerts)


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_dump_says_what_the_tracks_say(partitions: int, tmp_path: Path) -> None:
    """The same pings as a dump, on any number of partitions, have the same alert bytes per vehicle."""
    inputs = [
        given_input
        for given in open_feed(Plan((DIRTY,), COLUMNS)).read(Rejects())
        if isinstance(given, dict)
        for given_input in zip(given[0].arrivals, given[0].pings, strict=True)
    ]
    path = tmp_path / "dump.ndjson"
    with path.open("wb") as out:
        writer = DumpWriter(out, Header(partitions, DumpProfile.SIM))
        for offset, (arrival, ping) in enumerate(inputs):
            home = partition_of(ping.vehicle_id.encode(), partitions) if ping else None
            for partition in range(partitions):
                kind, key, value = Kind.TICK, None, TICK_VALUE
                if ping is not None and partition == home:
                    kind, key, value = Kind.PING, ping.vehicle_id.encode(), encode_ping(ping)
                writer.write(DumpRecord(partition, offset, arrival, kind, key, value))
    tracks_out, dump_out = io.BytesIO(), io.BytesIO()
    tracks, _ = run(Plan((DIRTY,), COLUMNS, tail_ms=3_600_000), tracks_out)
    dump, _ = run(Plan((path,), tail_ms=3_600_000), dump_out)
    assert _by_vehicle(dump_out) == _by_vehicle(tracks_out)
    assert (dump.pings, dump.alerts, dump.outcomes) == (tracks.pings, tracks.alerts, tracks.outcomes)


def test_a_trip_without_an_instant_applies_from_the_first_row(tmp_path: Path) -> None:
    """A trip file's document is known before anything is judged: its tags decide which fences apply."""
    fence = FENCE.replace(b'"detect"', b'"applies_to": ["reefer"], "detect"')
    index = FenceIndex(load_geojson(fence))
    trip = Trip("6", vehicle=replace(Trip("6").vehicle, tags=("reefer",)))
    found = {}
    for name, trips in (("without", ()), ("with", (trip,))):
        out = io.BytesIO()
        replay(open_feed(Plan((DIRTY,), COLUMNS)), index, load_rules(None), trips, out)
        alerts = [decode_alert(line) for line in out.getvalue().splitlines()]
        found[name] = {a.vehicle_id for a in alerts if isinstance(a, Alert) and a.rule == "geofence_enter"}
    assert found == {"without": set(), "with": {"6"}}


def test_the_summary_for_programs() -> None:
    """`--json` has the keys that are promised, largest counts first, and nothing that never happened."""
    summary = Summary(pings=4, vehicles=2, elapsed_s=2.0)
    summary.alerts.update({"panic": 1, "signal_lost": 3, "cab_door": 0})
    found = summary.as_json()
    assert {"pings", "vehicles", "rejected", "quarantined", "alerts", "pings_per_s"} <= set(found)
    assert list(found["alerts"].items()) == [("signal_lost", 3), ("panic", 1)]
    assert found["pings_per_s"] == 2.0
    assert Summary().as_json()["pings_per_s"] == 0.0


def _by_vehicle(out: io.BytesIO) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for line in out.getvalue().splitlines():
        alert = decode_alert(line)
        assert isinstance(alert, Alert)
        found.setdefault(alert.vehicle_id, []).append(line)
    return found


def test_one_reading_is_judged_by_several() -> None:
    """Each says what it says alone, and the summary is that of the first."""
    fence = load_geojson(FENCE)
    ways = [(FenceIndex(fence), load_rules(None)), (FenceIndex([]), load_rules(None))]
    plan = Plan((DIRTY,), COLUMNS, tail_ms=600_000)
    together: list[list[Alert]] = [[], []]
    summary = judge(open_feed(plan), [Judgement(*way, heard.append) for way, heard in zip(ways, together, strict=True)])
    for way, heard in zip(ways, together, strict=True):
        alone: list[Alert] = []
        judge(open_feed(plan), [Judgement(*way, alone.append)])
        assert heard == alone
    assert len(together[0]) > len(together[1]) > 0
    assert (summary.alert_records, summary.pings) == (len(together[0]), 184)
    assert sum(summary.outcomes.values()) == summary.pings
