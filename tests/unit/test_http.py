"""Health and metrics over HTTP: who is asked what, and what happens on bad requests."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest

from telematics.errors import UserError
from telematics.http import Check, HealthServer
from telematics.metrics import Metrics


def _server(checks: dict[str, Check]) -> HealthServer:
    return HealthServer("127.0.0.1", 0, Metrics().registry, lambda: checks)


async def _get(server: HealthServer, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_metrics_are_served_in_the_text_format() -> None:
    """A scrape gets the registry's metrics."""
    async with _server({}) as server:
        status, body = await _get(server, "/metrics")
    assert status == 200
    assert 'telematics_build_info{python="' in body


async def test_health_does_not_ask_the_checks() -> None:
    """`/healthz` answers 200 while nothing else works: it says only that the process turns."""

    def broken() -> dict[str, Check]:
        raise AssertionError

    async with HealthServer("127.0.0.1", 0, Metrics().registry, broken) as server:
        assert await _get(server, "/healthz") == (200, "ok\n")


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ({"broker": Check(ok=True, detail="up"), "partition 0": Check(ok=True, detail="lag 0 s")}, 200),
        ({"broker": Check(ok=True, detail="up"), "partition 0": Check(ok=False, detail="rebuilding 40 %")}, 503),
        ({}, 503),
    ],
)
async def test_ready_means_that_every_check_holds_and_each_is_listed(checks: dict[str, Check], status: int) -> None:
    """`/readyz` is 200 only when all checks hold, and names each with its present state either way."""
    async with _server(checks) as server:
        got, body = await _get(server, "/readyz")
    assert got == status
    assert json.loads(body) == {
        "ready": status == 200,
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
    }


async def test_an_unknown_page_names_those_that_exist() -> None:
    """A wrong path is 404 and says what there is."""
    async with _server({}) as server:
        status, body = await _get(server, "/metrik")
    assert status == 404
    assert "/metrics" in body


@pytest.mark.parametrize(
    ("request_bytes", "first_line"),
    [
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 "),
        (b"\x16\x03\x01\x02\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET " + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", b""),
        (b"", b""),
    ],
)
async def test_rubbish_concerns_nobody_else(request_bytes: bytes, first_line: bytes) -> None:
    """After a bad request the next good one is answered."""
    async with _server({}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes)
        writer.write_eof()
        try:
            assert (await reader.read()).startswith(first_line)
        except ConnectionResetError:
            assert first_line == b""
        writer.close()
        assert (await _get(server, "/healthz"))[0] == 200


async def test_a_port_in_use_names_address_and_setting() -> None:
    """When something else listens there, the message says where and which setting to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"127\.0\.0\.1:{port}.*TELEMATICS_HTTP__PORT"):
            async with HealthServer("127.0.0.1", port, Metrics().registry, dict):
                pass
