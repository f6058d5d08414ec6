"""How precise numbers are on the wire: 1e-6 degrees, 0.1 m, 0.1 km/h, 1 ms (design, law 3).

The name of a field carries its unit, so the name decides. What has no known unit keeps six decimals: enough for
any ratio or voltage, few enough that the last bit of a computation never shows.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from telematics.memo import Memo

_DECIMALS = {"lat": 6, "lon": 6, "m": 1, "kmh": 1, "deg": 1, "km": 3, "s": 3, "v": 3, "l": 1, "hdop": 2}
_OTHER = 6
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def decimals(name: str) -> int:
    """Decimals that a field of this name keeps on the wire, by the unit its name ends in."""
    return _BY_NAME[name]


def rounded(name: str, value: Any) -> Any:
    """`value` with every float in it rounded by the name it stands under. Dicts and sequences are walked.

    Adding 0.0 turns -0.0 into 0.0, so that equal values have equal bytes. A float that is not finite becomes None,
    as JSON has no word for it.
    """
    if type(value) is float:
        return round(value, _BY_NAME[name]) + 0.0 if isfinite(value) else None
    if isinstance(value, dict):
        return {key: inner if type(inner) in _AS_THEY_ARE else rounded(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(name, inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(rounded(name, inner) for inner in value)
    return value


def _decimals(name: str) -> int:
    found = _DECIMALS.get(name)
    return _DECIMALS.get(name.rpartition("_")[2], _OTHER) if found is None else found


_BY_NAME: Memo[str, int] = Memo(_decimals, 1024)  # a device may send any name
