"""Where the records, the files and the broker are: the settings that API and worker share."""

from pathlib import Path

from pydantic import RedisDsn
from pydantic_settings import BaseSettings, SettingsConfigDict


class StoreSettings(BaseSettings):
    """Read from the environment, names prefixed `TUNEYARD_`; built only in composition roots."""

    model_config = SettingsConfigDict(env_prefix="TUNEYARD_", frozen=True, use_attribute_docstrings=True)

    database_url: str
    """SQLAlchemy URL: `sqlite:////data/tuneyard.db` or `postgresql+psycopg://user:password@host/tuneyard`."""
    broker_url: RedisDsn
    """Redis or Valkey, `redis://:password@host:6379/0`; only doorbells pass through it."""
    storage_root: Path
    """Folder for datasets, base models, checkpoints and artifacts, shared by API and workers."""
    hub_models: bool = True
    """Whether a base model may be a Hugging Face hub id; if not, only registered ones are taken."""
