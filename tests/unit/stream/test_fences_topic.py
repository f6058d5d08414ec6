"""What publishing a set comes to: versions, numbers, what is written, what is no longer needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from geofences.model import Fence, Polygonal
from telematics.errors import UserError
from telematics.stream.fences_topic import KEPT_MS, Draft, Publication, prepared
from telematics.stream.topics import Profile
from telematics.wire.fencesets import FenceLog, fence_key, set_key
from tests.support.places import FENCES
from tests.support.sets import NOW

YARD, DOCK, SHOP = FENCES[:3]
GRAVER = replace(YARD, severity=5)


class Topic:
    """The records so far."""

    def __init__(self, profile: Profile = Profile.SIM) -> None:
        self.profile = profile
        self.log = FenceLog(live=profile is Profile.LIVE)

    def publish(self, fences: Sequence[Fence], now: int = NOW, at: int | None = None) -> Publication:
        """Write what a draft comes to."""
        made = prepared(self.log, Draft(fences, "ana", at), self.profile, now)
        for key, value in made.records:
            self.log.take(key, value, now if self.profile is Profile.LIVE else 0)
        return made


def _keys(made: Publication) -> list[str]:
    return [key.decode() for key, _ in made.records]


def test_the_manifest_is_written_last_and_only_with_what_is_new() -> None:
    """A fence that is as it was keeps its record; the set is what was given, in its order."""
    topic = Topic()
    first = topic.publish([YARD, DOCK])
    assert _keys(first) == ["yard@1", "dock@1", "@set-1"]
    second = topic.publish([SHOP, YARD])
    assert _keys(second) == ["workshop@1", "@set-2"]
    assert topic.log.sets[-1].fences == (SHOP, YARD)
    assert second.before is topic.log.sets[0]


@pytest.mark.parametrize(
    ("before", "drawn", "version", "is_raised"),
    [
        ([], YARD, 1, False),
        ([], replace(YARD, version=6), 6, False),
        ([YARD], YARD, 1, False),
        ([YARD], GRAVER, 2, True),
        ([YARD], replace(GRAVER, version=9), 9, False),
        ([YARD], replace(YARD, version=3), 1, False),
        ([replace(YARD, version=4)], YARD, 4, False),
        ([YARD, GRAVER], YARD, 3, True),
        ([YARD, replace(GRAVER, version=2), DOCK], GRAVER, 2, False),
        ([YARD, replace(GRAVER, version=2), DOCK], YARD, 3, True),
    ],
)
def test_versions(before: list[Fence], drawn: Fence, version: int, *, is_raised: bool) -> None:
    """A fence that did not change keeps its own; else the author's where it is higher than all before, or the next, told."""
    topic = Topic()
    for fence in before:
        topic.publish([fence])
    made = topic.publish([drawn, SHOP])
    assert [fence_key(fence) for fence in made.fences] == [f"yard@{version}", "workshop@1"]
    assert made.raised == ((made.fences[0],) if is_raised else ())


def test_the_same_set_again_writes_nothing() -> None:
    """In whatever order its fences stand, and also where the file never learned of its versions."""
    topic = Topic()
    topic.publish([YARD, DOCK])
    topic.publish([GRAVER, DOCK])
    again = topic.publish([DOCK, GRAVER])
    assert (again.manifest, again.records, again.before) == (None, (), topic.log.sets[-1])


def test_going_back_is_a_new_set() -> None:
    """A former set, published again, has versions of its own: who reads an alert is never in doubt."""
    topic = Topic()
    topic.publish([YARD])
    topic.publish([GRAVER])
    topic.publish(topic.log.sets[0].fences)
    assert [fence_key(one.fences[0]) for one in topic.log.sets] == ["yard@1", "yard@2", "yard@3"]


@pytest.mark.parametrize(
    ("profile", "at", "counts"),
    [
        (Profile.SIM, None, 0),
        (Profile.SIM, 5, 5),
        (Profile.LIVE, None, NOW + 10_000),
        (Profile.LIVE, 5, NOW + 10_000),
        (Profile.LIVE, NOW * 2, NOW * 2),
    ],
)
def test_it_says_from_when_on_it_counts(profile: Profile, at: int | None, counts: int) -> None:
    """As the monitor will take it, as far as the author's clock can tell; the first set from the beginning."""
    topic = Topic(profile)
    assert topic.publish([YARD], NOW - 60_000, at).effective_at == 0
    assert topic.publish([DOCK], NOW, at).effective_at == counts


