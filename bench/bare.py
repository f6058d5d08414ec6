"""The floor: a bare aiokafka consumer and `orjson.loads`, nothing else. What no Python monitor can be faster than."""

from __future__ import annotations

import time

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.child import answer, given
from bench.throughput import Rate, Sample, rate

MAX_RECORDS = 5_000  # a batch as large as the monitor's


async def read(bootstrap: str, topic: str, partitions: int, pings: int) -> Rate:
    """Read and parse until so many pings have come; the rate of all but the first tenth."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        seen = 0
        samples = []
        while seen < pings:
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=MAX_RECORDS)).values():
                for record in records:
                    orjson.loads(record.value or b"null")
                    seen += record.key is not None  # a tick has no key, and costs as much
            samples.append(Sample(seen, time.perf_counter(), time.process_time()))
        return rate(samples, pings // 10, pings)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    found = uvloop.run(read(**given()))
    answer(**found._asdict())
