"""What a key may do."""

from enum import StrEnum


class Scope(StrEnum):
    """Each may what those before it may."""

    READ = "read"
    """See what its project has, and download it."""
    SUBMIT = "submit"
    """Upload, submit, cancel, delete, try models."""
    ADMIN = "admin"
    """Of the whole service: keys, projects, their limits; it may act for any project."""

    def includes(self, other: "Scope") -> bool:
        """True if whoever has this may do what needs `other`."""
        order = list(Scope)
        return order.index(self) >= order.index(other)
