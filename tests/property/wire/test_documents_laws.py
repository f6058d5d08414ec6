"""The law of documents: written by plan, they are what asking every value one by one would write."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass, replace
from math import isfinite
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from telematics.instants import format_rfc3339
from telematics.model import Alert, Ping, Trip
from telematics.wire.documents import to_document
from telematics.wire.rounding import decimals
from tests.support.strategies import LAW, alerts, pings, trips

any_float = st.floats() | st.floats(-1000, 1000) | st.sampled_from([-0.0, -1e-9, 0.05])


def document_of(value: Any, *, sparse: bool) -> dict[str, Any]:
    """The document of a dataclass, the slow and obvious way."""
    document = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if sparse and inner == default:
            continue
        is_instant = str(field.type).startswith("Instant") and inner is not None
        document[field.name] = format_rfc3339(inner) if is_instant else written(field.name, inner, sparse=sparse)
    return document


def written(name: str, value: Any, *, sparse: bool) -> Any:
    """A value under its name: floats by their unit, with neither -0.0 nor what JSON has no word for."""
    if is_dataclass(value):
        return document_of(value, sparse=sparse)
    if isinstance(value, dict):
        return {key: written(key, inner, sparse=sparse) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [written(name, inner, sparse=sparse) for inner in value]
    if isinstance(value, float):
        return round(value, decimals(name)) + 0.0 if isfinite(value) else None
    return value


@LAW
@given(value=st.one_of(pings, alerts, trips), number=any_float, sparse=st.booleans())
def test_the_plan_changes_nothing(value: Ping | Alert | Trip, number: float, *, sparse: bool) -> None:
    """Pings, alerts and trips, in every unit, with defaults or without them, are written the same, signs and all."""
    if isinstance(value, Ping):
        value = replace(value, lat=number, accuracy_m=number, power_v=number)
    elif isinstance(value, Alert):
        facts = {"distance_m": number, "lat": [number, {"speed_kmh": number}], "count": 1, "at": None}
        place = None if value.position is None else replace(value.position, lon=number)
        value = replace(value, position=place, evidence={**value.evidence, "facts": facts})
    assert repr(to_document(value, sparse=sparse)) == repr(document_of(value, sparse=sparse))
