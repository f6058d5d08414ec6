"""Fence sets on their topic: fence records, which never change, and manifests, each of which makes a set of them.

A fence record has the key `id@version` and is a GeoJSON feature. A manifest has the key `@set-<number>` (no fence's id
has an `@`) and names the records of its set with a hash over them. It is written last, in one transaction with those
records that are new: a set is there whole, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any

import orjson
from annotated_types import Ge, Le, Len
from pydantic import StringConstraints, TypeAdapter

from geofences.errors import FenceError
from geofences.formats.features import Raw, drawn_as, properties_of, read_fences
from geofences.model import Fence
from telematics.instants import Instant
from telematics.wire.arrivals import check_arrival
from telematics.wire.documents import to_document
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.strict import decode, load_object
from telematics.wire.trips import LIVE_DELAY_MS

READING_KEY = b"@fences"
"""The key of a partition's `Reading` on the state topic; no vehicle's id has an `@`."""

_SET_KEY = re.compile(rb"@set-([1-9]\d{0,15})")
_LATE_KEPT = 1_000
_LAST_NUMBER = 10**15

FenceKey = Annotated[str, StringConstraints(pattern=r"^[^@]{1,64}@[1-9][0-9]{0,15}$")]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What makes fence records a set."""

    number: Annotated[int, Ge(1), Le(_LAST_NUMBER)]
    fences: tuple[FenceKey, ...]
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    author: Annotated[str, Len(1, 200)]
    published_at: Instant
    effective_at: Instant | None = None
    note: Annotated[str, Len(0, 1_000)] = ""
    schema_version: int = 1


MANIFEST = TypeAdapter(Manifest)


class SetFault(StrEnum):
    """Why a manifest is not taken: a closed list, also a metric label."""

    UNREADABLE = "unreadable"
    NUMBER = "number"
    INCOMPLETE = "incomplete"
    ALTERED = "altered"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A manifest that is not taken: its key, why, and what would be right."""

    key: str
    fault: SetFault
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class FenceSet:
    """A set that was published whole. `effective_at` is when it counts from (arrival, ms)."""

    manifest: Manifest
    effective_at: int
    fences: tuple[Fence, ...]

    @property
    def number(self) -> int:
        """Later sets have higher ones."""
        return self.manifest.number


def fence_key(fence: Fence) -> str:
    """The key of a fence's record."""
    return f"{fence.id}@{fence.version}"


def encode_fence(fence: Fence) -> bytes:
    """The value of a fence's record: a GeoJSON feature with every property in force."""
    geometry, radius = drawn_as(fence.shape)
    return orjson.dumps({"type": "Feature", "geometry": geometry, "properties": properties_of(fence) | radius})


def decode_fence(key: str, value: bytes) -> Fence | Reject:
    """The fence in a record, or why there is none. Never raises."""
    document = load_object(value)
    if isinstance(document, Reject):
        return document
    properties = document.get("properties")
    if not isinstance(properties, dict):
        return reject(RejectReason.MISSING_FIELD, "properties: expected an object")
    try:
        (fence,) = read_fences([Raw(document.get("geometry"), properties)], key)
    except FenceError as error:
        return reject(RejectReason.BAD_VALUE, str(error))
    if fence_key(fence) != key:
        return reject(RejectReason.KEY_MISMATCH, f"the fence is {fence_key(fence)}, and its key {key!r}")
    return fence


def set_key(number: int) -> bytes:
    """The key of a manifest."""
    return b"@set-%d" % number


def read_set_key(key: bytes | None) -> int | None:
    """The number in the key of a manifest; None for any other key."""
    found = _SET_KEY.fullmatch(key or b"")
    return int(found[1]) if found else None


def encode_manifest(manifest: Manifest) -> bytes:
    """Wire bytes: fields at their default left out."""
    return orjson.dumps(to_document(manifest, sparse=True))


