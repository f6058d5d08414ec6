"""From append to readable: a live topic, a steady rate of pings, a share of them with the panic button.

The broker stamps each ping as it appends it, and the alert's `raised_at` is that stamp: so the wall clock, on this
same machine, less `raised_at` is the time until a consumer has the decoded alert in hand. The consumer is a process of
its own: beside who sends, it would wait until there is nothing to be sent.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import uvloop
from aiokafka import AIOKafkaProducer

from bench.child import answer, given, measure
from bench.load import TRUCKS
from bench.monitor import bench_settings
from bench.process import MonitorProcess
from bench.throughput import percentile
from simulators.encoding import encode_simulated
from telematics.model import DeviceEvent, Ping
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.reader import open_reader
from telematics.wire.pings import decode_ping

PANICS_PER_S = 50
START_S = 3.0  # for who listens to begin
WARM_UP_S = 2.0  # of the steady rate
GRAIN_S = 0.005
JUDGED_WITHIN_S = 60.0
ALERTS_WITHIN_S = 20.0
METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class Plan:
    """So many pings a second from so many vehicles for so long, of them so many a second with the panic button."""

    rate: int
    seconds: float
    vehicles: int
    panics_per_s: int = PANICS_PER_S

    @property
    def pings(self) -> int:
        """All of them, warm-up and all."""
        return round(self.rate * (WARM_UP_S + self.seconds))


def paced(trucks: list[Ping], plan: Plan, start_ms: int) -> Iterator[tuple[int, Ping]]:
    """Pings with the time (ms) at which each is measured and sent: in turn, driving straight on at their speed.

    Every so many of them carries `panic`, each time of another vehicle.
    """
    panic_every = plan.rate // plan.panics_per_s
    # A vehicle's turns come `vehicles` pings apart: with a step that divides it, always the same ones would panic.
    while math.gcd(panic_every, plan.vehicles) > 1:
        panic_every += 1
    for number in range(plan.pings):
        truck = trucks[number % plan.vehicles]
        sent_ms = start_ms + number * 1000 // plan.rate
        metres = (truck.speed_kmh or 0.0) / 3.6 * (sent_ms - start_ms) / 1000
        heading = math.radians(truck.heading_deg or 0.0)
        yield (
            sent_ms,
            replace(
                truck,
                ts=sent_ms,
                lat=round(truck.lat + metres * math.cos(heading) / METRES_PER_DEGREE, 6),
                lon=round(truck.lon + metres * math.sin(heading) / METRES_PER_DEGREE, 6),
                interval_s=max(1.0, plan.vehicles / plan.rate),
                events=(DeviceEvent.PANIC,) if number % panic_every == 0 else (),
            ),
        )


async def trucks(load: Settings, count: int) -> list[Ping]:
    """The first ping of so many vehicles of a load that is written."""
    found: dict[bytes, Ping] = {}
    async with open_reader(load.kafka, load.topics.pings) as reader:
        async for _, records in reader.until(await reader.ends()):
            for record in records:
                if record.key is not None and record.key not in found:
                    ping = decode_ping(record.value)
                    if isinstance(ping, Ping):
                        found[record.key] = ping
            if len(found) >= count:
                break
    return list(found.values())[:count]


async def send(settings: Settings, pings: list[tuple[int, bytes, bytes]]) -> None:
    """Send (when, key, value) each at its time."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap, acks=1, linger_ms=10)
    await producer.start()
    try:
        sent = []
        for when_ms, key, value in pings:
            ahead_s = when_ms / 1000 - time.time()
            if ahead_s > GRAIN_S:
                await asyncio.sleep(ahead_s)
            sent.append(await producer.send(settings.topics.pings, value, key))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def until_judged(settings: Settings) -> None:
    """Until everything sent so far is judged and committed. Raises TimeoutError when that does not come."""
    async with open_reader(settings.kafka, settings.topics.pings) as reader:
        ends = await reader.ends()
    client = connection.admin(settings.kafka)
    await client.start()
    try:
        async with asyncio.timeout(JUDGED_WITHIN_S):
            while True:
                found = await client.list_consumer_group_offsets(settings.kafka.group)
                offsets = {place.partition: held.offset for place, held in found.items()}
                if all(offsets.get(number, 0) >= end for number, end in ends.items()):
                    return
                await asyncio.sleep(0.2)
    finally:
        await client.close()


async def introduce(settings: Settings, fleet: list[Ping]) -> None:
    """Let each vehicle be heard once, and that be judged.

    A fleet that is heard for the first time all at once enters thousands of fences: that is no steady state.
    """
    now_ms = round(time.time() * 1000)
    await send(settings, [(0, p.vehicle_id.encode(), encode_simulated(replace(p, ts=now_ms))) for p in fleet])
    await until_judged(settings)


async def alert_latency(settings: Settings, load: Settings, fences: str, plan: Plan) -> list[float]:
    """Milliseconds from append to readable, one an alert. Raises ChildError when an alert does not come."""
    ready = await trucks(load, plan.vehicles)
    async with MonitorProcess(settings, fences):
        await introduce(settings, ready)
        # Encoded ahead, so that encoding is no part of what is sent when; it takes 10 µs a ping.
        start_ms = round(time.time() * 1000 + START_S * 1000 + plan.pings * 0.02)
        pings = [(when, p.vehicle_id.encode(), encode_simulated(p)) for when, p in paced(ready, plan, start_ms)]
        panics = sum(b'"panic"' in value for _, _, value in pings)
        after_ms = start_ms + round(WARM_UP_S * 1000)
        reading = asyncio.to_thread(
            measure,
            "bench.listener",
            bootstrap=settings.kafka.bootstrap,
            prefix=settings.topics.prefix,
            wanted=panics,
            after_ms=after_ms,
            within_s=START_S + WARM_UP_S + plan.seconds + ALERTS_WITHIN_S,
        )
        heard, _ = await asyncio.gather(reading, send(settings, pings))
        return list(heard["took_ms"])


def main(bootstrap: str, prefix: str, load: str, fences: str, rate: int, seconds: float) -> dict[str, Any]:
    """What the parent asks for; `prefix` is that of the live topics to use, `load` that of the load."""
    settings = bench_settings(bootstrap, prefix, f"{prefix}monitor")
    written = bench_settings(bootstrap, load, "none")
    took_ms = uvloop.run(alert_latency(settings, written, fences, Plan(rate, seconds, TRUCKS)))
    return {
        "p50_ms": round(percentile(took_ms, 0.5), 1),
        "p99_ms": round(percentile(took_ms, 0.99), 1),
        "alerts": len(took_ms),
    }


if __name__ == "__main__":
    answer(**main(**given()))
