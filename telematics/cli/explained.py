"""How an explanation looks: as JSON, and as text for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from telematics.cli.output import line, table
from telematics.cli.watch import alert_document
from telematics.instants import format_rfc3339
from telematics.model import Alert
from telematics.replay.explanation import Explanation, Said
from telematics.texts import SEVERITIES, Language, render, rule_label

_INSTANTS = ("_since", "_ts", "_at", "_start")


def alert_as_json(events: Sequence[Alert], language: Language) -> dict[str, Any]:
    """One alert with its life cycle, oldest event first."""
    last = events[-1]
    return {
        "alert_id": last.alert_id,
        "vehicle_id": last.vehicle_id,
        "rule": last.rule,
        "subject": last.subject,
        "severity": int(last.severity),
        "open": last.event != "cleared",
        "events": [alert_document(event, language) for event in events],
    }


def print_alert(events: Sequence[Alert], language: Language) -> None:
    """One alert with its life cycle, each event with its facts and the thresholds they were held against."""
    first, last = events[0], events[-1]
    about = f" on {first.subject}" if first.subject else ""
    line(f"{first.alert_id}: {rule_label(first.rule, language)} ({first.rule}{about}), vehicle {first.vehicle_id}")
    line(f"the episode began {format_rfc3339(first.episode_start)} and {_state(last)}")
    for event in events:
        marks = "".join(f", {word}" for word, held in (("late", event.late), ("delayed", event.delayed)) if held)
        line()
        line(f"{event.seq} {event.event}: {SEVERITIES[language][event.severity]}{marks}")
        line(f"  {render(event, language)}")
        line(f"  became true  {format_rfc3339(event.event_time)} by the device's clock")
        line(f"  knowable     {format_rfc3339(event.raised_at)} by the broker's clock")
        evidence = event.evidence
        for title in ("facts", "thresholds"):
            if evidence.get(title):
                line(f"  {title:<11}  {_listed(evidence[title])}")
        if event.position is not None:
            place = event.position
            line(
                f"  last fix     {place.lat:.6f}, {place.lon:.6f} within {place.accuracy_m:g} m, {format_rfc3339(place.ts)}"
            )
    line()
    versions = {name.removesuffix("_version"): value for name, value in last.evidence.items() if "_version" in name}
    fence = first.evidence.get("fence")
    if isinstance(fence, Mapping):
        versions[f"fence {fence.get('id')}"] = fence.get("version")
    line(f"versions: {_listed(versions)}")


def explanation_as_json(explanation: Explanation, language: Language) -> dict[str, Any]:
    """A vehicle at a time: facts, verdicts, alerts until then."""
    return {
        "vehicle_id": explanation.vehicle_id,
        "at": format_rfc3339(explanation.at),
        "pings": explanation.pings,
        "facts": {name: _shown(name, value) for name, value in explanation.facts.items()},
        "verdicts": [
            {
                "rule": said.rule,
                "subject": said.subject or None,
                "verdict": said.verdict,
                "at": None if said.at is None else format_rfc3339(said.at),
                "details": {name: _shown(name, value) for name, value in said.details.items()},
            }
            for said in explanation.verdicts
        ],
        "alerts": [alert_document(alert, language) for alert in explanation.alerts],
    }


def print_explanation(explanation: Explanation, language: Language) -> None:
    """A vehicle at a time, in three parts: what was known, what each rule made of it, what was said."""
    line(f"{explanation.vehicle_id} at {format_rfc3339(explanation.at)}, from {explanation.pings} pings before it")
    line()
    for name, value in explanation.facts.items():
        line(f"  {name:<24} {_text(name, value)}")
    line()
    table(("rule", "about", "verdict", "when", "because"), (_row(said) for said in explanation.verdicts))
    if explanation.alerts:
        line()
    for alert in explanation.alerts:
        line(f"{format_rfc3339(alert.raised_at)}  {alert.event:<9}  {render(alert, language)}  {alert.alert_id}")


def _row(said: Said) -> tuple[object, ...]:
    when = "" if said.at is None else format_rfc3339(said.at)[11:19]
    return said.rule, said.subject, said.verdict.value, when, _listed(said.details)


def _state(last: Alert) -> str:
    return f"ended {format_rfc3339(last.event_time)}" if last.event == "cleared" else "is open"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_text(name, value)}" for name, value in values.items())


def _shown(name: str, value: Any) -> Any:
    # Facts are plain values; instants among them are known by their names, as everywhere.
    return format_rfc3339(value) if name.endswith(_INSTANTS) and type(value) is int and value > 0 else value


def _text(name: str, value: Any) -> str:
    if value is None or (isinstance(value, list | tuple | Mapping) and not value):
        return "-"
    if isinstance(value, Mapping):
        return f"({_listed(value)})"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(_shown(name, value))
