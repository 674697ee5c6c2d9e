"""Which models may bring code of their own: the operator says so, by repository and commit; a request never does."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter

TRUST_VARIABLE = "TUNEYARD_TRUSTED_CODE"
"""A JSON list; whoever starts a trainer hands it on in the environment."""
TrustedCode = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}@[0-9a-f]{40}$")
]
"""`organisation/name@commit`: a commit is 40 digits, which nobody can move, as one can a branch or a tag."""
_TRUSTED: TypeAdapter[tuple[TrustedCode, ...]] = TypeAdapter(tuple[TrustedCode, ...])


def trusted_code(environment: Mapping[str, str]) -> tuple[TrustedCode, ...]:
    """What an environment says.

    Raises:
        pydantic.ValidationError: It says it in another form.
    """
    return _TRUSTED.validate_json(environment.get(TRUST_VARIABLE, "[]"))


def pinned_revision(base_model: str, revision: str | None, trusted: Iterable[TrustedCode]) -> str | None:
    """The revision of a model that is meant: of one whose code is trusted, the first trusted commit unless told."""
    if revision is not None:
        return revision
    commits = (one.partition("@")[2] for one in trusted if one.partition("@")[0] == base_model)
    return next(commits, None)