TOMORROW = NOW + 86_400_000


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(
    ("first_at", "then_at", "is_written"),
    [
        (TOMORROW, None, True),
        (TOMORROW, TOMORROW - 1, True),
        (TOMORROW, TOMORROW + 1, True),
        (TOMORROW, TOMORROW, False),
        (None, None, False),
        (None, TOMORROW, False),
    ],
)
def test_a_set_that_is_to_come_can_be_moved(
    profile: Profile, first_at: int | None, then_at: int | None, *, is_written: bool
) -> None:
    """The same fences from another instant on are a set of their own; what counts, or the same again, is not written."""
    topic = Topic(profile)
    topic.publish([DOCK], NOW - 60_000)
    topic.publish([YARD], NOW, first_at)
    again = topic.publish([YARD], NOW + 1_000, then_at)
    assert (again.manifest is not None and again.manifest.number == 3) is is_written
    if is_written:
        is_sooner = then_at is None or then_at < TOMORROW
        assert again.replaced == again.coming == (topic.log.sets[1],) if is_sooner else again.replaced == ()


def test_the_first_set_is_in_force_whatever_it_says() -> None:
    """It counts from the beginning, so there is nothing to move."""
    topic = Topic(Profile.LIVE)
    topic.publish([YARD], NOW, TOMORROW)
    again = topic.publish([YARD], NOW + 1_000)
    assert (again.manifest, again.effective_at, again.coming) == (None, 0, ())


@pytest.mark.parametrize("profile", Profile)
def test_what_monitors_would_refuse_is_not_written(profile: Profile) -> None:
    """It is held against the same reader, and what it says is told."""
    topic = Topic(profile)
    topic.publish([replace(YARD, version=2**53)])
    with pytest.raises(UserError, match=r"monitors would refuse the set \(unusable\): yard@9007199254740993.*version"):
        topic.publish([GRAVER])
    assert len(topic.log.sets) == 1


def test_the_number_of_a_set_that_was_refused_is_not_given_again() -> None:
    """What the log of a monitor says of a number is about one set."""
    topic = Topic()
    topic.publish([YARD])
    topic.log.take(set_key(2), b"{}", 0)
    assert topic.publish([DOCK]).manifest == topic.log.sets[-1].manifest
    assert [one.number for one in topic.log.sets] == [1, 3]


def test_what_nobody_needs_any_more_goes() -> None:
    """A set that was replaced thirty days ago, and fences that only it names, in the same transaction as the new set."""
    topic = Topic()
    topic.publish([YARD, DOCK], NOW)
    topic.publish([GRAVER, DOCK], NOW + 1_000)
    assert None not in dict(topic.publish([SHOP], NOW + 1_000 + KEPT_MS - 1).records).values()
    made = topic.publish([SHOP, DOCK], NOW + 1_000 + KEPT_MS)
    assert _keys(made) == ["@set-1", "yard@1", "@set-4"]
    assert [value is None for _, value in made.records] == [True, True, False]
    assert [one.number for one in topic.log.sets] == [2, 3, 4]


def test_a_set_stays_while_the_one_after_it_is_to_come() -> None:
    """It is in force until then, however long ago the next was published."""
    topic = Topic()
    topic.publish([YARD], NOW)
    topic.publish([DOCK], NOW + 1, NOW + 10 * KEPT_MS)
    assert _keys(topic.publish([SHOP], NOW + 3 * KEPT_MS, NOW + 10 * KEPT_MS)) == ["workshop@1", "@set-3"]


def test_what_no_record_holds_is_refused() -> None:
    """Before anything is written, with the fence and what would be right."""
    ring = tuple((-100.0 + i * 1e-6, 20.0 + (i % 2) * 1e-6) for i in range(60_000))
    long = replace(YARD, shape=Polygonal((((*ring, ring[0]),),)))
    with pytest.raises(UserError, match=r"fence yard@1 has .* bytes.*fewer corners"):
        Topic().publish([long])
    many = [replace(YARD, id=f"{n:064}") for n in range(15_000)]
    with pytest.raises(UserError, match=r"list of 15,000 fences has .* bytes.*fewer fences"):
        Topic().publish(many)
