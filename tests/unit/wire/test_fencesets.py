"""Fence sets as records: what makes a set, what is refused, and from when on it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from geofences.model import Circle, Fence, FenceKind
from telematics.wire.fencesets import (
    FenceLog,
    FenceSet,
    Reading,
    Refusal,
    SetFault,
    counted,
    decode_fence,
    decode_reading,
    encode_reading,
    from_clock,
    in_order,
    superseded,
)
from telematics.wire.reasons import Reject, RejectReason
from tests.support.places import FENCES
from tests.support.sets import NOW, Row, fence_rows, fence_set, manifest_of, manifest_row

YARD, DOCK = FENCES[:2]
GOOD = [*fence_rows([YARD, DOCK]), manifest_row(manifest_of(7, [YARD, DOCK]))]
LATER = manifest_row(manifest_of(8, [YARD]))


def taken(rows: list[Row], *, live: bool = False, arrival: int = NOW) -> tuple[FenceLog, list[FenceSet | Refusal]]:
    """What rows come to, and what was said to them."""
    log = FenceLog(live=live)
    said = [log.take(key, value, arrival) for key, value in rows]
    return log, [each for each in said if each is not None]


def test_a_manifest_makes_a_set_of_the_records_before_it() -> None:
    """In its order; and records alone make none."""
    log, said = taken(GOOD)
    assert said == log.sets
    assert [(one.number, one.fences, one.effective_at) for one in log.sets] == [(7, (YARD, DOCK), 0)]
    assert taken(GOOD[:2])[1] == []


@pytest.mark.parametrize(
    ("live", "says", "counts"),
    [
        (True, None, NOW + 10_000),
        (True, NOW + 9_999, NOW + 10_000),
        (True, NOW + 60_000, NOW + 60_000),
        (False, None, 0),
        (False, 5, 5),
    ],
)
def test_from_when_on_a_set_counts(says: int | None, counts: int, *, live: bool) -> None:
    """Live not before ten seconds after its publication; simulated as it says, or from the beginning."""
    rows = [*fence_rows([YARD]), manifest_row(manifest_of(1, [YARD], says))]
    assert taken(rows, live=live)[0].sets[0].effective_at == counts


def _with(**fields: object) -> Row:
    key, value = GOOD[-1]
    return key, orjson.dumps(orjson.loads(value) | fields)


REFUSED: dict[str, tuple[list[Row], SetFault, str]] = {
    "no JSON": ([*GOOD[:2], (GOOD[-1][0], b"{")], SetFault.UNREADABLE, "not JSON"),
    "no author": ([*GOOD[:2], _with(author="")], SetFault.UNREADABLE, "author"),
    "a hash that is none": ([*GOOD[:2], _with(hash="abc")], SetFault.UNREADABLE, "hash"),
    "a fence without version": ([*GOOD[:2], _with(fences=["yard"])], SetFault.UNREADABLE, "fences.0"),
    "the key of another set": ([*GOOD[:2], (b"@set-9", GOOD[-1][1])], SetFault.UNREADABLE, "not that of set 7"),
    "a record that is missing": ([GOOD[0], GOOD[-1]], SetFault.INCOMPLETE, "such as dock@1"),
    "a record that comes later": ([GOOD[0], GOOD[2], GOOD[1]], SetFault.INCOMPLETE, "such as dock@1"),
    "a record that is another": (
        [*fence_rows([replace(YARD, severity=5), DOCK]), GOOD[-1]],
        SetFault.ALTERED,
        "not those that it was made of",
    ),
    "a fence in two versions": (
        [*fence_rows(two := [YARD, replace(YARD, version=2)]), manifest_row(manifest_of(7, two))],
        SetFault.UNUSABLE,
        "names a fence twice",
    ),
    "a number that does not rise": ([*GOOD, *fence_rows([YARD]), (GOOD[-1])], SetFault.NUMBER, "set 7 came before"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_set_is_refused_and_the_next_one_is_taken(name: str) -> None:
    """With its key, a reason of the closed list, and what is wrong in words; what is there already stays."""
    rows, fault, words = REFUSED[name]
    log, said = taken(rows)
    refused = [each for each in said if isinstance(each, Refusal)]
    assert [(each.key, each.fault) for each in refused] == [
        (rows[-1][0].decode() if name != "a record that comes later" else "@set-7", fault)
    ]
    assert words in refused[0].detail
    before = len(log.sets)
    assert log.take(*fence_rows([YARD])[0], NOW) is None
    assert isinstance(log.take(*LATER, NOW), FenceSet)
    assert len(log.sets) == before + 1


def test_a_set_with_a_fence_that_cannot_be_used_is_refused() -> None:
    """Its hash is right, for that is what was published: by some other program."""
    bad = b'{"type":"Feature","geometry":{"type":"Point","coordinates":[0,0]},"properties":{"id":"yard","radius_m":-1}}'
    from hashlib import sha256  # noqa: PLC0415

    from telematics.wire.fencesets import set_hash  # noqa: PLC0415

    manifest = replace(manifest_of(7, [YARD]), hash=set_hash([("yard@1", sha256(bad).hexdigest())]))
    _, said = taken([(b"yard@1", bad), manifest_row(manifest)])
    assert isinstance(said[0], Refusal)
    assert (said[0].fault, "radius_m" in said[0].detail) == (SetFault.UNUSABLE, True)


def test_tombstones() -> None:
    """A set whose manifest is gone is no more; a fence record that is gone is missed by sets to come, not by those before."""
    log, _ = taken(GOOD)
    assert log.take(b"dock@1", None, NOW) is None
    assert log.sets[0].fences == (YARD, DOCK)
    assert log.take(b"@set-7", None, NOW) is None
    assert (log.sets, log.newest, list(log.records)) == ([], 7, ["yard@1"])


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("yard@1", b"", RejectReason.EMPTY),
        ("yard@1", b"[]", RejectReason.NOT_OBJECT),
        ("yard@1", b'{"geometry":null}', RejectReason.MISSING_FIELD),
        ("yard@1", fence_rows([DOCK])[0][1], RejectReason.KEY_MISMATCH),
        ("yard@2", fence_rows([YARD])[0][1], RejectReason.KEY_MISMATCH),
        ("yard@1", b'{"geometry":{"type":"Point"},"properties":{"id":"yard","radius_m":5}}', RejectReason.BAD_VALUE),
    ],
)
def test_what_is_no_fence(key: str, value: bytes, reason: RejectReason) -> None:
    """A record that holds none says why."""
    found = decode_fence(key, value)
    assert isinstance(found, Reject)
    assert found.reason is reason


def _numbers(placed: list[tuple[FenceSet, int]]) -> list[tuple[int, int]]:
    return [(one.number, at) for one, at in placed]


SETS = [fence_set(number, [YARD], at) for number, at in ((3, 900), (4, 100), (5, 700), (6, 400))]


@pytest.mark.parametrize(
    ("reading", "placed"),
    [
        (None, [(3, 0), (4, 100), (5, 700), (6, 400)]),
        (Reading(4), [(3, 0), (4, 100)]),
        (Reading(6, {5: 800}), [(3, 0), (4, 100), (5, 800), (6, 400)]),
        (Reading(2), [(3, 0)]),
    ],
)
def test_a_partition_has_the_sets_it_has_read(reading: Reading | None, placed: list[tuple[int, int]]) -> None:
    """From when they say, or from when it read them; the first from the beginning, for there is nothing before it."""
    assert _numbers(in_order(SETS, reading)) == placed


@pytest.mark.parametrize(
    ("clock", "found"),
    [
        (0, [(3, 0), (4, 100), (6, 400)]),
        (99, [(3, 0), (4, 100), (6, 400)]),
        (100, [(4, 100), (6, 400)]),
        (400, [(6, 400)]),
        (10**9, [(6, 400)]),
    ],
)
def test_what_is_in_force_and_what_can_come(clock: int, found: list[tuple[int, int]]) -> None:
    """A set that counts replaces those before it, also those that were to come: set 5 never does."""
    assert _numbers(from_clock(in_order(SETS), clock)) == found


def test_what_is_read_too_late_counts_from_the_next_instant() -> None:
    """And that is remembered, for a thousand of them; one that is read in time counts as it says."""
    reading, at = Reading(3).take(SETS[1], 99)
    assert (reading, at) == (Reading(4), 100)
    reading, at = reading.take(SETS[3], 400)
    assert (reading, at) == (Reading(6, {6: 401}), 401)
    for number in range(7, 2_000):
        reading, _ = reading.take(fence_set(number, [], 0), number)
    assert len(reading.late) == 1_000
    assert reading.late[1_999] == 2_000


READING = Reading(9, {4: 17, 9: 2**40})


def test_a_reading_belongs_to_a_group() -> None:
    """It is read as it was written, by the group that wrote it."""
    assert decode_reading(encode_reading(READING, "ours"), "ours") == READING
    assert decode_reading(encode_reading(READING, "ours"), "theirs") is None


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"7", b'{"group":"g"}', b'{"group":"g","newest":-1,"late":[]}', b'{"group":"g","newest":1,"late":[[1]]}',
     b'{"group":"g","newest":true,"late":[]}', b'{"group":"g","newest":1,"late":{"a":1}}'],
)  # fmt: skip
def test_what_is_no_reading(value: bytes) -> None:
    """It says so, and never raises."""
    assert isinstance(decode_reading(value, "g"), Reject)


def test_a_set_that_never_counted_is_superseded() -> None:
    """By a later one that counts no later; the first counts whatever it says, and of 0 nothing tells when it began."""
    sets = [fence_set(number, [YARD], at) for number, at in enumerate([500, 300, 100, 200, 0, 200], 1)]
    assert superseded(sets) == {2: 3, 4: 6}
    assert superseded([]) == {}


def test_the_log_tells_what_the_last_manifest_came_to() -> None:
    """A set that is taken after one that is refused makes up for it; both have had their numbers."""
    log, _ = taken([*GOOD, (b"@set-12", b"{}")])
    assert (isinstance(log.latest, Refusal), log.newest, log.given) == (True, 7, 12)
    tried = log.copy()
    tried.take(*manifest_row(manifest_of(13, [YARD])), NOW)
    assert (tried.latest, tried.newest, log.newest) == (tried.sets[-1], 13, 7)
    log.take(b"@set-9999999999999999", b"{}", NOW)
    assert log.given == 12, "no set can have such a number"


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        (lambda: [YARD, DOCK], {"added": 0, "changed": 0, "removed": 0}),
        (lambda: [replace(YARD, severity=5)], {"added": 0, "changed": 1, "removed": 1}),
        (lambda: [DOCK, YARD, Fence(id="x", kind=FenceKind.PORT, shape=Circle(0, 0, 9))], {"added": 1, "changed": 0, "removed": 0}),
    ],
)  # fmt: skip
def test_what_changed_is_counted(after: Callable[[], list[Fence]], counts: dict[str, int]) -> None:
    """By id; the order of the fences is no change."""
    assert counted([YARD, DOCK], after()) == counts
