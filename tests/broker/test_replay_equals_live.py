"""Replaying a dump gives, per vehicle, the same alert bytes as the live run, up to the same arrival."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from telematics.core.params import RuleSet
from telematics.core.rules import RULES
from telematics.model import Alert, AlertEvent
from telematics.replay.feed import open_feed
from telematics.replay.plan import Plan
from telematics.replay.runner import replay
from telematics.stream.dump import dump
from telematics.stream.trips_topic import publish_trips
from telematics.wire.alerts import decode_alert, encode_alert
from tests.support import stories
from tests.support.feed import as_log, encoded, write
from tests.support.monitors import MonitorProcess, all_alerts, running, simulated_topics
from tests.support.worlds import PARTITIONS, fences

VEHICLES = 210
HOUR_MS = 3_600_000


async def test_replaying_a_dump_gives_the_alerts_of_the_live_run(
    bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Over a killed and restarted monitor, 210 trucks and more than an hour: the same bytes, and every rule spoke."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    log = as_log(stories.fleet(VEHICLES), PARTITIONS)
    trips = list(stories.trips(VEHICLES))
    half = len(log) // 2
    await publish_trips(settings, trips)
    await write(settings, log[:half])
    process = MonitorProcess(settings, stories.write_fences(tmp_path), tmp_path / "monitor.log")
    try:
        await process.until_caught_up()
    finally:
        process.kill()
    await write(settings, log[half:])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    live = await all_alerts(settings)

    # Not at the end: what the live run says later must not count against the replay.
    until = log[0].arrival + 4 * HOUR_MS // 3
    file = tmp_path / "dump.ndjson"
    with file.open("wb") as out:
        await dump(settings, out)
    replayed = io.BytesIO()
    summary = replay(open_feed(Plan((file,), until_ms=until)), fences(), RuleSet(), out=replayed)

    assert summary.vehicles == VEHICLES
    assert until - log[0].arrival >= HOUR_MS
    live_until = [alert for alert in live if alert.raised_at <= until]
    assert _by_vehicle(encode_alert(alert) for alert in live_until) == _by_vehicle(replayed.getvalue().splitlines())
    assert len(encoded(live_until)) >= 100
    spoken = {(alert.rule, alert.event) for alert in live_until}
    missing = [
        (rule.id, event)
        for rule in RULES
        for event in (AlertEvent.RAISED, AlertEvent.CLEARED)
        if (rule.id, event) not in spoken
    ]
    assert not missing, f"the stories tell nothing of {missing}"


def _by_vehicle(lines: Iterable[bytes]) -> dict[str, list[bytes]]:
    """Each vehicle's alerts in their order; one that a restart repeated counts where it stood first."""
    found: dict[str, dict[bytes, None]] = defaultdict(dict)
    for line in lines:
        alert = decode_alert(line)
        assert isinstance(alert, Alert)
        found[alert.vehicle_id].setdefault(line)
    return {vehicle_id: list(lines) for vehicle_id, lines in found.items()}
