#!/usr/bin/env bash
# Builds the images, with docker or, where no daemon answers, with buildah:
#
#   deploy/images/build.sh [--tag TAG] [gateway | operator | worker | finalizer
#                                       | nats | minio | seaweedfs]...
#   deploy/images/build.sh --clean      # removes what buildah and uv have kept from builds
#
# Without names: the four parts. Each becomes localhost/pressroom/NAME:TAG (dev) and an archive,
# out/images/NAME.tar. Set BASE to build on another Debian (base.sh). Prints what each weighs, and
# fails where a part without a browser is fat.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/images/engine.sh

PARTS=(gateway operator worker finalizer)
#: What a part without a browser may weigh above the base, in MB.
LIMIT=120
OUT=out/images
MACHINE=$CACHE/images/machine

# How this machine reaches packages: shown to a build at /mnt, never copied into an image.
describe_machine() {
    rm -rf "$MACHINE"
    mkdir -p "$MACHINE" "$CACHE/uv"
    # Proxies, and what else apt was told about downloads.
    if command -v apt-config >/dev/null; then
        apt-config dump | grep -E '^Acquire::(http|https|ftp|Check|Retries|ForceIPv)[^"]*"' \
            >"$MACHINE/apt.conf" || true
    fi
    for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/cert.pem; do
        if [ -f "$bundle" ]; then
            cp "$bundle" "$MACHINE/ca.crt"
            break
        fi
    done
}

index() {
    echo "${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}"
}

# The arguments of a build that depend on the machine.
machine_arguments() {
    local pip uv
    pip=$(index)
    uv=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-$pip}}
    ARGUMENTS=()
    [ -z "$pip" ] || ARGUMENTS+=(--build-arg "PIP_INDEX_URL=$pip")
    [ -z "$uv" ] || ARGUMENTS+=(--build-arg "UV_DEFAULT_INDEX=$uv")
    if [ "$ENGINE" = docker ]; then
        for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
            [ -z "${!name:-}" ] || ARGUMENTS+=(--build-arg "$name")
        done
        return
    fi
    # Proxies of the environment are buildah's own default.
    describe_machine
    ARGUMENTS+=(--volume "$(realpath "$MACHINE"):/mnt:ro")
    ARGUMENTS+=(--volume "$(realpath "$CACHE/uv"):/root/.cache/uv")
    [ ! -s "$MACHINE/apt.conf" ] || ARGUMENTS+=(--build-arg APT_CONFIG=/mnt/apt.conf)
    if [ -f "$MACHINE/ca.crt" ]; then
        ARGUMENTS+=(--build-arg PIP_CERT=/mnt/ca.crt --build-arg SSL_CERT_FILE=/mnt/ca.crt)
    fi
    ARGUMENTS+=(--layers --pull-never)
}

version() {
    sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -1
}

# build NAME DOCKERFILE CONTEXT
build() {
    local image=localhost/pressroom/$1:$TAG start=$SECONDS
    say "building $1"
    engine build "${ARGUMENTS[@]}" --file "$2" --tag "$image" --build-arg "BASE=$BASE" \
        --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" "$3" >"$LOG" 2>&1 || {
        cat "$LOG" >&2
        die "building $1 failed"
    }
    archive "$1" "$image"
    report "$1" "$image" $((SECONDS - start))
}

# archive NAME IMAGE: unless the archive that is there holds this very image.
archive() {
    local file=$OUT/$1.tar id
    id="$2 $(image_id "$2")"
    [ ! -f "$file" ] || [ "$(cat "$file.id" 2>/dev/null)" != "$id" ] || return 0
    rm -f "$file.part" "$file.id"
    if [ "$ENGINE" = docker ]; then
        docker save --output "$file.part" "$2"
    else
        engine push --quiet "$2" "docker-archive:$file.part:$2"
    fi
    mv "$file.part" "$file"
    echo "$id" >"$file.id"
}

report() {
    local whole above
    whole=$(megabytes "$2")
    above=$((whole - BASE_MB))
    case $1 in
    nats | minio | seaweedfs) printf '%-10s %4d MB, %d s\n' "$1" "$whole" "$3" ;;
    *)
        printf '%-10s %4d MB, %d above the base, %d s\n' "$1" "$whole" "$above" "$3"
        [ "$1" = worker ] || [ "$above" -lt "$LIMIT" ] || die "$1: more than $LIMIT MB above the base"
        ;;
    esac
}

# MinIO's program alone in a folder: what a build is sent.
minio_context() {
    local at=$CACHE/images/minio
    deploy/cluster/binaries.sh minio >/dev/null
    mkdir -p "$at"
    cp --update --dereference "$CACHE/bin/minio" "$at/minio"
    echo "$at"
}

clean() {
    [ "$ENGINE" = docker ] || engine rm --all >/dev/null
    # buildah leaves its folder mounted on itself.
    ! mountpoint --quiet "$CACHE/images/storage/overlay" || umount "$CACHE/images/storage/overlay"
    rm -rf "$CACHE/images" "$CACHE/uv"
}

TAG=dev
names=()
while [ $# -gt 0 ]; do
    case $1 in
    --tag) TAG=${2:?"--tag needs a value"} && shift ;;
    --clean) clean && exit ;;
    gateway | operator | worker | finalizer | nats | minio | seaweedfs) names+=("$1") ;;
    *) die "unknown: $1 (see the head of this file)" ;;
    esac
    shift
done
[ "${#names[@]}" -gt 0 ] || names=("${PARTS[@]}")

mkdir -p "$OUT" "$CACHE/images"
# One build at a time: what a killed one has left can then be told from another's.
exec 9>"$CACHE/images/lock"
flock 9
[ "$ENGINE" = docker ] || engine rm --all >/dev/null
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
BASE=$(deploy/images/base.sh)
BASE_MB=$(megabytes "$BASE")
VERSION=$(version)
REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)
machine_arguments
printf '%-10s %4d MB, %s, by %s\n' base "$BASE_MB" "$BASE" "$ENGINE"

for name in "${names[@]}"; do
    case $name in
    minio) build minio deploy/images/e2e/minio.Dockerfile "$(minio_context)" ;;
    nats | seaweedfs) build "$name" "deploy/images/e2e/$name.Dockerfile" . ;;
    *) build "$name" "deploy/images/$name.Dockerfile" . ;;
    esac
done
