"""Laws: sorting outside memory is sorting, and a dump gives back what was put in."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from telematics.model import Ping
from telematics.replay.arrival import Order, in_arrival_order
from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, Kind, decode_header, decode_line
from telematics.replay.files import Row
from telematics.replay.sorting import Spool, sort_external
from tests.support.strategies import LAW

NOW = 10**13
items = st.lists(st.tuples(st.integers(0, 5), st.text(max_size=2)), max_size=60)
HOUR = 3_600_000
files = st.lists(
    st.builds(
        lambda vehicle, ts, number: Row(Ping(vehicle, ts * HOUR, 0.0, number / 1000), None),
        st.sampled_from("abc"),
        st.integers(0, 80) | st.integers(0, 4_000),
        st.integers(0, 10_000),
    ),
    max_size=40,
)
records = st.builds(
    DumpRecord,
    partition=st.integers(0, 9),
    offset=st.integers(0, 2**62),
    arrival=st.integers(-(2**63), 2**63 - 1),
    kind=st.sampled_from(Kind),
    key=st.none() | st.binary(max_size=20) | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
    value=st.none() | st.binary(max_size=200),
)


@LAW
@given(items=items, chunk=st.integers(1, 70))
def test_sorting_outside_memory_is_sorting(items: list[tuple[int, str]], chunk: int) -> None:
    """Whatever is spilled, the result is that of one stable sort."""
    assert list(sort_external(items, lambda item: item[0], chunk)) == sorted(items, key=lambda item: item[0])


@LAW
@given(items=items, chunk=st.integers(1, 70))
def test_a_spool_keeps_the_order(items: list[tuple[int, str]], chunk: int) -> None:
    """Whatever is spilled, items come back as they went in."""
    spool: Spool[tuple[int, str]] = Spool(chunk)
    for item in items:
        spool.add(item)
    assert list(spool) == items


@LAW
@given(rows=files, chunk=st.integers(1, 50), order=st.sampled_from(Order))
def test_memory_does_not_show(rows: list[Row], chunk: int, order: Order) -> None:
    """Arrivals and their order do not depend on how much fits into memory."""
    assert list(in_arrival_order(rows, NOW, order, chunk)) == list(in_arrival_order(rows, NOW, order))


@LAW
@given(rows=files)
def test_every_row_arrives_once_and_in_order(rows: list[Row]) -> None:
    """No row is lost or doubled, each has an arrival, and arrivals never go back."""
    arrived = list(in_arrival_order(rows, NOW))
    found = [row.arrival for row in arrived]
    assert None not in found
    assert found == sorted(found, key=lambda arrival: arrival or 0)
    assert sorted(map(repr, (row.ping for row in arrived))) == sorted(map(repr, (row.ping for row in rows)))


@LAW
@given(rows=files)
def test_arrivals_are_those_of_the_rule(rows: list[Row]) -> None:
    """Of rows inside their vehicle's track, exactly those far from both neighbours do not arrive at their ts."""
    tracks: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        tracks.setdefault(row.ping.vehicle_id, []).append(number)
    far = 24 * HOUR
    doubted = set()
    for track in tracks.values():
        times = [rows[number].ping.ts for number in track]
        for at in range(len(track)):
            # Two neighbours; at an end the next row beyond the one neighbour stands for the other.
            near = (
                [times[at - 1], times[at + 1]] if 0 < at < len(track) - 1 else times[1:3] if at == 0 else times[-3:-1]
            )
            if len(near) == 2 and all(abs(times[at] - other) > far for other in near):
                doubted.add(track[at])
    arrived = list(in_arrival_order(rows, NOW, Order.TS))
    if len(doubted) < len(rows):
        kept = sorted(rows[number].ping.ts for number in range(len(rows)) if number not in doubted)
        assert {row.arrival for row in arrived} == set(kept)
    else:
        assert [row.arrival for row in arrived] == sorted(row.ping.ts for row in rows)


@LAW
@given(records=st.lists(records, max_size=8), partitions=st.integers(1, 100), profile=st.sampled_from(DumpProfile))
def test_a_dump_gives_back_every_byte(records: list[DumpRecord], partitions: int, profile: DumpProfile) -> None:
    """What was written is read: header, places, arrivals, keys and values, whatever bytes they are."""
    out = io.BytesIO()
    writer = DumpWriter(out, Header(partitions, profile))
    for record in records:
        writer.write(record)
    first, *lines = out.getvalue().splitlines()
    assert decode_header(first) == Header(partitions, profile)
    assert [decode_line(line) for line in lines] == records


@LAW
@given(line=st.binary(max_size=100) | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_line_raises(line: bytes) -> None:
    """Any line of a damaged dump is a record or a refusal."""
    decode_line(line)
