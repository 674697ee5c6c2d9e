"""/metrics: numbers of this process and of the service, as Prometheus reads them."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from prometheus_client.exposition import choose_encoder

from api.dependencies import PartsDep

router = APIRouter(tags=["operators"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def tell_metrics(parts: PartsDep, accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
    """Numbers of this process and of the whole service: Prometheus' text, or OpenMetrics if that is asked for."""
    encode, media_type = choose_encoder(accept)
    return Response(encode(parts.meters.registry), headers={"Content-Type": media_type})
