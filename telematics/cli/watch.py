"""`telematics watch`: alerts as they come, for a person on a terminal or a program behind a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.options import Bootstrap, Json, LanguageName, LanguageOption, Prefix, instant, settings_from
from telematics.cli.output import as_json_line, line
from telematics.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from telematics.model import Alert
    from telematics.texts import Language

_COLOURS = {5: "bold red", 4: "red", 3: "yellow", 2: "cyan", 1: "dim"}


def watch(
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Begin with alerts from this RFC 3339 time on, on the feed's clock."
        ),
    ] = None,
    from_offset: Annotated[
        int | None,
        typer.Option("--from-offset", metavar="N", min=0, help="Begin at this offset of every partition; 0 is all."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Go on for ever, or end with the alerts there are now.")
    ] = True,
    every: Annotated[bool, typer.Option("--all", help="Also records and hints (severity 1 and 2).")] = False,
    language: LanguageOption = LanguageName.EN,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Show alerts as they come: a live table on a terminal, a line each in a pipe, or NDJSON with --json."""
    if since is not None and from_offset is not None:
        raise UserError("--since and --from-offset both say where to begin: give one of them")
    begin = instant(since, "--since") if since is not None else None
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.alerts import read_alerts
    from telematics.texts import Language

    alerts = read_alerts(settings, since=begin, from_offset=from_offset, follow=follow)
    show = _json_lines if json else _live_table if sys.stdout.isatty() else _lines
    with contextlib.suppress(KeyboardInterrupt):  # how a person ends watching
        asyncio.run(show(_chosen(alerts, every=every), Language(language)))


async def _chosen(alerts: AsyncIterator[Alert], *, every: bool) -> AsyncIterator[Alert]:
    from telematics.model import ANNOUNCED_FROM

    async for alert in alerts:
        if every or alert.severity >= ANNOUNCED_FROM:
            yield alert


async def _json_lines(alerts: AsyncIterator[Alert], language: Language) -> None:
    async for alert in alerts:
        as_json_line(alert_document(alert, language))


async def _lines(alerts: AsyncIterator[Alert], language: Language) -> None:
    async for alert in alerts:
        line(alert_line(alert, language))


def alert_document(alert: Alert, language: Language) -> dict[str, Any]:
    """An alert as on the wire, with its text in one language beside."""
    import orjson

    from telematics.texts import render
    from telematics.wire.alerts import encode_alert

    return {**orjson.loads(encode_alert(alert)), "text": render(alert, language)}


def alert_line(alert: Alert, language: Language) -> str:
    """An alert on one line: when it was knowable, how much it weighs, what happened, its id."""
    from telematics.instants import format_rfc3339
    from telematics.texts import SEVERITIES, render

    marks = "".join(f" [{word}]" for word, held in (("late", alert.late), ("delayed", alert.delayed)) if held)
    severity = SEVERITIES[language][alert.severity]
    return f"{format_rfc3339(alert.raised_at)}  {severity:<11}  {render(alert, language)}{marks}  {alert.alert_id}"


async def _live_table(alerts: AsyncIterator[Alert], language: Language) -> None:
    """One row per alert with its latest event; what changed last is on top, what ended is dimmed."""
    from rich.console import Console
    from rich.live import Live

    latest: dict[str, Alert] = {}
    console = Console()
    with Live(_drawn(latest, language), console=console, refresh_per_second=4) as live:
        async for alert in alerts:
            latest.pop(alert.alert_id, None)
            latest[alert.alert_id] = alert
            height = max(3, shutil.get_terminal_size().lines - 4)
            while len(latest) > height:
                del latest[_least_needed(latest)]
            live.update(_drawn(latest, language))


def _least_needed(latest: dict[str, Alert]) -> str:
    from telematics.model import AlertEvent

    ended = (key for key, alert in latest.items() if alert.event is AlertEvent.CLEARED)
    return next(ended, next(iter(latest)))


def _drawn(latest: dict[str, Alert], language: Language) -> Table:
    from rich.table import Table
    from rich.text import Text

    from telematics.instants import format_rfc3339
    from telematics.model import AlertEvent
    from telematics.texts import SEVERITIES, render

    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("UTC", no_wrap=True)
    table.add_column("severity" if language == "en" else "severidad", no_wrap=True)
    table.add_column("alert" if language == "en" else "alerta", ratio=1)
    table.add_column("id", style="dim", no_wrap=True)
    for alert in reversed(latest.values()):
        style = "dim" if alert.event is AlertEvent.CLEARED else _COLOURS[int(alert.severity)]
        table.add_row(
            format_rfc3339(alert.raised_at)[11:19],
            Text(SEVERITIES[language][alert.severity], style),
            Text(render(alert, language), style),
            alert.alert_id,
        )
    if not latest:
        waiting = "no alerts yet; Ctrl-C ends" if language == "en" else "aún no hay alertas; Ctrl-C termina"
        table.add_row("", "", Text(waiting, "dim"), "")
    return table
