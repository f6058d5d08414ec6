"""What a file holds, and its rows as pings."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from telematics.errors import UserError
from telematics.model import Ping
from telematics.replay.dumpfile import Header, decode_header
from telematics.replay.lines import Line, first_line, read_lines
from telematics.replay.rejects import Rejects
from telematics.wire.arrivals import check_arrival
from telematics.wire.dialects import DIALECTS, Dialect, DialectName, native, recognise
from telematics.wire.dialects.timestamps import read_instant
from telematics.wire.pings import decode_ping
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.strict import load_object

Progress = Callable[[int], None]

_DELIMITERS = (",", ";", "\t")


class Form(StrEnum):
    """The forms of a file."""

    EMPTY = "empty"
    CSV = "csv"
    NDJSON = "ndjson"
    DUMP = "dump"


@dataclass(frozen=True, slots=True)
class Options:
    """How the user wants track files read.

    `columns` maps a field's name to the column or JSON field that holds it (`--map vehicle_id=track_id`), `arrival`
    names the one that holds the arrival, `dialect` overrides what the names tell.
    """

    dialect: DialectName | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    arrival: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a file was found to be."""

    path: Path
    form: Form
    header: Header | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A ping of a track file, and its arrival in ms when the file gives one."""

    ping: Ping
    arrival: int | None


def detect(path: Path) -> Found:
    """Look at the beginning of a file. Raises UserError when it is nothing that can be replayed."""
    line = first_line(path)
    if line is None:
        return Found(path, Form.EMPTY)
    text = line.raw.lstrip()
    if text.startswith(b"["):
        raise UserError(f"{path}, line {line.number}: begins a JSON array; expected one object a line (NDJSON)")
    if not text.startswith(b"{"):
        return Found(path, Form.CSV)
    try:
        header = decode_header(text)
    except ValueError as error:
        raise UserError(f"{path}, line {line.number}: {error}") from error
    return Found(path, Form.NDJSON if header is None else Form.DUMP, header)


def has_rows(found: Found) -> bool:
    """Whether a CSV has a line below its header, readable or not."""
    rejects = Rejects()
    return next(islice(read_lines(found.path, rejects), 1, None), None) is not None or rejects.first is not None


def read_rows(found: Found, options: Options, rejects: Rejects, progress: Progress | None = None) -> Iterator[Row]:
    """Pings of a track file in file order; rows that are none go to `rejects`.

    Raises UserError where no row could be read: a CSV without the columns that are needed.
    """
    lines = read_lines(found.path, rejects, progress)
    if found.form is Form.CSV:
        rows = _read_csv(found.path, lines, options)
    elif found.form is Form.NDJSON:
        rows = _read_ndjson(lines, options)
    else:
        return
    for line, row in rows:
        if isinstance(row, Reject):
            rejects.add(str(found.path), line.number, row, line.raw)
        else:
            yield row


def _read_csv(path: Path, lines: Iterator[Line], options: Options) -> Iterator[tuple[Line, Row | Reject]]:
    """A row is one line: quoted cells may hold delimiters and doubled quotes, but no line end.

    So an unclosed quote costs its own row and not the rest of the file.
    """
    first = next(lines)
    header = _header(path, first, options)
    delimiter, names, dialect = header.delimiter, header.names, header.dialect
    for line in lines:
        cells = _cells(line, delimiter)
        if isinstance(cells, Reject):
            yield line, cells
        elif len(cells) != len(names):
            detail = f"{len(cells)} columns; the header on line {first.number} has {len(names)}"
            yield line, reject(RejectReason.BAD_ROW, detail)
        else:
            fields = dict(zip(names, cells, strict=True))
            yield line, _row(dialect.ping_of_row, _mapped(fields, options), fields, options)


def check_columns(found: Found, options: Options) -> None:
    """Raises UserError for a CSV without the columns that are needed, before anything of it is read."""
    first = first_line(found.path)
    if found.form is Form.CSV and first is not None:
        _header(found.path, first, options)


@dataclass(frozen=True, slots=True)
class _Header:
    """The first line of a CSV."""

    delimiter: str
    names: list[str]
    dialect: Dialect


def _header(path: Path, first: Line, options: Options) -> _Header:
    delimiter = max(_DELIMITERS, key=lambda mark: first.raw.count(mark.encode()))
    names = _cells(first, delimiter)
    if isinstance(names, Reject):
        raise UserError(f"{path}, line {first.number}: the header cannot be read: {names.detail}")
    names = [name.strip() for name in names]
    return _Header(delimiter, names, _csv_dialect(path, first.number, names, options))


def _cells(line: Line, delimiter: str) -> list[str] | Reject:
    try:
        return next(csv.reader((line.raw.decode(),), delimiter=delimiter, strict=True))
    except UnicodeDecodeError as error:
        return reject(RejectReason.NOT_UTF8, f"byte {error.start} of the line is not UTF-8")
    except csv.Error as error:
        return reject(RejectReason.BAD_ROW, f"not a row of a CSV: {error}")


def _csv_dialect(path: Path, line: int, names: list[str], options: Options) -> Dialect:
    where, columns = f"{path}, line {line}", f"columns there are: {', '.join(names)[:300]}"
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{where}: column {twice!r} stands there twice; {columns}")
    wanted = [*options.columns.values(), *([options.arrival] if options.arrival else [])]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise UserError(f"{where}: no column {' and '.join(map(repr, missing))}; {columns}")
    mapped = {*names, *options.columns}
    name = options.dialect or recognise(mapped)
    if name is DialectName.NATIVE and (missing := [need for need in native.REQUIRED if need not in mapped]):
        hint = ",".join(f"{need}=COLUMN" for need in missing)
        raise UserError(f"{where}: no column {' and '.join(map(repr, missing))}; {columns}. Say --map {hint}")
    return DIALECTS[name]


def _read_ndjson(lines: Iterator[Line], options: Options) -> Iterator[tuple[Line, Row | Reject]]:
    name = options.dialect
    plain = not options.columns and not options.arrival
    for line in lines:
        if plain and name is DialectName.NATIVE:
            # A row of ours is exactly what a topic carries, and most files are all such rows: read it once.
            ping = decode_ping(line.raw)
            if isinstance(ping, Ping):
                yield line, Row(ping, None)
                continue
        fields = load_object(line.raw)
        if isinstance(fields, Reject):
            yield line, fields
            continue
        name = name or recognise({*fields, *options.columns})
        yield line, _row(DIALECTS[name].ping_of_object, _mapped(fields, options), fields, options)


def _mapped(fields: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The fields under the names the dialect knows; a field that was mapped elsewhere keeps its own name too."""
    mapped = dict(fields)
    for name, column in options.columns.items():
        mapped.pop(name, None)
        if column in fields:
            mapped[name] = fields[column]
    return mapped


def _row(
    read: Callable[[Mapping[str, Any]], Ping | Reject],
    mapped: Mapping[str, Any],
    fields: Mapping[str, Any],
    options: Options,
) -> Row | Reject:
    ping = read(mapped)
    if isinstance(ping, Reject):
        return ping
    if options.arrival is None:
        return Row(ping, None)
    try:
        arrival = read_instant(fields.get(options.arrival))
    except ValueError as error:
        return reject(RejectReason.BAD_ARRIVAL, f"{options.arrival}: {error}")
    return check_arrival(arrival) or Row(ping, arrival)
