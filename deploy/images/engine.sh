# Sourced by build.sh and base.sh: docker where its daemon answers, otherwise buildah without one.

CACHE="${PRESSROOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pressroom}"
SUITE=bookworm
PUBLIC_BASE=docker.io/library/debian:$SUITE-slim

say() { echo "images: $*" >&2; }

die() {
    say "$*"
    exit 1
}

if command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then
    ENGINE=docker
elif command -v buildah >/dev/null; then
    ENGINE=buildah
    # Needs no mounts that a container or a small virtual machine would not allow.
    export BUILDAH_ISOLATION=chroot
    # All of it in one folder, which can be removed by itself.
    export STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}"
    STORAGE=(--root "$CACHE/images/storage" --runroot "$CACHE/images/run")
else
    die "neither a docker daemon nor buildah is here"
fi

engine() {
    if [ "$ENGINE" = docker ]; then
        docker "$@"
    else
        buildah "${STORAGE[@]}" "$@"
    fi
}

has_image() {
    if [ "$ENGINE" = docker ]; then
        docker image inspect "$1" >/dev/null 2>&1
    else
        engine inspect --type image "$1" >/dev/null 2>&1
    fi
}

pull() {
    if [ "$ENGINE" = docker ]; then
        timeout 300 docker pull --quiet "$1" >&2
    else
        timeout 300 buildah "${STORAGE[@]}" pull --quiet "$1" >&2
    fi
}

image_id() {
    if [ "$ENGINE" = docker ]; then
        docker image inspect --format '{{.Id}}' "$1"
    else
        engine inspect --type image --format '{{.FromImageID}}' "$1"
    fi
}

# The size of an image, unpacked, in MB.
megabytes() {
    local container size
    if [ "$ENGINE" = docker ]; then
        size=$(docker image inspect --format '{{.Size}}' "$1")
        echo $((size / 1000000))
        return
    fi
    container=$(engine from --pull-never "$1")
    size=$(du --summarize --one-file-system --block-size=1 "$(engine mount "$container")" | cut -f1)
    engine rm "$container" >/dev/null
    echo $((size / 1000000))
}
