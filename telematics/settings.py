"""Every setting of the product, defined once: name, type, default and help (`docs/settings.md` is made from it).

A setting is an environment variable `TELEMATICS_<NAME>`, nested names joined by `__`, as in
`TELEMATICS_KAFKA__BOOTSTRAP`. A secret may instead be read from a file named by `<NAME>_FILE`. A name nobody
reads is a mistake of the user, most often a typing slip, and is refused with a suggestion.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from annotated_types import Ge, Gt, Le, Len
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from telematics.errors import UserError

ENV_PREFIX = "TELEMATICS_"
# Read by the tests and by the local broker, or injected by Kubernetes for a service called "telematics".
_FOREIGN = re.compile(r"TELEMATICS_(TEST_.*|LOCAL_.*|(PORT|SERVICE)(_.*)?)")


class SettingsError(UserError):
    """A setting that is unknown or has a value that cannot be used."""


class SecurityProtocol(StrEnum):
    """How the connection to Kafka is protected."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(StrEnum):
    """How we prove to Kafka who we are."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class _AnyCase(StrEnum):
    @classmethod
    def _missing_(cls, value: object) -> _AnyCase | None:
        return next((member for member in cls if member == str(value).lower()), None)


class LogLevel(_AnyCase):
    """The least severe log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(_AnyCase):
    """How log lines look; `auto` is console on a terminal and json elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


Bootstrap = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$")]
TopicPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,100}$")]


class _Section(BaseModel):
    # Names are judged by `_refuse_unknown`, which knows `*_FILE` and what Kubernetes injects; here they would be
    # refused without a suggestion.
    model_config = ConfigDict(frozen=True, extra="ignore")


class KafkaSettings(_Section):
    """Where Kafka is and how we sign in."""

    bootstrap: Bootstrap = Field("127.0.0.1:9092", description="Kafka brokers to start from, `host:port[,host:port]`.")
    group: Annotated[str, Len(1, 200)] = Field(
        "telematics-monitor", description="Consumer group of the monitor; members of one group share the partitions."
    )
    client_id: Annotated[str, Len(1, 200)] = Field(
        "telematics", description="How we are called in the broker's logs and quotas."
    )
    session_timeout_s: Annotated[float, Ge(1), Le(300)] = Field(
        10.0, description="A member silent for this long loses its partitions; Kafka itself refuses less than 6 s."
    )
    security_protocol: SecurityProtocol = Field(
        SecurityProtocol.PLAINTEXT, description="Protection of the connection to Kafka."
    )
    sasl_mechanism: SaslMechanism = Field(
        SaslMechanism.PLAIN, description="How to sign in, where the protocol is a SASL one."
    )
    sasl_username: str | None = Field(None, description="Name to sign in with.")
    sasl_password: SecretStr | None = Field(None, description="Password to sign in with.")
    ssl_cafile: Path | None = Field(
        None, description="PEM file of the authorities that sign the brokers' certificates; none: the system's."
    )
    ssl_certfile: Path | None = Field(
        None, description="PEM file of our own certificate, where the broker asks for one."
    )
    ssl_keyfile: Path | None = Field(
        None, description="PEM file of the key of our own certificate, without a password."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Refuse half a sign-in here, where it can be named, and not at the broker, which only closes the line."""
        with_sasl = self.security_protocol in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}
        if with_sasl and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"SASL_USERNAME and SASL_PASSWORD are both needed with {self.security_protocol}")
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("SSL_CERTFILE and SSL_KEYFILE go together: set both or neither")
        return self


class TopicSettings(_Section):
    """Which topics are ours."""

    prefix: TopicPrefix = Field(
        "telematics.", description="Put before every topic name; simulators and their monitor use `sim.telematics.`."
    )

    @property
    def pings(self) -> str:
        """Name of the topic that vehicles report to."""
        return f"{self.prefix}pings"

    @property
    def alerts(self) -> str:
        """Name of the topic that alerts go to."""
        return f"{self.prefix}alerts"

    @property
    def deadletters(self) -> str:
        """Name of the topic that unreadable pings go to, unchanged."""
        return f"{self.prefix}deadletters"

    @property
    def trips(self) -> str:
        """Name of the compacted topic with the present trip of each vehicle."""
        return f"{self.prefix}trips"

    @property
    def fences(self) -> str:
        """Name of the compacted topic with the fence sets, one partition."""
        return f"{self.prefix}geofences"

    @property
    def states(self) -> str:
        """Name of the compacted topic with what the monitor keeps of each vehicle."""
        return f"{self.prefix}vehicle-state"


class HttpSettings(_Section):
    """Where metrics and health are served."""

    host: Annotated[str, Len(1, 255)] = Field("127.0.0.1", description="Address that metrics and health listen on.")
    port: Annotated[int, Ge(0), Le(65535)] = Field(
        9108, description="Port of `/metrics`, `/healthz` and `/readyz`; 0 takes a free one and logs it."
    )


