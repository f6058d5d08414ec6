"""The broker's absence is said once, however many requests fail meanwhile; a refusal lasts until it is not heard again."""

from __future__ import annotations

from itertools import islice

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from structlog.testing import capture_logs

from telematics.settings import KafkaSettings
from telematics.stream.connection import Link, backoff_s
from telematics.stream.refusals import SignInRefusedError, UnavailableError

_NOBODY = KafkaSettings(bootstrap="127.0.0.1:1")


async def test_each_change_is_one_line() -> None:
    """Lost, lost, lost, found, found: two lines; readiness shows meanwhile what to look at."""
    link = Link(_NOBODY)
    with capture_logs() as lines:
        link.found()
        for number in range(3):
            await link.lost(OSError(f"attempt {number}"))
            assert link.why.startswith("no answer from 127.0.0.1:1; is Kafka running there")
        link.found()
        link.found()
    assert [line["event"] for line in lines] == ["broker_lost", "broker_back"]
    assert link.why == ""


async def test_what_is_not_permitted_outlasts_other_answers() -> None:
    """A permission that is missing is said once and shown until it has not been missed for a while, whatever else works."""
    now_s = 100.0
    link = Link(_NOBODY, clock=lambda: now_s)
    with capture_logs() as lines:
        for _ in range(3):
            await link.lost(TopicAuthorizationFailedError({"t.alerts"}), "Write")
            now_s += 14
            link.found()
            assert "Write on the topic t.alerts" in link.why
        now_s += 2
        link.found()
        link.found()
    assert [line["event"] for line in lines] == ["broker_lost", "broker_back"]
    assert link.why == ""


async def test_what_is_missing_outlasts_other_answers() -> None:
    """A topic that is gone is said once and shown for longer than a try to write to it takes, whatever else works."""
    now_s = 100.0
    link = Link(_NOBODY, clock=lambda: now_s)
    with capture_logs() as lines:
        for _ in range(3):
            await link.lost(UnavailableError("topic t.alerts does not exist", "create it again"))
            now_s += 29
            link.found()
            assert link.why == "topic t.alerts does not exist; create it again"
        now_s += 2
        link.found()
    assert [line["event"] for line in lines] == ["broker_lost", "broker_back"]
    assert link.why == ""


async def test_each_refusal_is_a_line() -> None:
    """Two permissions that are missing are two lines, and both are shown."""
    link = Link(_NOBODY)
    with capture_logs() as lines:
        for _ in range(2):
            await link.lost(TopicAuthorizationFailedError("t.alerts"), "Write")
            await link.lost(TopicAuthorizationFailedError("t.trips"))
    assert [line["event"] for line in lines] == ["broker_lost", "broker_lost"]
    assert "Write on the topic t.alerts" in link.why
    assert "Read on the topic t.trips" in link.why


async def test_a_refused_sign_in_is_no_loss_to_wait_out() -> None:
    """The password was read at the start: whoever meets its refusal is told to end."""
    with pytest.raises(SignInRefusedError):
        await Link(_NOBODY).lost(SignInRefusedError("refused", "look at the password"))


def test_attempts_grow_rarer_up_to_a_bound() -> None:
    """Waits double up to the bound, each a quarter more or less, so that members do not come back in step."""
    waits = list(islice(backoff_s(0.1, 5.0), 12))
    for number, wait_s in enumerate(waits):
        middle = min(0.1 * 2**number, 5.0)
        assert 0.75 * middle <= wait_s <= 1.25 * middle
    assert len(set(waits)) == len(waits)
