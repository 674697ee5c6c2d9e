"""The table of wishes that workers take nothing new."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Table


class Drain(Table):
    """A wish that a worker takes nothing new."""

    __tablename__ = "drains"

    worker: Mapped[str] = mapped_column(primary_key=True)
    """Its name; `*` stands for all of them, those that are still to come too."""
    gives_back: Mapped[bool]
    """Whether running jobs save and go back to the queue; if not, they end first."""
    asked_at: Mapped[datetime]
