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


def project_id() -> str:
    """A new project's id."""
    return f"proj_{ULID()}".lower()
