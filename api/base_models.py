"""What jobs may start from: registered models, hub models where the operator lets them be used, and trained ones."""

from api.guard import Caller
from store import trained_models


def check_base_model(name: str, caller: Caller, *, hub_models: bool = True) -> None:
    """See that a base model is there for a caller.

    Args:
        name: As it is asked for.
        caller: Who asks.
        hub_models: Whether it may be one of the hub, if the operator lets them be used.

    Raises:
        BaseModelNotFound: It is not.
    """
    if trained_models.is_trained(name):
        with caller.reading() as session:
            trained_models.find(session, name)
    else:
        caller.parts.storage.base_model(name, hub_models=hub_models and caller.parts.settings.hub_models)
