"""The feed: files as the inputs of engines."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from telematics.errors import UserError
from telematics.model import Ping, Trip
from telematics.replay.clock import LONGEST_MS, TICK_MS, ticks_between
from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, Kind
from telematics.replay.feed import open_feed
from telematics.replay.fencesets import RecordedSets
from telematics.replay.plan import Plan
from telematics.replay.rejects import Rejects
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.ticks import TICK_VALUE
from telematics.wire.trips import encode_trip

T = 1_700_000_000_000
Told = tuple[int, int, str | None]


def told(plan: Plan, rejects: Rejects | None = None) -> list[Told | Trip]:
    """All inputs as (partition, arrival, vehicle or None for a tick), and the trips between them."""
    found: list[Told | Trip] = []
    for given in open_feed(plan).read(rejects or Rejects()):
        if isinstance(given, Trip):
            found.append(given)
            continue
        assert not isinstance(given, RecordedSets)
        for partition, batch in given.items():
            found += [
                (partition, arrival, None if ping is None else ping.vehicle_id)
                for arrival, ping in zip(batch.arrivals, batch.pings, strict=True)
            ]
    return found


def tracks(path: Path, *rows: tuple[str, int]) -> Path:
    """A CSV with rows of (vehicle, seconds after T)."""
    path.write_text(
        "vehicle_id,ts,lat,lon\n" + "".join(f"{vehicle},{T // 1000 + after_s},1,2\n" for vehicle, after_s in rows)
    )
    return path


def dump(
    path: Path, records: Iterable[DumpRecord], profile: DumpProfile = DumpProfile.LIVE, partitions: int = 2
) -> Path:
    """A dump of records, in the order given."""
    out = io.BytesIO()
    writer = DumpWriter(out, Header(partitions, profile))
    for record in records:
        writer.write(record)
    path.write_bytes(out.getvalue())
    return path


def ping_record(vehicle: str, offset: int, after_s: int) -> DumpRecord:
    """A ping on its own partition of two."""
    key = vehicle.encode()
    value = encode_ping(Ping(vehicle, T + after_s * 1000, 1.0, 2.0))
    return DumpRecord(partition_of(key, 2), offset, T + after_s * 1000, Kind.PING, key, value)


def test_track_files_are_merged_by_arrival(tmp_path: Path) -> None:
    """Several files are one partition in the order of arrival; of equal arrivals the first file's comes first."""
    one = tracks(tmp_path / "1", ("a", 5), ("a", 1), ("a", 9))
    two = tracks(tmp_path / "2", ("b", 5), ("b", 2))
    assert told(Plan((one, two))) == [
        (0, T + 1_000, "a"), (0, T + 2_000, "b"), (0, T + 5_000, "a"), (0, T + 5_000, "b"), (0, T + 9_000, "a"),
    ]  # fmt: skip


def test_time_goes_on_in_gaps(tmp_path: Path) -> None:
    """Where nobody reports, a tick comes each minute."""
    path = tracks(tmp_path / "1", ("a", 0), ("a", 60), ("a", 190))
    assert told(Plan((path,))) == [
        (0, T, "a"), (0, T + 60_000, "a"), (0, T + 120_000, None), (0, T + 180_000, None), (0, T + 190_000, "a"),
    ]  # fmt: skip


def test_a_long_gap_is_jumped() -> None:
    """A gap of a year has as many ticks as one of three days."""
    year = 365 * 24 * 3_600_000
    assert len(ticks_between(T, T + year)) == LONGEST_MS // TICK_MS
    assert list(ticks_between(T, T + TICK_MS)) == []


def test_the_end_of_time(tmp_path: Path) -> None:
    """Time ends with the last row, or goes on as --tail or --until say."""
    path = tracks(tmp_path / "1", ("a", 0), ("a", 10))
    rows: list[Told | Trip] = [(0, T, "a"), (0, T + 10_000, "a")]
    assert told(Plan((path,))) == rows
    assert told(Plan((path,), tail_ms=90_000)) == [*rows, (0, T + 70_000, None), (0, T + 100_000, None)]
    assert told(Plan((path,), until_ms=T + 30_000)) == [*rows, (0, T + 30_000, None)]
    assert told(Plan((path,), until_ms=T + 9_000)) == [rows[0], (0, T + 9_000, None)]
    assert told(Plan((path,), until_ms=T - 1)) == []


