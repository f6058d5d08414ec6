"""A broker that asks who comes: TLS, SASL and access lists, on real Kafka, with users made as tests want them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiokafka.protocol.admin import CreateAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from telematics.settings import SaslMechanism, SecurityProtocol
from telematics.stream import connection
from telematics.stream.local.broker import LocalBroker
from telematics.stream.local.node import HOST, free_port
from tests.support.certificates import Authority
from tests.support.monitors import settings_for

OWNER = "owner"
LAPSED = "LAPSED"
"""The listener whose certificate has expired."""
ALIAS = "ALIAS"
"""The listener that calls itself by a name its certificate is not for."""

# Each listener is called as its protocol is, but for those that nobody should trust.
_PROTOCOLS = {protocol.value: protocol.value for protocol in SecurityProtocol if protocol != "PLAINTEXT"}
_LISTENERS = _PROTOCOLS | {LAPSED: "SSL", ALIAS: "SSL"}
_MECHANISMS = {SaslMechanism.SCRAM_SHA_256: (1, "sha256"), SaslMechanism.SCRAM_SHA_512: (2, "sha512")}
_ITERATIONS = 4096

# As Kafka numbers them: what a permission is for, how its name is matched, and what it permits.
_RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_ALLOW = 3


@dataclass(frozen=True, slots=True)
class Permission:
    """One entry of an access list."""

    operation: str
    resource: str
    name: str
    pattern: str = "literal"

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.name}"


@dataclass(frozen=True)
class SecuredBroker:
    """Where each listener is, what vouches for it, and the password of `OWNER`, who may do everything.

    `open` is a listener without protection, for tests to set the stage.
    """

    open: str
    ports: Mapping[str, int]
    authority: Path
    client: Path
    lapsed_client: Path
    password: str = field(repr=False)

    def at(self, listener: str) -> str:
        """`host:port` of a listener."""
        return f"{HOST}:{self.ports[listener]}"

    def kafka(
        self,
        protocol: SecurityProtocol = SecurityProtocol.SASL_SSL,
        mechanism: SaslMechanism | None = SaslMechanism.SCRAM_SHA_512,
        user: str = OWNER,
        password: str | None = None,
    ) -> dict[str, str]:
        """The settings of somebody who comes in by a protocol, under `kafka`; no mechanism: by his certificate."""
        values = {"bootstrap": self.at(protocol), "security_protocol": protocol.value}
        if protocol.value.endswith("SSL"):
            values["ssl_cafile"] = str(self.authority)
        if protocol is SecurityProtocol.SSL:
            values |= {"ssl_certfile": str(self.client), "ssl_keyfile": str(self.client)}
        if mechanism is not None:
            values |= {"sasl_mechanism": mechanism.value, "sasl_username": user}
            values["sasl_password"] = self.password if password is None else password
        return values

    async def add_user(self, user: str, password: str) -> None:
        """Let somebody sign in by SCRAM."""
        await self._ask([_AlterScram(user, password, mechanism) for mechanism in _MECHANISMS])

    async def permit(self, user: str, permissions: Iterable[Permission]) -> None:
        """Let somebody do something."""
        await self._ask(
            CreateAclsRequest(
                _RESOURCES[one.resource],
                one.name,
                _PATTERNS[one.pattern],
                f"User:{user}",
                "*",
                _OPERATIONS[one.operation],
                _ALLOW,
            )
            for one in permissions
        )

    async def _ask(self, requests: Iterable[Request[Any]]) -> None:
        client = connection.admin(settings_for(self.open, "").kafka)
        await client.start()
        try:
            for request in requests:
                answer: Any = await client._send_request(request)
                (result,) = answer.results if isinstance(request, _AlterScram) else answer.creation_responses
                assert result[1 if isinstance(request, _AlterScram) else 0] == 0, result
        finally:
            await client.close()


def environment(kafka: Mapping[str, str]) -> dict[str, str]:
    """Those settings as variables."""
    return {f"TELEMATICS_KAFKA__{name.upper()}": value for name, value in kafka.items()}


@contextmanager
def secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """A running broker; `folder` takes the certificates."""
    authority = Authority(folder, "authority")
    server, lapsed = (
        authority.vouch("server", HOST),
        authority.vouch("lapsed", HOST, lasting=-timedelta(days=1)),
    )
    password = secrets.token_urlsafe()
    ports = {name: free_port() for name in _LISTENERS}
    names = dict.fromkeys(ports, HOST) | {ALIAS: "localhost"}
    properties = {
        "listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items()),
        "advertised.listeners": ",".join(f"{name}://{names[name]}:{port}" for name, port in ports.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in _LISTENERS.items()),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.ssl.ssl.client.auth": "required",
        f"listener.name.{LAPSED.lower()}.ssl.keystore.location": str(lapsed),
        "sasl.enabled.mechanisms": ",".join(SaslMechanism),
        "listener.name.sasl_plaintext.sasl.enabled.mechanisms": ",".join(_MECHANISMS),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Whoever comes by the open listener is nobody, which here is us and the node itself.
        "super.users": f"User:ANONYMOUS;User:{OWNER};User:CN={OWNER}",
    }
    modules = "org.apache.kafka.common.security"
    for listener in ("sasl_ssl", "sasl_plaintext"):
        name = f"listener.name.{listener}"
        properties[f"{name}.plain.sasl.jaas.config"] = (
            f'{modules}.plain.PlainLoginModule required user_{OWNER}="{password}";'
        )
        for mechanism in _MECHANISMS:
            properties[f"{name}.{mechanism.lower()}.sasl.jaas.config"] = f"{modules}.scram.ScramLoginModule required;"
    with LocalBroker.temporary(properties=properties) as broker:
        yield SecuredBroker(
            broker.bootstrap,
            ports,
            authority.file,
            authority.vouch(OWNER),
            authority.vouch("lapsed-client", lasting=-timedelta(days=1)),
            password,
        )


# aiokafka has no request for this one. Version 0 is its only one.


class _AlterScramResponse(Response):
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScramStruct(RequestStruct):
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _AlterScramResponse
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram(Request[_AlterScramStruct]):
    API_KEY = 51

    def __init__(self, user: str, password: str, mechanism: SaslMechanism) -> None:
        number, function = _MECHANISMS[mechanism]
        salt = secrets.token_bytes(16)
        salted = hashlib.pbkdf2_hmac(function, password.encode(), salt, _ITERATIONS)
        self._upsertion: tuple[object, ...] = (user, number, _ITERATIONS, salt, salted, {})

    def build(self, request_struct_class: type[_AlterScramStruct]) -> _AlterScramStruct:
        return request_struct_class([], [self._upsertion], {})