class LogSettings(_Section):
    """What is logged, and how."""

    level: LogLevel = Field(LogLevel.INFO, description="The least severe line that is written to standard error.")
    format: LogFormat = Field(
        LogFormat.AUTO, description="`auto` writes for people on a terminal and JSON lines everywhere else."
    )


class Settings(BaseSettings):
    """All settings; `load_settings` is how programs get them, so that a mistake is explained."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore")

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    snapshot_interval_s: Annotated[float, Gt(0), Le(3600)] = Field(
        60.0,
        description="How long a vehicle that has changed may go without a snapshot of its state; a start judges again, in "
        "silence, what came since.",
    )
    rebuild_window_s: Annotated[float, Gt(0)] = Field(
        21600.0,
        description="Where there is no snapshot: how far before the committed offset (in arrivals) the log is replayed.",
    )
    max_batch: Annotated[int, Ge(1), Le(1_000_000)] = Field(
        1000,
        description="Most records that are judged in one step; nothing else, not even a heartbeat, happens meanwhile.",
    )
    tick_interval_s: Annotated[float, Gt(0), Le(60)] = Field(
        5.0, description="How often the owner of a live partition appends a tick, which is what moves time on."
    )
    shutdown_deadline_s: Annotated[float, Gt(0)] = Field(
        10.0, description="Time to finish what is in hand on SIGTERM or when a partition is taken away."
    )
    lag_limit_s: Annotated[float, Gt(0)] = Field(
        60.0, description="`/readyz` says not ready while a partition is further behind than this."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (the signature is pydantic's)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, below what a command line gave; no `.env` file is ever read in passing."""
        return init_settings, env_settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as documented: variable, dotted path, default as text, help, and whether it is a secret."""

    variable: str
    path: tuple[str, ...]
    default: str
    help: str
    secret: bool


def all_settings(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every setting in the order of its definition."""
    for name, field in model.model_fields.items():
        here = (*path, name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Section):
            yield from all_settings(kind, here)
            continue
        default = "" if field.default is None else str(field.default)
        secret = kind is SecretStr or SecretStr in get_args(kind)
        yield Setting(ENV_PREFIX + "__".join(here).upper(), here, default, field.description or "", secret)


def load_settings(**given: object) -> Settings:
    """Read the settings from the environment; `given` (nested as in `Settings`) wins over it.

    Raises SettingsError naming each variable that is wrong and what would be right.
    """
    known = {setting.variable: setting for setting in all_settings()}
    _refuse_unknown(known, os.environ)
    try:
        return Settings(**_merged(_read_secrets(known, os.environ), given))
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(known, problem) for problem in error.errors())) from None


def _refuse_unknown(known: Mapping[str, Setting], environ: Mapping[str, str]) -> None:
    files = {f"{variable}_FILE" for variable, setting in known.items() if setting.secret}
    problems = []
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(ENV_PREFIX) or upper in known or upper in files or _FOREIGN.fullmatch(upper):
            continue
        near = difflib.get_close_matches(upper, [*known, *files], n=1, cutoff=0.6)
        meant = f"did you mean {near[0]}?" if near else "docs/settings.md lists the names that exist"
        problems.append(f"{name}: no such setting; {meant}")
    if problems:
        raise SettingsError("\n".join(problems))


def _read_secrets(known: Mapping[str, Setting], environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for setting in known.values():
        variable = f"{setting.variable}_FILE"
        if not setting.secret or variable not in environ:
            continue
        if setting.variable in environ:
            raise SettingsError(f"{variable}: {setting.variable} is set too; keep one of the two")
        try:
            text = Path(environ[variable]).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SettingsError(f"{variable}: cannot read {environ[variable]}: {reason}") from None
        inner = found
        for part in setting.path[:-1]:
            inner = inner.setdefault(part, {})
        inner[setting.path[-1]] = text
    return found


def _merged(below: dict[str, Any], above: Mapping[str, object]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged


def _explain(known: Mapping[str, Setting], problem: ErrorDetails) -> str:
    path = tuple(str(part) for part in problem["loc"])
    variable = ENV_PREFIX + "__".join(path).upper()
    setting = known.get(variable)
    if setting is None:
        return f"{variable}__*: {problem['msg'].removeprefix('Value error, ')}"
    value = "" if setting.secret else f" {str(problem['input'])[:80]!r}"
    right = "host:port, several joined by commas" if path == ("kafka", "bootstrap") else problem["msg"]
    default = f"; the default is {setting.default}" if setting.default else ""
    return f"{variable}:{value} cannot be used: {right[0].lower()}{right[1:]}{default}"
