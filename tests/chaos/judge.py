"""The judge: what an undisturbed run says against what readers found after all the faults. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a monitor said.

    `identity` is what there must be exactly one of: an alert's id and number, or where a dead letter's record lay.
    `lane` is where order counts: a vehicle, or a partition. `content` is all of it. `at` is the arrival (ms) that made
    it known, and `place` where it lies, both for people.
    """

    identity: str
    lane: str
    content: bytes
    at: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is not as it must be, by what kind of fault it is."""

    missing: tuple[Said, ...] = ()
    """Expected, and not there."""
    repeated: tuple[Said, ...] = ()
    """There already, whatever it says now."""
    different: tuple[Said, ...] = ()
    """As read: expected with another content, or not expected at all."""
    out_of_order: tuple[Said, ...] = ()
    """As read: after something of its lane that it has to precede."""

    def __bool__(self) -> bool:
        """Whether there is nothing to complain of."""
        return not any(self.counts().values())

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {kind: len(found) for kind, found in self.kinds()}

    def kinds(self) -> Iterator[tuple[str, tuple[Said, ...]]]:
        """Each kind of fault by name, with what was found of it."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)


def judge(expected: Sequence[Said], read: Sequence[Said]) -> Verdict:
    """Hold what was read, in its order, against what was expected, in its order.

    Raises ValueError for an expectation that says something twice: that is no undisturbed run.
    """
    wanted = {said.identity: said for said in expected}
    if len(wanted) < len(expected):
        twice = [identity for identity, count in Counter(said.identity for said in expected).items() if count > 1]
        raise ValueError(f"the undisturbed run says the same thing twice: {', '.join(twice[:5])}")
    first: dict[str, Said] = {}
    repeated = []
    for said in read:
        if said.identity in first:
            repeated.append(said)
        else:
            first[said.identity] = said
    return Verdict(
        missing=tuple(said for said in expected if said.identity not in first),
        repeated=tuple(repeated),
        different=tuple(
            said
            for said in first.values()
            if said.identity not in wanted or said.content != wanted[said.identity].content
        ),
        out_of_order=tuple(_out_of_order(expected, first.values())),
    )


def _out_of_order(expected: Sequence[Said], read: Iterable[Said]) -> Iterator[Said]:
    turn = {said.identity: number for number, said in enumerate(expected)}
    reached: dict[str, int] = defaultdict(int)
    for said in read:
        number = turn.get(said.identity)
        if number is None:
            continue
        if number < reached[said.lane]:
            yield said
        reached[said.lane] = max(number, reached[said.lane])
