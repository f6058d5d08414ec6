"""Trips from a file: NDJSON (one document a line), or a JSON or YAML list of documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson
import yaml

from telematics.errors import UserError
from telematics.model import PlannedStop, Trip, TripPlan, Vehicle, Window
from telematics.wire.reasons import Reject
from telematics.wire.trips import decode_trip


class TripsError(UserError):
    """Trips that cannot be used. The text has one line a mistake, each naming file, place, field and remedy."""


@dataclass(frozen=True, slots=True)
class _Document:
    """One trip document as it stands in the file, and where."""

    where: str
    content: Any


def load_trips(path: Path) -> tuple[Trip, ...]:
    """Every trip of a file, in its order. Raises TripsError naming every mistake at once."""
    trips: list[Trip] = []
    problems: list[str] = []
    seen: dict[tuple[str, int | None], str] = {}
    for document in _documents(path):
        trip = _check(document)
        if isinstance(trip, str):
            problems.append(trip)
            continue
        known = (trip.vehicle_id, trip.effective_at)
        if known in seen:
            problems.append(
                f"{document.where}: vehicle {trip.vehicle_id!r} has a trip from the same instant on at {seen[known]}; "
                "give one of them another effective_at"
            )
        seen.setdefault(known, document.where)
        trips.append(trip)
    if problems:
        raise TripsError("\n".join(problems))
    return tuple(trips)


def from_the_start(trip: Trip) -> Trip:
    """A file has no time of publication: a trip that says nothing else applies from the first input on."""
    return trip if trip.effective_at is not None else replace(trip, effective_at=0)


def _documents(path: Path) -> Iterator[_Document]:
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        text = content.decode()
    except OSError as error:
        raise TripsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TripsError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    if text.lstrip().startswith("{") and not _is_json(content):
        yield from _ndjson(path, content)
        return
    for number, document in enumerate(_listed(path, text), start=1):
        yield _Document(f"{path}, trip {number}{_named(document)}", document)


def _ndjson(path: Path, content: bytes) -> Iterator[_Document]:
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise TripsError(f"{path}, line {number}: not a JSON object on one line: {error}") from error
            yield _Document(f"{path}, line {number}{_named(document)}", document)


def _listed(path: Path, text: str) -> list[Any]:
    # Every JSON document is YAML too, but only YAML's reader knows what somebody wrote by hand.
    try:
        documents = yaml.safe_load(text)
    except RecursionError as error:
        raise TripsError(f"{path}: nested too deeply; a trip needs five levels") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-45
        raise TripsError(f"{path}: neither JSON nor YAML: {' '.join(str(error).split())}") from error
    if documents is None:
        return []
    return documents if isinstance(documents, list) else [documents]


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _named(document: Any) -> str:
    """The vehicle, where the document names one: people know trucks, not line numbers."""
    vehicle_id = document.get("vehicle_id") if isinstance(document, dict) else None
    return f" (vehicle {vehicle_id!r})" if isinstance(vehicle_id, str) else ""


def _check(document: _Document) -> Trip | str:
    content = document.content
    if not isinstance(content, dict):
        return f"{document.where}: expected a trip document such as {{vehicle_id: truck-1, trip: {{id: t-1}}}}"
    unknown = next(_unknown_fields(content, Trip, ""), None)
    if unknown is not None:
        return f"{document.where}: {unknown}"
    try:
        value = orjson.dumps(content)
    except TypeError as error:
        return f"{document.where}: is no JSON document: {error}"
    trip = decode_trip(value)
    if isinstance(trip, Reject):
        return f"{document.where}: {trip.detail}"
    useless = next(_useless_stops(trip), None)
    return trip if useless is None else f"{document.where}: {useless}"


def _useless_stops(trip: Trip) -> Iterator[str]:
    """Stops that read well and can never explain anything."""
    for number, stop in enumerate(trip.trip.stops if trip.trip else ()):
        here = f"trip.stops.{number}"
        if (stop.lat is None) != (stop.lon is None):
            missing, given = ("lat", "lon") if stop.lat is None else ("lon", "lat")
            yield f"{here}.{missing}: missing beside {given}; a point needs both"
        elif stop.place is None and stop.lat is None:
            yield f"{here}.place: missing; say where the stop is: the id of a fence as place, or lat and lon"
        if stop.window is not None and stop.window.end <= stop.window.start:
            yield f"{here}.window.end: must be later than its start"


def _unknown_fields(content: dict[Any, Any], kind: type, path: str) -> Iterator[str]:
    """A topic ignores fields it does not know; in a file somebody wrote by hand they are slips of the pen."""
    known = [field.name for field in fields(kind)]
    for name, value in content.items():
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            yield f"{path}{name}: unknown field; {remedy}"
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and name in _KINDS:
                yield from _unknown_fields(inner, _KINDS[name], f"{path}{name}.")


_KINDS = {"vehicle": Vehicle, "trip": TripPlan, "stops": PlannedStop, "window": Window}
