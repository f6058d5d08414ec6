"""`telematics explain`: an alert with its evidence, and a vehicle with each rule's last word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.cli.explain import read_alert_file
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.core.rules import RULES
from telematics.instants import parse_rfc3339
from telematics.model import Alert, Ping
from telematics.replay.dumpfile import DumpProfile, DumpWriter, Header
from telematics.replay.explanation import Explanation, explain_vehicle
from telematics.replay.feed import open_feed
from telematics.replay.plan import Plan
from telematics.replay.rejects import Rejects
from telematics.wire.alerts import encode_alert
from telematics.wire.pings import decode_ping
from tests.support.feed import as_log
from tests.support.sets import set_records
from tests.support.stories import Arrived
from tests.unit.cli.conftest import Ran, Run

_END = "2026-01-28T12:03:00Z"


def _explained(fences: Path, pings: Path, until: str, at: str) -> Explanation:
    """T-1 at `at`, from what arrived until `until`."""
    feed = open_feed(Plan((pings,), until_ms=parse_rfc3339(until))).read(Rejects())
    batches = [batch for given in feed if isinstance(given, dict) for batch in given.values()]
    return explain_vehicle(
        MonitorEngine(FenceIndex(load_geojson(fences)), RuleSet()), batches, "T-1", parse_rfc3339(at)
    )


@pytest.fixture
def alerts(fence_file: Path, ping_file: Path) -> list[Alert]:
    """What the engine raised for T-1 until 12:03:00."""
    return list(_explained(fence_file, ping_file, _END, _END).alerts)


@pytest.fixture
def alert_file(alerts: list[Alert], tmp_path: Path) -> Path:
    """The alerts as NDJSON, the first of them twice, as after a crash."""
    path = tmp_path / "alerts.ndjson"
    path.write_bytes(b"".join(encode_alert(alert) + b"\n" for alert in [alerts[0], *alerts]))
    return path


def _explain(run: Run, fences: Path, pings: Path, at: str, *more: object) -> Ran:
    return run("explain", "--vehicle", "T-1", "--at", at, "--dump", pings, "--fences", fences, *more)


def test_an_alert_is_shown_with_evidence_and_life_cycle(run: Run, alerts: list[Alert], alert_file: Path) -> None:
    """Facts, the thresholds they were held against, versions and every event once, from a file of alerts."""
    stop = next(alert for alert in alerts if alert.rule == "no_stop_zone")
    ran = run("explain", stop.alert_id, "--alerts", alert_file, "--lang", "es")
    assert ran.code == 0
    assert "parada prohibida (no_stop_zone on square), vehicle T-1" in ran.out
    assert "1 raised: alta" in ran.out
    assert "facts" in ran.out
    assert "stopped_s" in ran.out
    assert "fence square 1" in ran.out
    as_json = run("explain", stop.alert_id, "--alerts", alert_file, "--json").json
    assert [event["seq"] for event in as_json["events"]] == [1]
    assert as_json["open"] is True
    assert as_json["events"][0]["text"].startswith("T-1: forbidden stop, Plaza (19.00")


def test_an_id_that_is_nowhere_is_said_to_be(run: Run, alert_file: Path) -> None:
    """An unknown id is a problem found: exit code 1, with the place that was looked at."""
    ran = run("explain", "000000000000-0", "--alerts", alert_file)
    assert (ran.code, ran.out) == (1, "")
    assert str(alert_file) in ran.err


def test_a_line_that_is_no_alert_is_named(run: Run, alert_file: Path) -> None:
    """A damaged file is told with its line."""
    alert_file.write_bytes(alert_file.read_bytes().splitlines()[0] + b"\n{}\n")
    ran = run("explain", "x", "--alerts", alert_file)
    assert ran.code == 2
    assert f"{alert_file}, line 2: is no alert" in ran.err


def test_each_rule_has_its_word_and_what_held_it_back(run: Run, fence_file: Path, ping_file: Path) -> None:
    """At 12:01:30 the truck has stood for 30 s: the rule waits, with what it has and what it needs."""
    ran = _explain(run, fence_file, ping_file, "2026-01-28T12:01:30Z", "--json")
    assert ran.code == 0
    verdicts: dict[str, Any] = {said["rule"]: said for said in ran.json["verdicts"]}
    assert set(verdicts) == {rule.id for rule in RULES}
    assert verdicts["no_stop_zone"]["verdict"] == "waiting"
    assert verdicts["no_stop_zone"]["details"] == {"stopped_s": 30.0, "needed_s": 60.0}
    assert verdicts["panic"]["verdict"] == "quiet"
    assert ran.json["facts"]["visits"] == {"square": "inside"}
    assert [alert["rule"] for alert in ran.json["alerts"] if alert["severity"] >= 3] == []


def test_later_the_rule_has_raised(run: Run, fence_file: Path, ping_file: Path) -> None:
    """At 12:03:00 the same rule has raised, and the alert is among the facts."""
    ran = _explain(run, fence_file, ping_file, _END)
    assert ran.code == 0
    assert "T-1: forbidden stop" in ran.out
    assert "no_stop_zone square" in ran.out


def test_time_goes_on_where_nobody_reports(run: Run, fence_file: Path, ping_file: Path) -> None:
    """Ten minutes after the last ping the silence itself is explained."""
    ran = _explain(run, fence_file, ping_file, "2026-01-28T12:13:30Z", "--json")
    verdicts = {said["rule"]: said["verdict"] for said in ran.json["verdicts"]}
    assert verdicts["signal_lost"] == "raised"
    assert ran.json["facts"]["silent_s"] == 630.0


def test_a_silence_is_explained_where_nothing_tells_the_time(fence_file: Path, ping_file: Path) -> None:
    """Where the inputs end before the time that is asked about, time goes on to it all the same."""
    explained = _explained(fence_file, ping_file, _END, "2026-01-28T12:13:30Z")
    assert "raised" in {said.verdict for said in explained.verdicts if said.rule == "signal_lost"}


def test_what_came_later_is_not_known_yet(fence_file: Path, ping_file: Path) -> None:
    """Inputs that arrived after the time that is asked about change nothing."""
    early = "2026-01-28T12:01:30Z"
    assert _explained(fence_file, ping_file, _END, early) == _explained(fence_file, ping_file, early, early)


def test_other_vehicles_change_nothing(run: Run, fence_file: Path, ping_file: Path) -> None:
    """Pings of others are time and nothing else: without them the explanation is the same."""
    both = _explain(run, fence_file, ping_file, _END, "--json").json
    own = [row for row in ping_file.read_text("utf-8").splitlines() if "T-1" in row]
    ping_file.write_text("\n".join(own) + "\n", encoding="utf-8")
    assert _explain(run, fence_file, ping_file, _END, "--json").json == both


def test_columns_of_other_names_are_mapped(run: Run, fence_file: Path, ping_file: Path, tmp_path: Path) -> None:
    """A CSV with a mapping, as `replay` takes it, is explained like the pings it holds; `--dialect` names the rest."""
    rows = [json.loads(row) for row in ping_file.read_text("utf-8").splitlines()]
    expected = _explain(run, fence_file, ping_file, _END, "--json").json
    ours = "track,t,lat,lon,speed_kmh,ignition", "--map", "vehicle_id=track,ts=t"
    theirs = "track,fixTime,latitude,longitude,v,ignition", "--map", "uniqueId=track,speed_kmh=v"
    for header, *options in (ours, (*theirs, "--dialect", "traccar")):
        lines = [header, *(",".join(json.dumps(value).strip('"') for value in row.values()) for row in rows)]
        tracks = tmp_path / "tracks.csv"
        tracks.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert _explain(run, fence_file, tracks, _END, *options, "--json").json["verdicts"] == expected["verdicts"]


def test_trips_come_from_a_file(run: Run, fence_file: Path, ping_file: Path, tmp_path: Path) -> None:
    """A trip of the file holds from the first ping on, as in `replay`, and another vehicle's is none of ours."""
    trips = tmp_path / "trips.ndjson"
    trips.write_text(
        '{"vehicle_id": "T-2", "trip": {"id": "other"}}\n{"vehicle_id": "T-1", "trip": {"id": "ours"}}\n', "utf-8"
    )
    assert _explain(run, fence_file, ping_file, _END, "--json").json["facts"]["trip"] is None
    assert _explain(run, fence_file, ping_file, _END, "--trips", trips, "--json").json["facts"]["trip"] == "ours"


