#!/bin/sh
# Sends a request and prints the answer.
# Usage: client.sh REQUEST_JSON
set -eu
curl -sSf -X POST "$PRESSROOM_URL/v1/batch/generate" \
    -H "Authorization: Bearer $PRESSROOM_KEY" \
    -H "Content-Type: application/json" \
    -d "$1"
