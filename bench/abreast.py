"""A monitor whose partitions wait for each other once, so that all of them begin what is measured at the same time.

Behind a backlog one partition may be done while another has hardly begun: what each has to do then says nothing of what
they do together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from telematics.stream.member import Member


class Start:
    """The offset at which each partition waits; `reached` once all have come so far."""

    def __init__(self, offsets: Sequence[int]) -> None:
        self.offsets = offsets
        self.reached = asyncio.Event()


def abreast(member: type[Member], start: Start) -> type[Member]:
    """The member, the only one of its group, whose partitions wait there."""

    class Abreast(member):  # type: ignore[valid-type, misc]
        def _make_full_ones_wait(self) -> None:
            super()._make_full_ones_wait()
            if start.reached.is_set():
                return
            held = self.assignment.held
            there = [number for number, each in held.items() if each.next_offset >= start.offsets[number]]
            # What is still to be written is early, too.
            if len(there) == len(start.offsets) and all(each.settled for each in held.values()):
                start.reached.set()
                super()._make_full_ones_wait()
                return
            places = {TopicPartition(self._settings.topics.pings, number) for number in there}
            self._consumer.pause(*(places & self._consumer.assignment()))

    return Abreast