def decode_manifest(key: bytes, value: bytes | None) -> Manifest | Reject:
    """The manifest in a record, or why there is none. Never raises."""
    manifest = decode(MANIFEST, value)
    if isinstance(manifest, Manifest) and set_key(manifest.number) != key:
        return reject(RejectReason.KEY_MISMATCH, f"key {key!r} is not that of set {manifest.number}")
    return manifest


def set_hash(records: Iterable[tuple[str, str]]) -> str:
    """Over the records of a set in its order: key, and SHA-256 of the value in hex."""
    digest = sha256()
    for key, value_sha256 in records:
        digest.update(f"{key}\n{value_sha256}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class FenceRecord:
    """A fence record: the hash of its value, and the fence in it or why there is none."""

    sha256: str
    fence: Fence | Reject


class FenceLog:
    """What the records of the topic, taken in their order, come to. `live`: the broker stamps them."""

    def __init__(self, *, live: bool) -> None:
        self.sets: list[FenceSet] = []
        """Those whose manifest is there, in the order of their numbers."""
        self.records: dict[str, FenceRecord] = {}
        """Those of fences, of whatever set, by `id@version`."""
        self.newest = 0
        """The highest number of a set that was taken."""
        self.given = 0
        """The highest number that a manifest had, be it taken or not: what people read of a number is about one set."""
        self.latest: FenceSet | Refusal | None = None
        """What the last manifest came to."""
        self._live = live

    def copy(self) -> FenceLog:
        """One with the same records, to see what more of them would come to."""
        twin = FenceLog(live=self._live)
        twin.sets, twin.records, twin.newest = list(self.sets), dict(self.records), self.newest
        return twin

    def take(self, key: bytes | None, value: bytes | None, arrival: int) -> FenceSet | Refusal | None:
        """A set, if the record makes one; why it does not, if it should have."""
        number = read_set_key(key)
        if number is None:
            self._keep((key or b"").decode("utf-8", "replace"), value)
            return None
        if value is None:
            self.sets = [one for one in self.sets if one.number != number]
            return None
        if number <= _LAST_NUMBER:
            self.given = max(self.given, number)
        self.latest = taken = self._set(key or b"", value, arrival)
        if isinstance(taken, FenceSet):
            self.sets.append(taken)
            self.newest = taken.number
        return taken

    def _keep(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.records.pop(key, None)
        else:
            self.records[key] = FenceRecord(sha256(value).hexdigest(), decode_fence(key, value))

    def _set(self, key: bytes, value: bytes, arrival: int) -> FenceSet | Refusal:
        def refuse(fault: SetFault, detail: str) -> Refusal:
            return Refusal(key.decode(), fault, detail)

        manifest = decode_manifest(key, value)
        wrong = manifest if isinstance(manifest, Reject) else check_arrival(arrival)
        if wrong is not None or isinstance(manifest, Reject):
            return refuse(SetFault.UNREADABLE, wrong.detail if wrong else "")
        if manifest.number <= self.newest:
            return refuse(SetFault.NUMBER, f"set {self.newest} came before it; a later one needs a higher number")
        missing = [name for name in manifest.fences if name not in self.records]
        if missing:
            return refuse(
                SetFault.INCOMPLETE, f"{len(missing)} of its fence records are not there, such as {missing[0]}"
            )
        if set_hash((name, self.records[name].sha256) for name in manifest.fences) != manifest.hash:
            return refuse(SetFault.ALTERED, "its fence records are not those that it was made of")
        if len({name.rpartition("@")[0] for name in manifest.fences}) < len(manifest.fences):
            return refuse(SetFault.UNUSABLE, "it names a fence twice")
        fences = [self.records[name].fence for name in manifest.fences]
        unusable = next((fence for fence in fences if isinstance(fence, Reject)), None)
        if unusable is not None:
            return refuse(SetFault.UNUSABLE, unusable.detail)
        earliest = arrival + LIVE_DELAY_MS if self._live else 0
        usable = tuple(fence for fence in fences if isinstance(fence, Fence))
        return FenceSet(manifest, max(manifest.effective_at or 0, earliest), usable)


def counted(before: Iterable[Fence], after: Iterable[Fence]) -> dict[str, int]:
    """How many fences were added, changed and removed."""
    old, new = ({fence.id: fence for fence in fences} for fences in (before, after))
    both = old.keys() & new.keys()
    return {
        "added": len(new) - len(both),
        "changed": sum(old[name] != new[name] for name in both),
        "removed": len(old) - len(both),
    }


# From when on sets count, partition by partition


@dataclass(frozen=True, slots=True)
class Reading:
    """What a partition has read of the sets: up to which number, and which of them too late for their `effective_at`.

    `late` says of those from when on they count there (arrival, ms).
    """

    newest: int = 0
    late: Mapping[int, int] = field(default_factory=dict)

    def take(self, fence_set: FenceSet, clock: int) -> tuple[Reading, int]:
        """With a set that is read when the partition's clock stands there; and from when on that set counts."""
        at = fence_set.effective_at
        if at > clock:
            return replace(self, newest=fence_set.number), at
        at = clock + 1
        late = dict(list({**self.late, fence_set.number: at}.items())[-_LATE_KEPT:])
        return Reading(fence_set.number, late), at


def in_order(sets: Sequence[FenceSet], reading: Reading | None = None) -> list[tuple[FenceSet, int]]:
    """The sets that a partition has read, all without a reading, each with when it counts from (arrival, ms).

    The first one counts from the beginning: there is nothing that could count before.
    """
    known = [one for one in sets if reading is None or one.number <= reading.newest] or list(sets[:1])
    late = {} if reading is None else reading.late
    return [(one, late.get(one.number, one.effective_at) if i else 0) for i, one in enumerate(known)]


def from_clock(placed: Sequence[tuple[FenceSet, int]], clock: int) -> list[tuple[FenceSet, int]]:
    """The set in force at a clock, and those that can come after it: a later one replaces all before it."""
    first = max((i for i, (_, at) in enumerate(placed) if at <= clock), default=0)
    return [
        (one, at)
        for i, (one, at) in enumerate(placed[first:], first)
        if i == first or all(at < later for _, later in placed[i + 1 :])
    ]


def superseded(sets: Sequence[FenceSet]) -> dict[int, int]:
    """Sets that were replaced before they counted, and the set that did it, by number.

    Of one without an instant, on a simulated topic, nothing tells whether another was in force by then.
    """
    return {
        one.number: by
        for i, one in enumerate(sets[1:], 2)
        if (by := next((later.number for later in sets[i:] if 0 < later.effective_at <= one.effective_at), None))
    }


def encode_reading(reading: Reading, group: str) -> bytes:
    """Wire bytes, for the state topic, of what a consumer group has read."""
    return orjson.dumps({"group": group, "newest": reading.newest, "late": list(reading.late.items())})


def decode_reading(value: bytes, group: str) -> Reading | Reject | None:
    """The reading in a record, or why there is none; None where it is another group's. Never raises."""
    try:
        document: dict[str, Any] = orjson.loads(value)
        if document["group"] != group:
            return None
        late = {_count(number): _count(at) for number, at in document["late"]}
        return Reading(_count(document["newest"]), late)
    except (ValueError, TypeError, KeyError) as error:
        return reject(RejectReason.BAD_VALUE, f"not what a partition has read of the fence sets: {error!r}")


def reading_group(value: bytes) -> str | None:
    """The consumer group whose reading a record is; None where it is no reading. Never raises."""
    try:
        group = orjson.loads(value)["group"]
    except (ValueError, TypeError, KeyError):
        return None
    return group if isinstance(group, str) else None


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 2**53:
        raise ValueError(f"{value!r} is no whole number from 0 on")
    return value
