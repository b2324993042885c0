FROM python:3.11.14-slim-bookworm AS build
# hnswlib comes as source. Debian drops superseded versions, so a pinned g++ would one day stop building.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
ENV HNSWLIB_NO_NATIVE=1 \
    PIP_CONSTRAINT=requirements.lock \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PATH=/opt/samekind/bin:$PATH
WORKDIR /src
RUN python -m venv /opt/samekind
# The parts first, in a layer that a change of our own code leaves as it is.
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN mkdir -p client/samekind server/samekind_server \
    && touch client/samekind/__init__.py server/samekind_server/__init__.py \
    && pip install -c requirements.lock ".[cli,server]"
COPY client client
COPY server server
RUN pip install --no-deps --force-reinstall .

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --create-home samekind \
    && install -d -o samekind -g samekind /data
COPY --from=build /opt/samekind /opt/samekind
ENV PATH=/opt/samekind/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SAMEKIND_DATA=/data \
    SAMEKIND_HOST=0.0.0.0 \
    SAMEKIND_METRICS=9464
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 50051
HEALTHCHECK --start-period=60s CMD ["python", "-c", "\
import os, urllib.request; \
port = os.environ['SAMEKIND_METRICS'].rpartition(':')[2]; \
urllib.request.urlopen(f'http://127.0.0.1:{port}/readyz', timeout=5)"]
ENTRYPOINT ["samekind", "serve"]
# Nothing outside reaches the server until a port is published; arguments of one's own say --insecure themselves.
CMD ["--insecure"]