def test_a_dump_is_judged_by_its_sets(run: Run, fence_file: Path, ping_file: Path, tmp_path: Path) -> None:
    """Fences that were published are in the dump, and explain, replay and trips of a file take them from there."""
    pings = [decode_ping(row) for row in ping_file.read_bytes().splitlines()]
    arrived = [Arrived(ping.ts, ping) for ping in pings if isinstance(ping, Ping)]
    dump, trips, out = tmp_path / "dump.ndjson", tmp_path / "trips.ndjson", tmp_path / "alerts.ndjson"
    trips.write_text('{"vehicle_id": "T-1", "trip": {"id": "ours"}}\n', "utf-8")
    with dump.open("wb") as written:
        writer = DumpWriter(written, Header(2, DumpProfile.LIVE))
        for record in [*set_records(load_geojson(fence_file)), *as_log(arrived, 2)]:
            writer.write(record)
    of_sets = ("--dump", dump, "--trips", trips, "--json")
    by_sets = run("explain", "--vehicle", "T-1", "--at", _END, *of_sets)
    by_file = run("explain", "--vehicle", "T-1", "--at", _END, "--fences", fence_file, *of_sets)
    assert by_sets.code == by_file.code == 0
    assert by_sets.json == by_file.json
    assert by_sets.json["facts"]["trip"] == "ours"
    assert by_sets.json["facts"]["visits"] == {"square": "inside"}
    assert run("replay", dump, "--trips", trips, "--out", out).code == 0
    assert "no_stop_zone" in {alert.rule for alert in read_alert_file(out)}
    ran = run("explain", "--vehicle", "T-1", "--at", _END, "--dump", ping_file)
    assert ran.code == 2
    assert "no fence set was recorded" in ran.err


@pytest.mark.parametrize("option", [("--map", "ts=t"), ("--dialect", "traccar"), ("--trips", "trips.ndjson")])
def test_how_a_file_is_read_needs_a_file(run: Run, fence_file: Path, option: tuple[str, str]) -> None:
    """What is in Kafka needs no mapping and has its own trips: an option that would do nothing is refused."""
    ran = run("explain", "--vehicle", "T-1", "--at", _END, "--fences", fence_file, *option)
    assert (ran.code, ran.out) == (2, "")
    assert "need --dump FILE" in ran.err


def test_a_vehicle_without_pings_is_said_to_have_none(run: Run, fence_file: Path, ping_file: Path) -> None:
    """An unknown vehicle is a problem found, not an empty explanation."""
    ran = _explain(run, fence_file, ping_file, "2026-01-28T11:00:00Z")
    assert (ran.code, ran.out) == (1, "")
    assert "no ping of T-1" in ran.err
