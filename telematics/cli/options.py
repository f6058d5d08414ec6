"""Options that several commands share, so that one word means one thing everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.errors import UserError

if TYPE_CHECKING:
    from telematics.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Bootstrap = Annotated[
    str | None,
    typer.Option("--bootstrap", metavar="HOST:PORT", help="Kafka to talk to, instead of TELEMATICS_KAFKA__BOOTSTRAP."),
]
Prefix = Annotated[
    str | None,
    typer.Option("--prefix", metavar="TEXT", help="Prefix of the topics, instead of TELEMATICS_TOPICS__PREFIX."),
]
Group = Annotated[
    str | None, typer.Option("--group", metavar="NAME", help="Consumer group, instead of TELEMATICS_KAFKA__GROUP.")
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port of metrics and health, instead of TELEMATICS_HTTP__PORT."),
]
Fences = Annotated[
    Path, typer.Option("--fences", metavar="FILE", help="GeoJSON file of the geofences.", show_default=False)
]
FencesOrSets = Annotated[
    Path | None,
    typer.Option("--fences", metavar="FILE", help="GeoJSON file of the geofences; without it the published sets hold."),
]
Rules = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="YAML file of rule parameters; without it the defaults hold."),
]


class DialectChoice(StrEnum):
    """Whose field names the files have (`telematics.wire.dialects`, which is slow to import)."""

    NATIVE = "native"
    TRACCAR = "traccar"


Columns = Annotated[
    str | None,
    typer.Option("--map", metavar="NAME=COLUMN,...", help="Columns with other names: vehicle_id=track_id,ts=t."),
]
Dialect = Annotated[
    DialectChoice | None, typer.Option("--dialect", help="Whose names the columns have; else they tell themselves.")
]
Arrival = Annotated[
    str | None, typer.Option("--arrival", metavar="COLUMN", help="Column of the arrival; else it is made from ts.")
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="Last arrival to judge: RFC 3339 or epoch. Deadlines after the last input before it have not come.",
    ),
]
TripsFile = Annotated[
    Path | None, typer.Option("--trips", metavar="FILE", help="Trips: NDJSON, or a JSON or YAML list.")
]


def settings_from(
    bootstrap: str | None,
    prefix: str | None,
    *,
    group: str | None = None,
    port: int | None = None,
    json_log: bool = False,
) -> Settings:
    """Read the settings, with what the command line gave on top, and log by them. Raises SettingsError."""
    from telematics.logs import configure_logging
    from telematics.settings import LogFormat, load_settings

    kafka = {name: value for name, value in (("bootstrap", bootstrap), ("group", group)) if value is not None}
    given: dict[str, Any] = {"kafka": kafka}
    if prefix is not None:
        given["topics"] = {"prefix": prefix}
    if port is not None:
        given["http"] = {"port": port}
    if json_log:
        given["log"] = {"format": LogFormat.JSON}
    settings = load_settings(**given)
    # What the stream has to say goes to standard error; a pipe carries results only.
    configure_logging(settings.log)
    return settings


class LanguageName(StrEnum):
    """A language texts exist in (`telematics.texts.Language`, which is slow to import)."""

    ES = "es"
    EN = "en"


LanguageOption = Annotated[LanguageName, typer.Option("--lang", help="Language of the texts.")]


def instant(text: str, option: str) -> int:
    """Milliseconds of an RFC 3339 time. Raises UserError naming the option."""
    from telematics.instants import parse_rfc3339

    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None
