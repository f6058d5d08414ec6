"""Structs: a dataclass as msgspec reads it."""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Gt, Len
from pydantic import BeforeValidator, StringConstraints

from telematics.wire.structs import struct_of


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[int, Gt(0)],
        Annotated[float, Ge(0.5)] | None,
        Annotated[str, StringConstraints(pattern="^a$", to_lower=True)],
        tuple[Annotated[int, BeforeValidator(abs)], ...],
        Annotated[str, Len(1), "a word"],
    ],
    ids=str,
)
def test_a_limit_without_counterpart_is_an_error(hint: Any) -> None:
    """A limit that msgspec would not keep as pydantic does is never passed over."""
    with pytest.raises(TypeError, match="no counterpart"):
        struct_of(make_dataclass("Report", [("field", hint)]))
