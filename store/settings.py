"""Where the records, the files and the broker are: the settings that API and worker share."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, RedisDsn, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import make_url

from telemetry.logs import LogFormat, LogLevel
from trainer_core.contract.integrations import TrackerKind

_PREFIX = "TUNEYARD_"


class DatabaseSettings(BaseSettings):
    """Where the records are: all that the migrations need.

    Read from the environment, names prefixed `TUNEYARD_`, or from files; built only in composition roots.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, use_attribute_docstrings=True)

    secrets_dir: Path | None = None
    """Folder in which each setting may stand in a file of its name, `tuneyard_database_password`, where containers are
    given their secrets. What the environment says goes before it."""
    database_url: str
    """SQLAlchemy URL: `sqlite:////data/tuneyard.db` or `postgresql+psycopg://user:password@host/tuneyard`; what its
    query says of a connection, `?connect_timeout=10`, goes before what is usual here."""
    database_password: SecretStr | None = None
    """Put into `database_url`, so that the URL itself may be read by anybody."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the sources know it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no such file is read
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then files."""
        folder = os.environ.get(f"{_PREFIX}SECRETS_DIR")
        files = NestedSecretsSettingsSource(file_secret_settings, folder, secrets_dir_missing="error")
        return init_settings, env_settings, files

    @model_validator(mode="before")
    @classmethod
    def _put_passwords_into_urls(cls, given: dict[str, Any]) -> dict[str, Any]:
        names = [(f"{whose}_url", f"{whose}_password") for whose in ("database", "broker")]
        return given | {
            url: _with_password(given[url], given[password])
            for url, password in names
            if url in given and password in given
        }


class StoreSettings(DatabaseSettings):
    """Read from the environment, names prefixed `TUNEYARD_`, or from files; built only in composition roots."""

    broker_url: RedisDsn
    """Redis or Valkey, `redis://:password@host:6379/0`; only doorbells pass through it."""
    broker_password: SecretStr | None = None
    """Put into `broker_url`, so that the URL itself may be read by anybody."""
    storage_root: Annotated[str, BeforeValidator(os.fspath)]
    """For datasets, base models, checkpoints and artifacts: a folder that API and workers share, or
    `s3://bucket/prefix`."""
    scratch_dir: Path | None = None
    """Folder of this host for what is on its way to or from a bucket, by default one below the system's temp; a storage
    that is a folder needs none."""
    log_format: LogFormat = LogFormat.CONSOLE
    """`console` for people, `json` for programs: one object a line."""
    log_level: LogLevel = "INFO"
    """The least that is logged."""
    hub_models: bool = True
    """Whether a base model may be a Hugging Face hub id; if not, only registered ones are taken."""
    integrations: tuple[TrackerKind, ...] = ()
    """Trackers that jobs may name, as a JSON list: `["tensorboard", "mlflow", "wandb"]`; `python -m worker.tracking`
    tells them, and has their credentials in its environment."""
    push_namespaces: tuple[str, ...] = ()
    """Accounts and organisations of the Hugging Face hub to which jobs may push, as a JSON list: `["my-org"]`."""


def _with_password(url: str, password: SecretStr | str) -> str:
    text = password.get_secret_value() if isinstance(password, SecretStr) else password
    parts = make_url(url)  # which shows a password only beside a name, though it may be an empty one
    return parts.set(username=parts.username or "", password=text).render_as_string(hide_password=False)
