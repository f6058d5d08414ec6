"""Why Kafka does not let us in or do something: what was refused, and what to look at.

A client of aiokafka keeps to itself why it could not come in: to whoever started it, a wrong password looks like a
broker that is not there. So we knock ourselves, as the client does, and look at what becomes of it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from aiokafka.conn import create_conn, get_ip_port_afi
from aiokafka.errors import (
    BrokerResponseError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from telematics.errors import BrokerError
from telematics.settings import KafkaSettings

# A door that nobody answers at is not waited at for longer: what the client itself said will have to do.
_KNOCK_S = 5.0
_NAMES = "TELEMATICS_KAFKA__"

# What to do about a certificate, by OpenSSL's number of what is wrong with it, where it is not the authority.
_OTHER_NAME = f"reach it by a name it is for: {_NAMES}BOOTSTRAP, and advertised.listeners of Kafka"
_TRUST = {
    9: "look at the clock of this machine",
    10: "renew it at the broker",
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}


class RefusedError(BrokerError):
    """Kafka answers, and refuses: what, and what would be right."""

    def __init__(self, said: str, remedy: str) -> None:
        super().__init__(f"{said}; {remedy}")
        self.said = said
        self.remedy = remedy


class SignInRefusedError(RefusedError):
    """Our name and password, or the way we give them, are refused. Trying again with the same will not help."""


class NotPermittedError(RefusedError):
    """We are let in, and something we need is not permitted to us."""


class UnavailableError(RefusedError):
    """Kafka answers, and something we need of it is not there or not in order: a topic, a leader, enough copies."""


_COPIES = "are the brokers overloaded, or fewer copies in step than min.insync.replicas says?"
_UNPERMITTED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed)


def is_unpermitted(error: BaseException) -> bool:
    """Whether Kafka says that a permission is missing: somebody may give it, and then trying again helps."""
    return isinstance(error, _UNPERMITTED)


def _missing(kafka: KafkaSettings, error: BaseException, operation: str) -> NotPermittedError:
    """Which permission that is; the error knows the topic, but not what was tried with it."""
    match error:
        case GroupAuthorizationFailedError():
            missing = f"Read on the group {kafka.group}"
        case TransactionalIdAuthorizationFailed():
            # Each partition has one of its own; permitted are all that begin alike.
            missing = f"Write on the transactional id {_names(error).rpartition('.')[0]}.*"
        case _:
            included = " (part of Read and of Write)" if operation == "Describe" else ""
            missing = f"{operation}{included} on the topic {_names(error)}"
    who = kafka.sasl_username if kafka.security_protocol.startswith("SASL") else "us"
    return NotPermittedError(
        f"{kafka.bootstrap} does not permit {who} {missing}", "docs/security.md lists all permissions that are needed"
    )


def _names(error: BaseException) -> str:
    """What aiokafka puts into its errors: a name, a partition, or a set of names."""
    (found, *_) = error.args or ("(not named)",)
    names = found if isinstance(found, set) else [getattr(found, "topic", found)]
    return ", ".join(sorted(map(str, names)))


async def explained(
    kafka: KafkaSettings, options: Mapping[str, Any], error: BaseException, operation: str
) -> BrokerError:
    """An error of a client with these options, for the person who reads it."""
    if is_unpermitted(error):
        return _missing(kafka, error, operation)
    if isinstance(error, UnknownTopicOrPartitionError):
        return UnavailableError(
            f"a topic or partition is missing on {kafka.bootstrap}", "telematics topics check says which"
        )
    if isinstance(error, MessageSizeTooLargeError):
        return UnavailableError(
            f"topic {_names(error)} takes no record as large as ours",
            "let its max.message.bytes be 1 MiB, Kafka's default",
        )
    # The one answer of Kafka's that a client also makes up, when there was none.
    if isinstance(error, BrokerResponseError) and not isinstance(error, RequestTimedOutError):
        return BrokerError(f"{kafka.bootstrap} refused: {type(error).__name__}: {error}")
    doors, failed = await _knock(options)
    for place, how in failed:
        if (told := _told(kafka, place, how)) is not None:
            return told
    silent = ", ".join(place for place, _ in failed)
    if len(failed) < doors and isinstance(error, TimeoutError | KafkaTimeoutError | RequestTimedOutError):
        also = f", and there is no answer from {silent}" if failed else ""
        return UnavailableError(f"{kafka.bootstrap} answers, but this was not done in time{also}", _COPIES)
    if failed or isinstance(error, KafkaConnectionError):
        where = silent or kafka.bootstrap
        return BrokerError(f"no answer from {where}; is Kafka running there, and is {_NAMES}BOOTSTRAP right?")
    return BrokerError(f"{kafka.bootstrap} answers, but not to this: {error!r}")


async def _knock(options: Mapping[str, Any]) -> tuple[int, list[tuple[str, BaseException]]]:
    """Come in by each address that we were given, and by those that Kafka then gives: how many those are, and which failed."""
    doors = [get_ip_port_afi(place)[:2] for place in options["bootstrap_servers"].split(",")]
    client = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    failed: list[tuple[str, BaseException]] = []
    for host, port in doors:
        try:
            async with asyncio.timeout(_KNOCK_S):
                doors += [door for door in await _enter(host, port, client) if door not in doors]
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            failed.append((f"{host}:{port}", error))
    return len(doors), failed


async def _enter(host: str, port: int, client: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The addresses of all brokers, asked of one."""
    # Ready to speak is not let in: where a sign-in is expected and none comes, only the next request is refused.
    with closing(await create_conn(host, port, **client)) as connection:
        answer: Any = await connection.send(MetadataRequest([]))
        return [broker[1:3] for broker in answer.brokers]


