#!/bin/sh
# Run inside the worker's last stage: Chromium's headless shell and the fonts it prints with.
#
# Of what these packages bring, what a headless print never loads is not unpacked, or purged again:
# graphics drivers and their compiler, X11's and the desktop's tools, Vulkan's validation layer.
set -eu

cat > /etc/dpkg/dpkg.cfg.d/pressroom-browser <<'CONFIG'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/icons/*
path-exclude=/usr/lib/chromium/libVkLayer*
path-exclude=/usr/lib/chromium/libVkICD_mock*
path-exclude=/usr/lib/*/dri/*
# Serif CJK is half of all fonts, and comes up only where a template names it: serif text falls
# back to Sans CJK. Of the others, ancient scripts, display cuts, and Kufi, which Arabic text would
# be set in instead of Naskh.
path-exclude=/usr/share/fonts/opentype/noto/NotoSerifCJK-*
path-exclude=/usr/share/fonts/truetype/noto/NotoKufiArabic-*
path-exclude=/usr/share/fonts/truetype/noto/NotoSansSignWriting-*
path-exclude=/usr/share/fonts/truetype/noto/NotoSerifTangut-*
path-exclude=/usr/share/fonts/truetype/noto/NotoSansCuneiform-*
path-exclude=/usr/share/fonts/truetype/noto/NotoSans*Hieroglyphs-*
path-exclude=/usr/share/fonts/truetype/noto/*Display-*
CONFIG

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --yes --no-install-recommends chromium-headless-shell \
    fontconfig fonts-liberation fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji >/dev/null

# What came in for x11-utils and xdg-utils, on which the package insists: nothing that stays links
# to these. Purged rather than deleted, so that the list of packages remains true.
dpkg --purge --force-depends $(dpkg-query --show --showformat='${binary:Package}\n' \
    xdg-utils x11-utils x11-common xkb-data libx11-data at-spi2-common libasound2-data \
    'libgl1*' 'libglx*' libglapi-mesa libglvnd0 'libllvm*' libz3-4 libelf1 libpciaccess0 \
    'libdrm-*[0-9]' 'libsensors*' 'libicu*' libxml2 libedit2 libxaw7 libxt6 libxkbfile1 libxmu6 \
    libxmuu1 libxft2 libice6 libsm6 libxtst6 libfontenc1 libxpm4 libxv1 'libxxf86*' libxinerama1 \
    libxshmfence1 perl 'libperl5*' 'perl-modules*' '*-perl' 2>/dev/null) >/dev/null 2>&1

# The cache is valid for folders of the very same time, and layers keep whole seconds only.
find /usr/share/fonts /usr/local/share/fonts -type d -exec touch --date="$(date +%F)" {} +
fc-cache --system-only
rm -rf /etc/dpkg/dpkg.cfg.d/pressroom-browser \
    /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
