#!/usr/bin/env bash
# Stops the cluster that up.sh started and removes all of it: processes, pods, mounts, network,
# control groups, and the folder with its state and logs. Nothing is left to find; images and
# programs stay in the cache. Finds what there is by itself, also after a crash.
#
#   deploy/cluster/down.sh
. "$(dirname "$0")/lib.sh"
. "$HERE/sweep.sh"

need_root
lock
sweep
say "down in $SECONDS s"
