#!/bin/sh
# Uploads a file of rows, polls until the job has ended, and saves the result.
# Usage: client.sh TEMPLATE FILE RESULT [curl's words for further form fields]
set -eu
template=$1 file=$2 result=$3
shift 3
batch="$PRESSROOM_URL/api/templates/$template/render-batch"
authorization="Authorization: Bearer $PRESSROOM_JWT"

value_of() { # of a flat JSON object: its text value by this name
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

job=$(curl -sSf -H "$authorization" -F "file=@$file" "$@" "$batch/upload" | value_of jobId)
while :; do
    state=$(curl -sSf -H "$authorization" "$batch/jobs/$job" | value_of status)
    case $state in
    completed) break ;;
    failed) echo "the job failed" >&2 && exit 1 ;;
    esac
    sleep 0.2
done
curl -sSf -H "$authorization" -o "$result" "$batch/jobs/$job/result"
