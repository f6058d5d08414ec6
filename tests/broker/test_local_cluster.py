"""Three nodes on one machine are a cluster: one may be lost at any time, and none of what was confirmed ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from telematics.stream.local.broker import LocalBroker
from tests.support.local import GONE_WITHIN_S, broker_run, consecutive_ports, create, read, run_to_end, write


async def test_two_of_three_go_on_and_all_come_back(own_broker: Callable[..., LocalBroker]) -> None:
    """Confirmed with one node killed, and all three killed after it: every record is there, on three copies."""
    broker = await asyncio.to_thread(own_broker, nodes=3)
    bootstrap, javas = broker.bootstrap, broker.java_pids
    assert javas.keys() == {1, 2, 3}
    await create(bootstrap)
    await write(bootstrap, b"with three")

    await asyncio.to_thread(broker.kill, 2)
    assert broker.java_pids == {number: pid for number, pid in javas.items() if number != 2}
    assert not psutil.pid_exists(javas[2])
    with pytest.raises(ValueError, match="no node 4: they are numbered from 1 to 3"):
        broker.kill(4)
    await write(bootstrap, b"with two")

    await asyncio.to_thread(broker.start, 2)
    await asyncio.to_thread(broker.kill)
    assert broker.java_pids == {}
    await asyncio.to_thread(broker.start)
    assert broker.bootstrap == bootstrap
    assert broker.java_pids.keys() == {1, 2, 3}
    await write(bootstrap, b"with three again")
    assert await read(bootstrap, 3) == [b"with three", b"with two", b"with three again"]

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    described = await admin.describe_topics(["kept", "__consumer_offsets"])
    await admin.close()
    copies = {len(partition["replicas"]) for topic in described for partition in topic["partitions"]}
    assert copies == {3}


def test_a_kept_cluster_from_run_to_stop(tmp_path: Path) -> None:
    """`run --nodes 3` takes three ports; a node killed is named and shown as down; the next run has everything."""
    ports = consecutive_ports(3)
    folder = tmp_path / "kept"
    arguments = ("--nodes", "3", "--folder", folder, "--port", str(ports[0]))
    with broker_run(*arguments) as running:
        assert running.bootstrap == ",".join(f"127.0.0.1:{port}" for port in ports)
        asyncio.run(create(running.bootstrap))
        asyncio.run(write(running.bootstrap, b"with three"))
        running.java(2).kill()
        assert running.process.stderr is not None
        said = [running.process.stderr.readline() for _ in range(2)]
        status = run_to_end("status", "--folder", folder, "--json")
        shown = run_to_end("status", "--folder", folder)
        asyncio.run(write(running.bootstrap, b"with two"))
        others = [running.java(1), running.java(3)]
        running.keeper().kill()
        code, last = running.ends()
    assert code == 1
    assert "keeper of the local Kafka was ended" in last
    assert "(node 2 of 3) ended: it was killed" in said[0]
    assert "other nodes go on" in said[1]
    described = json.loads(status.stdout)
    assert described["running"] is True
    assert described["nodes"] == 3
    assert described["java_pids"].keys() == {"1", "3"}
    assert "node 2 is down" in shown.stderr
    assert not psutil.wait_procs(others, timeout=GONE_WITHIN_S)[1]

    with broker_run(*arguments) as again:
        assert asyncio.run(read(again.bootstrap, 2)) == [b"with three", b"with two"]
        javas = [again.java(number) for number in (1, 2, 3)]
        assert run_to_end("stop", "--folder", folder).returncode == 0
        assert again.ends() == (0, "")
    assert not any(java.is_running() for java in javas)
