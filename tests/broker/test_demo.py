"""The demo as its user runs it: what it shows, how it judges, and that nothing of it stays behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys

import psutil
import pytest

DEMO = [sys.executable, "-m", "simulators", "demo"]
# The demo takes 60 s and starts a broker; the limit only tells a hang from a busy machine.
ENDS_WITHIN_S = 240
GONE_WITHIN_S = 60


def test_a_minute_of_demo_shows_the_hijack_in_time_and_nothing_wrong() -> None:
    """`make demo SECONDS=60` exits 0: every alert due for the hijacked truck came in time, the other truck stayed calm."""
    ran = subprocess.run([*DEMO, "--seconds", "60"], capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "FAIL" not in ran.stdout
    for due in ("no_stop_zone (4)", "gnss_jamming (3)", "signal_lost (3)", "signal_lost (4)"):
        assert re.search(rf"^ok +H01 \S+ {re.escape(due)}: raised", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^ok +C03", ran.stdout, re.MULTILINE), ran.stdout


def test_too_short_a_demo_says_so(bootstrap: str) -> None:
    """A demo that ends before the hijack proves nothing, and exits 1; on a Kafka that is there it leaves no topic."""
    ran = subprocess.run(
        [*DEMO, "--seconds", "2", "--bootstrap", bootstrap],
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert ran.returncode == 1
    assert "too short" in ran.stdout
    listed = subprocess.run(
        [sys.executable, "-c", LIST_TOPICS, bootstrap], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [name for name in listed if name.startswith("demo-")]


@pytest.mark.parametrize("command", [DEMO, ["sh", "-c", f"{shlex.join(DEMO)}; true"]], ids=["demo", "its parent"])
def test_a_killed_demo_leaves_nothing_behind(command: list[str]) -> None:
    """After kill -9 of the demo, or of what started it, its processes, port and folder are gone."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as demo:
        try:
            assert demo.stdout is not None
            said = next(line for line in demo.stdout if line.startswith("Kafka "))
            port = int(re.findall(r"127\.0\.0\.1:(\d+)", said)[0])
            children = psutil.Process(demo.pid).children(recursive=True)
            (java,) = [child for child in children if "java" in child.name()]
            folder = java.cwd()
        finally:
            os.kill(demo.pid, signal.SIGKILL)
        demo.wait(GONE_WITHIN_S)
        _, alive = psutil.wait_procs(children, timeout=GONE_WITHIN_S)
    assert not alive
    assert not os.path.exists(folder)  # noqa: PTH110 - a path from the system, not one of ours
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


LIST_TOPICS = """
import asyncio, sys
from aiokafka.admin import AIOKafkaAdminClient
async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=sys.argv[1])
    await admin.start()
    print(*await admin.list_topics())
    await admin.close()
asyncio.run(main())
"""
