#!/bin/sh
# Run inside a build stage, beside pyproject.toml and uv.lock:
#
#   dependencies.sh EXTRA   makes /app/.venv of what the lock has for the extra, slimmed
#
# The code is no part of it: it comes in a layer of its own, in /app/lib, which a path file names.
set -eu

uv export --quiet --frozen --no-dev --no-emit-project --extra "$1" --output-file requirements.txt
uv venv --quiet --python /usr/bin/python3 /app/.venv
uv pip install --quiet --python /app/.venv/bin/python --link-mode copy \
    --no-build --no-deps --require-hashes --requirement requirements.txt

cd /app/.venv/lib/python3*/site-packages
echo /app/lib > pressroom.pth

# Of the Kubernetes client only transport and credentials are used. Its classes per kind, 70 MB,
# are loaded one by one by those who name them, which nobody here does.
for generated in kubernetes/client kubernetes/aio/client; do
    [ ! -d "$generated" ] ||
        find "$generated/api" "$generated/models" -name '*.py' ! -name __init__.py -delete
done
# Tests, sources of what is compiled, and what pikepdf wants only for images and the finalizer
# never asks for. Time zones are the system's.
find /app/.venv/bin ! -name 'python*' ! -type d -delete
rm -rf Crypto/SelfTest lxml/includes lxml/isoschematron lxml/html lxml/objectify.* PIL pillow.libs tzdata/zoneinfo
# Of pycryptodome, minio and pypdf use ciphers and hashes.
rm -rf Crypto/PublicKey Crypto/Protocol Crypto/Signature Crypto/Math
rm -f lxml/sax.* uharfbuzz/_harfbuzz_test.*
find . -type d -name tests -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.px[di]' -o -name '*.pyx' -o -name '*.[ch]' \) -delete
# Debugging symbols. Not where a wheel brings libraries of its own, which were patched to be found.
find . -name '*.so' ! -path '*.libs/*' ! -path './pikepdf/*' -exec strip --strip-unneeded {} +

# Never checked against the sources: the root is read-only, and layers do not keep exact times.
/app/.venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .
