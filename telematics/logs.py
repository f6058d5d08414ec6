"""Log lines on standard error: for people on a terminal, one JSON object a line everywhere else."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from telematics.settings import LogFormat, LogLevel, LogSettings

# aiokafka says every failed attempt, once a second per connection while the broker is away. What it says is in our
# own errors and in `broker_lost`, once.
_QUIET_UNLESS_DEBUG = {"aiokafka": logging.CRITICAL, "asyncio": logging.WARNING}


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send our own lines and those of libraries, in one form, to `stream` (standard error if None)."""
    stream = stream or sys.stderr
    level = getattr(logging, settings.level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Tests configure again with another stream; a cached logger would keep the first one.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ending(settings, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET_UNLESS_DEBUG.items():
        logging.getLogger(name).setLevel(level if settings.level is LogLevel.DEBUG else max(level, least))


def _ending(settings: LogSettings, stream: TextIO) -> list[Processor]:
    for_people = settings.format is LogFormat.CONSOLE or (settings.format is LogFormat.AUTO and stream.isatty())
    if for_people:
        # Tracebacks without the values of variables, among which are passwords.
        return [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty() and "NO_COLOR" not in os.environ,
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
