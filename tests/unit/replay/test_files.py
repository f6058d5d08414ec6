"""Files of any kind: what they are found to be, their rows, and what is said of rows that cannot be read."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import orjson
import pytest

from telematics.errors import UserError
from telematics.model import Ping
from telematics.replay.files import Form, Options, detect, read_rows
from telematics.replay.lines import MAX_LINE_BYTES
from telematics.replay.rejects import Rejects
from telematics.wire.dialects import DialectName
from telematics.wire.pings import encode_ping

TS = 1_769_613_720_000
PING = Ping("truck-1", TS, 19.5, -99.25)
CSV = b"vehicle_id,ts,lat,lon\ntruck-1,2026-01-28T15:22:00Z,19.5,-99.25\n"
NDJSON = encode_ping(PING) + b"\n"


def read(path: Path, content: bytes, options: Options | None = None) -> tuple[list[Ping], list[dict[str, Any]]]:
    """The pings of a file of this content, and the rejects as they are written."""
    path.write_bytes(content)
    out = io.BytesIO()
    rows = list(read_rows(detect(path), options or Options(), Rejects(out)))
    return [row.ping for row in rows], [orjson.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's file is written."""
    return tmp_path / "tracks.any"


READABLE = {
    "CSV": CSV,
    "NDJSON": NDJSON,
    "CSV in gzip": gzip.compress(CSV),
    "NDJSON in gzip": gzip.compress(NDJSON),
    "byte order mark": b"\xef\xbb\xbf" + CSV,
    "byte order mark before JSON": b"\xef\xbb\xbf" + NDJSON,
    "CRLF": CSV.replace(b"\n", b"\r\n"),
    "no line end at the end": CSV.rstrip(),
    "blank lines": b"\n\n" + CSV.replace(b"\n", b"\n\n"),
    "quoted": b'"vehicle_id","ts","lat","lon"\n"truck-1","2026-01-28T15:22:00Z","19.5","-99.25"\n',
    "a comma in quotes": b'vehicle_id,note,ts,lat,lon\ntruck-1,"a ""b"", c",1769613720,19.5,-99.25\n',
    "semicolons": CSV.replace(b",", b";"),
    "tabs": CSV.replace(b",", b"\t"),
    "epoch seconds": CSV.replace(b"2026-01-28T15:22:00Z", b"1769613720"),
    "epoch milliseconds in JSON": b'{"vehicle_id":"truck-1","ts":1769613720000,"lat":19.5,"lon":-99.25}\n',
    "traccar rows": b"uniqueId,fixTime,latitude,longitude\ntruck-1,1769613720000,19.5,-99.25\n",
    "traccar objects": b'{"position":{"fixTime":1769613720000,"latitude":19.5,"longitude":-99.25},'
    b'"device":{"uniqueId":"truck-1"}}\n',
    "blanks in the header": CSV.replace(b"vehicle_id,ts", b" vehicle_id , ts"),
}


@pytest.mark.parametrize("name", READABLE)
def test_readable(name: str, path: Path) -> None:
    """Every form in which tracks come gives the same ping; content decides, not the name of the file."""
    assert read(path, READABLE[name]) == ([PING], [])


def test_mapped_columns(path: Path) -> None:
    """Columns with other names are read by --map, and a column of the right name is not used beside it."""
    content = b"track_id,t,lat,lon,vehicle_id\ntruck-1,1769613720,19.5,-99.25,other\n"
    options = Options(columns={"vehicle_id": "track_id", "ts": "t"})
    assert read(path, content, options) == ([PING], [])
    mapped = b'{"track_id":"truck-1","t":1769613720,"lat":19.5,"lon":-99.25}\n'
    assert read(path, mapped, options) == ([PING], [])


def test_the_dialect_can_be_named(path: Path) -> None:
    """--dialect decides over the names of the columns."""
    content = b"vehicle_id,uniqueId,fixTime,latitude,longitude\nx,truck-1,1769613720,19.5,-99.25\n"
    with pytest.raises(UserError, match="no column 'ts' and 'lat' and 'lon'"):
        read(path, content)
    assert read(path, content, Options(dialect=DialectName.TRACCAR)) == ([PING], [])


def test_an_arrival_column(path: Path) -> None:
    """--arrival reads the arrival in any of the forms of a timestamp; a row without one is refused."""
    path.write_bytes(b"vehicle_id,ts,lat,lon,got\na,1769613720,1,2,1769613725\na,1769613720,1,2,\n")
    out = Rejects()
    (row,) = read_rows(detect(path), Options(arrival="got"), out)
    assert row.arrival == TS + 5_000
    assert out.counts == {"bad_arrival": 1}


