#!/bin/sh
# Set up what a target of the Makefile needs, and only what is missing.
#
#   setup.sh env        uv and the Python environment in .venv
#   setup.sh browser    chromium-headless-shell and fonts, unless PRESSROOM_CHROMIUM names a browser
#   setup.sh tools      qpdf and poppler-utils, with which demo and tests check what was printed
#   setup.sh clients    curl and node, in which tests are written as clients of the HTTP APIs are
#
# On Debian and Ubuntu missing system packages are installed by apt, as root or by sudo. Elsewhere
# it says what to install. With everything there it ends within milliseconds.
set -eu
cd "$(dirname "$0")/../.."

UV_RANGE='uv>=0.9,<1'
STAMP=.venv/.stamp
FONTS='fonts-liberation fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji'

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
has_apt() { have apt-get && [ -d /var/lib/dpkg/info ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "need root or sudo to run: $*"
    fi
}

apt_updated=
apt_install() {
    if [ -z "$apt_updated" ]; then
        say "apt-get update"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update \
            >/dev/null || say "apt-get update failed; trying with the lists that are there"
        apt_updated=yes
    fi
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        install --yes --no-install-recommends "$@" >/dev/null
}

# Packages that are not installed, by the files that dpkg keeps (much faster than asking dpkg).
missing_packages() {
    for package in "$@"; do
        set -- "/var/lib/dpkg/info/$package".list "/var/lib/dpkg/info/$package":*.list
        if [ ! -e "$1" ] && [ ! -e "$2" ]; then
            printf '%s ' "$package"
        fi
    done
}

find_uv() {
    if [ -x .tools/bin/uv ]; then
        echo .tools/bin/uv
    elif uv --version >/dev/null 2>&1; then
        echo uv
    fi
}

install_uv() {
    have python3 || { has_apt && apt_install python3; } || die "python3 (3.11 or later) is needed"
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        has_apt || die "python3 cannot make environments: install its venv module, or uv"
        apt_install python3-venv
    fi
    say "installing $UV_RANGE into .tools"
    rm -rf .tools
    python3 -m venv .tools
    .tools/bin/python -m pip install --quiet --disable-pip-version-check "$UV_RANGE"
}

setup_env() {
    if [ "$STAMP" -nt uv.lock ] && [ "$STAMP" -nt pyproject.toml ] && [ -x .venv/bin/python ]; then
        return
    fi
    uv=$(find_uv)
    if [ -z "$uv" ]; then
        install_uv
        uv=.tools/bin/uv
    fi
    say "uv sync --frozen"
    UV_PYTHON_PREFERENCE="${UV_PYTHON_PREFERENCE:-system}" \
        UV_PROJECT_ENVIRONMENT=.venv "$uv" sync --frozen --quiet
    touch "$STAMP"
}

setup_browser() {
    if [ -n "${PRESSROOM_CHROMIUM:-}" ]; then
        have "$PRESSROOM_CHROMIUM" || die "PRESSROOM_CHROMIUM=$PRESSROOM_CHROMIUM cannot be run"
        return
    fi
    if ! has_apt; then
        have chromium-headless-shell || die "no Chromium found, and no apt to install it with:" \
            "install a headless Chromium and set PRESSROOM_CHROMIUM to the path of its binary"
        return
    fi
    # shellcheck disable=SC2086  # one word a package
    fonts=$(missing_packages $FONTS)
    # shellcheck disable=SC2086
    [ -z "$fonts" ] || apt_install $fonts
    if [ ! -x /usr/lib/chromium/chromium-headless-shell ] && ! have chromium-headless-shell; then
        apt_install chromium-headless-shell || die "this distribution has no package" \
            "chromium-headless-shell: install a headless Chromium and set PRESSROOM_CHROMIUM" \
            "to the path of its binary"
    fi
}

setup_tools() {
    packages=
    have qpdf || packages="$packages qpdf"
    { have pdftotext && have pdftoppm; } || packages="$packages poppler-utils"
    [ -n "$packages" ] || return 0
    has_apt || die "not found:$packages; install what provides qpdf, pdftotext and pdftoppm"
    # shellcheck disable=SC2086
    apt_install $packages
}

setup_clients() {
    packages=
    have curl || packages="$packages curl"
    have node || packages="$packages nodejs"
    [ -n "$packages" ] || return 0
    has_apt || die "not found:$packages; install what provides curl and node"
    # shellcheck disable=SC2086
    apt_install $packages
}

for step in "$@"; do
    case $step in
        env) setup_env ;;
        browser) setup_browser ;;
        tools) setup_tools ;;
        clients) setup_clients ;;
        *) die "unknown step: $step (env, browser, tools, clients)" ;;
    esac
done
