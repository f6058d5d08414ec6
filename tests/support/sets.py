"""Fence sets made in memory: as records, and as what those come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from geofences.index import FenceIndex
from geofences.model import Fence
from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.wire.fencesets import FenceSet, Manifest, encode_fence, encode_manifest, fence_key, set_hash, set_key

NOW = 1_790_000_000_000

Row = tuple[bytes, bytes]
"""Key and value."""


def fence_rows(fences: Iterable[Fence]) -> list[Row]:
    """Their records."""
    return [(fence_key(fence).encode(), encode_fence(fence)) for fence in fences]


def manifest_of(number: int, fences: Sequence[Fence], effective_at: int | None = None) -> Manifest:
    """What makes a set of them."""
    rows = [(key.decode(), sha256(value).hexdigest()) for key, value in fence_rows(fences)]
    return Manifest(number, tuple(key for key, _ in rows), set_hash(rows), "ana", NOW, effective_at)


def manifest_row(manifest: Manifest) -> Row:
    """Its record."""
    return set_key(manifest.number), encode_manifest(manifest)


def set_records(*sets: Sequence[Fence], last_from: int | None = None) -> list[DumpRecord]:
    """What a dump has of sets that were published at the epoch, one after the other.

    Each counts from the beginning, the last from an instant (arrival, ms) where one is given.
    """
    rows: list[Row] = []
    for number, fences in enumerate(sets, 1):
        rows += [row for row in fence_rows(fences) if row not in rows]
        rows.append(manifest_row(manifest_of(number, fences, last_from if number == len(sets) else None)))
    return [DumpRecord(0, offset, 0, Kind.GEOFENCE, key, value) for offset, (key, value) in enumerate(rows)]


def fence_set(number: int, fences: Sequence[Fence], effective_at: int = 0) -> FenceSet:
    """A set as it is taken."""
    return FenceSet(manifest_of(number, fences, effective_at), effective_at, tuple(fences))


class Sets:
    """Stands for the feed of a monitor: the sets that have been read so far."""

    def __init__(self, sets: Sequence[FenceSet]) -> None:
        self.sets: Sequence[FenceSet] = sets
        self._indexes: dict[int, FenceIndex] = {}

    async def index(self, wanted: FenceSet) -> FenceIndex:
        """The index of a set, one for all who ask."""
        if wanted.number not in self._indexes:
            self._indexes[wanted.number] = FenceIndex(wanted.fences)
        return self._indexes[wanted.number]
