"""`telematics fences backtest` and `stats`: what a change would have done, and which fence makes the noise."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geofences.formats.geojson import load_geojson
from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, encode_line
from telematics.replay.runner import FILE_WINS
from telematics.wire.pings import encode_ping
from tests.support.feed import as_log
from tests.support.places import spot
from tests.support.sets import set_records
from tests.support.stories import Arrived
from tests.support.truck import NOON, Truck
from tests.unit.cli.conftest import Run

HEAD = {"pings", "vehicles", "first_arrival", "last_arrival", "rejected", "notes"}
Drawn = Callable[..., Path]


@pytest.fixture
def drawn(tmp_path: Path) -> Drawn:
    """Write a fence file: circles by name, each with its km on the road of the tests and what is particular of it."""

    def draw(name: str, **circles: dict[str, Any]) -> Path:
        features = []
        for fence_id, given in circles.items():
            lon, lat = spot(given.pop("km"))
            properties = {"id": fence_id, "radius_m": 300, **given}
            geometry = {"type": "Point", "coordinates": [lon, lat]}
            features.append({"type": "Feature", "geometry": geometry, "properties": properties})
        path = tmp_path / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
        return path

    return draw


@pytest.fixture
def old(drawn: Drawn) -> Path:
    """Gates at kilometres 5 and 10, a yard at 14, and one where nobody comes."""
    return drawn("old.geojson", a={"km": 5}, b={"km": 10}, yard={"km": 14, "kind": "depot"}, far={"km": 50})


@pytest.fixture
def new(drawn: Drawn) -> Path:
    """Without the first gate; the second is larger."""
    return drawn("new.geojson", b={"km": 10, "radius_m": 700}, yard={"km": 14, "kind": "depot"}, far={"km": 50})


@pytest.fixture
def truck() -> Truck:
    """Past both gates to the yard, where it stands for 20 minutes."""
    return Truck().drive(14).stand(1200)


@pytest.fixture
def pings(tmp_path: Path, truck: Truck) -> Path:
    """Its pings."""
    path = tmp_path / "pings.ndjson"
    path.write_bytes(b"".join(encode_ping(ping) + b"\n" for _, ping in truck.sent))
    return path


@pytest.fixture
def dump(tmp_path: Path, truck: Truck) -> Path:
    """The same, with the ticks of three partitions, as `telematics topics dump` writes it."""
    return dumped(tmp_path / "dump.ndjson", truck)


def dumped(path: Path, truck: Truck, sets: Sequence[DumpRecord] = ()) -> Path:
    """A dump of its pings, with fence sets in front of them."""
    with path.open("wb") as out:
        writer = DumpWriter(out, Header(3, DumpProfile.LIVE))
        for record in [*sets, *as_log([Arrived(arrival, ping) for arrival, ping in truck.sent], 3)]:
            writer.write(record)
    return path


def lines(text: str) -> list[list[str]]:
    """The cells of a table in a pipe."""
    return [line.split("\t") for line in text.splitlines()]


def test_backtest_counts_by_fence_and_rule(run: Run, old: Path, new: Path, pings: Path) -> None:
    """What is different, and how much in all; fences without any difference only with --all."""
    ran = run("fences", "backtest", new, "--fences", old, "--dump", pings)
    assert ran.code == 0
    assert lines(ran.out) == [
        ["a", "geofence_enter", "1", "0", "0", "1", "0", "0", "1 → 0"],
        ["a", "geofence_exit", "1", "0", "0", "1", "0", "0", "1 → 0"],
        ["b", "geofence_enter", "1", "1", "0", "0", "1", "0", "1 → 1"],
        ["b", "geofence_exit", "1", "1", "0", "0", "1", "0", "1 → 1"],
    ]
    assert ran.err.splitlines() == [
        "190 pings of 1 vehicle, 2026-01-28T12:00:00Z to 2026-01-28T12:31:30Z",
        "5 alerts before, 3 after (4 and 2 announced): 2 removed, 2 moved",
    ]
    everything = lines(run("fences", "backtest", new, "--fences", old, "--dump", pings, "--all").out)
    assert everything[4:] == [["yard", "geofence_enter", "1", "1", "0", "0", "0", "0", "0 → 0"]]


def test_backtest_shows_each_alert(run: Run, old: Path, new: Path, pings: Path) -> None:
    """With --alerts: what became of it, vehicle, rule, fence, severity, when it was raised, and what is different."""
    ran = run("fences", "backtest", new, "--fences", old, "--dump", pings, "--alerts")
    assert lines(ran.out) == [
        ["removed", "T1", "geofence_enter", "a", "3", "2026-01-28T12:04:00Z", ""],
        ["removed", "T1", "geofence_exit", "a", "3", "2026-01-28T12:05:30Z", ""],
        ["moved", "T1", "geofence_enter", "b", "3", "2026-01-28T12:07:50Z", "begins 20 s sooner, ends 20 s later"],
        ["moved", "T1", "geofence_exit", "b", "3", "2026-01-28T12:10:00Z", "begins 20 s later"],
    ]


def test_backtest_says_how_an_alert_changed(run: Run, drawn: Drawn, pings: Path) -> None:
    """Its severity, or when it was told."""
    before = drawn("before.geojson", yard={"km": 14, "severity": 3, "dwell_s": 300})
    after = drawn("after.geojson", yard={"km": 14, "severity": 4, "dwell_s": 360})
    ran = run("fences", "backtest", after, "--fences", before, "--dump", pings, "--alerts")
    assert [cells[:4:3] + cells[6:] for cells in lines(ran.out)] == [
        ["changed", "yard", "severity 3 → 4"],
        ["changed", "yard", "severity 3 → 4, raised 1 min later"],
    ]


def test_backtest_as_json(run: Run, old: Path, new: Path, pings: Path) -> None:
    """The recording, the rows, and each alert before and after with what tells it."""
    told = run("fences", "backtest", new, "--fences", old, "--dump", pings, "--json").json
    assert set(told) == HEAD | {"rows", "alerts"}
    assert told["rows"][0] == {
        "fence": "a",
        "rule": "geofence_enter",
        "before": 1,
        "after": 0,
        "added": 0,
        "removed": 1,
        "moved": 0,
        "changed": 0,
        "announced_before": 1,
        "announced_after": 0,
    }
    removed, moved = told["alerts"][0], told["alerts"][2]
    assert (removed["change"], removed["vehicle_id"], removed["fence"], removed["after"]) == (
        "removed",
        "T1",
        "a",
        None,
    )
    assert removed["position"].keys() == {"lat", "lon"}
    assert (moved["before"]["episode_start"], moved["after"]["episode_start"]) == (
        "2026-01-28T12:08:10.000Z",
        "2026-01-28T12:07:50.000Z",
    )


def test_the_sets_of_a_dump_are_what_was(
    run: Run, old: Path, new: Path, truck: Truck, dump: Path, tmp_path: Path
) -> None:
    """Without --fences the change is held against what was published; where nothing was, that is said."""
    path = dumped(tmp_path / "sets.ndjson", truck, set_records(load_geojson(old)))
    by_sets, by_file = (
        run("fences", "backtest", new, "--dump", path, "--json", *more).json for more in ((), ("--fences", old))
    )
    assert by_sets["rows"]
    assert by_sets["rows"] == by_file["rows"]
    assert not by_sets["notes"]
    assert by_file["notes"] == [FILE_WINS]
    ran = run("fences", "backtest", new, "--dump", dump)
    assert ran.code == 2
    assert "no fence set was recorded; give a file of them with --fences FILE" in ran.err


def test_a_dump_with_sets_and_no_pings(run: Run, old: Path, tmp_path: Path) -> None:
    """Is one that has sets: nothing else is asked for."""
    lines = [b'{"telematics_dump":1,"partitions":3,"profile":"sim"}', *map(encode_line, set_records(load_geojson(old)))]
    path = tmp_path / "sets.ndjson"
    path.write_bytes(b"\n".join(lines))
    ran = run("fences", "stats", "--dump", path, "--all")
    assert (ran.code, ran.err) == (1, "not one ping could be judged\n")


def test_a_dump_says_what_its_pings_say(run: Run, old: Path, new: Path, pings: Path, dump: Path) -> None:
    """Ticks and partitions make no difference, and both commands take either."""
    for command in (("backtest", new), ("stats",)):
        of_pings, of_dump = (
            run("fences", *command, "--fences", old, "--dump", file, "--json") for file in (pings, dump)
        )
        assert of_pings.code == of_dump.code == 0
        found, wanted = of_dump.json, of_pings.json
        assert found["pings"] == wanted["pings"] == 190
        assert [found.get(name) for name in ("rows", "alerts")] == [wanted.get(name) for name in ("rows", "alerts")]


def test_the_same_fences(run: Run, old: Path, pings: Path) -> None:
    """Nothing is told, and that is no problem."""
    ran = run("fences", "backtest", old, "--fences", old, "--dump", pings)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[-1] == "no alert would have been different, of 5"
    told = run("fences", "backtest", old, "--fences", old, "--dump", pings, "--json").json
    assert (told["rows"], told["alerts"]) == ([], [])


def test_stats(run: Run, old: Path, pings: Path) -> None:
    """A line for each fence that was visited, the noisiest first; who was not visited is named, and told with --all."""
    ran = run("fences", "stats", "--fences", old, "--dump", pings)
    assert ran.code == 0
    assert [cells[:10] for cells in lines(ran.out)] == [
        ["a", "2", "2", "1", "1", "1", "0:00:30", "0:00:30", "1", "0"],
        ["b", "2", "2", "1", "1", "1", "0:00:30", "0:00:30", "1", "0"],
        ["yard", "0", "1", "1", "0", "1", "0:20:00", "0:20:00", "0", "0"],
    ]
    assert lines(ran.out)[0][10:] == ["geofence_enter 1, geofence_exit 1"]
    assert ran.err.splitlines()[1:] == [
        "4 alerts announced: 183 for each vehicle and day",
        "nobody visited 1 of 4 fences: far",
    ]
    ran = run("fences", "stats", "--fences", old, "--dump", pings, "--all")
    assert lines(ran.out)[3] == ["far", "0", "0", "0", "0", "0", "", "", "0", "0", ""]
    assert "nobody visited" not in ran.err


def test_stats_of_the_sets_of_a_dump(run: Run, old: Path, new: Path, truck: Truck, dump: Path, tmp_path: Path) -> None:
    """Each fence as it held when: one that a later set removes has the visits of before, one that it redraws both."""
    before, after = load_geojson(old), [replace(fence, version=2) for fence in load_geojson(new)]
    # The truck is through gate a, which goes, and not yet at gate b, which gets larger.
    sets = set_records(before, after, last_from=NOON + 360_000)
    path = dumped(tmp_path / "sets.ndjson", truck, sets)
    found = {one["fence"]: one for one in run("fences", "stats", "--dump", path, "--json").json["fences"]}
    by_old, by_new = (
        {one["fence"]: one for one in run("fences", "stats", "--fences", file, "--dump", path, "--json").json["fences"]}
        for file in (old, new)
    )
    assert found == by_new | {"a": by_old["a"]}
    assert by_old["b"] != by_new["b"]
    ran = run("fences", "stats", "--dump", dump)
    assert ran.code == 2
    assert "no fence set was recorded; give a file of them with --fences FILE" in ran.err


def test_stats_as_json(run: Run, old: Path, pings: Path) -> None:
    """Every fence, visited or not, with what of it is counted."""
    told = run("fences", "stats", "--fences", old, "--dump", pings, "--json").json
    assert set(told) == HEAD | {"vehicle_days", "fences"}
    assert [one["fence"] for one in told["fences"]] == ["a", "b", "yard", "far"]
    assert told["fences"][0] == {
        "fence": "a",
        "kind": "generic",
        "alerts": {"geofence_enter": 1, "geofence_exit": 1},
        "announced": {"geofence_enter": 1, "geofence_exit": 1},
        "announced_per_vehicle_day": 91.4286,
        "entered": 1,
        "left": 1,
        "vehicles": 1,
        "inside_median_s": 30.0,
        "inside_longest_s": 30.0,
        "shorter_than_a_minute": 1,
        "chattering": 0,
    }


def test_a_large_rate_is_a_number_one_can_read(run: Run, drawn: Drawn, pings: Path) -> None:
    """With commas, and without an exponent."""
    gates = drawn("gates.geojson", **{f"gate-{number}": {"km": 5} for number in range(5)})
    ran = run("fences", "stats", "--fences", gates, "--dump", pings, "--until", "2026-01-28T12:05:30Z")
    assert "10 alerts announced: 2,618 for each vehicle and day" in ran.err.splitlines()


def test_stats_of_what_names_no_fence(run: Run, drawn: Drawn, pings: Path) -> None:
    """Has a line of its own."""
    ran = run("fences", "stats", "--fences", drawn("none.geojson", a={"km": 5}), "--dump", pings)
    assert ["-", "1", "1", *[""] * 7, "unscheduled_stop 1"] in lines(ran.out)


def test_rules_and_until_are_those_of_replay(run: Run, old: Path, new: Path, pings: Path, tmp_path: Path) -> None:
    """They say how the recording is judged, and how far."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("geofence_exit: {enabled: false}\n", encoding="utf-8")
    arguments = ("fences", "backtest", new, "--fences", old, "--dump", pings)
    found = lines(run(*arguments, "--rules", rules, "--until", "2026-01-28T12:07:00Z").out)
    assert [cells[:2] for cells in found] == [["a", "geofence_enter"]]


