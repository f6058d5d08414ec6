"""What could not be read from files: counted by reason, each written with its file, line and bytes."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from typing import IO, Any

import orjson

from telematics.wire.reasons import Reject, RejectReason


class Rejects:
    """The refused rows of a replay. `out` gets one JSON object a row: file, line, reason, detail, raw.

    `raw` is the row as it stood; where that is no UTF-8, `raw_b64` holds its bytes instead. `first` is the first that
    was met: file, line and refusal.
    """

    def __init__(self, out: IO[bytes] | None = None) -> None:
        self.counts: Counter[RejectReason] = Counter()
        self.first: tuple[str, int, Reject] | None = None
        self._out = out

    def add(self, file: str, line: int, refusal: Reject, raw: bytes | None) -> None:
        """Count a row and write it down. Lines count from 1."""
        self.counts[refusal.reason] += 1
        if self.first is None:
            self.first = file, line, refusal
        if self._out is None:
            return
        row: dict[str, Any] = {
            "file": file,
            "line": line,
            "reason": refusal.reason.value,
            "detail": refusal.detail,
        }
        try:
            row["raw"] = None if raw is None else raw.decode()
        except UnicodeDecodeError:
            row["raw_b64"] = b64encode(raw or b"").decode()
        self._out.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
