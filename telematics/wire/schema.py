"""JSON Schema of every message, and the tables of `docs/wire.md`, made from the classes themselves.

`python -m telematics.wire.schema --write` renews `docs/schema/*.schema.json` and the tables, `--check` says whether
they are current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter

from telematics.errors import UserError
from telematics.model import Alert, Ping, PlannedStop, Position, Trip, TripPlan, Vehicle, Window
from telematics.wire.alerts import ALERT
from telematics.wire.fencesets import MANIFEST, Manifest
from telematics.wire.meanings import MEANINGS, REASONS
from telematics.wire.pings import PING
from telematics.wire.trips import TRIP

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DOCS = Path("docs")
_PAGE = _DOCS / "wire.md"
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TABLES: dict[str, tuple[type, ...]] = {
    "ping": (Ping,),
    "alert": (Alert, Position),
    "manifest": (Manifest,),
    "trip": (Trip, Vehicle, TripPlan, PlannedStop, Window),
}


def schemas() -> dict[str, dict[str, Any]]:
    """Message name to JSON Schema (2020-12)."""
    tick = {
        "title": "Tick",
        "description": "A record that only carries time. Its key is null and it has the header type=tick.",
        "type": "object",
        "properties": {"v": {"const": 1, "description": "Version of this form."}},
        "required": ["v"],
    }
    messages: dict[str, TypeAdapter[Any]] = {"ping": PING, "alert": ALERT, "trip": TRIP, "manifest": MANIFEST}
    found = {name: message.json_schema() for name, message in messages.items()} | {"tick": tick}
    for schema in found.values():
        _describe(schema)
    return {name: {"$schema": _DIALECT, **schema} for name, schema in found.items()}


def schema_files() -> dict[Path, bytes]:
    """Path below the project's root to the bytes that the schema's file must have."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {
        _DOCS / "schema" / f"{name}.schema.json": orjson.dumps(schema, option=options)
        for name, schema in schemas().items()
    }


def page(text: str) -> str:
    """`docs/wire.md` with its tables as the classes have them now."""
    found = schemas()

    def part(match: re.Match[str]) -> str:
        name = match.group(2)
        if name in _TABLES:
            table = "\n".join(_tables(found[name], _TABLES[name]))
        elif name == "reasons":
            table = "\n".join(["| reason | meaning |", "|---|---|", *(f"| `{r}` | {REASONS[r]} |" for r in REASONS)])
        else:
            return match.group(0)
        return f"{match.group(1)}\n{table}\n\n{match.group(3)}"

    return _PART.sub(part, text)


def stale(root: Path) -> dict[Path, bytes]:
    """Files below `root` that are missing or not current, with the bytes they should have."""
    wanted = schema_files()
    wanted[_PAGE] = page((root / _PAGE).read_text(encoding="utf-8")).encode()
    return {
        path: content
        for path, content in wanted.items()
        if not (root / path).exists() or (root / path).read_bytes() != content
    }


def main(arguments: list[str]) -> int:
    """Renew the files (`--write`) or say which are not current (`--check`); 0 when all are."""
    if arguments not in (["--write"], ["--check"]):
        raise UserError("use: python -m telematics.wire.schema --write | --check")
    writing = arguments == ["--write"]
    found = stale(Path())
    for path, content in found.items():
        if writing:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        sys.stdout.write(f"{path} {'renewed' if writing else 'is not current: run make docs'}\n")
    return 1 if found and not writing else 0


def _describe(schema: dict[str, Any]) -> None:
    """Put the words of each field into the schema, in place."""
    words = {kind.__name__: meanings for kind, meanings in MEANINGS.items()}
    for part in (schema, *schema.get("$defs", {}).values()):
        for name, field in part.get("properties", {}).items():
            field.pop("title", None)
            if part["title"] in words:
                field["description"] = words[part["title"]][name]


def _tables(schema: dict[str, Any], kinds: tuple[type, ...]) -> Iterator[str]:
    for number, kind in enumerate(kinds):
        part = schema if number == 0 else schema["$defs"][kind.__name__]
        if number:
            yield f"\n### `{kind.__name__}`\n"
        yield "| field | type and limits | default | meaning |"
        yield "|---|---|---|---|"
        for field in fields(kind):
            described = part["properties"][field.name]
            limits = _limits(described, schema.get("$defs", {}))
            yield f"| `{field.name}` | {limits} | {_default(field, described)} | {MEANINGS[kind][field.name]} |"


def _default(field: Any, described: dict[str, Any]) -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return "required"
    if field.default_factory is not MISSING:
        return "empty"
    value = described["default"]
    return "absent" if value is None else f"`{orjson.dumps(value).decode()}`"


def _limits(described: dict[str, Any], defs: dict[str, Any]) -> str:
    """A schema in words: type, then limits."""
    if "anyOf" in described:
        return " or ".join(_limits(each, defs) for each in described["anyOf"] if each.get("type") != "null")
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        return _words(defs[name]["enum"]) if "enum" in defs[name] else f"`{name}`"
    if "prefixItems" in described:
        return "[" + ", ".join(_limits(each, defs) for each in described["prefixItems"]) + "]"
    if described.get("type") == "array":
        return f"list of {_limits(described['items'], defs)}"
    if described.get("format") == "date-time":
        return "RFC 3339"
    text = {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        described["type"], described["type"]
    )
    if "pattern" in described:
        return f"text matching `{described['pattern']}`"
    if "minLength" in described:
        return f"{text} of {described['minLength']} to {described['maxLength']} characters"
    if "minimum" in described:
        most = f" to {described['maximum']:,}" if "maximum" in described else " on"
        return f"{text} from {described['minimum']:,}{most}"
    return str(text)


def _words(values: list[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
