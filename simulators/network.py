"""From the device to the broker: latency, places without network, and the burst after them."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

from telematics.model import Ping, Trip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from simulators.devices import Report

LATENCY_S = (0.2, 2.0)
ATTACH_S = (4.0, 20.0)
"""From the first whiff of network to the first byte through it."""
BURST_STEP_S = (0.1, 0.8)
"""Between two stored pings of a burst: slow enough that live ones fall between."""

Payload = TypeVar("Payload")


class Underway(Generic[Payload]):
    """Things sent but not arrived, handed out in order of arrival. What arrives at the same instant keeps order."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Payload]] = []
        self._sent = 0

    def send(self, arrival: int, payload: Payload) -> None:
        """Send `payload`, to arrive at `arrival`."""
        heappush(self._heap, (arrival, self._sent, payload))
        self._sent += 1

    def arrived(self, until: int | None = None) -> Iterator[tuple[int, Payload]]:
        """Hand out what arrives up to and at `until` (all, if None): nothing sent later may arrive before it."""
        heap = self._heap
        while heap and (until is None or heap[0][0] <= until):
            arrival, _, payload = heappop(heap)
            yield arrival, payload


class Uplink:
    """One device's connection. Live pings keep their order; stored ones come as a burst, marked `buffered`."""

    def __init__(self, rng: Random, *, newest_first: bool = False) -> None:
        self._rng = rng
        self._newest_first = newest_first

    def deliver(self, reports: Iterable[Report]) -> Iterator[tuple[int, Ping | Trip]]:
        """Turn reports in order of `ts` into payloads in order of arrival."""
        uniform, random = self._rng.uniform, self._rng.random
        soonest_ms, spread_ms = LATENCY_S[0] * 1000, (LATENCY_S[1] - LATENCY_S[0]) * 1000
        underway: Underway[Ping | Trip] = Underway()
        stored: list[Ping] = []
        attached_ms = live_ms = 0
        for report in reports:
            ts, payload = report.ts, report.payload
            if isinstance(payload, Trip):
                underway.send(ts, payload)
            elif not report.contact:
                stored.append(payload)
                attached_ms = 0
            else:
                if stored and not attached_ms:
                    attached_ms = ts + int(uniform(*ATTACH_S) * 1000)
                if stored and ts < attached_ms:
                    stored.append(payload)
                else:
                    # One connection: what is sent later arrives later.
                    live_ms = max(live_ms, ts + int(soonest_ms + random() * spread_ms))
                    underway.send(live_ms, payload)
                    if stored:
                        self._burst(stored, live_ms, underway)
                        stored = []
            yield from underway.arrived(ts)
        yield from underway.arrived()

    def _burst(self, stored: list[Ping], from_ms: int, underway: Underway[Ping | Trip]) -> None:
        at_ms = from_ms
        for ping in reversed(stored) if self._newest_first else stored:
            at_ms += int(self._rng.uniform(*BURST_STEP_S) * 1000)
            underway.send(at_ms, replace(ping, buffered=True))
