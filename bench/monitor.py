"""The monitor over a topic that is there already, in this process, as `telematics monitor` runs it.

Its own metrics tell how far it is; they are looked at fifty times a second from a task beside it. Time counts once every
vehicle was heard: a fleet heard for the first time enters thousands of fences, and that is no steady state.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.abreast import Start, abreast
from bench.at_least_once import AtLeastOnce
from bench.child import answer, given
from bench.throughput import Rate, Sample, rate
from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.core.params import RuleSet
from telematics.logs import configure_logging
from telematics.metrics import Metrics
from telematics.settings import Settings, load_settings
from telematics.stream import service
from telematics.stream.member import Member

SAMPLE_S = 0.02


def bench_settings(bootstrap: str, prefix: str, group: str) -> Settings:
    """Settings as a user has them, apart from where things are; only warnings are logged."""
    return load_settings(
        kafka={"bootstrap": bootstrap, "group": group},
        topics={"prefix": prefix},
        http={"host": "127.0.0.1", "port": 0},
        log={"level": "warning"},
    )


async def judge(settings: Settings, fences: Path, steady_from: list[int], last: int, *, transactions: bool) -> Rate:
    """The rate from each partition's offset `steady_from` until so many pings in all, early ones too, are judged.

    Without transactions the same is written and committed, at least once instead of exactly once: what they cost.
    """
    metrics, start = Metrics(), Start(steady_from)
    service.Member = abreast(Member if transactions else AtLeastOnce, start)  # type: ignore[attr-defined]
    running = asyncio.create_task(service.run(settings, FenceIndex(load_geojson(fences)), RuleSet(), metrics))
    await asyncio.wait({running, asyncio.ensure_future(start.reached.wait())}, return_when=asyncio.FIRST_COMPLETED)
    samples = [_sample(metrics)]
    while samples[-1].pings < last and not running.done():
        await asyncio.sleep(SAMPLE_S)
        samples.append(_sample(metrics))
    if not running.done():
        os.kill(os.getpid(), signal.SIGTERM)  # the only way out that users have
    await running
    return rate(samples, samples[0].pings, last)


def _sample(metrics: Metrics) -> Sample:
    judged = sum(
        sample.value
        for metric in metrics.pings.collect()
        for sample in metric.samples
        if sample.name == "telematics_pings_total"
    )
    return Sample(int(judged), time.perf_counter(), time.process_time())


def main(bootstrap: str, prefix: str, group: str, fences: str, **how: Any) -> dict[str, Any]:
    """What the parent asks for."""
    settings = bench_settings(bootstrap, prefix, group)
    configure_logging(settings.log)
    return uvloop.run(judge(settings, Path(fences), **how))._asdict()


if __name__ == "__main__":
    answer(**main(**given()))
