"""Identifiers: a word that says what it names, and a ULID, so that they sort by age."""

from ulid import ULID


def job_id() -> str:
    """A new job's id."""
    return f"ftjob-{ULID()}".lower()


def report_id() -> str:
    """The id of a report that is asked for."""
    return f"report-{ULID()}".lower()


def file_id() -> str:
    """The id of a file that is uploaded."""
    return f"file-{ULID()}".lower()


def upload_id() -> str:
    """The id of a file that comes in parts."""
    return f"upload_{ULID()}".lower()


def part_id() -> str:
    """The id of a part of it."""
    return f"part_{ULID()}".lower()


def project_id() -> str:
    """A new project's id."""
    return f"proj_{ULID()}".lower()


def webhook_endpoint_id() -> str:
    """A new webhook endpoint's id."""
    return f"we_{ULID()}".lower()


def webhook_event_id() -> str:
    """The id of an event that webhook endpoints are told."""
    return f"evt_{ULID()}".lower()


def webhook_delivery_id() -> str:
    """The id under which the telling of one event to one endpoint is kept."""
    return f"whd_{ULID()}".lower()


def completion_id() -> str:
    """The id of a chat that is to be answered."""
    return f"chatcmpl-{ULID()}".lower()


def permission_id() -> str:
    """The id under which a project may use another's model."""
    return f"cp_{ULID()}".lower()


def tracking_id() -> str:
    """The id under which it is kept how far one job was told to one tracker."""
    return f"trk_{ULID()}".lower()
