# MinIO, of the program that deploy/cluster/binaries.sh builds. For the end-to-end tests.
# The context is a folder with that program in it, as build.sh makes one.
FROM scratch
COPY minio /minio
USER 10001:10001
ENTRYPOINT ["/minio"]
LABEL org.opencontainers.image.title="minio" \
      org.opencontainers.image.licenses="AGPL-3.0-only"
