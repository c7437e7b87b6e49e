# Shared by up.sh, down.sh and load.sh: what the cluster is called and where it is, how its programs
# are started and ended, and how everything it made is found again. Bash; sourced, never run.
set -Eeuo pipefail
trap 'echo "cluster: failed: $BASH_COMMAND (${BASH_SOURCE[0]##*/}:$LINENO)" >&2' ERR

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPOSITORY=$(cd "$HERE/../.." && pwd)
. "$HERE/versions.sh"

CACHE="${PRESSROOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pressroom}"
DIR=$(realpath -m "${PRESSROOM_CLUSTER_DIR:-$REPOSITORY/.cluster}")
SOCKET="$DIR/containerd/containerd.sock"
MARK="$DIR/.pressroom-cluster"   # without it a folder is not removed
LOCK=/run/pressroom-cluster.lock # a machine has one cluster, as it has one of each address

NODE_NAME=pressroom
# All addresses are in the block for benchmarks (RFC 2544), which no network routes. The node's is
# on an interface of its own, so nothing listens on the machine's address.
CLUSTER_NETWORK=198.18.0.0/15
POD_NETWORK=198.18.0.0/24
POD_GATEWAY=198.18.0.1
NODE_IP=198.18.255.1
SERVICE_NETWORK=198.19.0.0/24
SERVICE_IP=198.19.0.1
DNS_IP=198.19.0.10

INTERFACE=pressroom0
CGROUP=pressroom
NFT_TABLE=pressroom-cluster
# What the kubelet, kube-proxy and the CNI plugins set for the whole machine.
SYSCTLS="net.ipv4.ip_forward vm.overcommit_memory vm.panic_on_oom kernel.panic
    kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes"

say() { echo "cluster: $*" >&2; }
die() {
    say "$*"
    exit 1
}

need_root() { [ "$(id -u)" -eq 0 ] || die "needs root"; }

# Whether the user's KUBECONFIG names another cluster than this one.
foreign_kubeconfig() {
    [ -n "${KUBECONFIG:-}" ] && [ "$(realpath -m "$KUBECONFIG")" != "$DIR/kubeconfig" ]
}

# One of up.sh and down.sh at a time. What they start must not inherit descriptor 9.
lock() {
    exec 9>>"$LOCK"
    flock -w 300 9 || die "another up.sh or down.sh has been at work for 5 minutes ($LOCK)"
}

