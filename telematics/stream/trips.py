"""The trips topic as the monitor follows it: read to its end before anything is judged, then onwards."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable

import structlog

from telematics.errors import BrokerError
from telematics.model import Trip
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.reader import Record, Records, open_reader
from telematics.stream.topics import Profile
from telematics.wire.partitioner import partition_of
from telematics.wire.reasons import Reject
from telematics.wire.trips import trip_of_record

log = structlog.get_logger(__name__)

# A rebuild repeats the changes of its window; a vehicle that changes its trip more often than this in six hours
# loses the oldest of them.
_KEPT = 8


def trip_of(record: Record, profile: Profile) -> Trip | Reject:
    """What a record of the trips topic says, with `effective_at` set."""
    return trip_of_record(record.key, record.value, record.timestamp, live=profile is Profile.LIVE)


class TripFeed:
    """All trips that are known, and everyone who wants to hear of new ones."""

    def __init__(self, settings: Settings, link: connection.Link) -> None:
        self.read_to_end = asyncio.Event()
        self._settings = settings
        self._profile = Profile.LIVE
        self._link = link
        self._known: dict[str, deque[Trip]] = defaultdict(lambda: deque(maxlen=_KEPT))
        # Its vehicles by the partition that their pings are in, of so many as somebody has asked for.
        self._at_home: list[list[str]] = []
        self._next: dict[int, int] = {}

    def known(self, number: int, partitions: int) -> list[Trip]:
        """The trips read so far of vehicles whose pings are in that partition of so many; each one's in order of the log."""
        if len(self._at_home) != partitions:
            self._at_home = [[] for _ in range(partitions)]
            for vehicle_id in self._known:
                self._settle_at_home(vehicle_id)
        return [trip for vehicle_id in self._at_home[number] for trip in self._known[vehicle_id]]

    def _settle_at_home(self, vehicle_id: str) -> None:
        if self._at_home:
            self._at_home[partition_of(vehicle_id.encode(), len(self._at_home))].append(vehicle_id)

    async def follow(self, profile: Profile, tell: Callable[[Trip], None]) -> None:
        """Read for ever; `tell` hears of every trip that comes after the end has been reached."""
        self._profile = profile
        for wait_s in connection.backoff_s():
            try:
                await self._follow(tell)
            except BrokerError as error:
                await self._link.lost(error)
            await asyncio.sleep(wait_s)

    async def _follow(self, tell: Callable[[Trip], None]) -> None:
        async with open_reader(self._settings.kafka, self._settings.topics.trips) as reader:
            reader.seek(self._next)
            ends = await reader.ends()
            async for partition, records in reader.until(ends):
                self._take(partition, records, tell)
            self.read_to_end.set()
            async for partition, records in reader.onwards():
                self._take(partition, records, tell)

    def _take(self, partition: int, records: Records, tell: Callable[[Trip], None]) -> None:
        for record in records:
            trip = trip_of(record, self._profile)
            if isinstance(trip, Reject):
                log.warning(
                    "trip_refused",
                    topic=self._settings.topics.trips,
                    offset=record.offset,
                    reason=trip.reason.value,
                    detail=trip.detail,
                )
            else:
                if trip.vehicle_id not in self._known:
                    self._settle_at_home(trip.vehicle_id)
                self._known[trip.vehicle_id].append(trip)
                if self.read_to_end.is_set():
                    tell(trip)
        self._next[partition] = records[-1].offset + 1
