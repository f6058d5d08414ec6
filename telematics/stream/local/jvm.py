"""One node's folder and the JVM that works in it: what a keeper starts, kills and asks how it is."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from telematics.stream.local import node
from telematics.stream.local.causes import cause
from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.node import Node


class Jvm:
    """A node and, while it runs, its process.

    Attributes:
        node: its number and ports.
        folder: where its data, `server.properties` and `server.log` are.
    """

    def __init__(self, java: str, class_path: list[str], node: Node, folder: Path, *, quick: bool) -> None:
        self.node = node
        self.folder = folder
        self._java = java
        self._class_path = class_path
        self._quick = quick
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None while the node is down."""
        return None if self._process is None else self._process.pid

    def require_own_data(self) -> None:
        """Raises LocalBrokerError when the data folder is damaged or another cluster's; nothing is changed in it."""
        what_would_be_right = "nothing was changed; put back what is missing, or start in another folder with --folder"
        try:
            lines = self._meta.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            # A first start that was cut off has no logs yet: it is begun anew.
            if any(self._data.glob("*/*.log")):
                raise LocalBrokerError(
                    f"{self._data} has data and no {self._meta.name}: it is damaged; {what_would_be_right}"
                ) from None
            return
        found = dict(line.partition("=")[::2] for line in lines)
        missing = [name for name in ("version", "cluster.id", "node.id", "directory.id") if not found.get(name)]
        if missing:
            raise LocalBrokerError(f"{self._meta} is damaged: it has no {', '.join(missing)}; {what_would_be_right}")
        theirs, ours = (found["cluster.id"], found["node.id"]), (node.CLUSTER_ID, str(self.node.number))
        if theirs != ours:
            raise LocalBrokerError(
                f"{self._data} belongs to node {theirs[1]} of the cluster {theirs[0]}, not to node {ours[1]} of"
                f" {ours[0]}; nothing was changed; start in another folder with --folder"
            )

    def prepare(self, properties: str) -> None:
        """Make the folder ready for a start with these `server.properties`; data in it stay."""
        # Native libraries that a killed JVM unpacked, and what an earlier one said.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        self._log.write_bytes(b"")
        self._properties.write_text(properties, encoding="utf-8")

    def is_formatted(self) -> bool:
        """Whether Kafka has made its data folder."""
        return self._meta.exists()

    def format(self) -> None:
        """Begin to make the data folder."""
        self._run(node.FORMAT, "format", "-t", node.CLUSTER_ID, "-c", str(self._properties), quick=True)

    def serve(self) -> None:
        """Begin to be a node of the cluster."""
        self._run(node.SERVER, str(self._properties), quick=self._quick)

    def ended(self) -> int | None:
        """The exit code of a process that ended without `end`; None while it runs, and when there is none."""
        return None if self._process is None else self._process.poll()

    def signal(self, how: signal.Signals) -> None:
        """Ask the process to end; `end` waits until it has."""
        if self._process is not None:
            self._process.send_signal(how)

    def end(self, within_s: float) -> None:
        """Wait until the process has ended, and make it when it takes longer than it may."""
        if self._process is None:
            return
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def why(self) -> str:
        """Why it ended, or is not ready: the cause and what would be right, else the end of its log."""
        log = self._log.read_text(encoding="utf-8", errors="replace")
        # Of an exception its reasons, without the places in Kafka's code; and nothing of long ago.
        told = [line for line in log.splitlines() if not line.startswith("\t")][-50:]
        known = cause(self.folder, self.ended(), "\n".join(told))
        return known or "\n  ".join([f"the end of its log, {self._log}:", *told[-10:]])

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _meta(self) -> Path:
        return self._data / "meta.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _run(self, main_class: str, *arguments: str, quick: bool) -> None:
        options = node.java_arguments(self.folder, [Path(jar) for jar in self._class_path], quick=quick)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the Java and jars that find_java and class_path vouch for
                [self._java, *options, main_class, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                preexec_fn=_die_with_keeper,  # noqa: PLW1509 - the keeper has no threads
            )


def _die_with_keeper() -> None:
    """On Linux the JVM is also killed when its keeper is: the one end that no keeper can tidy up after."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
