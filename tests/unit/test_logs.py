"""Log lines: one JSON object a line when no person watches, libraries in the same form."""

from __future__ import annotations

import io
import json
import logging
import secrets
from collections.abc import Iterator

import pytest
import structlog

from telematics.logs import configure_logging
from telematics.settings import LogFormat, LogLevel, LogSettings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_lines_are_json_off_a_terminal() -> None:
    """Our own lines and those of a library come as JSON objects with time, level, logger and event."""
    out = io.StringIO()
    configure_logging(LogSettings(), out)
    structlog.get_logger("telematics.x").info("partition_assigned", partition=3)
    logging.getLogger("library").warning("lost %s", "it")
    ours, theirs = map(json.loads, out.getvalue().splitlines())
    assert (ours["event"], ours["partition"], ours["level"], ours["logger"]) == (
        "partition_assigned",
        3,
        "info",
        "telematics.x",
    )
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"]) == ("lost it", "warning")


def test_the_level_silences_what_is_below_and_kafka_chatter_always_is() -> None:
    """Lines below the level are not written, and what aiokafka says of every attempt only at debug."""
    out = io.StringIO()
    configure_logging(LogSettings(level=LogLevel.INFO), out)
    structlog.get_logger("telematics.x").debug("hidden")
    logging.getLogger("aiokafka.consumer").error("no connection")
    assert out.getvalue() == ""
    configure_logging(LogSettings(level=LogLevel.DEBUG), out)
    logging.getLogger("aiokafka.consumer").info("heartbeat")
    assert "heartbeat" in out.getvalue()


def test_an_exception_is_one_json_line() -> None:
    """A traceback stays inside its line, where a log collector finds it."""
    out = io.StringIO()
    configure_logging(LogSettings(), out)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger("telematics.x").exception("failed")
    (line,) = out.getvalue().splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


@pytest.mark.parametrize("kind", [LogFormat.CONSOLE, LogFormat.JSON])
def test_a_traceback_shows_no_values(kind: LogFormat) -> None:
    """What a variable held when something failed stays out of the log: it may be a password."""
    out = io.StringIO()
    configure_logging(LogSettings(format=kind), out)
    secret = secrets.token_hex(16)

    def sign_in(password: str) -> None:
        raise OSError(f"refused after {len(password)} letters")

    try:
        sign_in(secret)
    except OSError:
        structlog.get_logger("telematics.x").exception("failed")
    assert "refused after 32 letters" in out.getvalue()
    assert secret not in out.getvalue()


def test_console_format_is_for_people() -> None:
    """On request lines are plain text without colour codes off a terminal."""
    out = io.StringIO()
    configure_logging(LogSettings(format=LogFormat.CONSOLE), out)
    structlog.get_logger("telematics.x").info("started", port=9108)
    assert "started" in out.getvalue()
    assert "port=9108" in out.getvalue()
    assert "\x1b" not in out.getvalue()
