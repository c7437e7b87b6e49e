#!/usr/bin/env bash
# Gives the cluster the images of archives (docker-archive), so that pods need no registry:
#
#   deploy/cluster/load.sh [archive...]      # without arguments: out/images/*.tar
#
# An archive that was loaded before and has not changed since is skipped. If KUBECONFIG names a
# cluster of kind, they are loaded there; for any other, it says what to do instead.
. "$(dirname "$0")/lib.sh"

archives=("$@")
if [ ${#archives[@]} -eq 0 ]; then
    mapfile -t archives < <(compgen -G "$REPOSITORY/out/images/*.tar" || true)
    [ ${#archives[@]} -gt 0 ] || die "no archives in out/images: run deploy/images/build.sh first"
fi
for archive in "${archives[@]}"; do
    [ -r "$archive" ] || die "cannot read $archive"
done

load_into_kind() {
    local context archive
    context=$("$CACHE/bin/kubectl" config current-context 2>/dev/null ||
        command kubectl config current-context) || die "KUBECONFIG=$KUBECONFIG has no context"
    if [[ $context != kind-* ]]; then
        die "$context is no cluster of kind. Push the images to a registry that it pulls from," \
            "for each archive: skopeo copy docker-archive:FILE docker://REGISTRY/NAME:TAG" \
            "and install the chart with image.registry set to REGISTRY"
    fi
    command -v kind >/dev/null || die "$context needs the program kind to load images with"
    for archive in "${archives[@]}"; do
        kind load image-archive --name "${context#kind-}" "$archive"
    done
}

load_into_containerd() {
    local archive stamp what start
    ctr version >/dev/null 2>&1 || die "the cluster is not up: run deploy/cluster/up.sh"
    # shellcheck disable=SC1091
    . "$DIR/settings"
    for archive in "${archives[@]}"; do
        archive=$(realpath "$archive")
        stamp="$DIR/loaded/$(sha256sum <<<"$archive" | cut -c1-16)"
        what=$(stat -c '%n %s %Y %i' "$archive")
        if [ "$(cat "$stamp" 2>/dev/null)" != "$what" ]; then
            start=$SECONDS
            ctr images import --snapshotter "$SNAPSHOTTER" "$archive" >&2
            echo "$what" >"$stamp"
            say "loaded ${archive##*/} in $((SECONDS - start)) s"
        fi
    done
}

if foreign_kubeconfig; then
    load_into_kind
else
    need_root
    load_into_containerd
fi