# arguments PID: sets ARGUMENTS to its command line; fails if there is no such process.
arguments() {
    ARGUMENTS=()
    { mapfile -d '' -t ARGUMENTS <"/proc/$1/cmdline"; } 2>/dev/null && [ ${#ARGUMENTS[@]} -gt 0 ]
}

# The folder of the cluster that is, or was, on this machine.
cluster_here() { cat "/sys/class/net/$INTERFACE/ifalias" 2>/dev/null || true; }

# is_ours PID PROGRAM...: whether PID runs one of these programs (whatever its version) and was told
# to work in this cluster's folder.
is_ours() {
    local pid=$1 name known=no argument
    shift
    arguments "$pid" || return 1
    name=${ARGUMENTS[0]##*/}
    for argument in "$@"; do
        [[ $name == "$argument" || $name == "$argument"-[0-9]* ]] && known=yes
    done
    [ $known = yes ] || return 1
    for argument in "${ARGUMENTS[@]:1}"; do
        case $argument in
        "$DIR"/* | *="$DIR"/* | *://"$DIR"/*) return 0 ;;
        esac
    done
    return 1
}

# pids_of PROGRAM...: the processes of this cluster that run one of these programs.
pids_of() {
    local entry
    for entry in /proc/[0-9]*; do
        if is_ours "${entry##*/}" "$@"; then echo "${entry##*/}"; fi
    done
}

# pid_of NAME: the process that was started under this name, if it still runs.
pid_of() {
    local pid
    pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) && is_ours "$pid" "$1" && echo "$pid"
}

# end SIGNAL SECONDS PID...: sends SIGNAL, and SIGKILL to those that still run after SECONDS.
end() {
    local signal=$1 deadline=$((SECONDS + $2)) pid
    shift 2
    kill -s "$signal" "$@" 2>/dev/null || true
    for pid in "$@"; do
        while arguments "$pid"; do
            if [ $SECONDS -ge $deadline ]; then kill -s KILL "$pid" 2>/dev/null || true; fi
            [ $SECONDS -lt $((deadline + 10)) ] || die "process $pid does not end"
            sleep 0.05
        done
    done
}

# start NAME COMMAND...: starts a program that outlives this script, unless the same command runs.
# Of a program that was started with another command, that one is ended first.
start() {
    local name=$1 log="$DIR/logs/$1.log" file="$DIR/run/$1.pid" pid others
    shift
    if pid=$(pid_of "$name"); then
        arguments "$pid"
        [ "${ARGUMENTS[*]}" != "$*" ] || return 0
        say "$name was started otherwise: starting it again"
        end TERM 10 "$pid"
    fi
    # A process whose pid file was lost would hold the ports and the data.
    mapfile -t others < <(pids_of "$name")
    [ ${#others[@]} -eq 0 ] || end TERM 10 "${others[@]}"
    [ ! -s "$log" ] || mv "$log" "$log.1"
    rm -f "$file"
    # shellcheck disable=SC2016  # expanded by the shell that becomes the program
    setsid bash -c 'echo $$ >"$1.part" && mv "$1.part" "$1" && shift && exec "$@"' _ "$file" "$@" \
        </dev/null >"$log" 2>&1 9>&- &
    wait_for 10 "$name" "$name to start" test -s "$file"
}

# wait_for SECONDS NAME WHAT COMMAND...: until COMMAND succeeds. When that takes too long, or when
# the program NAME ends meanwhile, it shows the end of NAME's log and gives up.
wait_for() {
    local deadline=$((SECONDS + $1)) name=$2 what=$3 log="$DIR/logs/$2.log"
    shift 3
    until "$@" >"$DIR/run/wait.log" 2>&1; do
        if [ -e "$DIR/run/$name.pid" ] && ! pid_of "$name" >/dev/null; then
            sleep 0.2 # between fork and exec it is not yet what it will be
            if ! pid_of "$name" >/dev/null; then give_up "$name has ended" "$log"; fi
        fi
        [ $SECONDS -lt $deadline ] || give_up "waited too long for $what" "$DIR/run/wait.log" "$log"
        sleep 0.1
    done
}

give_up() {
    local message=$1 log
    shift
    for log in "$@"; do
        say "the end of $log:"
        tail -n 20 "$log" >&2 || true
    done
    die "$message"
}

ctr() { command ctr -a "$SOCKET" -n k8s.io "$@"; }

kubectl() { command "$CACHE/bin/kubectl" --kubeconfig "$DIR/kubeconfig" "$@"; }

# The folders below which groups of processes are made: one for each controller, or one for all.
cgroup_roots() { awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts; }

# masquerade -A|-C|-D: the rule that lets pods out, where nftables cannot be used.
masquerade() {
    iptables -w -t nat "$1" POSTROUTING -s "$POD_NETWORK" ! -d "$CLUSTER_NETWORK" \
        -m comment --comment "$NFT_TABLE" -j MASQUERADE
}

# forwarding -I|-C|-D: the rules that pods need where whatever is forwarded is dropped, as on
# machines with Docker.
forwarding() {
    iptables -w "$1" FORWARD -s "$CLUSTER_NETWORK" -m comment --comment "$NFT_TABLE" -j ACCEPT
    iptables -w "$1" FORWARD -d "$CLUSTER_NETWORK" -m comment --comment "$NFT_TABLE" -j ACCEPT
}
