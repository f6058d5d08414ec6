"""What the names of other programs become: texts that can be printed, and ids where a feature has none."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from geofences.formats.features import Raw
from geofences.formats.properties import LONGEST_ID, identifier

_TEXTS = frozenset({"name", "protocol", "tags", "applies_to"})
# So that a number of seven digits fits behind it.
_LONGEST_STEM = LONGEST_ID - len("-9999999")


def named(raws: Iterable[Raw]) -> Iterator[Raw]:
    """The features with texts as `tidy` makes them, and with an id made of the name where they have none.

    `Casa Matriz` becomes `casa-matriz`, then `casa-matriz-2`.
    """
    found = [Raw(raw.geometry, _tidied(raw.properties), raw.line, raw.wrong) for raw in raws]
    taken = {given for raw in found if (given := _id(raw.properties.get("id"))) is not None}
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(2))
    for number, raw in enumerate(found, start=1):
        if raw.properties.get("id") is not None or (raw.wrong is not None and not raw.properties):
            yield raw
            continue
        name = raw.properties.get("name")
        stem = _stem(name) if isinstance(name, str) else ""
        given = stem = stem or f"fence-{number}"
        while given in taken:
            given = f"{stem}-{next(numbers[stem])}"
        taken.add(given)
        yield Raw(raw.geometry, {**raw.properties, "id": given}, raw.line, raw.wrong)


def tidy(text: str) -> str:
    """The text without what cannot be seen: line breaks, tabs and hard spaces are one space, joiners and marks none.

    What a fence can have stays as it is, also several spaces.
    """
    if text.isprintable():
        return text
    spaced = re.sub(r"\s+", lambda run: " " if run[0].strip(" ") else run[0], text)
    return "".join(each for each in spaced if unicodedata.category(each) != "Cf").strip()


def _tidied(properties: Mapping[str, Any]) -> dict[str, Any]:
    tidied = {key: _tidy(value) if key in _TEXTS else value for key, value in properties.items()}
    if isinstance(name := tidied.get("name"), str) and not name.strip():
        del tidied["name"]
    return tidied


def _tidy(value: Any) -> Any:
    match value:
        case str():
            return tidy(value)
        case list():
            return [tidy(each) if isinstance(each, str) else each for each in value]
    return value


def _id(value: Any) -> str | None:
    """The id that will be read of it."""
    try:
        return identifier(value)
    except ValueError:
        return None


def _stem(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name.casefold())[:_LONGEST_STEM].strip("-")
