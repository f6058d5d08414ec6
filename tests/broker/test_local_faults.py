"""What a machine may do to the local broker: each fault ends in one clear message, and no data are touched."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from telematics.stream.local.node import CLUSTER_ID, free_port
from tests.support.local import (
    Run,
    broker_run,
    consecutive_ports,
    create,
    read,
    read_only_folder,
    run_to_end,
    small_disk,
    write,
)

OWN = f"version=1\ncluster.id={CLUSTER_ID}\nnode.id=1\ndirectory.id=sX0m4Z2kQW6a1Vw1g1n5Yw\n"


def refused(*arguments: str | Path, **environment: str) -> str:
    """What `broker run` says before it ends with exit code 2, in one line."""
    ended = run_to_end("run", *arguments, **environment)
    assert (ended.returncode, ended.stdout) == (2, "")
    (said,) = ended.stderr.splitlines()
    return said


def contents(folder: Path) -> dict[Path, str]:
    """All files below a folder."""
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("nodes", "place"), [(1, 0), (3, 0), (3, 2)])
def test_a_port_in_use_is_named(nodes: int, place: int, tmp_path: Path) -> None:
    """A port that somebody listens on, also the last of three, is refused by name before any JVM starts."""
    ports = consecutive_ports(nodes)
    with socket.create_server(("127.0.0.1", ports[place])):
        said = refused("--nodes", str(nodes), "--port", str(ports[0]), "--folder", tmp_path / "kept")
    assert re.fullmatch(rf"error: port {ports[place]} on 127\.0\.0\.1 is in use.*; .*--port", said)
    assert not list(tmp_path.rglob("server.log"))


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    """A folder that cannot be written to is refused by name, with the ways to choose another."""
    folder = read_only_folder(tmp_path)
    said = refused("--folder", folder)
    assert re.search(rf"{folder}: it .*(not be written|read-only).*--folder or TELEMATICS_LOCAL_DIR", said)


@pytest.mark.parametrize(
    ("files", "nodes", "says"),
    [
        ({"photo.jpg": ""}, "1", r"holds other things \(photo\.jpg\) and no local Kafka; give it a folder of its own"),
        (
            {"keeper.lock": "", "data/meta.properties": OWN[:50]},
            "1",
            r"meta\.properties is damaged: it has no node\.id",
        ),
        ({"keeper.lock": "", "data/topic-0/0.log": "x"}, "1", r"has data and no meta\.properties: it is damaged"),
        (
            {"keeper.lock": "", "data/meta.properties": OWN.replace("=1", "=7")},
            "1",
            r"belongs to node 7 of the cluster",
        ),
        ({"keeper.lock": "", "node-3/data/meta.properties": OWN, "node-1/x": ""}, "3", r"not to node 3 of"),
        (
            {"keeper.lock": "", "data/meta.properties": OWN},
            "3",
            r"with --nodes 1 and cannot be run with --nodes 3; say",
        ),
        ({"keeper.lock": "", "node-1/x": ""}, "1", r"with --nodes 3 and cannot be run with --nodes 1; say --nodes 3"),
    ],
)
def test_a_folder_that_holds_something_else_is_left_alone(
    files: dict[str, str], nodes: str, says: str, tmp_path: Path
) -> None:
    """Data damaged, of another cluster or of another number of nodes are refused by name; nothing is changed."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    assert re.search(says, refused("--nodes", nodes, "--port", str(free_port()), "--folder", tmp_path))
    assert contents(tmp_path) == before


def test_no_network_at_the_first_start_is_named(tmp_path: Path) -> None:
    """Without jars and without a way to them, the first start says that it needs the network."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    ended = run_to_end(
        "run",
        TELEMATICS_LOCAL_DIR=str(tmp_path),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
    )
    assert ended.returncode == 2
    assert re.search(
        r"error: could not download kafka\S+: .*refused\. The first start .* needs the network", ended.stderr
    )
    assert not list(tmp_path.rglob("*.jar"))
    assert not (tmp_path / "broker").exists()


def test_a_disk_with_too_little_room_is_named(tmp_path: Path) -> None:
    """A disk that is too small is refused with what it has and what is needed."""
    with small_disk(tmp_path, 100) as disk:
        ended = run_to_end("run", "--folder", disk.folder / "kept", within=disk.within)
    assert ended.returncode == 2
    assert re.fullmatch(rf"error: {tmp_path}/kept has 10\d MB free .* needs 300 MB; free some space.*\n", ended.stderr)


def test_a_disk_that_fills_up_is_named_and_costs_nothing(tmp_path: Path) -> None:
    """When the disk is full, `run` says so with exit code 1; with room again it has all that was confirmed."""
    with small_disk(tmp_path, 400) as disk:
        arguments = ("--folder", disk.folder / "kept", "--port", str(free_port()))
        with broker_run(*arguments, within=disk.within) as running:
            asyncio.run(create(running.bootstrap))
            asyncio.run(write(running.bootstrap, b"still here"))
            ballast = disk.fill(but_bytes=100_000)
            asyncio.run(write_until_it_ends(running))
            code, said = running.ends()
        assert code == 1
        assert re.search(rf"error: the local Kafka ended: the disk of {disk.folder}/kept is full, .*free some", said)
        status = run_to_end("status", "--folder", disk.folder / "kept", within=disk.within)
        assert (status.returncode, status.stdout[:11]) == (1, "not running")
        again = run_to_end("run", *arguments, within=disk.within)
        assert again.returncode == 2
        assert "0 MB free" in again.stderr

        ballast.unlink()
        with broker_run(*arguments, within=disk.within) as running:
            assert asyncio.run(read(running.bootstrap, 1)) == [b"still here"]


async def write_until_it_ends(running: Run) -> None:
    """Write a megabyte, which the disk does not hold, and wait until the broker has ended of it."""
    async with AIOKafkaProducer(bootstrap_servers=running.bootstrap, request_timeout_ms=2000) as producer:
        unconfirmed = [await producer.send("kept", os.urandom(500_000)) for _ in range(2)]
        await asyncio.to_thread(running.process.wait, 120)
        for each in unconfirmed:
            each.add_done_callback(lambda done: done.cancelled() or done.exception())