COMMANDS = [("backtest", "new.geojson"), ("stats",)]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_recording(run: Run, old: Path, new: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Says so and exits with 1, be it an empty file or a dump without records."""
    named = [tmp_path / word if word.endswith("geojson") else word for word in command]
    empty, bare = tmp_path / "empty", tmp_path / "bare.ndjson"
    empty.write_bytes(b"")
    bare.write_text('{"telematics_dump":1,"partitions":3,"profile":"live"}\n', encoding="utf-8")
    for file in (empty, bare):
        ran = run("fences", *named, "--fences", old, "--dump", file)
        assert (ran.code, ran.out) == (1, "")
        assert "not one ping could be judged" in ran.err
        assert run("fences", *named, "--fences", old, "--dump", file, "--json").json["pings"] == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dump", "none"], "none: cannot be read"),
        (["--dump", "words.txt"], "words.txt, line 1: no column 'vehicle_id'"),
        (["--dump", "pings.ndjson", "--fences", "none"], "none: cannot be read"),
        (["--dump", "pings.ndjson", "--rules", "none"], "none: cannot read the rules file"),
        (["--dump", "pings.ndjson", "--trips", "none"], "none: cannot be read"),
        (["--dump", "pings.ndjson", "--map", "a"], "--map: 'a' is not NAME=COLUMN"),
        (["--dump", "pings.ndjson", "--until", "never"], "--until: 'never' is not RFC 3339"),
    ],
)
def test_a_wrong_file_is_told(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    old: Path,
    new: Path,
    pings: Path,
    tmp_path: Path,
    command: tuple[str, ...],
    arguments: list[str],
    said: str,
) -> None:
    """Exit code 2, the file or option and what would be right, and no result."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("vehicles: 1\n", encoding="utf-8")
    fences = [] if "--fences" in arguments else ["--fences", new]
    ran = run("fences", *command, *fences, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_wrong_new_fence_is_told(run: Run, old: Path, drawn: Drawn, pings: Path) -> None:
    """With its file, feature and property: it is this one that is being written."""
    wrong = drawn("wrong.geojson", a={"km": 5, "kind": "depott"})
    ran = run("fences", "backtest", wrong, "--fences", old, "--dump", pings)
    assert ran.code == 2
    assert "wrong.geojson" in ran.err
    assert "feature 1 (id 'a'): kind" in ran.err


def test_rows_that_cannot_be_read_are_told(run: Run, old: Path, new: Path, pings: Path) -> None:
    """How many, the first of them, and how to keep them all."""
    pings.write_bytes(pings.read_bytes() + b"{}\n")
    ran = run("fences", "backtest", new, "--fences", old, "--dump", pings)
    assert ran.code == 0
    assert "rows rejected: 1, the first is" in ran.err
    assert "telematics replay --rejects FILE keeps them all" in ran.err
    told = run("fences", "backtest", new, "--fences", old, "--dump", pings, "--json")
    assert (sum(told.json["rejected"].values()), told.err) == (1, "")


def test_the_set_that_is_elsewhere_is_named(run: Run, old: Path, tmp_path: Path, pings: Path) -> None:
    """Where longitude and latitude are swapped in one of two files, one wants to know in which."""
    swapped = tmp_path / "swapped.geojson"
    document = json.loads(old.read_bytes())
    for feature in document["features"]:
        feature["geometry"]["coordinates"] = [20.0, 60.0]
    swapped.write_text(json.dumps(document), encoding="utf-8")
    ran = run("fences", "backtest", swapped, "--fences", old, "--dump", pings)
    assert f"{swapped}: not one ping came within 500 km of a fence" in ran.err
    assert f"{old}: " not in ran.err
    assert run("fences", "stats", "--fences", swapped, "--dump", pings).err.count("within 500 km") == 1
