"""Whom jobs may be told to: those that the operator offers."""

from api.settings import Settings
from trainer_core.contract.spec import JobSpec


class IntegrationNotOffered(Exception):
    """The service tells nothing to this tracker."""

    def __init__(self, kind: str, offered: tuple[str, ...]) -> None:
        there = f"it offers {', '.join(offered)}" if offered else "it offers none"
        super().__init__(f"integrations name {kind}, which this service does not offer: {there}")


class PushNotOffered(Exception):
    """The service pushes nothing to this namespace of the hub."""

    def __init__(self, repo_id: str, offered: tuple[str, ...]) -> None:
        there = f"it pushes to {', '.join(offered)}" if offered else "it pushes to none"
        super().__init__(f"push_to_hub names {repo_id!r}, which is not a namespace of this service: {there}")


def check_integrations(spec: JobSpec, settings: Settings) -> None:
    """See that everybody whom a spec names can be told.

    Raises:
        IntegrationNotOffered, PushNotOffered: Somebody cannot.
    """
    for one in spec.integrations:
        if one.type not in settings.integrations:
            raise IntegrationNotOffered(one.type, settings.integrations)
    push = spec.push_to_hub
    if push is not None and push.repo_id.partition("/")[0] not in settings.push_namespaces:
        raise PushNotOffered(push.repo_id, settings.push_namespaces)
