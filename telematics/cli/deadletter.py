"""`telematics deadletter`: look at refused records, and send them again once the cause is gone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.options import Bootstrap, Json, Prefix, instant, settings_from
from telematics.cli.output import EXIT_PROBLEMS, as_json, as_json_line, line, note, table
from telematics.errors import UserError

if TYPE_CHECKING:
    from telematics.settings import Settings
    from telematics.stream.deadletters import Stored

app = typer.Typer(no_args_is_help=True, help="Look at records that could not be read, and send them again.")

_PLACE = re.compile(r"(\d{1,9}):(\d{1,18})")
Reason = Annotated[str | None, typer.Option("--reason", help="Only those refused for this reason.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Only those written from this RFC 3339 time on.")
]


@app.command("list")
def list_(
    reason: Reason = None,
    since: Since = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="No more than so many.")] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """List dead letters: place (partition:offset), arrival, reason, source and detail."""
    chosen = _chosen(settings_from(bootstrap, prefix), reason, since, limit)
    if json:
        asyncio.run(_print_lines(chosen))
    else:
        columns = ("place", "arrival", "reason", "source", "detail")
        table(columns, (_row(stored) for stored in asyncio.run(_all(chosen))))


@app.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="Place of the dead letter, as listed.")],
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Print one dead letter with its bytes, as text where they are text, else in hexadecimal."""
    partition, offset = _parsed(place)
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.deadletters import show_letter

    shown = document(asyncio.run(show_letter(settings, partition, offset)), with_bytes=True)
    if json:
        as_json(shown)
        return
    for name, value in shown.items():
        line(f"{name:<10} {'' if value is None else value}")


@app.command()
def retry(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="PARTITION:OFFSET", help="Places of dead letters, as listed.")
    ] = None,
    reason: Reason = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="All that --reason and --since leave.")] = False,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Write dead letters, unchanged, to the topic they came from; exits 1 when one of them cannot be sent again."""
    if bool(places) == every or (places and (reason or since)):
        raise UserError("say which dead letters to send again: PARTITION:OFFSET…, or --all with --reason and --since")
    wanted = [_parsed(place) for place in places or ()]
    settings = settings_from(bootstrap, prefix)
    refused = asyncio.run(_retry(settings, wanted, _chosen(settings, reason, since, None) if every else None))
    sent = [place for place, why in refused.items() if why is None]
    kept = {place: why for place, why in refused.items() if why is not None}
    if json:
        as_json({"sent": sent, "refused": kept})
    else:
        line(f"sent {len(sent)} again")
    for place, why in kept.items():
        note(f"{place} was not sent: {why}")
    if kept:
        raise typer.Exit(EXIT_PROBLEMS)


async def _retry(
    settings: Settings, places: list[tuple[int, int]], chosen: AsyncIterator[Stored] | None
) -> dict[str, str | None]:
    from telematics.stream.deadletters import retry_letters, show_letter

    letters = [await show_letter(settings, *place) for place in places] if chosen is None else await _all(chosen)
    return {result.stored.place: result.refused for result in await retry_letters(settings, letters)}


async def _all(chosen: AsyncIterator[Stored]) -> list[Stored]:
    return [stored async for stored in chosen]


async def _print_lines(chosen: AsyncIterator[Stored]) -> None:
    async for stored in chosen:
        as_json_line(document(stored, with_bytes=False))


def _row(stored: Stored) -> tuple[str, ...]:
    shown = document(stored, with_bytes=False)
    source = f"{shown['topic']} {shown['partition']}:{shown['offset']}"
    return stored.place, shown["arrival"], shown["reason"], source, shown["detail"]


def document(stored: Stored, *, with_bytes: bool) -> dict[str, Any]:
    """A dead letter as JSON; bytes that are no text are given in hexadecimal under `…_hex`."""
    letter = stored.letter
    shown: dict[str, Any] = {
        "place": stored.place,
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "arrival": _arrival(letter.arrival),
        "truncated": letter.truncated or None,
        "size": letter.size,
        "sha256": letter.sha256,
    }
    if with_bytes:
        shown |= _bytes("key", letter.key) | _bytes("value", letter.value)
    return shown


def _arrival(at: int) -> str:
    from telematics.instants import format_rfc3339

    try:
        return format_rfc3339(at)
    except OverflowError:  # a stamp that is no calendar date is one of the reasons for a dead letter
        return str(at)


def _bytes(name: str, value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_hex": value.hex()}


def _chosen(settings: Settings, reason: str | None, since: str | None, limit: int | None) -> AsyncIterator[Stored]:
    from telematics.stream.deadletters import list_letters
    from telematics.wire.reasons import RejectReason

    known = [member.value for member in RejectReason]
    if reason is not None and reason not in known:
        raise UserError(f"--reason: {reason!r} is no reason; there are {', '.join(known)}")
    begin = instant(since, "--since") if since is not None else None
    return list_letters(settings, reason=reason, since=begin, limit=limit)


def _parsed(place: str) -> tuple[int, int]:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UserError(f"{place!r} is no place of a dead letter; expected PARTITION:OFFSET, as 3:120, from the list")
    return int(match.group(1)), int(match.group(2))
