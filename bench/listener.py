"""Who reads the alerts while their latency is measured, and looks at the clock when each is in hand."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvloop

from bench.child import answer, given
from bench.monitor import bench_settings
from telematics.settings import Settings
from telematics.stream.alerts import read_alerts


async def listen(settings: Settings, wanted: int, after_ms: int, within_s: float) -> list[float]:
    """Milliseconds from append to readable of each panic alert appended after a time; all are `wanted`.

    Raises TimeoutError when they do not come.
    """
    took_ms = []
    seen = 0
    async with asyncio.timeout(within_s):
        async for alert in read_alerts(settings, from_offset=0):
            if alert.rule != "panic":
                continue
            now_ms = time.time() * 1000
            seen += 1
            if alert.raised_at >= after_ms:
                took_ms.append(now_ms - alert.raised_at)
            if seen == wanted:
                break
    return took_ms


def main(bootstrap: str, prefix: str, **how: Any) -> dict[str, Any]:
    """What the parent asks for."""
    return {"took_ms": uvloop.run(listen(bench_settings(bootstrap, prefix, "none"), **how))}


if __name__ == "__main__":
    answer(**main(**given()))
