"""A dataclass of `telematics.model` as a msgspec struct: the same fields, limits and defaults, in the same order.

Derived from the annotations, so that the class stays the one specification. What cannot be said to msgspec exactly as
pydantic understands it is an error here, never a limit forgotten.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import MISSING, fields
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Le, Len
from pydantic import StringConstraints

from telematics.instants import Instant


def struct_of(kind: type, unchecked: Container[str] = ()) -> type[msgspec.Struct]:
    """The struct of a dataclass; it refuses unknown fields, and instants stay the texts they are on the wire.

    Fields in `unchecked` are any text: whoever reads them has to hold them against their limits.
    """
    hints = get_type_hints(kind, include_extras=True)
    described = [
        (
            each.name,
            str if each.name in unchecked else _type(hints[each.name]),
            *(() if each.default is MISSING else (each.default,)),
        )
        for each in fields(kind)
    ]
    # No collector's header: nothing in a message can point back at it.
    return msgspec.defstruct(kind.__name__, described, forbid_unknown_fields=True, gc=False)


def _type(hint: Any) -> Any:
    if hint == Instant:
        return str
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[_type(parts[0]), *map(_limit, parts[1:])]
    if origin in {Union, UnionType}:
        return reduce(or_, map(_type, parts))
    return origin[tuple(map(_type, parts))] if origin else hint


def _limit(limit: Any) -> msgspec.Meta:
    match limit:
        case Ge(ge=int(least)):
            return msgspec.Meta(ge=least)
        case Le(le=int(most)):
            return msgspec.Meta(le=most)
        case Len(min_length=least, max_length=most):
            return msgspec.Meta(min_length=least, max_length=most)
        case StringConstraints(pattern=str(pattern)) if limit == StringConstraints(pattern=pattern):
            # The pattern is for Rust, where $ is the end; Python's $ is also before a last line end.
            return msgspec.Meta(pattern=pattern.replace("$", r"\Z"))
    raise TypeError(f"{limit!r} has no counterpart in msgspec")
