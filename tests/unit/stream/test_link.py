"""The broker's absence is said once, however many requests fail meanwhile."""

from __future__ import annotations

from itertools import islice

from structlog.testing import capture_logs

from telematics.stream.connection import Link, backoff_s


def test_each_change_is_one_line() -> None:
    """Lost, lost, lost, found, found: two lines; the last error is what readiness shows meanwhile."""
    link = Link("127.0.0.1:9092")
    with capture_logs() as lines:
        link.found()
        for number in range(3):
            link.lost(OSError(f"attempt {number}"))
            assert not link.up
        assert link.why == "OSError: attempt 2"
        link.found()
        link.found()
    assert [line["event"] for line in lines] == ["broker_lost", "broker_back"]
    assert link.up
    assert link.why == ""


def test_attempts_grow_rarer_up_to_a_bound() -> None:
    """Waits double up to the bound, each a quarter more or less, so that members do not come back in step."""
    waits = list(islice(backoff_s(0.1, 5.0), 12))
    for number, wait_s in enumerate(waits):
        middle = min(0.1 * 2**number, 5.0)
        assert 0.75 * middle <= wait_s <= 1.25 * middle
    assert len(set(waits)) == len(waits)
