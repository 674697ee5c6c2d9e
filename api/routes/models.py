"""/models: base models to start from."""

from fastapi import APIRouter

from api.dependencies import PartsDep
from api.service_views import ModelList, ModelRead

router = APIRouter(prefix="/models", tags=["models"])


@router.get("")
def list_models(parts: PartsDep) -> ModelList:
    """Base models that are registered here."""
    data = [ModelRead(name=name) for name in parts.storage.base_models()]
    return ModelList(data=data, hub_models=parts.settings.hub_models)
