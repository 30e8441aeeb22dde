# kaozheng: the api and the worker. Built by `docker compose build`; docs/deploy.md says how to pin it by digest
# and how a mirror of the packages is used (a pip.conf as build secret; nothing of it stays in the image).
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
COPY requirements.lock /build/requirements.lock
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python -m venv /opt/kaozheng \
    && /opt/kaozheng/bin/pip install --require-hashes --only-binary=:all: -r /build/requirements.lock \
    && /opt/kaozheng/bin/python -m compileall -q -j 0 /opt/kaozheng/lib

COPY agent /opt/app/agent
COPY tools /opt/app/tools
COPY templates /opt/app/templates
COPY workers /opt/app/workers
COPY examples /opt/app/examples
COPY LICENSE THIRD_PARTY_NOTICES.md /opt/app/
RUN /opt/kaozheng/bin/python -m compileall -q /opt/app

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 kaozheng \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin kaozheng \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/kaozheng /opt/kaozheng
COPY --from=build /opt/app /opt/app
ENV PATH=/opt/kaozheng/bin:$PATH PYTHONPATH=/opt/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data KAOZHENG_DATA_DIR=/data
WORKDIR /opt/app
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=5m --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["python", "-m", "workers.cli"]
CMD ["serve"]
