"""The command: files of each kind, summaries, and errors that say what would be right."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from simulators.cli import main
from simulators.fleet import FleetPlan
from simulators.geography import FENCES
from simulators.run import Summary
from simulators.spans import parse_span
from telematics.errors import UserError
from telematics.model import Ping, Trip
from telematics.replay.dumpfile import DumpRecord, Kind, decode_header, decode_line
from telematics.wire.pings import decode_ping
from telematics.wire.trips import decode_trip

SMALL = ["run", "--vehicles", "12", "--duration", "10m", "--cadence", "10", "--hijacks", "1", "--dead-zones", "1"]


def run(*arguments: str) -> int:
    """Exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_a_dump_is_what_topics_dump_writes(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The default file has a dump's header and records, offsets counting up, and the summary counts them."""
    out = tmp_path / "fleet.ndjson"
    assert run(*SMALL, "--to", str(out), "--partitions", "3", "--json") == 0
    lines = out.read_bytes().splitlines()
    header = decode_header(lines[0])
    assert header is not None
    assert header.partitions == 3
    rows = [row for line in lines[1:] if isinstance(row := decode_line(line), DumpRecord)]
    assert len(rows) == len(lines) - 1
    for partition in range(3):
        offsets = [row.offset for row in rows if row.partition == partition and row.kind is not Kind.TRIP]
        assert offsets == list(range(len(offsets)))
    summary = orjson.loads(capfdbinary.readouterr().out)
    kinds = [row.kind for row in rows]
    assert (summary["pings"], summary["ticks"], summary["trips"]) == tuple(
        kinds.count(kind) for kind in (Kind.PING, Kind.TICK, Kind.TRIP)
    )
    assert summary["pings"] > 300
    assert summary["ticks"] == 3 * 121


def test_bare_pings_trips_and_truth_are_files_of_their_own(tmp_path: Path) -> None:
    """`--format pings` writes pings only; trips and truth go where they are told, and a .gz is compressed."""
    pings, trips, truth = tmp_path / "pings.ndjson.gz", tmp_path / "trips.ndjson", tmp_path / "truth.ndjson"
    assert run(*SMALL, "--to", str(pings), "--format", "pings", "--trips", str(trips), "--truth", str(truth)) == 0
    values = gzip.decompress(pings.read_bytes()).splitlines()
    assert len(values) > 300
    assert all(isinstance(decode_ping(value), Ping) for value in values)
    documents = [decode_trip(line) for line in trips.read_bytes().splitlines()]
    assert {trip.vehicle_id for trip in documents if isinstance(trip, Trip)} == {f"MX-{n:05d}" for n in range(1, 13)}
    assert truth.exists()


def test_a_compressed_file_is_the_same_each_time(tmp_path: Path) -> None:
    """Same seed, same bytes, compressed too; another seed, other bytes."""
    first, second, other = (tmp_path / name for name in ("a.gz", "b.gz", "c.gz"))
    for path, seed in ((first, "5"), (second, "5"), (other, "6")):
        assert run(*SMALL, "--seed", seed, "--to", str(path)) == 0
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize(
    ("setting", "option", "topics", "is_told"),
    [
        (None, [], "sim.telematics.", False),
        ("sim.night.", [], "sim.night.", False),
        ("telematics.", [], "sim.telematics.", True),
        ("telematics.", ["--prefix", "trial."], "trial.", False),
        ("sim.night.", ["--prefix", "sim.day."], "sim.day.", False),
    ],
)
def test_the_prefix_is_that_of_the_other_commands(
    setting: str | None,
    option: list[str],
    topics: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    is_told: bool,
) -> None:
    """Where it is one of simulations; else it is said that it is not followed. An option wins."""
    asked: list[str] = []

    async def run_to_kafka(*arguments: object) -> Summary:
        asked.append(str(arguments[2]))
        return Summary(FleetPlan(vehicles=1))

    monkeypatch.setattr("simulators.cli.run_to_kafka", run_to_kafka)
    monkeypatch.delenv("TELEMATICS_TOPICS__PREFIX", raising=False)
    if setting is not None:
        monkeypatch.setenv("TELEMATICS_TOPICS__PREFIX", setting)
    assert run("run", "--vehicles", "1", *option) == 0
    assert asked == [topics]
    assert ("is not followed: simulations go to sim.telematics.*" in capsys.readouterr().err) is is_told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "yesterday"], "--start: 'yesterday' is not RFC 3339"),
        (["--hours", "1", "--duration", "1h"], "give one of them"),
        (["--duration", "soon"], "such as 90s, 30m, 1.5h or 2d"),
        (["--vehicles", "2", "--hijacks", "2", "--dead-zones", "1"], "need as many vehicles; there are 2"),
        (["--loss", "7"], "loss is 7.0"),
        (["--hours", "0"], "longer than nothing"),
        (["--to", "/no/such/folder/x"], "/no/such/folder/x: cannot be written"),
    ],
)
def test_a_wrong_option_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake ends with code 2 and a line that names it and what would be right."""
    assert run("run", "--to", str(tmp_path / "x"), *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_no_kafka_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no broker answers, the command says so and ends with code 1."""
    assert run("run", "--bootstrap", "127.0.0.1:1") == 1
    assert "no Kafka answers at 127.0.0.1:1" in capsys.readouterr().err


def test_the_fence_file_is_found_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`fences` prints the path of the installed fence file, for other commands to read."""
    assert run("fences") == 0
    assert Path(capsys.readouterr().out.strip()) == FENCES


@pytest.mark.parametrize(("text", "ms"), [("90s", 90_000), ("1.5h", 5_400_000), (" 2 d ", 172_800_000), ("5ms", 5)])
def test_spans(text: str, ms: int) -> None:
    """A span is a number and a unit."""
    assert parse_span(text) == ms


@pytest.mark.parametrize("text", ["", "5", "h", "-5s", "5 weeks", "1e3s"])
def test_no_spans(text: str) -> None:
    """Anything else is refused with examples."""
    with pytest.raises(UserError, match="such as"):
        parse_span(text)