def _told(kafka: KafkaSettings, place: str, error: BaseException) -> RefusedError | None:
    """What a failure at one address means and what to do, None when it is no refusal."""
    mechanism, protocol = kafka.sasl_mechanism, kafka.security_protocol
    alert = error.__cause__ if isinstance(error, KafkaConnectionError) else None
    match alert or error:
        case SaslAuthenticationFailed():
            return SignInRefusedError(
                f"{place} refuses the sign-in of {kafka.sasl_username} by {mechanism}: {_sentence(error)}",
                f"look at {_NAMES}SASL_USERNAME and {_NAMES}SASL_PASSWORD (or the file it is in), and whether Kafka "
                f"has this user for {mechanism}",
            )
        case UnsupportedSaslMechanismError():
            return SignInRefusedError(
                f"{place} has no sign-in by {mechanism}", f"set {_NAMES}SASL_MECHANISM to one it has"
            )
        case IllegalSaslStateError():
            return SignInRefusedError(
                f"{place} asks for no sign-in", f"{_NAMES}SECURITY_PROTOCOL is {protocol}; that address has another"
            )
        case ssl.SSLCertVerificationError() as untrusted:
            return RefusedError(
                f"the certificate of {place} cannot be trusted: {untrusted.verify_message.rstrip('.')}",
                _TRUST.get(untrusted.verify_code)
                or f"{_NAMES}SSL_CAFILE ({kafka.ssl_cafile or 'not set: those of the system'}) must hold the authority "
                "that signed it",
            )
        case ssl.SSLError() as refused if alert is not None:
            return RefusedError(
                f"{place} refuses our certificate: {_reason(refused)}",
                f"look at {_NAMES}SSL_CERTFILE ({kafka.ssl_certfile or 'not set'}): has it expired, and does Kafka "
                "trust who signed it?",
            )
        case ssl.SSLError() as refused:
            return RefusedError(
                f"no TLS with {place}: {_reason(refused)}",
                f"{_NAMES}SECURITY_PROTOCOL is {protocol}; does that address have another?",
            )
        case ConnectionResetError() | EOFError():
            return RefusedError(
                f"{place} hangs up on our first words",
                f"{_NAMES}SECURITY_PROTOCOL is {protocol}; does that address have another, or does Kafka just stop there?",
            )
    return None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _sentence(error: BaseException) -> str:
    return str(error.args[0]) if error.args else type(error).__name__
