#!/usr/bin/env bash
# Builds the programs of the cluster from their Go modules, into a cache that is keyed by version:
#
#   deploy/cluster/binaries.sh [helm | kubernetes | coredns | minio | keda]...
#
# Without arguments it builds what `make e2e` needs (everything but keda). What is in the cache is
# not built again. The last line names the folder.
set -euo pipefail
cd "$(dirname "$0")"
. ./versions.sh

CACHE="${PRESSROOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pressroom}/bin"
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false

# Two runs at once would write the same files.
mkdir -p "$CACHE"
exec 9>"$CACHE/.lock"
flock 9

say() { echo "binaries: $*" >&2; }

# build NAME VERSION COMMAND...: runs COMMAND with the file to write as its last argument.
build() {
    local name=$1 version=$2 start=$SECONDS
    local file="$CACHE/$name-$version"
    shift 2
    if [ ! -x "$file" ]; then
        say "building $name $version"
        mkdir -p "$CACHE"
        # A build that is killed leaves no file that looks whole.
        if ! "$@" "$file.part" 2>"$CACHE/$name.log"; then
            tail -20 "$CACHE/$name.log" >&2
            say "could not build $name $version: see $CACHE/$name.log"
            exit 1
        fi
        mv "$file.part" "$file"
        say "built $name in $((SECONDS - start)) s"
    fi
    ln -sfn "$name-$version" "$CACHE/$name"
}

kubernetes() {
    local flags="-s -w" at="k8s.io/component-base/version"
    flags+=" -X $at.gitVersion=v$KUBERNETES_VERSION"
    flags+=" -X $at.gitMajor=${KUBERNETES_VERSION%%.*}"
    flags+=" -X $at.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")"
    (cd kubernetes && go build -mod=mod -ldflags "$flags" -o "$2" "k8s.io/kubernetes/cmd/$1")
}

# module MODULE VERSION PACKAGE FILE: a program of a module that can be built from outside itself.
module() {
    local at
    at=$(mktemp -d)
    GOBIN="$at" go install -ldflags "${LDFLAGS:--s -w}" "$1${3:+/$3}@v$2"
    mv "$at"/* "$4"
    rmdir "$at"
}

# within MODULE VERSION PACKAGE FILE: a program whose module replaces others, so that only its own
# folder can build it. The module cache is read-only: it is built in a copy.
within() {
    local at
    at=$(mktemp -d)
    go mod download "$1@v$2"
    cp -r "$(go env GOMODCACHE)/$1@v$2/." "$at"
    chmod -R u+w "$at"
    (cd "$at" && go build -mod=mod -ldflags "-s -w" -o "$4" "./$3")
    rm -rf "$at"
}

for group in "${@:-helm kubernetes coredns minio}"; do
    for what in $group; do
        case $what in
        kubernetes)
            for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy \
                kubectl; do
                build "$name" "$KUBERNETES_VERSION" kubernetes "$name"
            done
            ;;
        helm)
            # helm template takes these for the version of a cluster that it cannot ask.
            capable="helm.sh/helm/v3/pkg/chartutil.k8sVersion"
            LDFLAGS="-s -w -X helm.sh/helm/v3/internal/version.version=v$HELM_VERSION \
-X ${capable}Major=${KUBERNETES_VERSION%%.*} -X ${capable}Minor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")" \
                build helm "$HELM_VERSION" module helm.sh/helm/v3 "$HELM_VERSION" cmd/helm
            ;;
        coredns)
            build coredns "$COREDNS_VERSION" module github.com/coredns/coredns "$COREDNS_VERSION" ""
            ;;
        minio)
            build minio "$MINIO_VERSION" module github.com/minio/minio "$MINIO_VERSION" ""
            ;;
        keda)
            for name in operator adapter; do
                build "keda-$name" "$KEDA_VERSION" \
                    within github.com/kedacore/keda/v2 "$KEDA_VERSION" "cmd/$name"
            done
            ;;
        *)
            say "unknown: $what (one of helm, kubernetes, coredns, minio, keda)"
            exit 2
            ;;
        esac
    done
done
echo "$CACHE"
