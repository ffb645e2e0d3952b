# syntax=docker/dockerfile:1
# Everything that is installed is locked with hashes, except for this base: a tag can move. Nobody has looked up its
# digest yet; where a registry can be reached, do, and write it here as python:<tag>@sha256:<digest>:
#   docker buildx imagetools inspect python:3.11.15-slim-bookworm
ARG BASE=python:3.11.15-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements/build.txt requirements/image.txt requirements/
RUN python -m venv tools && tools/bin/pip install --require-hashes -r requirements/build.txt
# A quarter of the image would be compiled code of the Kubernetes client's models and calls. The operator imports hardly
# any; what imports more compiles it then.
RUN python -m venv --without-pip /opt/keypool && \
    tools/bin/pip --python /opt/keypool/bin/python install --require-hashes --only-binary :all: -r requirements/image.txt && \
    find /opt/keypool -regex '.*/kubernetes/.*client/\(models\|api\)/.*\.pyc' -delete
COPY pyproject.toml README.md LICENSE ./
COPY operator/keypool operator/keypool
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . && \
    tools/bin/pip --python /opt/keypool/bin/python install --no-deps --no-index dist/*.whl

# The relay, a side-car of workloads: docker build --target relay. It knows nothing of the operator.
FROM ${BASE} AS relay-build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements/build.txt requirements/relay.txt requirements/
RUN python -m venv tools && tools/bin/pip install --require-hashes -r requirements/build.txt
RUN python -m venv --without-pip /opt/keypool && \
    tools/bin/pip --python /opt/keypool/bin/python install --require-hashes --only-binary :all: -r requirements/relay.txt
COPY client/pyproject.toml client/README.md client/LICENSE ./
COPY client/keypool_client keypool_client
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . && \
    tools/bin/pip --python /opt/keypool/bin/python install --no-deps --no-index dist/*.whl

FROM ${BASE} AS relay
LABEL org.opencontainers.image.title="keypool-relay" \
      org.opencontainers.image.description="Sends the requests of a pod's programs on with a key of their pool" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/keypool/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=relay-build /opt/keypool /opt/keypool
WORKDIR /opt/keypool
USER 65532:65532
EXPOSE 8485
ENTRYPOINT ["python", "-m", "keypool_client", "relay"]

FROM ${BASE}
LABEL org.opencontainers.image.title="keypool" \
      org.opencontainers.image.description="A Kubernetes operator for the API keys that workloads use to call language models" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/keypool/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/keypool /opt/keypool
WORKDIR /opt/keypool
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python", "-m", "keypool"]
