# The gateway: Pressroom's HTTP API: takes batches in, tells how they go, hands out documents.
#
#   docker build --file deploy/images/gateway.Dockerfile --tag pressroom/gateway .
#
# or deploy/images/build.sh. The stages tools and code are the same for every part: they are built
# once. Their arguments are how a machine reaches its package indexes; the image keeps none of them.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS tools
ARG APT_CONFIG
ARG PIP_CERT
ARG PIP_INDEX_URL
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        binutils ca-certificates python3 python3-venv >/dev/null \
    && python3 -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 hatchling==1.33.0
ENV PATH=/opt/tools/bin:$PATH
WORKDIR /src

FROM tools AS code
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY gateway gateway
COPY operator operator
COPY worker worker
COPY finalizer finalizer
COPY cli cli
COPY deploy/local deploy/local
RUN hatchling build --target wheel --directory /dist >/dev/null \
    && uv pip install --quiet --offline --no-deps --target /app/lib /dist/*.whl \
    && rm -rf /app/lib/bin /app/lib/.lock \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/lib

FROM tools AS dependencies
ARG SSL_CERT_FILE
ARG UV_DEFAULT_INDEX
COPY pyproject.toml uv.lock deploy/images/dependencies.sh ./
RUN sh dependencies.sh gateway

FROM ${BASE}
ARG APT_CONFIG
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        ca-certificates python3 tini >/dev/null \
    && (cd /usr/lib/python3.*/ && rm -rf distutils lib2to3 pydoc_data test unittest) \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
    && echo 'pressroom:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'pressroom:x:10001:' >> /etc/group
COPY --from=dependencies /app/.venv /app/.venv
COPY --from=code /app/lib/pressroom /app/lib/pressroom
COPY --from=code /app/lib/pressroom_gateway /app/lib/pressroom_gateway
ENV PATH=/app/.venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["python", "-m", "pressroom_gateway"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="pressroom-gateway" \
      org.opencontainers.image.description="Pressroom's HTTP API: takes batches in, tells how they go, hands out documents." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
