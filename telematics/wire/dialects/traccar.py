"""Traccar: positions as its forwarder writes them, and rows exported from it.

Accepted shapes: the forwarded `{"position": {…}, "device": {…}}`, a bare position object, and CSV rows whose
`attributes` column holds JSON. Names of columns are compared without case, because databases fold them; attributes
may also be columns of their own. Source of names and units: Traccar's public model and forwarding pages.

- `uniqueId` (of the device or beside the position) becomes `vehicle_id`; `deviceId` is a key of Traccar's database and
  is never used.
- `ts` is `fixTime`. Where Traccar says that the fix is not valid or `outdated` (it repeats the last one), `ts` is
  `deviceTime`, the time of the report, and `fix` is `none`.
- `speed` is in knots, `odometer` in metres. `accuracy` 0 means that it is unknown.
- Four fields decide whether there is a ping. Any other that does not fit ours (units of attributes vary by tracker) is
  left out: an odd voltage must not cost the position.
- `alarm` (comma separated) becomes events where we have one, see `EVENTS`. `motion` and `batteryLevel` have no field
  of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from telematics.instants import format_rfc3339
from telematics.model import DeviceEvent, Fix, Ping
from telematics.wire.dialects.timestamps import read_instant
from telematics.wire.pings import ping_of_document
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.rounding import rounded
from telematics.wire.strict import load_object

KMH_PER_KNOT = 1.852

EVENTS = {
    "sos": DeviceEvent.PANIC,
    "jamming": DeviceEvent.JAMMING,
    "door": DeviceEvent.DOOR_OPEN,
    "powerCut": DeviceEvent.POWER_CUT,
    "powerRestored": DeviceEvent.POWER_RESTORED,
    "tampering": DeviceEvent.TAMPER,
    "removing": DeviceEvent.TAMPER,
    "gpsAntennaCut": DeviceEvent.TAMPER,
    "tow": DeviceEvent.TOW,
    "accident": DeviceEvent.CRASH,
}

# Their name (lower case), ours, and how many of ours one of theirs is.
_NUMBERS = (
    ("speed", "speed_kmh", KMH_PER_KNOT),
    ("course", "heading_deg", 1),
    ("altitude", "altitude_m", 1),
    ("accuracy", "accuracy_m", 1),
    ("hdop", "hdop", 1),
    ("sat", "satellites", 1),
    ("rssi", "gsm_level", 1),
    ("odometer", "odometer_km", 0.001),
    ("power", "power_v", 1),
    ("fuel", "fuel_l", 1),
)
_FLAGS = (("ignition", "ignition"), ("archive", "buffered"))
_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f")

NAMES = frozenset(
    {"position", "device", "attributes", "uniqueid", "fixtime", "devicetime", "latitude", "longitude", "valid"}
    | {"outdated", "alarm", *(theirs for theirs, _, _ in _NUMBERS), *(theirs for theirs, _ in _FLAGS)}
)
"""Every name that is read, in lower case."""

_HINTS = get_type_hints(Ping, include_extras=True)
_FIELDS: dict[str, TypeAdapter[Any]] = {ours: TypeAdapter(_HINTS[ours]) for _, ours, _ in _NUMBERS}


def claims(names: Collection[str]) -> bool:
    """Whether columns or fields of these names are Traccar's."""
    lower = {name.lower() for name in names}
    return "position" in lower or bool(lower & {"uniqueid", "fixtime", "devicetime"})


def decode_traccar(value: bytes | None) -> Ping | Reject:
    """The ping in a record of Traccar's forwarder. Never raises."""
    document = load_object(value)
    return document if isinstance(document, Reject) else ping_of_object(document)


def ping_of_object(fields: Mapping[str, Any]) -> Ping | Reject:
    """The ping in a forwarded JSON object or in a bare position."""
    position = fields.get("position", fields)
    device = fields.get("device")
    if not isinstance(position, Mapping):
        return reject(RejectReason.WRONG_TYPE, "position: expected an object")
    flat = _flatten(position)
    if isinstance(device, Mapping) and "uniqueId" in device:
        flat["uniqueid"] = device["uniqueId"]
    return _ping(flat)


def ping_of_row(row: Mapping[str, str]) -> Ping | Reject:
    """The ping in a row of an exported CSV (column name to text); an empty text is an absent field."""
    cells: dict[str, Any] = {name: text.strip() for name, text in row.items() if text.strip()}
    for name, text in cells.items():
        if name.lower() == "attributes":
            attributes = load_object(text.encode("utf-8", "surrogatepass"))
            if isinstance(attributes, Reject):
                return reject(attributes.reason, f"attributes: {attributes.detail}")
            cells[name] = attributes
            break
    return _ping(_flatten(cells))


def _flatten(position: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes and the position's own fields under lower case names; the position's own win."""
    flat: dict[str, Any] = {}
    for name, value in position.items():
        if name.lower() == "attributes" and isinstance(value, Mapping):
            flat |= {inner.lower(): found for inner, found in value.items()}
    flat |= {
        name.lower().removeprefix("attributes."): value
        for name, value in position.items()
        if value is not None and name.lower() != "attributes"
    }
    return flat


def _ping(flat: Mapping[str, Any]) -> Ping | Reject:
    unique_id = flat.get("uniqueid")
    if type(unique_id) not in {str, int}:
        return reject(
            RejectReason.MISSING_FIELD,
            "uniqueId: missing; a deviceId alone is a number of Traccar's database and names no vehicle",
        )
    has_fix = _flag(flat.get("valid")) is not False and _flag(flat.get("outdated")) is not True
    times = ("fixtime", "devicetime") if has_fix else ("devicetime", "fixtime")
    name = next((name for name in times if name in flat), None)
    if name is None:
        return reject(RejectReason.MISSING_FIELD, "fixTime: missing, and deviceTime too")
    try:
        ts = read_instant(flat[name])
    except ValueError as error:
        return reject(RejectReason.BAD_TS, f"{name}: {error}")
    document: dict[str, Any] = {"vehicle_id": str(unique_id), "ts": format_rfc3339(ts)}
    for theirs, ours in (("latitude", "lat"), ("longitude", "lon")):
        if theirs in flat:
            number = _number(flat[theirs])
            document[ours] = None if number is None else rounded(ours, number)
    document |= _optional(flat)
    if not has_fix:
        document["fix"] = Fix.NONE
    return ping_of_document(document)


def _optional(flat: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for theirs, ours, factor in _NUMBERS:
        number = _number(flat.get(theirs))
        if number is None or (theirs == "accuracy" and number == 0):
            continue
        value = rounded(ours, number * factor)
        try:
            # Not strict: 11.0 satellites are 11. What does not fit is left out, see above.
            found[ours] = _FIELDS[ours].validate_python(value)
        except ValidationError:
            continue
    for theirs, ours in _FLAGS:
        flag = _flag(flat.get(theirs))
        if flag is not None:
            found[ours] = flag
    alarm = flat.get("alarm")
    if isinstance(alarm, str):
        events = [EVENTS[word] for word in map(str.strip, alarm.split(",")) if word in EVENTS]
        if events:
            found["events"] = list(dict.fromkeys(events))
    return found


def _number(value: Any) -> float | None:
    if type(value) not in {int, float, str}:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def _flag(value: Any) -> bool | None:
    if type(value) not in {bool, int, str}:
        return None
    word = str(value)[:8].lower()
    return True if word in _TRUE else False if word in _FALSE else None
