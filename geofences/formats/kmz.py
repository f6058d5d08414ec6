"""KMZ: a zip with a KML in it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from geofences.errors import FenceError
from geofences.formats.files import MOST_BYTES
from geofences.formats.properties import shown

# What zipfile raises on an archive that somebody has been at.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
_ZIPPED = b"PK\x03\x04"
_DOC = "doc.kml"
_OF_MACOS = "__MACOSX/"  # where it keeps what it knows of files of the same names
_DATED = (1980, 1, 1, 0, 0, 0)  # so that the same fences make the same bytes


def is_packed(data: bytes) -> bool:
    """Whether it begins as a zip does."""
    return data.startswith(_ZIPPED)


def packed(document: str) -> bytes:
    """A KMZ; the same bytes for the same document."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = zipfile.ZipInfo(_DOC, _DATED)
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, document)
    return data.getvalue()


def unpacked(data: bytes, name: str) -> tuple[bytes, str]:
    """The KML in a KMZ, and its name. Raises FenceError, also for what is larger than any fence file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            file = _chosen(archive.infolist(), name)
            with archive.open(file) as opened:
                data = opened.read(MOST_BYTES + 1)
    except FenceError:
        raise
    except _BROKEN as error:
        raise FenceError(f"cannot be unpacked: {shown(str(error))}; save it as KML or KMZ again", name) from error
    inner = f"{name}, {file.filename}"
    if len(data) > MOST_BYTES:
        raise FenceError(f"unpacks to more than {MOST_BYTES:,} bytes, which no fence file has", inner)
    return data, inner


def _chosen(files: list[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    """The document of a KMZ. Raises FenceError where there is none, or which it is cannot be told."""
    found = [
        file for file in files if file.filename.lower().endswith(".kml") and not file.filename.startswith(_OF_MACOS)
    ]
    found = [file for file in found if file.filename.lower() == _DOC][:1] or found
    if not found:
        raise FenceError("no .kml is packed in it; a KMZ is a zip with a doc.kml", name)
    if len(found) > 1:
        names = ", ".join(shown(file.filename) for file in found[:5])
        raise FenceError(f"{len(found)} .kml are packed in it and none is doc.kml: {names}; unpack and read one", name)
    if found[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FenceError("is packed by another method than deflate, which no KMZ is; pack it again", name)
    return found[0]
