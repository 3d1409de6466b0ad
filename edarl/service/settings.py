"""What the service can be told: fields of one record, each also an ``EDARL_*`` variable."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from edarl.config import home
from edarl.errors import ConfigError

__all__ = ["ServiceSettings", "is_loopback", "read_settings"]

KIB = 1024


class ServiceSettings(BaseSettings):
    """Settings of one service process; what is not given is read from ``EDARL_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="EDARL_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", max_length=255)
    """The address to listen on. Anything but a loopback address needs API keys."""
    port: int = Field(8400, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    database: str = ""
    """Database of designs and jobs: a file or ``postgresql://...``; empty is ``edarl.db`` at home.
    """
    keys_required: bool | None = None
    """Whether requests need an API key. By default they do unless the address is a loopback one."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names by which a service without keys may be addressed; loopback names always are."""

    max_body_bytes: Annotated[int, Field(ge=KIB, le=KIB * KIB)] = 64 * KIB
    """The longest request body, in bytes."""
    max_header_bytes: Annotated[int, Field(ge=KIB, le=KIB * KIB)] = 16 * KIB
    """The longest request line and headers together, in bytes."""
    max_json_depth: Annotated[int, Field(ge=2, le=200)] = 16
    """How deep arrays and objects of a request body may be nested."""
    header_timeout_s: PositiveFloat = 10.0
    """How long a client may take to send the headers of a request."""
    body_timeout_s: PositiveFloat = 20.0
    """How long a client may take to send the body of a request."""
    answer_timeout_s: PositiveFloat = 30.0
    """How long an answer may take to begin before the client is told to come back."""
    keep_alive_s: PositiveInt = 20
    """How long an idle connection stays open."""
    shutdown_s: PositiveInt = 5
    """How long requests that are under way may take to end when the service ends."""
    threads: Annotated[int, Field(ge=2, le=128)] = 12
    """How many requests may read the database at the same time."""
    max_waiting_writes: PositiveInt = 2000
    """How many submissions may wait to be written before new ones are told to come back."""

    max_queued_jobs: PositiveInt = 50_000
    """How many jobs may be queued or running at the same time where no keys are needed."""
    worker_fresh_s: PositiveFloat = 20.0
    """How long after its last sign of life a worker counts as alive."""

    @property
    def store_target(self) -> str:
        """The database as `edarl.store.Store.open` takes it."""
        return self.database or str(home() / "edarl.db")

    @property
    def with_keys(self) -> bool:
        """Whether requests need an API key; always where others can reach the address."""
        return bool(self.keys_required) or not is_loopback(self.host)

    def refuse_open_door(self) -> None:
        """Refuse settings that would let anybody in.

        Raises:
            ConfigError: Keys were switched off although others can reach the address.
        """
        if self.keys_required is False and self.with_keys:
            raise ConfigError(
                f"a service on {self.host} can be reached by others and should ask for API keys, "
                "actual value of `keys_required`: false; leave it out, or listen on 127.0.0.1"
            )


def read_settings(**given: object) -> ServiceSettings:
    """Make settings of what is given and of the ``EDARL_*`` variables.

    Args:
        **given: Fields of `ServiceSettings`; one that is None is left to its variable.

    Raises:
        ConfigError: A value is not usable; all that are not are named.
    """
    try:
        return ServiceSettings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"`{'.'.join(str(part) for part in problem['loc'])}` (or "
            f"EDARL_{str(problem['loc'][0]).upper()}): {problem['msg']}"
            for problem in error.errors()
        ]
        raise ConfigError(f"settings of the service are not usable: {'; '.join(lines)}") from error


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
