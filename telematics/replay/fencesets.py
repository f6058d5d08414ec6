"""Which fences hold where: those of a file, or the sets that were recorded, each partition's from when on it had them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from geofences.index import FenceIndex
from geofences.model import Fence
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.errors import UserError
from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.wire.fencesets import FenceLog, FenceSet, Reading, Refusal, from_clock, in_order, read_set_key
from telematics.wire.reasons import Reject, RejectReason, reject


@dataclass(frozen=True, slots=True)
class RecordedSets:
    """The sets, in the order of their numbers; and which of them a partition had from another instant (ms) on."""

    sets: tuple[FenceSet, ...]
    late: Mapping[int, Mapping[int, int]]

    def of(self, partition: int) -> list[tuple[FenceSet, int]]:
        """Those that are ever in force in a partition, each with when it counts from (arrival, ms)."""
        return from_clock(in_order(self.sets, Reading(self.sets[-1].number, self.late.get(partition, {}))), 0)


LayOut = Callable[[Iterable[Fence]], FenceIndex]


class Holding:
    """The fences of a file; without one the recorded sets, laid out as told. Raises UserError where there is neither."""

    def __init__(self, fences: FenceIndex | None, sets: RecordedSets | None, lay_out: LayOut = FenceIndex) -> None:
        if fences is None and sets is None:
            raise UserError("there are no fences: no fence set was recorded; give a file of them with --fences FILE")
        self._fences = fences
        self._sets = sets
        self._lay_out = lay_out
        self._indexes: dict[int, FenceIndex] = {}

    def engine(self, partition: int, rules: RuleSet, *, truncated: bool = False) -> MonitorEngine:
        """An engine for a partition, which has seen nothing yet and knows what fences come."""
        if self._fences is not None or self._sets is None:
            return MonitorEngine(self._fences or FenceIndex(()), rules, truncated=truncated)
        engine = MonitorEngine(FenceIndex(()), rules, truncated=truncated)
        engine.resume(0, [], fences=[(self._index(one), at) for one, at in self._sets.of(partition)])
        return engine

    def indexes(self) -> list[FenceIndex]:
        """All that an engine was given, the oldest first."""
        if self._fences is not None:
            return [self._fences]
        return [self._indexes[number] for number in sorted(self._indexes)]

    def _index(self, fence_set: FenceSet) -> FenceIndex:
        if fence_set.number not in self._indexes:
            self._indexes[fence_set.number] = self._lay_out(fence_set.fences)
        return self._indexes[fence_set.number]


class FenceSetReader:
    """Takes the records of a dump that are about fences, those of each kind in their order."""

    def __init__(self, *, live: bool) -> None:
        self._log = FenceLog(live=live)
        self._late: dict[int, dict[int, int]] = defaultdict(dict)
        self._next = 0

    def take(self, record: DumpRecord) -> Reject | None:
        """One record; why it cannot be taken."""
        if record.kind is Kind.SET_READING:
            number = read_set_key(record.key)
            if number is None:
                return reject(RejectReason.BAD_ROW, "the key of a set_reading is that of a set, such as @set-7")
            self._late[record.partition][number] = record.arrival
            return None
        if record.offset < self._next:
            return None  # another dump of the same topic had it
        self._next = record.offset + 1
        taken = self._log.take(record.key, record.value, record.arrival)
        if isinstance(taken, Refusal):
            return reject(RejectReason.BAD_VALUE, f"{taken.key}: {taken.detail}")
        return None

    def taken(self) -> RecordedSets | None:
        """All of them; None where there is no set."""
        return RecordedSets(tuple(self._log.sets), dict(self._late)) if self._log.sets else None
