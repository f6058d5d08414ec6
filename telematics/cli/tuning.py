"""`telematics fences backtest` and `stats`: last week's pings say which fence makes the noise, and what a change does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.options import Arrival, Columns, Dialect, Json, Rules, TripsFile, Until
from telematics.cli.output import EXIT_PROBLEMS, as_json, note, table
from telematics.cli.replay import bar, plan_of, tell_refused

if TYPE_CHECKING:
    from telematics.replay.backtest import Compared, Row
    from telematics.replay.episodes import Episode
    from telematics.replay.fencestats import FenceStats
    from telematics.replay.plan import Plan
    from telematics.replay.rejects import Rejects
    from telematics.replay.runner import Judgement, Summary

_DAY_MS = 86_400_000
_NO_FENCE = "-"
_SETS = "the sets of the dump"
_NAMED = 20
_ROW_COLUMNS = ("fence", "rule", "before", "after", "added", "removed", "moved", "changed", "announced")
_ALERT_COLUMNS = ("what", "vehicle", "rule", "fence", "severity", "raised at", "difference")
_STATS_COLUMNS = (
    *("fence", "announced", "alerts", "entered", "left", "vehicles", "median", "longest", "< 1 min", "chattering"),
    "announced by rule",
)

Dumps = Annotated[
    list[Path],
    typer.Option(
        "--dump",
        metavar="FILE",
        help="Dump or track file, as telematics replay takes them; may be given more than once.",
        show_default=False,
    ),
]


def backtest(
    new: Annotated[Path, typer.Argument(metavar="NEW", help="GeoJSON file of the geofences as they would be.")],
    dumps: Dumps,
    fences: Annotated[
        Path | None,
        typer.Option(
            "--fences",
            metavar="OLD",
            help="GeoJSON file of the geofences as they are; without it the sets of the dump.",
        ),
    ] = None,
    rules: Rules = None,
    trips: TripsFile = None,
    columns: Columns = None,
    dialect: Dialect = None,
    arrival: Arrival = None,
    until: Until = None,
    one_by_one: Annotated[
        bool, typer.Option("--alerts", help="Each alert that is different, instead of how many by fence and rule.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also fences and alerts without any difference.")] = False,
    json: Json = False,
) -> None:
    """Say which alerts other fences would have added, removed, moved or changed in recorded pings.

    The recording is judged by OLD, or the sets it has, and by NEW, as the monitor would. Counted are alerts, not their records, by the
    fence they name (- for none) and by rule. Moved: the same alert, beginning sooner or later. Changed: with another
    severity, told at another time, or ended at another. Announced: of severity 3 or more.
    """
    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.core.params import load_rules
    from telematics.replay.backtest import Change, compare, rows
    from telematics.replay.episodes import Episodes
    from telematics.replay.runner import Judgement

    parameters = load_rules(rules)
    before, after = Episodes(), Episodes()
    judgements = [
        Judgement(FenceIndex(load_geojson(path)) if path else None, parameters, heard.hear, str(path or _SETS))
        for path, heard in ((fences, before), (new, after))
    ]
    plan = plan_of(dumps, columns, dialect, arrival, until)
    summary, refused = _judged("backtest", plan, judgements, trips, json=json)
    compared = compare(before.by_id, after.by_id, summary.last_arrival or 0)
    counted = rows(compared)
    shown = compared if everything else [one for one in compared if one.change is not Change.SAME]
    changed = [row for row in counted if everything or row.differences]
    if json:
        as_json(_recording(summary) | {"rows": list(map(_row, changed)), "alerts": list(map(_alert, shown))})
    else:
        _tell_recording(summary, refused)
        if summary.pings:
            note(_difference(counted))
        if one_by_one and shown:
            table(_ALERT_COLUMNS, map(_alert_cells, shown))
        elif changed:
            table(_ROW_COLUMNS, map(_row_cells, changed))
    _end(summary)


def stats(
    dumps: Dumps,
    fences: Annotated[
        Path | None,
        typer.Option(
            "--fences", metavar="FILE", help="GeoJSON file of the geofences; without it the sets of the dump."
        ),
    ] = None,
    rules: Rules = None,
    trips: TripsFile = None,
    columns: Columns = None,
    dialect: Dialect = None,
    arrival: Arrival = None,
    until: Until = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also fences that nobody visited and no alert names.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what became of each fence in recorded pings, the noisiest first: its alerts, and who came for how long.

    Without --fences the sets of the dump hold, each from when on it did; a fence that changed is told as it was last.
    Visits are those that the monitor sees, as if every fence detected enter and exit. Alerts are those of the fences as
    they are, and count for the fence they name (- for none); announced are those of severity 3 or more. Median and longest
    are of the time inside, in hours. Chattering: how often a vehicle entered three times or more within ten minutes.
    """
    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.core.params import load_rules
    from telematics.replay.episodes import Episodes
    from telematics.replay.fencestats import fence_stats, visits_only, watched
    from telematics.replay.runner import Judgement

    drawn, parameters = load_geojson(fences) if fences else None, load_rules(rules)
    alerts, visits = Episodes(), Episodes()
    judgements = [
        Judgement(FenceIndex(drawn) if drawn is not None else None, parameters, alerts.hear),
        Judgement(watched(drawn) if drawn is not None else None, visits_only(parameters), visits.hear, lay_out=watched),
    ]
    summary, refused = _judged("stats", plan_of(dumps, columns, dialect, arrival, until), judgements, trips, json=json)
    found = fence_stats(summary.fences, alerts.by_id.values(), visits.by_id.values(), summary.last_arrival or 0)
    days = _vehicle_days(summary)
    if json:
        as_json(_recording(summary) | {"vehicle_days": round(days, 3), "fences": [_stats(one, days) for one in found]})
    else:
        _tell_recording(summary, refused)
        if days:
            announced = sum(one.announced.total() for one in found)
            note(f"{announced:,} alerts announced: {_rate(announced / days)} for each vehicle and day")
        quiet = [one.fence.id for one in found if one.is_quiet and one.fence is not None]
        if quiet and summary.pings and not everything:
            more = f" and {len(quiet) - _NAMED} more" if len(quiet) > _NAMED else ""
            note(f"nobody visited {len(quiet)} of {len(summary.fences)} fences: {', '.join(quiet[:_NAMED])}{more}")
        table(_STATS_COLUMNS, [_stats_cells(one) for one in found if everything or not one.is_quiet])
    _end(summary)


