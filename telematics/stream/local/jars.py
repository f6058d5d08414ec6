"""Apache Kafka's jars: named and hashed in `jgo.lock.toml`, downloaded once, checked at every start.

jgo does the resolving (Maven's rules in pure Python) when the lock is made, and the downloading later. Its
environments are not used: they sort jars into two folders by asking a JDK 11, which jgo would download for
that alone. Kafka runs from the class path, so the jars stay where the download put them.

`python -m telematics.stream.local.jars 4.4.0` writes the lock anew for that version of Kafka.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.folders import unusable, usable

if TYPE_CHECKING:
    from jgo.env import LockFile
    from jgo.maven import Artifact, MavenContext

LOCK = Path(__file__).with_name("jgo.lock.toml")
KAFKA = "org.apache.kafka:kafka_2.13"
# Kafka logs through slf4j and its jar brings no backend: without one a failed start would say nothing.
LOG_BACKEND = "org.apache.logging.log4j:log4j-slf4j-impl"


def class_path(repository: Path, *, lock: Path = LOCK, remotes: dict[str, str] | None = None) -> list[Path]:
    """The jars of the lock, in its order, from `repository` (Maven layout), downloading those that are missing.

    Args:
        repository: folder of the user's; created when missing. Several processes may call at once.
        lock: the lock file to follow.
        remotes: Maven repositories by name; Maven Central, and jgo's own settings, when None.

    Raises:
        LocalBrokerError: no network at the first start, a jar that is not the one of the lock, no jgo.
    """
    locked = _load(lock)
    usable(repository)
    context = _context(repository, remotes)
    artifacts = [
        (
            context.project(dep.groupId, dep.artifactId)
            .at_version(dep.version)
            .artifact(dep.classifier or "", dep.packaging),
            dep.sha256 or "",
        )
        for dep in locked.dependencies
    ]
    with _alone(repository):
        missing = [(artifact, sha256) for artifact, sha256 in artifacts if not _is_intact(artifact, sha256)]
        if missing:
            _download(missing, repository)
    return [artifact.resolve() for artifact, _ in artifacts]


def _load(lock: Path) -> LockFile:
    try:
        from jgo.env import LockFile  # noqa: PLC0415 - of the extra `local`
    except ImportError as error:
        raise LocalBrokerError("the local Kafka needs the extra `local`: pip install 'telematics[local]'") from error
    return LockFile.load(lock)


def _context(repository: Path, remotes: dict[str, str] | None) -> MavenContext:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - of the extra `local`
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    if remotes is None:
        # A mirror set in jgo's own configuration comes first: networks without Maven Central have one.
        remotes = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    return MavenContext(repo_cache=repository, local_repos=[], remote_repos=remotes, timeout=30)


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """One process downloads at a time: jgo writes straight to the final name, so a half file would be seen."""
    with (repository / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_intact(artifact: Artifact, sha256: str) -> bool:
    path = artifact.cached_path
    if path is None or not path.exists():
        return False
    if _sha256(path) == sha256:
        return True
    path.unlink()  # cut off while downloading, or not the jar the lock means
    return False


def _download(missing: list[tuple[Artifact, str]], repository: Path) -> None:
    console = Console(stderr=True)
    console.print(
        f"Downloading Apache Kafka, once: {len(missing)} jars (44 MB for all of them) to {repository}",
        highlight=False,
        soft_wrap=True,
    )
    # jgo warns of a SHA-1 it could not compare; the lock's SHA-256 below is what counts.
    logging.getLogger("jgo").setLevel(logging.ERROR)
    for artifact, sha256 in track(missing, "Kafka jars", console=console, disable=not console.is_terminal):
        try:
            path = artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            reason = _root(error)
            if isinstance(reason, OSError) and reason.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise unusable(repository, reason) from error
            raise LocalBrokerError(
                f"could not download {artifact.filename}: {_first_line(reason)}. The first start of the local Kafka"
                " needs the network (HTTPS_PROXY is heeded), later ones do not; or name a Kafka of yours with"
                " BOOTSTRAP=host:port"
            ) from error
        found = _sha256(path)
        if found != sha256:
            path.unlink()
            raise LocalBrokerError(
                f"{artifact.filename} came with SHA-256 {found} and {LOCK.name} says {sha256};"
                " it was thrown away: check what stands between this machine and Maven Central"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _root(error: BaseException) -> BaseException:
    """What began it: requests tells a refused connection as three errors, one inside the other."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    return error


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:200] or type(error).__name__


def write_lock(kafka_version: str, repository: Path, lock: Path = LOCK) -> int:
    """Resolve Kafka and its logging backend, download all jars and write `lock`. Returns the number of jars."""
    from jgo.env import LockFile  # noqa: PLC0415 - of the extra `local`

    context = _context(repository, None)
    resolver = context.resolver
    kafka, brought = resolver.resolve([context.create_dependency(f"{KAFKA}:{kafka_version}")])
    needed = [*kafka, *(dep for dep in brought if dep.scope in {"compile", "runtime"})]
    log4j = next(dep.version for dep in needed if dep.artifactId == "log4j-core")
    needed.append(context.create_dependency(f"{LOG_BACKEND}:{log4j}"))
    locked = LockFile.from_resolved_dependencies(needed, environment_name="telematics-local", min_java_version=17)
    locked.save(lock)
    return len(needed)


if __name__ == "__main__":
    from telematics.stream.local.folders import local_dir

    count = write_lock(sys.argv[1], usable(local_dir() / "jars"))
    sys.stdout.write(f"{LOCK.name}: {count} jars\n")
