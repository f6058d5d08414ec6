"""`telematics monitor` in a process of its own, as users start it, and what its pages say."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from telematics.settings import Settings

READY_WITHIN_S = 120.0
LOOK_AGAIN_S = 0.05


class MonitorProcess:
    """A context: it is ready when it begins, and gone when it ends.

    Attributes:
        assigned_s: seconds from its start until it had its partitions.
        ready_s: seconds from its start until `/readyz` said so.
    """

    def __init__(self, settings: Settings, fences: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        command = [sys.executable, "-m", "telematics", "monitor", "--fences", fences, "--port", str(self._port)]
        command += ["--bootstrap", settings.kafka.bootstrap, "--prefix", settings.topics.prefix]
        self._command = [*command, "--group", settings.kafka.group]
        self.assigned_s = self.ready_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        own = {"TELEMATICS_LOG__LEVEL": "warning", "TELEMATICS_HTTP__HOST": "127.0.0.1"}
        began_s = time.monotonic()
        self._process = subprocess.Popen(self._command, env=os.environ | own)  # noqa: ASYNC220 - takes a millisecond
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._until_ready(self._process, began_s)
        except BaseException:
            await self.end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def _until_ready(self, process: subprocess.Popen[bytes], began_s: float) -> None:
        while not self.ready_s:
            if process.poll() is not None:
                raise RuntimeError(f"the monitor ended with {process.returncode} before it was ready")
            await asyncio.sleep(LOOK_AGAIN_S)
            said = await asyncio.to_thread(self._readyz)
            at_s = time.monotonic() - began_s
            if not self.assigned_s and said.get("checks", {}).get("group", {}).get("ok"):
                self.assigned_s = at_s
            if said.get("ready"):
                self.ready_s = at_s

    async def end(self) -> None:
        """As an operator would: what is in hand becomes durable, and it leaves its group. Harmless when it is gone."""
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)

    async def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def metric(self, name: str) -> float:
        """The sum of the samples of this name."""
        text = await asyncio.to_thread(self._get, "/metrics")
        families = text_string_to_metric_families(text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    async def running(self) -> set[int]:
        """The numbers of the partitions that it has and that are ready."""
        checks = (await asyncio.to_thread(self._readyz)).get("checks", {})
        return {int(name.split()[1]) for name, check in checks.items() if name.startswith("partition ") and check["ok"]}

    def _readyz(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._get("/readyz"))
        except OSError:
            return {}
        return found

    def _get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as page:
                return str(page.read().decode())
        except urllib.error.HTTPError as error:  # 503 has the page as well
            return error.read().decode()