def _judged(
    title: str, plan: Plan, judgements: Sequence[Judgement], trips: Path | None, *, json: bool
) -> tuple[Summary, Rejects]:
    from telematics.replay.feed import open_feed
    from telematics.replay.rejects import Rejects
    from telematics.replay.runner import judge
    from telematics.replay.trips import load_trips

    documents = load_trips(trips) if trips else ()
    feed = open_feed(plan)
    refused = Rejects()
    with bar(title, list(plan.files)) as progress:
        return judge(feed, judgements, documents, refused, None if json else progress), refused


def _end(summary: Summary) -> None:
    if summary.pings == 0:
        note("not one ping could be judged")
        raise typer.Exit(EXIT_PROBLEMS)


def _vehicle_days(summary: Summary) -> float:
    """So many vehicles, for as long as the recording goes."""
    return summary.vehicles * ((summary.last_arrival or 0) - (summary.first_arrival or 0)) / _DAY_MS


# -- as JSON -------------------------------------------------------------------------------------------------------


def _recording(summary: Summary) -> dict[str, Any]:
    told = summary.as_json()
    return {
        "pings": summary.pings,
        "vehicles": summary.vehicles,
        "first_arrival": _instant(summary.first_arrival),
        "last_arrival": _instant(summary.last_arrival),
        "rejected": told["rejected"],
        "notes": told["notes"],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "fence": row.fence,
        "rule": row.rule,
        "before": row.before,
        "after": row.after,
        **_changes([row]),
        "announced_before": row.announced_before,
        "announced_after": row.announced_after,
    }


def _changes(rows: Iterable[Row]) -> dict[str, int]:
    from telematics.replay.backtest import Change

    return {str(change): sum(row.changes[change] for row in rows) for change in Change if change is not Change.SAME}


def _alert(one: Compared) -> dict[str, Any]:
    position = one.shown.position
    return {
        "change": str(one.change),
        "vehicle_id": one.shown.vehicle_id,
        "rule": one.shown.rule,
        "fence": one.fence,
        "position": None if position is None else {"lat": round(position.lat, 6), "lon": round(position.lon, 6)},
        "before": _episode(one.before),
        "after": _episode(one.after),
    }


def _episode(episode: Episode | None) -> dict[str, Any] | None:
    if episode is None:
        return None
    return {
        "alert_id": episode.alert_id,
        "severity": int(episode.severity),
        "fence": episode.fence,
        "episode_start": _instant(episode.start),
        "raised_at": _instant(episode.raised_at),
        "ended_at": _instant(episode.ended_at),
    }