def test_dumps_keep_partitions_and_bring_their_ticks(tmp_path: Path) -> None:
    """Records go to their partitions in the order of the log, whatever the order of lines between partitions."""
    a, b = ping_record("a", 0, 10), ping_record("d", 0, 5)
    assert a.partition != b.partition
    tick = DumpRecord(b.partition, 1, T + 7_000, Kind.TICK, None, TICK_VALUE)
    path = dump(tmp_path / "d", [a, b, tick])
    found = told(Plan((path,)))
    assert sorted(found, key=str) == sorted(
        [(a.partition, T + 10_000, "a"), (b.partition, T + 5_000, "d"), (b.partition, T + 7_000, None)], key=str
    )
    assert found.index((b.partition, T + 5_000, "d")) < found.index((b.partition, T + 7_000, None))


def test_a_stamp_that_went_back_keeps_its_place(tmp_path: Path) -> None:
    """Within a partition the log's order holds, not the stamps': an older one counts as the clock."""
    records = [ping_record("a", 0, 10), ping_record("a", 1, 3), ping_record("a", 2, 11)]
    path = dump(tmp_path / "d", records)
    assert [row[1] - T for row in told(Plan((path,))) if not isinstance(row, Trip)] == [10_000, 3_000, 11_000]
    assert len(told(Plan((path,), until_ms=T + 10_000))) == 2


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (DumpProfile.LIVE, [4_000, Trip("a", T + 15_000), 5_000, Trip("a", T + 16_000)]),
        (DumpProfile.SIM, [Trip("a", 0), Trip("a", 0), 4_000, 5_000]),
    ],
)
def test_trips_of_a_dump(profile: DumpProfile, expected: list[int | Trip], tmp_path: Path) -> None:
    """A live trip comes before the inputs it applies to, a simulated one before all; a tombstone is one too."""
    trip = DumpRecord(0, 0, T + 5_000, Kind.TRIP, b"a", encode_trip(Trip("a", vehicle=Trip("a").vehicle)))
    gone = replace(trip, offset=1, arrival=T + 6_000, value=None)
    path = dump(tmp_path / "d", [ping_record("a", 0, 4), ping_record("a", 1, 5), trip, gone], profile)
    found = told(Plan((path,)))
    assert [row[1] - T if not isinstance(row, Trip) else row for row in found] == expected


def test_what_a_dump_holds_beside_pings_is_told(tmp_path: Path) -> None:
    """Records that live would have been dead letters, and lines that are none, are rejects with their line."""
    good = ping_record("a", 0, 1)
    path = dump(
        tmp_path / "d",
        [good, replace(good, partition=1 - good.partition), replace(good, key=b"b"), replace(good, value=b"{")],
    )
    path.write_bytes(path.read_bytes() + b"{\n" + b'{"kind":"fence"}\n')
    out = io.BytesIO()
    rejects = Rejects(out)
    assert told(Plan((path,)), rejects) == [(good.partition, T + 1_000, "a")]
    assert rejects.counts == {"wrong_partition": 1, "key_mismatch": 1, "not_json": 1, "bad_row": 2}
    assert sorted(int(line.split(b'"line":')[1].split(b",")[0]) for line in out.getvalue().splitlines()) == [
        3,
        4,
        5,
        6,
        7,
    ]


def test_the_tail_of_a_dump(tmp_path: Path) -> None:
    """With --tail every partition of a dump reaches the same instant."""
    path = dump(tmp_path / "d", [ping_record("a", 0, 0), ping_record("d", 7, 30)])
    ends = {row[0]: row[1] for row in told(Plan((path,), tail_ms=100_000)) if not isinstance(row, Trip)}
    assert ends == {0: T + 130_000, 1: T + 130_000}


def test_dumps_and_tracks_do_not_mix(tmp_path: Path) -> None:
    """A dump has its own clock and partitions, so that files without them are refused beside it."""
    path = dump(tmp_path / "d", [ping_record("a", 0, 0)])
    with pytest.raises(UserError, match="replay them apart"):
        open_feed(Plan((path, tracks(tmp_path / "1", ("a", 0)))))
    with pytest.raises(UserError, match="different partitions or profiles"):
        open_feed(Plan((path, dump(tmp_path / "e", [], partitions=3))))


def test_empty_files_are_named(tmp_path: Path) -> None:
    """An empty file among others is no error, but somebody may want to know."""
    (tmp_path / "0").write_bytes(b"")
    feed = open_feed(Plan((tmp_path / "0", tracks(tmp_path / "1", ("a", 0)))))
    assert feed.notes == (f"{tmp_path / '0'}: is empty: it has no rows",)
    assert told(feed.plan) == [(0, T, "a")]


def test_progress_reaches_the_whole_file(tmp_path: Path) -> None:
    """Progress is told in bytes of the file as it lies on disk, and ends with all of them."""
    path = tracks(tmp_path / "1", *[("a", n) for n in range(5_000)])
    said: list[int] = []
    list(open_feed(Plan((path,))).read(Rejects(), lambda _, done: said.append(done)))
    assert said == sorted(said)
    assert said[-1] == path.stat().st_size
