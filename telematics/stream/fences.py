"""The fences topic as the monitor follows it: sets are taken whole, or refused and said so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from geofences.index import FenceIndex
from telematics.errors import BrokerError
from telematics.instants import format_rfc3339
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.reader import Records, open_reader
from telematics.stream.topics import Profile
from telematics.wire.fencesets import FenceLog, FenceSet, Refusal

log = structlog.get_logger(__name__)

# Indexes of sets that partitions may still ask for; those in force are held by the engines anyway.
_INDEXES = 3

Tell = Callable[[FenceSet, FenceIndex], None]


class FenceFeed:
    """All sets that are known, and everyone who wants to hear of new ones."""

    def __init__(self, settings: Settings, link: connection.Link, metrics: Metrics) -> None:
        self.sets: Sequence[FenceSet] = ()
        """In the order of their numbers."""
        self.ready = asyncio.Event()
        """Set when the topic has been read to its end and there is a set: before, nothing can be judged."""
        self._settings = settings
        self._link = link
        self._metrics = metrics
        self._log: FenceLog | None = None
        self._is_read = False
        self._indexes: dict[int, FenceIndex] = {}
        self._laying_out = asyncio.Lock()
        self._next: dict[int, int] = {}

    @property
    def waits_for(self) -> str:
        """What is missing before pings can be judged; empty when nothing is."""
        if self.ready.is_set():
            return ""
        return (
            "waiting for a set; publish one: telematics fences publish" if self._is_read else "not read to the end yet"
        )

    async def index(self, fence_set: FenceSet) -> FenceIndex:
        """The index of a set, one for all who ask; it is made beside the loop, which goes on meanwhile."""
        async with self._laying_out:
            found = self._indexes.get(fence_set.number)
            if found is None:
                found = await asyncio.to_thread(FenceIndex, fence_set.fences)
                self._indexes[fence_set.number] = found
                while len(self._indexes) > _INDEXES:
                    del self._indexes[next(iter(self._indexes))]
            return found

    async def follow(self, profile: Profile, tell: Tell) -> None:
        """Read for ever; `tell` hears of every set that comes after the end has been reached."""
        self._log = FenceLog(live=profile is Profile.LIVE)
        for wait_s in connection.backoff_s():
            try:
                await self._follow(self._log, tell)
            except BrokerError as error:
                await self._link.lost(error)
            await asyncio.sleep(wait_s)

    async def _follow(self, taken: FenceLog, tell: Tell) -> None:
        async with open_reader(self._settings.kafka, self._settings.topics.fences) as reader:
            reader.seek(self._next)
            async for partition, records in reader.until(await reader.ends()):
                await self._take(taken, partition, records, tell)
            self._is_read = True
            self._be_ready()
            async for partition, records in reader.onwards():
                await self._take(taken, partition, records, tell)

    def _be_ready(self) -> None:
        if self._is_read and self.sets:
            self.ready.set()

    async def _take(self, taken: FenceLog, partition: int, records: Records, tell: Tell) -> None:
        if not records:
            return
        found = await asyncio.to_thread(lambda: [taken.take(one.key, one.value, one.timestamp) for one in records])
        self._next[partition] = records[-1].offset + 1
        for each in found:
            if isinstance(each, Refusal):
                self._refuse(each)
            elif isinstance(each, FenceSet) and self._is_read:
                index = await self.index(each)
                # Whoever finds it there from now on is told of it, or asks for it, in this order.
                self.sets = (*self.sets, each)
                self._be_ready()
                effective_at = format_rfc3339(each.effective_at)
                log.info("fences_read", set=each.number, fences=len(each.fences), effective_at=effective_at)
                tell(each, index)
        self.sets = tuple(taken.sets)

    def _refuse(self, refusal: Refusal) -> None:
        log.warning(
            "fences_refused",
            topic=self._settings.topics.fences,
            key=refusal.key,
            reason=refusal.fault.value,
            detail=refusal.detail,
        )
        self._metrics.fence_sets_refused.labels(refusal.fault.value).inc()
