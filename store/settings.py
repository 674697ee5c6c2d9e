"""Where the records, the files and the broker are: the settings that API and worker share."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, RedisDsn
from pydantic_settings import BaseSettings, SettingsConfigDict

from telemetry.logs import LogFormat, LogLevel


class StoreSettings(BaseSettings):
    """Read from the environment, names prefixed `TUNEYARD_`; built only in composition roots."""

    model_config = SettingsConfigDict(env_prefix="TUNEYARD_", frozen=True, use_attribute_docstrings=True)

    database_url: str
    """SQLAlchemy URL: `sqlite:////data/tuneyard.db` or `postgresql+psycopg://user:password@host/tuneyard`; what its
    query says of a connection, `?connect_timeout=10`, goes before what is usual here."""
    broker_url: RedisDsn
    """Redis or Valkey, `redis://:password@host:6379/0`; only doorbells pass through it."""
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
