"""What people read of an alert, in Spanish and English: which truck, what happened, where, for how long.

Alerts carry a `message_key` (`<rule>.<event>`) and arguments, never a text, so that every reader renders in its
own language. Rendering cannot fail: square brackets hold a part that is left out, brackets and all, when an
argument in it is missing, and an unknown key gives a plain sentence made of the alert's own fields.

Arguments every template may use: `vehicle`, `where` (name of the fence or place, position in degrees, or both),
`fence`, `since` (when the episode began, clock time), `lasting` (how long it has gone on), `severity` and `reason`
(in words).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, NamedTuple

from telematics.model import Alert, AlertEvent, Severity


class Language(StrEnum):
    """A language texts exist in."""

    ES = "es"
    EN = "en"


class RuleText(NamedTuple):
    """How a rule is called, and what its events say where the common sentence would not do."""

    label: str
    raised: str
    cleared: str | None = None
    escalated: str | None = None


SEVERITIES: dict[Language, dict[Severity, str]] = {
    Language.ES: {
        Severity.RECORD: "registro",
        Severity.HINT: "indicio",
        Severity.WARNING: "advertencia",
        Severity.HIGH: "alta",
        Severity.CRITICAL: "crítica",
    },
    Language.EN: {
        Severity.RECORD: "record",
        Severity.HINT: "hint",
        Severity.WARNING: "warning",
        Severity.HIGH: "high",
        Severity.CRITICAL: "critical",
    },
}

_COMMON: dict[Language, dict[AlertEvent, str]] = {
    Language.ES: {
        AlertEvent.ESCALATED: "{vehicle}: {label} sube a severidad {severity}[, {where}][, dura {lasting}]",
        AlertEvent.AMENDED: "{vehicle}: {label}, hay datos nuevos[: {reason}][, {where}]",
        AlertEvent.CLEARED: "{vehicle}: terminó {label}[, {where}][, duró {lasting}][ ({reason})]",
    },
    Language.EN: {
        AlertEvent.ESCALATED: "{vehicle}: {label} is now {severity}[, {where}][, lasting {lasting}]",
        AlertEvent.AMENDED: "{vehicle}: {label}, new facts[: {reason}][, {where}]",
        AlertEvent.CLEARED: "{vehicle}: {label} ended[, {where}][, lasted {lasting}][ ({reason})]",
    },
}

RULES: dict[Language, dict[str, RuleText]] = {
    Language.ES: {
        "geofence_enter": RuleText(
            "entrada",
            "{vehicle} entró en {fence}[ a las {since}]",
            "{vehicle} ya no está en {fence}[, estuvo {lasting}]",
        ),
        "geofence_exit": RuleText(
            "salida",
            "{vehicle} salió de {fence}[ a las {since}]",
            "{vehicle} volvió a {fence}[, estuvo fuera {lasting}]",
        ),
        "geofence_dwell": RuleText(
            "permanencia",
            "{vehicle} lleva demasiado tiempo en {fence}[: {lasting}]",
            "{vehicle} salió de {fence}[ tras {lasting}]",
        ),
        "no_stop_zone": RuleText(
            "parada prohibida",
            "{vehicle}: parada prohibida[, {where}][, {lasting} detenido][ desde las {since}]",
            "{vehicle} dejó la parada prohibida[, {where}][, duró {lasting}]",
        ),
        "risk_stop": RuleText(
            "parada en zona de riesgo",
            "{vehicle}: parada en zona de riesgo[, {where}][, {lasting} detenido][ desde las {since}]",
            "{vehicle} dejó la parada en zona de riesgo[, {where}][, duró {lasting}]",
        ),
        "unscheduled_stop": RuleText(
            "parada no programada",
            "{vehicle}: parada no programada[, {where}][, {lasting} detenido][ desde las {since}]",
            "{vehicle} dejó la parada no programada[, {where}][, duró {lasting}]",
        ),
        "signal_lost": RuleText(
            "pérdida de señal",
            "{vehicle}: pérdida de señal en movimiento[, última posición válida {where}][, {lasting} sin reportar][ desde las {since}]",
            "{vehicle}: volvió la señal[, {where}][, {lasting} sin reportar][ desde las {since}][ ({reason})]",
            "{vehicle}: sigue sin señal, severidad {severity}[, última posición válida {where}][, {lasting} sin reportar][ desde las {since}]",
        ),
        "gnss_jamming": RuleText(
            "posible jammer",
            "{vehicle}: posible jammer, satélites bloqueados[, última posición válida {where}][, {lasting}]",
            "{vehicle}: volvió la posición, fin de posible jammer[, {where}][, duró {lasting}]",
        ),
        "panic": RuleText(
            "botón de pánico",
            "{vehicle}: BOTÓN DE PÁNICO[, {where}]",
            "{vehicle}: el botón de pánico no se ha vuelto a pulsar[, {where}]",
        ),
        "cab_door": RuleText(
            "puerta de cabina",
            "{vehicle}: puerta de cabina abierta[, {where}]",
            "{vehicle}: puerta de cabina cerrada[, {where}][, estuvo abierta {lasting}]",
        ),
        "cargo_door": RuleText(
            "puerta de caja",
            "{vehicle}: puerta de caja abierta[, {where}]",
            "{vehicle}: puerta de caja cerrada[, {where}][, estuvo abierta {lasting}]",
        ),
        "power_cut": RuleText(
            "corte de energía",
            "{vehicle}: corte de energía del equipo[, {where}]",
            "{vehicle}: energía del equipo restablecida[, {where}][, duró {lasting}]",
        ),
        "trailer_detached": RuleText(
            "desenganche",
            "{vehicle}: remolque desenganchado[, {where}]",
            "{vehicle}: remolque enganchado de nuevo[, {where}]",
        ),
        "implausible_jump": RuleText(
            "posición inverosímil",
            "{vehicle}: posición inverosímil[, {where}][ ({reason})]",
            "{vehicle}: posiciones de nuevo coherentes[, {where}]",
        ),
    },
    Language.EN: {
        "geofence_enter": RuleText(
            "entry",
            "{vehicle} entered {fence}[ at {since}]",
            "{vehicle} is no longer in {fence}[, was there {lasting}]",
        ),
        "geofence_exit": RuleText(
            "exit", "{vehicle} left {fence}[ at {since}]", "{vehicle} is back in {fence}[, was away {lasting}]"
        ),
        "geofence_dwell": RuleText(
            "long stay",
            "{vehicle} has stayed too long in {fence}[: {lasting}]",
            "{vehicle} left {fence}[ after {lasting}]",
        ),
        "no_stop_zone": RuleText(
            "forbidden stop",
            "{vehicle}: forbidden stop[, {where}][, standing for {lasting}][ since {since}]",
            "{vehicle} ended its forbidden stop[, {where}][, lasted {lasting}]",
        ),
        "risk_stop": RuleText(
            "stop in a high-risk area",
            "{vehicle}: stop in a high-risk area[, {where}][, standing for {lasting}][ since {since}]",
            "{vehicle} ended its stop in a high-risk area[, {where}][, lasted {lasting}]",
        ),
        "unscheduled_stop": RuleText(
            "unscheduled stop",
            "{vehicle}: unscheduled stop[, {where}][, standing for {lasting}][ since {since}]",
            "{vehicle} ended its unscheduled stop[, {where}][, lasted {lasting}]",
        ),
        "signal_lost": RuleText(
            "signal lost",
            "{vehicle}: signal lost while moving[, last good position {where}][, silent for {lasting}][ since {since}]",
            "{vehicle}: signal is back[, {where}][, silent for {lasting}][ since {since}][ ({reason})]",
            "{vehicle}: still no signal, now {severity}[, last good position {where}][, silent for {lasting}][ since {since}]",
        ),
        "gnss_jamming": RuleText(
            "possible jammer",
            "{vehicle}: possible jammer, satellites suppressed[, last good position {where}][, for {lasting}]",
            "{vehicle}: position is back, possible jammer ended[, {where}][, lasted {lasting}]",
        ),
        "panic": RuleText(
            "panic button", "{vehicle}: PANIC BUTTON[, {where}]", "{vehicle}: panic button not pressed again[, {where}]"
        ),
        "cab_door": RuleText(
            "cab door",
            "{vehicle}: cab door opened[, {where}]",
            "{vehicle}: cab door closed[, {where}][, was open {lasting}]",
        ),
        "cargo_door": RuleText(
            "cargo door",
            "{vehicle}: cargo door opened[, {where}]",
            "{vehicle}: cargo door closed[, {where}][, was open {lasting}]",
        ),
        "power_cut": RuleText(
            "power cut",
            "{vehicle}: tracker lost its power[, {where}]",
            "{vehicle}: tracker has power again[, {where}][, lasted {lasting}]",
        ),
        "trailer_detached": RuleText(
            "uncoupling", "{vehicle}: trailer uncoupled[, {where}]", "{vehicle}: trailer coupled again[, {where}]"
        ),
        "implausible_jump": RuleText(
            "implausible position",
            "{vehicle}: implausible position[, {where}][ ({reason})]",
            "{vehicle}: positions agree again[, {where}]",
        ),
    },
}

# Why an episode ended, in the words of the rules.
REASONS: dict[Language, dict[str, str]] = {
    Language.ES: {
        "left the stop": "dejó el lugar",
        "10 min after the last press": "10 min después de la última pulsación",
        "forgotten": "sin noticias del vehículo en mucho tiempo",
        "good fixes": "posiciones válidas",
        "live fix": "posición en vivo",
        "closed": "cerrada",
        "coupled again": "enganchado de nuevo",
        "left": "salió",
        "window closed": "terminó el horario de la geocerca",
        "fence changed": "la geocerca cambió",
        "fence removed": "la geocerca se retiró",
        "no longer applies": "la geocerca ya no aplica a este vehículo",
        "entered again": "entró de nuevo",
        "powered again": "con energía de nuevo",
        "consistent fixes": "posiciones coherentes",
        "odometer and positions agree": "odómetro y posiciones coinciden",
    },
    Language.EN: {},
}

_PART = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")


def render(alert: Alert, language: Language, zone: tzinfo = UTC) -> str:
    """One line for an operator, with clock times of `zone`; never raises, whatever the alert carries."""
    return render_message(alert.message_key, _arguments(alert, language, zone), language)


def render_message(key: str, arguments: Mapping[str, object], language: Language) -> str:
    """The text of a `<rule>.<event>` with `arguments`; parts in brackets fall away with a missing argument."""
    rule, _, event = key.rpartition(".")
    text = RULES[language].get(rule)
    arguments = {"label": text.label if text else rule or key, **arguments}
    return _filled(_template(text, event, language), arguments)


def rule_label(rule: str, language: Language) -> str:
    """How operators call a rule; the rule's own id if it has no text yet."""
    text = RULES[language].get(rule)
    return text.label if text else rule


