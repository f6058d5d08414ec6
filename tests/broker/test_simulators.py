"""Simulated fleets in real Kafka: stamped with simulated time, in order, in their own topics, and ended in order."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from simulators.emit.files import Files
from simulators.fleet import FleetPlan, records
from simulators.merge import Kind
from simulators.run import run_to_kafka
from simulators.scenarios.h01 import H01
from telematics.errors import UserError
from telematics.settings import load_settings
from telematics.stream import topics
from telematics.wire.ticks import TICK_HEADERS

PARTITIONS = 3
PLAN = FleetPlan(
    vehicles=25, seed=2, duration_ms=900_000, cadence_s=10,
    hijacks=1, hijack=H01(begins_after_s=200.0), dead_zones=1, crossing_after_s=60.0,
)  # fmt: skip


async def create(bootstrap: str, prefix: str, profile: topics.Profile = topics.Profile.SIM) -> None:
    """Create the product's topics under a prefix."""
    settings = load_settings(kafka={"bootstrap": bootstrap}, topics={"prefix": prefix})
    await topics.create(settings, profile, PARTITIONS)


async def read(
    bootstrap: str, topic: str, partitions: int = PARTITIONS
) -> dict[int, list[ConsumerRecord[bytes, bytes]]]:
    """Everything in a topic at present, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        held = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(held)
        ends = await consumer.end_offsets(held)
        found: dict[int, list[ConsumerRecord[bytes, bytes]]] = {at.partition: [] for at in held}
        while [at for at in held if await consumer.position(at) < ends[at]]:
            for at, batch in (await consumer.getmany(timeout_ms=200)).items():
                found[at.partition].extend(batch)
        return found
    finally:
        await consumer.stop()


async def test_kafka_gets_the_plan_record_by_record(bootstrap: str, topic_prefix: str) -> None:
    """Each partition holds its pings and ticks of the plan, byte for byte, stamped with arrivals that never decrease."""
    await create(bootstrap, topic_prefix)
    summary = await run_to_kafka(PLAN, bootstrap, topic_prefix, 0.0, Files())
    plan = replace(PLAN, partitions=PARTITIONS)
    wanted = [record for record in records(plan) if record.kind in {Kind.PING, Kind.TICK}]
    found = await read(bootstrap, f"{topic_prefix}pings")
    for partition in range(PARTITIONS):
        assert [(r.timestamp, r.key, r.value, list(r.headers)) for r in found[partition]] == [
            (r.arrival, r.key, r.value, TICK_HEADERS if r.kind is Kind.TICK else [])
            for r in wanted
            if r.partition == partition
        ]
        stamps = [record.timestamp for record in found[partition]]
        assert stamps == sorted(stamps)
    assert summary.document()["partitions"] == PARTITIONS
    trips = await read(bootstrap, f"{topic_prefix}trips", 1)
    assert [r.value for r in trips[0]] == [r.value for r in records(plan) if r.kind is Kind.TRIP]


async def test_truth_stays_out_of_kafka(bootstrap: str, topic_prefix: str) -> None:
    """A run that tells the truth to a file puts none of it into any topic."""
    await create(bootstrap, topic_prefix)
    summary = await run_to_kafka(PLAN, bootstrap, topic_prefix, 0.0, Files())
    assert summary.counts[Kind.TRUTH] == 2
    for name, partitions in (("pings", PARTITIONS), ("trips", 1)):
        for batch in (await read(bootstrap, topic_prefix + name, partitions)).values():
            assert not [record for record in batch if b"scenario" in (record.value or b"")]


async def test_topics_that_do_not_suit_are_refused(bootstrap: str, topic_prefix: str) -> None:
    """A missing topic is named with the command that makes it; a live one is never written to."""
    with pytest.raises(UserError, match="telematics topics create --profile sim"):
        await run_to_kafka(PLAN, bootstrap, topic_prefix, 0.0, Files())
    await create(bootstrap, topic_prefix, topics.Profile.LIVE)
    with pytest.raises(UserError, match="is a live topic"):
        await run_to_kafka(PLAN, bootstrap, topic_prefix, 0.0, Files())
    assert not any((await read(bootstrap, f"{topic_prefix}pings")).values())


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_without_end_ends_when_asked(bootstrap: str, topic_prefix: str, asked: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end a paced run with code 0, and what its summary counts is in Kafka."""
    await create(bootstrap, topic_prefix)
    program = await asyncio.create_subprocess_exec(
        # A shell that starts us in the background has us ignore Ctrl-C.
        sys.executable, "-c",
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from simulators.cli import main; main()",
        "run", "--vehicles", "20", "--speed", "50", "--bootstrap", bootstrap, "--prefix", topic_prefix, "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await _first_ping(bootstrap, f"{topic_prefix}pings")
        program.send_signal(asked)
        out, _ = await asyncio.wait_for(program.communicate(), 60)
    finally:
        if program.returncode is None:
            program.kill()
    assert program.returncode == 0
    summary = orjson.loads(out)
    found = [record for batch in (await read(bootstrap, f"{topic_prefix}pings")).values() for record in batch]
    assert summary["pings"] == sum(record.key is not None for record in found)
    assert summary["pings"] > 0


async def _first_ping(bootstrap: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async for record in consumer:
            if record.key is not None:
                return
    finally:
        await consumer.stop()
