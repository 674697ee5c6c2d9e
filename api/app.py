"""The service over HTTP: composition root, `uvicorn --factory api.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from api import problems, service
from api.dashboard import pages
from api.delivery import Deliveries
from api.dependencies import Parts
from api.egress import Egress
from api.guard import caller
from api.hosts import KnownHosts
from api.openai import chat, document, errors, files, fine_tuning, permissions, uploads, webhooks
from api.openai import models as openai_models
from api.openai.chat_refusals import ChatRefused, refusal
from api.posting import Poster
from api.routes import (
    artifacts,
    comparing,
    datasets,
    health,
    images,
    inspections,
    jobs,
    keys,
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
from api.streaming import Streams
from api.tries import Tries
from store.database import Database
from store.doorbell import Doorbell, Ringer, make_celery
from store.files import Storage

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
    workers,
    usage,
    projects,
    keys,
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
    settings = settings or Settings()
    database = Database(settings.database_url)
    parts = Parts(
        settings=settings,
        database=database,
        storage=Storage(settings.storage_root, settings.scratch_dir),
        doorbell=Ringer(Doorbell(make_celery(str(settings.broker_url)))),
        streams=Streams(database),
        deliveries=Deliveries(database, Poster(Egress(private_hosts=settings.webhook_private_hosts))),
        tries=Tries(),
    )
    parts.storage.prepare()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        parts.doorbell.start()
        async with parts.streams.running(), parts.deliveries.running():
            with told_of_end(parts.close):
                yield
        parts.doorbell.stop()
        parts.database.close()

    app = FastAPIOffline(  # its pages at /docs come from here, not from another host
        title="Tuneyard",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        max_body_size=_MAX_BODY_BYTES,
    )
    app.state.parts = parts
    problems.install(app)
    app.add_exception_handler(ChatRefused, refusal)
    app.add_middleware(KnownHosts, names=settings.allowed_hosts)
    for routes in _GUARDED:
        model = errors.Failed if errors.is_for_openai(routes.router.prefix) else problems.Problem
        app.include_router(routes.router, dependencies=[Depends(caller)], responses={"4XX": {"model": model}})
    for open_routes in (health, session):
        app.include_router(open_routes.router, responses={"4XX": {"model": problems.Problem}})
    app.include_router(document.router)
    app.include_router(pages.router)
    app.mount(pages.PATH, pages.FILES)
    service.finish(app)
    return app
