"""Simulated records as files: a dump of the topics, plain pings, trips, and the truth."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Self

from simulators.merge import Kind, Record
from telematics.errors import UserError
from telematics.replay import dumpfile
from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = {kind: dumpfile.Kind(kind.value) for kind in (Kind.PING, Kind.TICK, Kind.TRIP)}


class Format(StrEnum):
    """What a line of the file is: a record of a dump, with partition and arrival, or the bare ping."""

    DUMP = "dump"
    PINGS = "pings"


class Files:
    """Takes records one by one. Each kind goes to the files that want it; a file ending in .gz is compressed.

    `trips` and `truth` get a document a line. Raises UserError naming a file that cannot be written.
    """

    def __init__(self, *, trips: Path | None = None, truth: Path | None = None) -> None:
        self._open = ExitStack()
        self._dump: DumpWriter | None = None
        self._pings: BinaryIO | None = None
        self._offsets: Counter[tuple[bool, int]] = Counter()
        self._trips = None if trips is None else self._file(trips)
        self._truth = None if truth is None else self._file(truth)

    def dump_to(self, path: Path, partitions: int) -> Self:
        """Also write pings, ticks and trips to a dump, as `telematics topics dump` would."""
        self._dump = DumpWriter(self._file(path), Header(partitions, DumpProfile.SIM))
        return self

    def pings_to(self, path: Path) -> Self:
        """Also write bare pings, a line each."""
        self._pings = self._file(path)
        return self

    def _file(self, path: Path) -> BinaryIO:
        try:
            plain = self._open.enter_context(path.open("wb"))
        except OSError as error:
            self._open.close()
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error
        if path.suffix != ".gz":
            return plain
        # No name and no time of day in it: the same plan gives the same bytes. Level 1: 6 times faster than 9.
        packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=plain, mtime=0)
        return self._open.enter_context(io.BufferedWriter(packed, 1 << 16))

    def write(self, record: Record) -> None:
        """Write one record to the files that want it."""
        kind = record.kind
        if kind is Kind.TRUTH:
            if self._truth is not None:
                self._truth.write(record.value + b"\n")
            return
        if kind is Kind.TRIP and self._trips is not None:
            self._trips.write(record.value + b"\n")
        if self._dump is not None:
            self._dump.write(self._dumped(record))
        elif self._pings is not None and kind is Kind.PING:
            self._pings.write(record.value + b"\n")

    def _dumped(self, record: Record) -> DumpRecord:
        # Pings and ticks share a topic and its offsets; trips have a topic of their own.
        log = (record.kind is Kind.TRIP, record.partition)
        offset = self._offsets[log]
        self._offsets[log] = offset + 1
        return DumpRecord(record.partition, offset, record.arrival, _KINDS[record.kind], record.key, record.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