GOOD = b"truck-1,1769613720,19.5,-99.25"
BAD_ROWS = {
    "a column too few": (b"truck-1,1769613720,19.5", "bad_row"),
    "a column too many": (GOOD + b",1", "bad_row"),
    "a quote that never ends": (b'"truck-1,1769613720,19.5,-99.25', "bad_row"),
    "latin-1": (b"cami\xf3n,1769613720,19.5,-99.25", "not_utf8"),
    "binary": (b"\x00\x01\x02\x03", "bad_row"),
    "no time": (b"truck-1,never,19.5,-99.25", "bad_ts"),
    "no number": (b"truck-1,1769613720,north,-99.25", "wrong_type"),
    "out of range": (b"truck-1,1769613720,95,-99.25", "out_of_range"),
    "NaN": (b"truck-1,1769613720,nan,-99.25", "not_finite"),
    "too long": (b"x" * (MAX_LINE_BYTES + 5), "too_large"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_costs_itself_only(name: str, path: Path) -> None:
    """A row that cannot be read is written down with file, line, reason and its bytes; its neighbours are read."""
    raw, reason = BAD_ROWS[name]
    pings, rejects = read(path, b"vehicle_id,ts,lat,lon\n" + GOOD + b"\n" + raw + b"\n" + GOOD + b"\n")
    assert pings == [PING, PING]
    (reject,) = rejects
    assert (reject["file"], reject["line"], reject["reason"]) == (str(path), 3, reason)
    assert reject["detail"]
    if name == "latin-1":
        assert reject["raw_b64"] == "Y2FtafNuLDE3Njk2MTM3MjAsMTkuNSwtOTkuMjU="
    elif name != "too long":
        assert reject["raw"].encode() == raw


@pytest.mark.parametrize(
    ("raw", "reason"), [(b"{", "not_json"), (b"[1]", "not_object"), (b'{"a":1}', "missing_field"), (b"x", "not_json")]
)
def test_bad_lines_of_ndjson(raw: bytes, reason: str, path: Path) -> None:
    """A line that is no ping costs itself only, also as the first after which the dialect is still open."""
    pings, rejects = read(path, b"{\n" + NDJSON + raw + b"\n" + NDJSON)
    assert pings == [PING, PING]
    assert [(reject["line"], reject["reason"]) for reject in rejects] == [(1, "not_json"), (3, reason)]


def test_a_gzip_that_breaks_off(path: Path) -> None:
    """What could be decompressed is read, and where the stream ends early is said with its line."""
    rows = b"".join(b"truck-%d,1769613720,19.%06d,-99.25\n" % (n, n * 7919 % 999983) for n in range(20_000))
    whole = gzip.compress(b"vehicle_id,ts,lat,lon\n" + rows)
    pings, rejects = read(path, whole[: len(whole) // 2])
    assert len(pings) > 1_000
    assert [reject["reason"] for reject in rejects] == ["cut_off"]
    assert rejects[0]["line"] == len(pings) + 2
    assert "send the file again" in rejects[0]["detail"]


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", gzip.compress(b""), b"\xef\xbb\xbf"])
def test_empty(content: bytes, path: Path) -> None:
    """A file without a line is empty, and no mistake."""
    path.write_bytes(content)
    assert detect(path).form is Form.EMPTY


def test_a_header_alone(path: Path) -> None:
    """A CSV with nothing but its header has no rows, and no rejects."""
    assert read(path, b"vehicle_id,ts,lat,lon\n") == ([], [])


UNUSABLE = {
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is binary; expected CSV, NDJSON or a dump"),
    "utf-16": (CSV.decode().encode("utf-16"), "is UTF-16; save it as UTF-8"),
    "a JSON array": (b"[\n" + NDJSON + b"]", "line 1: begins a JSON array; expected one object a line"),
    "a damaged gzip": (b"\x1f\x8b\x08\x00garbage, no stream", "the gzip file is damaged from its beginning"),
    "other columns": (b"track_id,t,lat,lon\n1,2,3,4\n", "Say --map vehicle_id=COLUMN,ts=COLUMN"),
    "a column twice": (b"vehicle_id,ts,lat,lat,lon\n", "column 'lat' stands there twice"),
    "latin-1 header": (b"veh\xedculo,ts,lat,lon\n", "the header cannot be read"),
    "prose": (b"Dear colleague,\nplease find attached\n", "no column 'vehicle_id'"),
    "a later dump": (b'{"telematics_dump":2}\n', "a dump of version 2; this program reads version 1"),
    "a dump without partitions": (b'{"telematics_dump":1}\n', "expected the number of partitions"),
    "a dump of no profile": (b'{"telematics_dump":1,"partitions":1,"profile":"x"}\n', "expected live or sim"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable(name: str, path: Path) -> None:
    """A file that is nothing of ours is refused with its name and what would be right."""
    content, words = UNUSABLE[name]
    with pytest.raises(UserError) as refused:
        read(path, content)
    assert str(refused.value).startswith(str(path))
    assert words in str(refused.value)


def test_mapped_columns_that_are_not_there(path: Path) -> None:
    """A column named by --map or --arrival must exist; the message lists those that do."""
    with pytest.raises(UserError, match="no column 'truck'; columns there are: vehicle_id, ts, lat, lon"):
        read(path, CSV, Options(columns={"vehicle_id": "truck"}))
    with pytest.raises(UserError, match="no column 'got'"):
        read(path, CSV, Options(arrival="got"))


def test_a_missing_file(path: Path) -> None:
    """A file that cannot be opened is named with the system's reason."""
    with pytest.raises(UserError, match="cannot be read: No such file"):
        detect(path)