def lasting(seconds: float) -> str:
    """A duration as people say it: `45 s`, `1 min 40 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _template(text: RuleText | None, event: str, language: Language) -> str:
    own = {"raised": text.raised, "cleared": text.cleared, "escalated": text.escalated}.get(event) if text else None
    if own is not None:
        return own
    common: Mapping[Any, str] = _COMMON[language]
    return common.get(event, "{vehicle}: {label}[, {where}][ ({reason})]")


def _filled(template: str, arguments: Mapping[str, object]) -> str:
    def part(match: re.Match[str]) -> str:
        inner = match.group(1)
        return inner if all(name in arguments for name in _FIELD.findall(inner)) else ""

    kept = _PART.sub(part, template)
    return _FIELD.sub(lambda match: str(arguments.get(match.group(1), "?")), kept)


def _arguments(alert: Alert, language: Language, zone: tzinfo) -> dict[str, object]:
    given = alert.message_args
    arguments: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    arguments["vehicle"] = alert.vehicle_id
    arguments["severity"] = SEVERITIES[language].get(alert.severity, str(alert.severity))
    fence = given.get("fence_name") or alert.subject
    if fence:
        arguments["fence"] = fence
    where = _where(alert)
    if where:
        arguments["where"] = where
    since = _clock_time(alert.episode_start, zone)
    if since:
        arguments["since"] = since
    # A silence lasts since the device was last heard, which is not when its last fix was taken.
    seconds = given.get("silent_s", given.get("duration_s"))
    if isinstance(seconds, int | float) and abs(seconds) < 1e12:  # false for NaN too
        arguments["lasting"] = lasting(seconds)
    facts = alert.evidence.get("facts")
    reason = given.get("reason") or (facts.get("reason") if isinstance(facts, dict) else None)
    if reason:
        arguments["reason"] = REASONS[language].get(str(reason), reason)
    return arguments


def _where(alert: Alert) -> str:
    name = alert.message_args.get("place") or alert.message_args.get("fence_name") or ""
    if alert.position is None:
        return str(name)
    degrees = f"{alert.position.lat:.5f}, {alert.position.lon:.5f}"
    return f"{name} ({degrees})" if name else degrees


def _clock_time(at: int, zone: tzinfo) -> str:
    try:
        return datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M:%S %Z")
    except (OverflowError, OSError, ValueError):
        return ""
