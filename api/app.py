"""The service over HTTP: composition root, `uvicorn --factory api.app:create_app`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute

from api import problems, service
from api.dashboard import pages
from api.delivery import Deliveries
from api.dependencies import Parts
from api.egress import Egress
from api.guard import caller, members_of_the_first_project
from api.hosts import KnownHosts
from api.meters import Meters
from api.openai import chat, document, errors, files, fine_tuning, permissions, uploads, webhooks
from api.openai import models as openai_models
from api.openai.chat_refusals import ChatRefused, refusal
from api.posting import Poster
from api.ringing import ToldDoorbell
from api.routes import (
    artifacts,
    comparing,
    datasets,
    drains,
    garbage,
    health,
    images,
    inspections,
    integrations,
    jobs,
    keys,
    metrics,
    models,
    previews,
    projects,
    reports,
    session,
    streams,
    usage,
    workers,
)
from api.settings import Settings
from api.signals import told_of_end
from api.standing import Standing
from api.streaming import Streams
from api.tracing import native
from api.tries import Tries
from store.database import Database
from store.doorbell import Ringer, make_celery
from store.files import Storage
from telemetry import logs
from telemetry.traces import make as make_traces

_MAX_BODY_BYTES = 1 << 20
"""Of a request; routes that take files say so themselves."""
DESCRIPTION = """Fine-tune Hugging Face image-text-to-text models on your own machines: upload a dataset,
submit a job, watch it, download the trained checkpoint."""


_GUARDED = (
    datasets,
    previews,
    images,
    models,
    comparing,
    jobs,
    inspections,
    reports,
    streams,
    artifacts,
    integrations,
    workers,
    usage,
    projects,
    keys,
    drains,
    garbage,
    files,
    uploads,
    webhooks,
    chat,
    fine_tuning,
    permissions,
    openai_models,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service with its parts, by default as the environment says."""
    if settings is None:  # the process is this service's alone, and so is what it logs
        settings = Settings()
        logs.configure("api", settings.log_format, settings.log_level)
    parts = _make_parts(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        parts.doorbell.start()
        async with parts.streams.running(), parts.deliveries.running():
            with told_of_end(parts.close):
                yield
        parts.doorbell.stop()
        parts.database.close()
        parts.traces.close()

    app = FastAPIOffline(  # its pages at /docs come from here, not from another host
        title="Tuneyard",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        max_body_size=_MAX_BODY_BYTES,
        telemetry=native(parts.traces),
        routes=_routes(open_metrics=settings.open_metrics),
    )
    app.state.parts = parts
    problems.install(app)
    app.add_exception_handler(ChatRefused, refusal)
    app.add_middleware(KnownHosts, names=settings.allowed_hosts)
    service.finish(app, parts.meters, parts.traces)
    return app


@cache
def _routes(*, open_metrics: bool) -> Sequence[BaseRoute]:
    """Every route, made once a process: they know no parts, and what FastAPI works out of them takes a while."""
    router = APIRouter(max_body_size=_MAX_BODY_BYTES)
    for routes in _GUARDED:
        model = errors.Failed if errors.is_for_openai(routes.router.prefix) else problems.ProblemDetails
        router.include_router(routes.router, dependencies=[Depends(caller)], responses={"4XX": {"model": model}})
    for open_routes in (health, session):
        router.include_router(open_routes.router, responses={"4XX": {"model": problems.ProblemDetails}})
    router.include_router(document.router)
    router.include_router(pages.router)
    router.mount(pages.PATH, pages.FILES)
    readers = [] if open_metrics else [Depends(members_of_the_first_project)]
    router.include_router(metrics.router, dependencies=readers, responses={"4XX": {"model": problems.ProblemDetails}})
    return router.routes


def _make_parts(settings: Settings) -> Parts:
    database = Database(settings.database_url)
    meters, traces = Meters(), make_traces("api")
    parts = Parts(
        settings=settings,
        database=database,
        storage=Storage(settings.storage_root, settings.scratch_dir),
        doorbell=Ringer(ToldDoorbell(make_celery(str(settings.broker_url)), meters, traces)),
        streams=Streams(database),
        deliveries=Deliveries(database, Poster(Egress(private_hosts=settings.webhook_private_hosts))),
        tries=Tries(),
        meters=meters,
        traces=traces,
    )
    parts.storage.prepare()
    meters.count_readers(lambda: parts.streams.num_readers)
    meters.registry.register(Standing(database, parts.storage.root if parts.storage.is_folder else None))
    return parts
