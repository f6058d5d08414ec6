"""`telematics replay` as a person runs it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from telematics.cli.replay import read_map
from telematics.errors import UserError
from tests.unit.cli.conftest import Run

DIRTY = Path(__file__).parents[2] / "data/dirty_tracks.csv"
MAP = ("--map", "vehicle_id=track_id,ts=t")


def test_json(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """--json gives the counts, --out the alerts and --rejects the rows that could not be read."""
    tracks, alerts, rejects = (tmp_path / name for name in ("tracks.csv", "alerts.ndjson", "rejects.ndjson"))
    tracks.write_bytes(DIRTY.read_bytes() + b"1,never,1,1\n")
    ran = run("replay", tracks, "--fences", fence_file, *MAP, "--out", alerts, "--rejects", rejects, "--json")
    assert ran.code == 0
    assert {"pings", "vehicles", "rejected", "quarantined", "alerts", "pings_per_s"} <= set(ran.json)
    assert (ran.json["vehicles"], ran.json["rejected"]) == (9, {"bad_ts": 1})
    assert len(alerts.read_bytes().splitlines()) == ran.json["alert_records"] > 0
    (reject,) = map(json.loads, rejects.read_bytes().splitlines())
    assert (reject["file"], reject["reason"], reject["raw"]) == (str(tracks), "bad_ts", "1,never,1,1")


def test_summary(run: Run, fence_file: Path) -> None:
    """Without --json a short summary says how many of what, and nothing draws a bar into a pipe."""
    ran = run("replay", DIRTY, "--fences", fence_file, *MAP)
    assert ran.code == 0
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == ["pings", "rejected", "quarantined", "alerts"]
    assert "implausible_jump 1" in ran.out
    # Its tracks are not where the fences are.
    (said,) = ran.err.splitlines()
    assert said.startswith("not one ping came within 500 km of a fence")


def test_nothing_readable(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """When not one ping could be judged the command says so and exits with 1."""
    (tmp_path / "tracks.csv").write_text("vehicle_id,ts,lat,lon\na,never,1,2\n")
    (tmp_path / "empty").write_text("")
    ran = run("replay", tmp_path / "tracks.csv", tmp_path / "empty", "--fences", fence_file)
    assert ran.code == 1
    assert "not one ping could be judged" in ran.out
    assert "empty: is empty: it has no rows" in ran.err


def test_rejected_rows_are_told(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """One line says how many rows were refused, which was the first and why, and where all are kept."""
    tracks, rejects = tmp_path / "tracks.csv", tmp_path / "rejects.ndjson"
    tracks.write_text("vehicle_id,ts,lat,lon\na,1769613720,19,-99\na,never,19,-99\na,1769613721,95,-99\n")
    told = f"rows rejected: 2, the first is {tracks}, line 3 (bad_ts: "
    (said,) = run("replay", tracks, "--fences", fence_file).err.splitlines()
    assert said.startswith(told)
    assert said.endswith("; --rejects FILE keeps them all")
    (said,) = run("replay", tracks, "--fences", fence_file, "--rejects", rejects).err.splitlines()
    assert said.startswith(told)
    assert said.endswith(f"; {rejects} has them all")
    assert run("replay", tracks, "--fences", fence_file, "--json").err == ""


@pytest.mark.parametrize("compressed", [False, True])
def test_a_header_alone_is_told(run: Run, fence_file: Path, tmp_path: Path, compressed: bool) -> None:  # noqa: FBT001
    """A file with a header and nothing below it is named: an export that found nothing looks like that."""
    content = b"vehicle_id,ts,lat,lon\n\n"
    (tmp_path / "tracks.csv").write_bytes(gzip.compress(content) if compressed else content)
    ran = run("replay", tmp_path / "tracks.csv", "--fences", fence_file)
    assert ran.code == 1
    assert "tracks.csv: has a header and no rows" in ran.err
    (tmp_path / "tracks.csv").write_bytes(content + b"a\n")
    assert "no rows" not in run("replay", tmp_path / "tracks.csv", "--fences", fence_file).err


def test_pings_far_from_every_fence_are_told(run: Run, fence_file: Path, ping_file: Path) -> None:
    """Fences with longitude and latitude swapped match nothing, and the summary says what may be wrong."""
    assert run("replay", ping_file, "--fences", fence_file, "--json").json["notes"] == []
    document = json.loads(fence_file.read_bytes())
    document["features"] = document["features"][1:]
    document["features"][0]["geometry"]["coordinates"] = [19.0, 60.0]
    fence_file.write_text(json.dumps(document), encoding="utf-8")
    (said,) = run("replay", ping_file, "--fences", fence_file, "--json").json["notes"]
    assert "longitude and latitude may be swapped" in said
    assert said in run("replay", ping_file, "--fences", fence_file).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Say --map vehicle_id=COLUMN,ts=COLUMN"),
        (("--map", "vehicle_id"), "--map: 'vehicle_id' is not NAME=COLUMN"),
        (("--map", "vehicle_id=track_id,ts=t,speedkmh=v"), "no field is called 'speedkmh'; did you mean 'speed_kmh'?"),
        ((*MAP, "--until", "tomorrow"), "--until: 'tomorrow' is not RFC 3339"),
        ((*MAP, "--arrival", "got"), "no column 'got'"),
        ((*MAP, "--trips", "no/such/file"), "no/such/file: cannot be read"),
        ((*MAP, "--out", "no/such/folder/file"), "cannot be written"),
        ((*MAP, "--out", DIRTY), "is another file of this command and would be overwritten"),
    ],
)
def test_usage(run: Run, fence_file: Path, arguments: tuple[object, ...], words: str) -> None:
    """A wrong file or option is named with what would be right, and exits with 2."""
    before = DIRTY.read_bytes()
    ran = run("replay", DIRTY, "--fences", fence_file, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert DIRTY.read_bytes() == before


def test_a_wrong_file_costs_no_older_result(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """What is wrong is found before --out is opened, so that the alerts of the run before are still there."""
    (tmp_path / "alerts").write_text("of the run before")
    assert run("replay", DIRTY, "--fences", fence_file, "--out", tmp_path / "alerts").code == 2
    assert (tmp_path / "alerts").read_text() == "of the run before"


def test_order_file(run: Run, fence_file: Path) -> None:
    """--order file judges rows as they lie: what is older than the row above it is late."""
    ran = run("replay", DIRTY, "--fences", fence_file, *MAP, "--order", "file", "--json")
    assert ran.code == 0
    assert sum(ran.json["outcomes"].values()) == ran.json["pings"]


@pytest.mark.parametrize("text", ["a", "lat=", "=b", "lat=b,", "lat=b,lat=c", "speedkmh=b", "zzz=b"])
def test_wrong_maps(text: str) -> None:
    """A mapping is a list of NAME=COLUMN, each name once."""
    with pytest.raises(UserError, match="--map"):
        read_map(text)


@pytest.mark.parametrize("name", ["speed_kmh", "events", "uniqueId", "fixTime", "attributes.sat", "ignition"])
def test_fields_of_every_dialect_can_be_mapped(name: str) -> None:
    """Ours are named as they are, Traccar's in any case."""
    assert read_map(f"{name}=x") == {name: "x"}
