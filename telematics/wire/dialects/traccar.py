"""Traccar: positions as its forwarder writes them, and rows exported from it.

Accepted shapes: the forwarded `{"position": {…}, "device": {…}}`, a bare position object, and CSV rows whose
`attributes` column holds JSON. Names of columns are compared without case, because databases fold them; attributes
may also be columns of their own. Source of names and units: Traccar's classes `Position` and `Device` (constants
`KEY_…` and `ALARM_…`), its forwarder's `PositionData`, and what its handlers do to a position before it is forwarded.

- `uniqueId` (of the device or beside the position) becomes `vehicle_id`; `deviceId` is a key of Traccar's database and
  is never used. Where an attribute of the device is to name the vehicle, `uniqueId` becomes `device_id`.
- `ts` is `fixTime`, when the position was true: a message may carry a fix older than itself. Where there is no fix,
  `ts` is `deviceTime`, when the device made the report, and `fix` is `none`.
- There is no fix where a position is not `valid`, where it is `outdated` (`OutdatedHandler` has put the last known one in
  its place), and where it is `approximate`: `GeolocationHandler` has put a guess by the network's cells in its place,
  with speed 0, and calls it valid. Taken as a fix, that would be a stop where no truck has been.
- `speed` is in knots, `odometer` in metres. `accuracy` 0 means that it is unknown.
- `totalDistance` is no odometer: `DistanceHandler` adds it up from the positions, so that a jump of the position is one of
  the distance too, and would vouch for it.
- Four fields decide whether there is a ping. Any other that does not fit ours (units of attributes vary by tracker) is
  left out: an odd voltage must not cost the position.
- `alarm` (comma separated) becomes events where we have one, see `EVENTS`. What is a state and no event (`door`,
  `blocked`, inputs and outputs), and what has no field of ours (`motion`, `battery`, `batteryLevel`, `fuelLevel`), is
  left out.
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
NUMBERS = (
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
FLAGS = (("ignition", "ignition"), ("archive", "buffered"))
_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f")

NAMES = frozenset(
    {"position", "device", "attributes", "uniqueid", "fixtime", "devicetime", "latitude", "longitude", "valid"}
    | {"outdated", "approximate", "alarm", *(theirs for theirs, _, _ in NUMBERS), *(theirs for theirs, _ in FLAGS)}
)
"""Every name that is read, in lower case."""

_HINTS = get_type_hints(Ping, include_extras=True)
_FIELDS: dict[str, TypeAdapter[Any]] = {ours: TypeAdapter(_HINTS[ours]) for _, ours, _ in NUMBERS}


def claims(names: Collection[str]) -> bool:
    """Whether columns or fields of these names are Traccar's."""
    lower = {name.lower() for name in names}
    return "position" in lower or bool(lower & {"uniqueid", "fixtime", "devicetime"})


def decode_traccar(value: bytes | None, id_attribute: str | None = None) -> Ping | Reject:
    """The ping in a record of Traccar's forwarder. Never raises.

    With `id_attribute`, the attribute of the device of that name says which vehicle it is.
    """
    document = load_object(value)
    return document if isinstance(document, Reject) else ping_of_object(document, id_attribute)


def ping_of_object(fields: Mapping[str, Any], id_attribute: str | None = None) -> Ping | Reject:
    """The ping in a forwarded JSON object or in a bare position; `id_attribute` as in `decode_traccar`."""
    if isinstance(fields.get("event"), Mapping) and "position" not in fields:
        return reject(
            RejectReason.MISSING_FIELD,
            "position: missing; this is an event of Traccar's, and positions (forward.topic) are what can be read",
        )
    position = fields.get("position", fields)
    device = fields.get("device")
    if not isinstance(position, Mapping):
        return reject(RejectReason.WRONG_TYPE, "position: expected an object")
    flat = _flatten(position)
    if isinstance(device, Mapping) and "uniqueId" in device:
        flat["uniqueid"] = device["uniqueId"]
    if id_attribute is None:
        return _ping(flat)
    attributes = device.get("attributes") if isinstance(device, Mapping) else None
    named = attributes.get(id_attribute) if isinstance(attributes, Mapping) else None
    if type(named) not in {str, int}:
        return reject(RejectReason.MISSING_FIELD, f"device.attributes.{id_attribute}: missing; it names the vehicle")
    return _ping(flat | {"uniqueid": named}, device_id=str(flat.get("uniqueid", "")))


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


def _ping(flat: Mapping[str, Any], device_id: str = "") -> Ping | Reject:
    unique_id = flat.get("uniqueid")
    if type(unique_id) not in {str, int}:
        return reject(
            RejectReason.MISSING_FIELD,
            "uniqueId: missing; a deviceId alone is a number of Traccar's database and names no vehicle",
        )
    has_fix = (
        _flag(flat.get("valid")) is not False
        and _flag(flat.get("outdated")) is not True
        and _flag(flat.get("approximate")) is not True
    )
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
    if 0 < len(device_id) <= 64:
        document["device_id"] = device_id
    return ping_of_document(document)


def _optional(flat: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for theirs, ours, factor in NUMBERS:
        number = _number(flat.get(theirs))
        if number is None or (theirs == "accuracy" and number == 0):
            continue
        value = rounded(ours, number * factor)
        try:
            # Not strict: 11.0 satellites are 11. What does not fit is left out, see above.
            found[ours] = _FIELDS[ours].validate_python(value)
        except ValidationError:
            continue
    for theirs, ours in FLAGS:
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
