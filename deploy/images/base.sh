#!/usr/bin/env bash
# Prints the name of the image that all others are built on:
#
#   $BASE                  where it is set: taken as it is
#   debian:bookworm-slim   where a registry answers
#   otherwise              a Debian made from its packages, by mmdebstrap, once; kept in the cache
#
# `rm ~/.cache/pressroom/images/base-*.tar` has the next build make a fresh one.
set -euo pipefail
cd "$(dirname "$0")"
. ./engine.sh

MADE=localhost/pressroom/base:$SUITE
ARCHIVE=$CACHE/images/base-$SUITE.tar

# The machine's own package sources, if it is the same Debian: they may be a mirror.
sources() {
    local os
    os=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_CODENAME:-}")
    [ "$os" = "debian $SUITE" ] || return 0
    find /etc/apt/sources.list /etc/apt/sources.list.d -type f \
        \( -name '*.list' -o -name '*.sources' \) 2>/dev/null
}

# What the image says about where packages come from, whatever it was made from.
public_sources() {
    cat <<SOURCES
deb http://deb.debian.org/debian $SUITE main
deb http://deb.debian.org/debian $SUITE-updates main
deb http://security.debian.org/debian-security $SUITE-security main
SOURCES
}

make_archive() {
    local work from=()
    command -v mmdebstrap >/dev/null ||
        die "no registry answers, and there is no mmdebstrap: install it, or set BASE"
    say "no registry answers: making a base of Debian $SUITE"
    work=$(mktemp -d)
    public_sources >"$work/sources.list"
    mapfile -t from < <(sources)
    [ "${#from[@]}" -gt 0 ] || from=("$work/sources.list")
    # As debian:*-slim is: merged from the start (else Perl comes in to do it), no manuals.
    mmdebstrap --quiet --format=tar --variant=minbase \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --customize-hook='rm -rf "$1"/etc/apt/sources.list.d/*' \
        --customize-hook="copy-in $work/sources.list /etc/apt" \
        "$SUITE" "$ARCHIVE.part" "${from[@]}" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        die "mmdebstrap failed"
    }
    rm -rf "$work"
    mv "$ARCHIVE.part" "$ARCHIVE"
}

import_archive() {
    local container
    if [ "$ENGINE" = docker ]; then
        docker import "$ARCHIVE" "$MADE" >/dev/null
        return
    fi
    container=$(engine from scratch)
    engine add --quiet "$container" "$ARCHIVE" / >/dev/null
    engine config --cmd bash \
        --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    engine commit --quiet --rm "$container" "$MADE" >/dev/null
}

if [ -n "${BASE:-}" ]; then
    has_image "$BASE" || pull "$BASE" || die "there is no image $BASE"
    echo "$BASE"
elif has_image "$PUBLIC_BASE"; then
    echo "$PUBLIC_BASE"
elif [ ! -f "$ARCHIVE" ] && pull "$PUBLIC_BASE" 2>/dev/null; then
    echo "$PUBLIC_BASE"
else
    mkdir -p "${ARCHIVE%/*}"
    fresh=
    [ -f "$ARCHIVE" ] || { make_archive && fresh=yes; }
    [ -z "$fresh" ] && has_image "$MADE" || import_archive
    echo "$MADE"
fi
