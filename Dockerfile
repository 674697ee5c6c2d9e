# syntax=docker/dockerfile:1
# Three images: `api` holds no torch, `worker` adds the trainer, `tracking` the clients of trackers. docker-compose.yml
# builds and starts them.

# Python 3.11 is what constraints.txt was made with and what the tests run on.
FROM python:3.11-slim-trixie AS server
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONPATH=/srv/tuneyard \
    PYTHONUNBUFFERED=1
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --uid 1000 --create-home tuneyard \
    && install --directory --owner=tuneyard --group=tuneyard /var/lib/tuneyard/storage /var/lib/tuneyard/scratch /var/lib/tuneyard/hub
# Packages come before code, so that a change of code installs nothing. They need no README.md, but pyproject.toml names it.
COPY pyproject.toml constraints.txt /srv/packages/
# "server,otel" adds what sends traces, docs/telemetry.md.
ARG EXTRAS=server
RUN --mount=type=cache,target=/root/.cache/pip \
    touch /srv/packages/README.md \
    && pip install --constraint /srv/packages/constraints.txt "/srv/packages[$EXTRAS]"
WORKDIR /srv/tuneyard

FROM server AS api
COPY api api
COPY client client
COPY migrations migrations
COPY store store
COPY telemetry telemetry
COPY trainer_core trainer_core
USER 1000

FROM server AS tracking
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /srv/packages/constraints.txt '/srv/packages[tensorboard,mlflow,wandb]'
COPY store store
COPY telemetry telemetry
COPY trainer_core trainer_core
COPY worker worker
USER 1000

FROM server AS worker
# Where no GPU is, https://download.pytorch.org/whl/cpu saves gigabytes of CUDA libraries.
ARG TORCH_INDEX_URL=""
RUN --mount=type=cache,target=/root/.cache/pip \
    PIP_EXTRA_INDEX_URL="$TORCH_INDEX_URL" pip install --constraint /srv/packages/constraints.txt '/srv/packages[trainer]'
COPY store store
COPY telemetry telemetry
COPY trainer_core trainer_core
COPY worker worker
USER 1000
