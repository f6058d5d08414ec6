"""Kafka's jars come by their hashes or not at all."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.jars import LOCK, class_path
from telematics.stream.local.node import free_port

JAR = b"the bytes of a jar"
JAR_PATH = Path("org", "example", "thing", "1.0", "thing-1.0.jar")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing of requests."""


@contextmanager
def repository_with(folder: Path, jar: bytes) -> Iterator[dict[str, str]]:
    """A Maven repository on loopback that has one jar."""
    path = folder / JAR_PATH
    path.parent.mkdir(parents=True)
    path.write_bytes(jar)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {"here": f"http://127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock that wants exactly `JAR`."""
    path = tmp_path / "jgo.lock.toml"
    path.write_text(
        "[[dependencies]]\n"
        'groupId = "org.example"\nartifactId = "thing"\nversion = "1.0"\n'
        f'packaging = "jar"\nsha256 = "{hashlib.sha256(JAR).hexdigest()}"\n',
        encoding="utf-8",
    )
    return path


def test_a_jar_is_downloaded_once(tmp_path: Path, lock: Path) -> None:
    """The first start downloads what the lock names; the next needs no network."""
    mine = tmp_path / "mine"
    with repository_with(tmp_path / "remote", JAR) as remotes:
        assert class_path(mine, lock=lock, remotes=remotes) == [mine / JAR_PATH]
    assert class_path(mine, lock=lock, remotes={"gone": f"http://127.0.0.1:{free_port()}"}) == [mine / JAR_PATH]
    assert (mine / JAR_PATH).read_bytes() == JAR


def test_a_jar_cut_off_while_downloading_is_fetched_again(tmp_path: Path, lock: Path) -> None:
    """Half a jar, left by a start that was killed, is replaced."""
    mine = tmp_path / "mine"
    (mine / JAR_PATH).parent.mkdir(parents=True)
    (mine / JAR_PATH).write_bytes(JAR[:5])
    with repository_with(tmp_path / "remote", JAR) as remotes:
        class_path(mine, lock=lock, remotes=remotes)
    assert (mine / JAR_PATH).read_bytes() == JAR


def test_another_jar_is_refused(tmp_path: Path, lock: Path) -> None:
    """A jar whose SHA-256 is not the lock's is thrown away and named, with both hashes."""
    mine = tmp_path / "mine"
    forged = hashlib.sha256(b"forged").hexdigest()
    with (
        repository_with(tmp_path / "remote", b"forged") as remotes,
        pytest.raises(LocalBrokerError, match=rf"thing-1\.0\.jar came with SHA-256 {forged}"),
    ):
        class_path(mine, lock=lock, remotes=remotes)
    assert not (mine / JAR_PATH).exists()


def test_without_a_network_the_first_start_says_so(tmp_path: Path, lock: Path) -> None:
    """No network at the first start is named as what it is, with the way around it."""
    with pytest.raises(
        LocalBrokerError, match=r"download thing-1\.0\.jar: .*refused\. .*first start.*network.*BOOTSTRAP"
    ):
        class_path(tmp_path / "mine", lock=lock, remotes={"gone": f"http://127.0.0.1:{free_port()}"})


def test_the_lock_has_a_hash_for_every_jar_and_no_address() -> None:
    """The committed lock names each jar with its SHA-256, and no host or address."""
    text = LOCK.read_text(encoding="utf-8")
    assert text.count("[[dependencies]]") == len(re.findall(r'^sha256 = "[0-9a-f]{64}"$', text, re.MULTILINE)) > 40
    assert "://" not in text