def _stats(one: FenceStats, days: float) -> dict[str, Any]:
    announced = one.announced.total()
    return {
        "fence": one.fence and one.fence.id,
        "kind": one.fence and str(one.fence.kind),
        "alerts": dict(one.alerts.most_common()),
        "announced": dict((+one.announced).most_common()),
        "announced_per_vehicle_day": round(announced / days, 4) if days else None,
        "entered": one.entered,
        "left": one.left,
        "vehicles": one.vehicles,
        "inside_median_s": None if one.median_ms is None else one.median_ms / 1000,
        "inside_longest_s": None if one.longest_ms is None else one.longest_ms / 1000,
        "shorter_than_a_minute": one.short,
        "chattering": one.chattering,
    }


def _instant(at: int | None) -> str | None:
    from telematics.instants import format_rfc3339

    return None if at is None else format_rfc3339(at)


# -- for people ----------------------------------------------------------------------------------------------------


def _tell_recording(summary: Summary, refused: Rejects) -> None:
    for text in summary.notes:
        note(text)
    tell_refused(refused, "telematics replay --rejects FILE keeps them all")
    if summary.first_arrival is not None and summary.last_arrival is not None:
        span = f"{_second(summary.first_arrival)} to {_second(summary.last_arrival)}"
        vehicles = "1 vehicle" if summary.vehicles == 1 else f"{summary.vehicles:,} vehicles"
        note(f"{summary.pings:,} pings of {vehicles}, {span}")


def _difference(counted: list[Row]) -> str:
    before, after = sum(row.before for row in counted), sum(row.after for row in counted)
    changes = _changes(counted)
    if not any(changes.values()):
        return f"no alert would have been different, of {before:,}"
    announced = sum(row.announced_before for row in counted), sum(row.announced_after for row in counted)
    found = ", ".join(f"{count:,} {change}" for change, count in changes.items() if count)
    return f"{before:,} alerts before, {after:,} after ({announced[0]:,} and {announced[1]:,} announced): {found}"


def _row_cells(row: Row) -> tuple[object, ...]:
    announced = f"{row.announced_before} → {row.announced_after}"
    return row.fence or _NO_FENCE, row.rule, row.before, row.after, *_changes([row]).values(), announced


def _alert_cells(one: Compared) -> tuple[object, ...]:
    shown = one.shown
    words = _words(one.before, one.after) if one.before is not None and one.after is not None else ()
    where = one.fence or _NO_FENCE
    when = _second(shown.raised_at)
    return one.change, shown.vehicle_id, shown.rule, where, int(shown.severity), when, ", ".join(words)


def _words(old: Episode, new: Episode) -> Iterable[str]:
    if old.fence != new.fence:
        yield f"fence {old.fence or _NO_FENCE} → {new.fence or _NO_FENCE}"
    if old.severity != new.severity:
        yield f"severity {int(old.severity)} → {int(new.severity)}"
    if old.start != new.start:
        yield f"begins {_shift(new.start - old.start)}"
    elif old.raised_at != new.raised_at:
        yield f"raised {_shift(new.raised_at - old.raised_at)}"
    if old.ended_at is None or new.ended_at is None:
        if old.ended_at != new.ended_at:
            yield "does not end" if new.ended_at is None else "ends"
    elif old.ended_at != new.ended_at:
        yield f"ends {_shift(new.ended_at - old.ended_at)}"


def _shift(ms: int) -> str:
    from telematics.texts import lasting

    return f"{lasting(abs(ms) / 1000)} {'later' if ms > 0 else 'sooner'}"


def _stats_cells(one: FenceStats) -> tuple[object, ...]:
    by_rule = ", ".join(f"{rule} {count:,}" for rule, count in (+one.announced).most_common())
    told = one.announced.total(), one.alerts.total()
    if one.fence is None:
        return _NO_FENCE, *told, *[None] * 7, by_rule
    inside = _hours(one.median_ms), _hours(one.longest_ms)
    return one.fence.id, *told, one.entered, one.left, one.vehicles, *inside, one.short, one.chattering, by_rule


def _rate(value: float) -> str:
    """Three digits, and as many more as stand before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _hours(ms: float | None) -> str | None:
    """As 1:05:30."""
    if ms is None:
        return None
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _second(at: int) -> str:
    """An instant without its milliseconds: nobody looks for an alert by them."""
    from telematics.instants import format_rfc3339

    return f"{format_rfc3339(at)[:19]}Z"
