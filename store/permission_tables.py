"""The table of permissions: which projects may use another's trained models."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Owned, Table


class CheckpointPermission(Owned, Table):
    """A trained model, or a checkpoint, that another project may try and train on, and nothing else."""

    __tablename__ = "checkpoint_permissions"

    id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(Text)
    """Its name."""
    grantee_id: Mapped[str]
    """Id of the project that may use it."""
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_checkpoint_permissions_model", "project_id", "model", "id"),
        Index("ix_checkpoint_permissions_grantee", "grantee_id", "model"),
    )
