"""Metrics and health over HTTP, for Prometheus and for whoever restarts us.

Three pages and GET only, so a server of the standard library's asyncio does: it shares the event loop with the
monitor and needs neither a thread nor a web framework. `/healthz` touches nothing: it answers as long as the
loop turns. `/readyz` asks the checks it was given.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from telematics.errors import UserError

# A request of ours is a line and a few headers; whoever sends nothing for this long has no question.
_REQUEST_TIMEOUT_S = 5.0
_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold before we are ready, and what is the case now, in words."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, media type, body."""

    status: int
    media_type: str
    body: bytes


class HealthServer:
    """Serves `/metrics`, `/healthz` and `/readyz` until closed; use as an async context manager.

    `checks` is called for every `/readyz`; ready means that there is at least one check and all hold. Port 0
    takes a free port; `port` says which. Raises UserError when the address cannot be listened on.
    """

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, checks: Callable[[], Mapping[str, Check]]
    ) -> None:
        self.host = host
        self.port = port
        self._registry = registry
        self._checks = checks
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=8192)
        except OSError as error:
            msg = (
                f"cannot listen on {self.host}:{self.port} for metrics and health: {error.strerror or error}; "
                "set TELEMATICS_HTTP__PORT to a free port (0 takes any), or TELEMATICS_HTTP__HOST"
            )
            raise UserError(msg) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            # Connections are short, but one of them may just be waiting for a slow client: do not wait for it.
            self._server = None

    def answer(self, method: str, path: str) -> Answer:
        """The response to one request; a pure function of the registry and the checks."""
        if method != "GET":
            return Answer(405, "text/plain; charset=utf-8", b"GET only\n")
        match path.split("?", 1)[0]:
            case "/metrics":
                return Answer(200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry))
            case "/healthz":
                return Answer(200, "text/plain; charset=utf-8", b"ok\n")
            case "/readyz":
                checks = self._checks()
                ready = bool(checks) and all(check.ok for check in checks.values())
                body = orjson.dumps({"ready": ready, "checks": checks}, option=orjson.OPT_APPEND_NEWLINE)
                return Answer(200 if ready else 503, "application/json", body)
            case _:
                return Answer(404, "text/plain; charset=utf-8", b"there are /metrics, /healthz and /readyz\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that goes away, sends rubbish or nothing at all concerns nobody else.
        with contextlib.suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                request = (await reader.readline()).decode("latin-1").split()
                while (await reader.readline()).strip():
                    pass
                reply = (
                    self.answer(request[0], request[1])
                    if len(request) == 3
                    else Answer(400, "text/plain; charset=utf-8", b"not an HTTP request\n")
                )
                writer.write(
                    (
                        f"HTTP/1.1 {reply.status} {_PHRASES[reply.status]}\r\nContent-Type: {reply.media_type}\r\n"
                        f"Content-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n"
                    ).encode("latin-1")
                    + reply.body
                )
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
