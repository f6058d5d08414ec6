"""Where the local broker keeps its things, and whether that place can hold them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from telematics.stream.local.errors import LocalBrokerError

# The jars take 44 MB; a fresh node's sparse index files and first segments stay below 100 MB.
NEEDED_BYTES = 300_000_000


def local_dir() -> Path:
    """The user's folder for jars and the kept broker: `TELEMATICS_LOCAL_DIR`, else under the XDG data home."""
    chosen = os.environ.get("TELEMATICS_LOCAL_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    data_home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data_home).expanduser() / "telematics" / "local"


def kept_folder() -> Path:
    """The folder of the broker that `telematics broker run` keeps."""
    return local_dir() / "broker"


def usable(folder: Path, *, needed_bytes: int = NEEDED_BYTES) -> Path:
    """Create `folder` if it is missing and prove that it can be written to.

    Raises:
        LocalBrokerError: it is read-only, not a folder, or holds less than `needed_bytes` free.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unusable(folder, error) from error
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise LocalBrokerError(
            f"{folder} has {free / 1e6:.0f} MB free and the local Kafka needs {needed_bytes / 1e6:.0f} MB;"
            " free some space, or give it another disk (--folder or TELEMATICS_LOCAL_DIR; TMPDIR for temporary brokers)"
        )
    return folder


def unusable(place: Path | str, error: OSError) -> LocalBrokerError:
    """What the system refused at a file or folder of the local Kafka, and what would do."""
    reason = {
        errno.EACCES: "it may not be written to",
        errno.EPERM: "it may not be written to",
        errno.EROFS: "it is on a read-only file system",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "your disk quota is used up",
        errno.ENOTDIR: "a part of the path is a file",
        errno.EEXIST: "it is a file, not a folder",
    }.get(error.errno or 0, error.strerror or str(error))
    return LocalBrokerError(
        f"the local Kafka cannot use {place}: {reason}; give it a folder you can write to (--folder or"
        " TELEMATICS_LOCAL_DIR; TMPDIR for temporary brokers)"
    )
