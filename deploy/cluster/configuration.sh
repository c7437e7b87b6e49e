# What the cluster's programs are told: ports that are free, and the files of config/ with values
# put in. Sourced by up.sh after lib.sh.

# write FILE: puts standard input into FILE, at once and readable by its owner only; leaves a file
# that already says the same as it is.
write() {
    (umask 077 && cat >"$1.part")
    if cmp -s "$1.part" "$1"; then rm "$1.part"; else mv "$1.part" "$1"; fi
}

# port NAME PREFERRED PROGRAM: sets NAME to the port PROGRAM has, or had, or prefers; if it does
# not run and that one is taken, to the next that is free.
port() {
    local at=${!1:-$2}
    if ! pid_of "$3" >/dev/null; then
        while [[ $CHOSEN == *" $at "* ]] || ss -Hltn "sport = :$at" | grep -q .; do
            at=$((at + 1))
        done
    fi
    [ "$at" = "${!1:-$2}" ] || say "port ${!1:-$2} is taken: $3 gets $at"
    printf -v "$1" %s "$at"
    CHOSEN+="$at "
}

settings() {
    local name CHOSEN=" "
    # shellcheck disable=SC1091
    [ ! -e "$DIR/settings" ] || . "$DIR/settings"
    port ETCD_PORT 2379 etcd
    port ETCD_PEER_PORT 2380 etcd
    port API_PORT 6443 kube-apiserver
    port MANAGER_PORT 10257 kube-controller-manager
    port SCHEDULER_PORT 10259 kube-scheduler
    port KUBELET_PORT 10250 kubelet
    port KUBELET_HEALTH_PORT 10248 kubelet
    port PROXY_HEALTH_PORT 10256 kube-proxy
    port PROXY_METRICS_PORT 10249 kube-proxy
    # Layers of one kind stay so: those of the other could not be read.
    if [ -z "${SNAPSHOTTER:-}" ]; then
        SNAPSHOTTER=overlayfs
        overlay_works || SNAPSHOTTER=native
    fi
    for name in ETCD_PORT ETCD_PEER_PORT API_PORT MANAGER_PORT SCHEDULER_PORT KUBELET_PORT \
        KUBELET_HEALTH_PORT PROXY_HEALTH_PORT PROXY_METRICS_PORT SNAPSHOTTER; do
        echo "$name=${!name}"
    done | write "$DIR/settings"
}

# Whether files of this folder can be layers (those of a folder that is a layer itself cannot).
overlay_works() {
    local at="$DIR/containerd/overlay" works=no
    mkdir -p "$at"/{lower,upper,work,merged}
    if mount -t overlay -o "lowerdir=$at/lower,upperdir=$at/upper,workdir=$at/work" overlay \
        "$at/merged" 2>/dev/null; then
        works=yes
        umount "$at/merged"
    fi
    rm -rf "$at"
    [ $works = yes ]
}

# render TEMPLATE: prints a file of config/ with the values put in for its @NAMES@.
render() {
    local text name
    text=$(cat "$HERE/config/$1")
    for name in $(grep -o '@[A-Z_]*@' <<<"$text" | tr -d @ | sort -u); do
        text=${text//"@$name@"/"${!name}"}
    done
    echo "$text"
}

# configured NAME TEMPLATE: sets NAME to the path of the rendered template. What says something else
# has another path, by which start() notices that its program has to be started again.
configured() {
    local text path
    text=$(render "$2")
    path="$DIR/config/${2%.*}-$(sha256sum <<<"$text" | cut -c1-8).${2##*.}"
    write "$path" <<<"$text"
    printf -v "$1" %s "$path"
}

configuration() {
    resolvers | write "$DIR/config/resolv.conf"
    DNS_FORWARD=
    if grep -q ^nameserver "$DIR/config/resolv.conf"; then
        DNS_FORWARD="forward . /etc/resolv.conf"
    fi
    render nftables.conf | write "$DIR/config/nftables.conf"
    PROXY_MODE=nftables
    nft --check --file "$DIR/config/nftables.conf" 2>/dev/null || PROXY_MODE=iptables
    render cni.conflist | write "$DIR/config/cni/pressroom.conflist"
    render coredns.yaml | write "$DIR/config/coredns.yaml"
    configured CONTAINERD_CONFIG containerd.toml
    configured KUBELET_CONFIG kubelet.yaml
    configured PROXY_CONFIG kube-proxy.yaml
}

# The machine's resolvers. One on the loopback address answers only to the machine itself: what it
# asks is what pods have to ask.
resolvers() {
    local file=/etc/resolv.conf
    if ! grep '^nameserver' $file | grep -qv '[[:space:]]127\.'; then
        [ ! -e /run/systemd/resolve/resolv.conf ] || file=/run/systemd/resolve/resolv.conf
    fi
    grep -v '^nameserver[[:space:]]*127\.' $file || true
}
