#!/usr/bin/env bash
# A real one-node Kubernetes on this machine, without Docker and without a registry of images:
#
#   deploy/cluster/up.sh
#
# Starts only what is not running, so it can be run at any time. Everything is kept in .cluster, or
# in PRESSROOM_CLUSTER_DIR; down.sh removes it. If KUBECONFIG is set, it names the cluster to use,
# and nothing is started.
. "$(dirname "$0")/lib.sh"
. "$HERE/configuration.sh"
. "$HERE/certificates.sh"
. "$HERE/sweep.sh"

PACKAGES="etcd-server containerd runc containernetworking-plugins buildah mmdebstrap nftables
    iptables conntrack iproute2 openssl procps"
BIN="$CACHE/bin"
PKI="$DIR/pki"
COREDNS_IMAGE=localhost/pressroom/coredns:$COREDNS_VERSION
PAUSE_VERSION=$(sha256sum "$HERE/pause/main.go" | cut -c1-12)
PAUSE_IMAGE=localhost/pressroom/pause:$PAUSE_VERSION

# step NAME COMMAND...: runs COMMAND and says how long it took.
step() {
    local name=$1 start=${EPOCHREALTIME/./}
    shift
    "$@"
    local took=$(((${EPOCHREALTIME/./} - start) / 1000))
    say "$(printf '%-22s %3d.%d s' "$name" $((took / 1000)) $((took % 1000 / 100)))"
}

packages() {
    local package missing=()
    [ -d /var/lib/dpkg/info ] || return 0 # not Debian: programs() says what is not there
    for package in $PACKAGES; do
        compgen -G "/var/lib/dpkg/info/$package.list" >/dev/null ||
            compgen -G "/var/lib/dpkg/info/$package:*.list" >/dev/null || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null ||
        say "apt-get update failed; trying with the lists that are there"
    apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${missing[@]}" \
        >/dev/null 9>&-
}

programs() {
    local program
    PATH="$PATH:/usr/sbin:/sbin"
    for program in etcd containerd runc buildah nft iptables ip openssl sysctl; do
        command -v "$program" >/dev/null || die "$program is needed; on Debian: $PACKAGES"
    done
    for CNI_BIN in /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do
        [ ! -x "$CNI_BIN/ptp" ] || break
    done
    [ -x "$CNI_BIN/ptp" ] || die "the CNI plugins are needed; on Debian: $PACKAGES"
    "$HERE/binaries.sh" kubernetes coredns >/dev/null 9>&-
}

# A new folder starts from nothing: what a run whose folder was removed has left is swept first.
folder() {
    local other
    [ ${#DIR} -le 60 ] || die "the path $DIR is too long for the sockets in it (60 characters)"
    other=$(cluster_here)
    if [ -n "$other" ] && [ "$other" != "$DIR" ]; then
        if (DIR=$other && [ -n "$(pids_of kube-apiserver kubelet)" ]); then
            die "the cluster of $other runs: PRESSROOM_CLUSTER_DIR=$other $HERE/down.sh"
        fi
        say "removing what is left of the cluster of $other"
        (DIR=$other MARK="$other/.pressroom-cluster" && sweep)
    fi
    [ -e "$MARK" ] || sweep
    mkdir -p "$DIR"/{pki,config/cni,run,logs/pods,containerd,cni,kubelet,loaded}
    chmod 700 "$DIR/pki" "$DIR/config"
    touch "$MARK"
    [ -e "$DIR/sysctls" ] || sysctls >"$DIR/sysctls"
}

sysctls() {
    local name
    for name in $SYSCTLS; do
        echo "$name $(sysctl -n "$name")"
    done
}

network() {
    if [ ! -e "/sys/class/net/$INTERFACE" ]; then
        # A bridge that connects nothing: an interface for one address, on every kernel.
        ip link add "$INTERFACE" type bridge
        ip link set "$INTERFACE" alias "$DIR"
    fi
    ip address replace "$NODE_IP/32" dev "$INTERFACE"
    ip link set "$INTERFACE" up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    if [ "$PROXY_MODE" = nftables ]; then
        nft --file "$DIR/config/nftables.conf"
    else
        say "nftables cannot be used here: falling back to iptables"
        touch "$DIR/run/iptables"
        masquerade -C 2>/dev/null || masquerade -A
    fi
    if iptables -S FORWARD 2>/dev/null | grep -qx -- '-P FORWARD DROP'; then
        forwarding -C 2>/dev/null || forwarding -I
    fi
}

# The group below which the kubelet keeps those of its pods, apart from any other kubelet's.
control_groups() {
    local root file
    for root in $(cgroup_roots); do
        if [ -e "$root/cgroup.subtree_control" ]; then
            for file in cpu cpuset io memory pids; do
                echo "+$file" >"$root/cgroup.subtree_control" 2>/dev/null || true
            done
        fi
        mkdir -p "$root/$CGROUP"
        for file in cpuset.cpus cpuset.mems; do
            if [ -e "$root/$file" ] && [ -e "$root/$CGROUP/$file" ]; then
                cat "$root/$file" >"$root/$CGROUP/$file"
            fi
        done
    done
}

# image NAME VERSION PROGRAM: an archive of an image that is one static program.
image() {
    local archive="$CACHE/images/$1-$2.tar" name="localhost/pressroom/$1:$2" store container
    [ ! -e "$archive" ] || return 0
    say "making the image of $1"
    mkdir -p "$CACHE/images"
    # A store of its own: nothing is left of it, and nobody else's images are in the way.
    store=$(mktemp -d)
    local buildah=(buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs)
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" copy --quiet "$container" "$3" "/$1" >/dev/null
    "${buildah[@]}" config --entrypoint "[\"/$1\"]" --user 65532:65532 "$container"
    "${buildah[@]}" commit --quiet --rm "$container" "$name" >/dev/null
    rm -f "$archive.part"
    "${buildah[@]}" push --quiet "$name" "docker-archive:$archive.part:$name"
    mv "$archive.part" "$archive"
    rm -rf "$store"
}

images() {
    local pause="$BIN/pause-$PAUSE_VERSION" present
    if [ ! -x "$pause" ]; then
        CGO_ENABLED=0 go build -ldflags "-s -w" -o "$pause.part" "$HERE/pause/main.go"
        mv "$pause.part" "$pause"
    fi
    image pause "$PAUSE_VERSION" "$pause"
    image coredns "$COREDNS_VERSION" "$(realpath "$BIN/coredns")"
    wait_for 30 containerd "containerd to answer" ctr version
    present=$(ctr images ls -q)
    grep -qxF "$PAUSE_IMAGE" <<<"$present" || import "pause-$PAUSE_VERSION"
    grep -qxF "$COREDNS_IMAGE" <<<"$present" || import "coredns-$COREDNS_VERSION"
}

import() { ctr images import --snapshotter "$SNAPSHOTTER" "$CACHE/images/$1.tar" >/dev/null; }

program() { realpath "$BIN/$1"; } # by its version, so that a new one is noticed as another command

start_containerd() {
    start containerd "$(command -v containerd)" --config "$CONTAINERD_CONFIG"
}

start_etcd() {
    start etcd "$(command -v etcd)" --name pressroom --data-dir "$DIR/etcd" --logger zap \
        --listen-client-urls "https://$NODE_IP:$ETCD_PORT" \
        --advertise-client-urls "https://$NODE_IP:$ETCD_PORT" \
        --listen-peer-urls "https://$NODE_IP:$ETCD_PEER_PORT" \
        --initial-advertise-peer-urls "https://$NODE_IP:$ETCD_PEER_PORT" \
        --initial-cluster "pressroom=https://$NODE_IP:$ETCD_PEER_PORT" \
        --client-cert-auth --trusted-ca-file "$PKI/etcd-ca.crt" \
        --cert-file "$PKI/etcd.crt" --key-file "$PKI/etcd.key" \
        --peer-client-cert-auth --peer-trusted-ca-file "$PKI/etcd-ca.crt" \
        --peer-cert-file "$PKI/etcd.crt" --peer-key-file "$PKI/etcd.key" \
        --auto-compaction-retention 1h
}

start_apiserver() {
    start kube-apiserver "$(program kube-apiserver)" \
        --advertise-address "$NODE_IP" --bind-address "$NODE_IP" --secure-port "$API_PORT" \
        --etcd-servers "https://$NODE_IP:$ETCD_PORT" --etcd-cafile "$PKI/etcd-ca.crt" \
        --etcd-certfile "$PKI/apiserver-etcd.crt" --etcd-keyfile "$PKI/apiserver-etcd.key" \
        --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
        --client-ca-file "$PKI/ca.crt" --authorization-mode Node,RBAC \
        --enable-admission-plugins NodeRestriction \
        --service-cluster-ip-range "$SERVICE_NETWORK" \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$PKI/sa.pub" --service-account-signing-key-file "$PKI/sa.key" \
        --kubelet-certificate-authority "$PKI/ca.crt" \
        --kubelet-client-certificate "$PKI/apiserver-kubelet.crt" \
        --kubelet-client-key "$PKI/apiserver-kubelet.key" \
        --kubelet-preferred-address-types InternalIP \
        --requestheader-client-ca-file "$PKI/front-proxy-ca.crt" \
        --requestheader-allowed-names front-proxy \
        --requestheader-username-headers X-Remote-User \
        --requestheader-group-headers X-Remote-Group \
        --requestheader-extra-headers-prefix X-Remote-Extra- \
        --proxy-client-cert-file "$PKI/front-proxy.crt" \
        --proxy-client-key-file "$PKI/front-proxy.key"
    wait_for 60 kube-apiserver "the API server to be ready" kubectl get --raw /readyz
}

start_controllers() {
    local name
    start kube-controller-manager "$(program kube-controller-manager)" \
        --kubeconfig "$(kubeconfig_of kube-controller-manager)" \
        --authentication-kubeconfig "$(kubeconfig_of kube-controller-manager)" \
        --authorization-kubeconfig "$(kubeconfig_of kube-controller-manager)" \
        --bind-address 127.0.0.1 --secure-port "$MANAGER_PORT" \
        --tls-cert-file "$PKI/kube-controller-manager.crt" \
        --tls-private-key-file "$PKI/kube-controller-manager.key" \
        --leader-elect=false --use-service-account-credentials \
        --service-account-private-key-file "$PKI/sa.key" --root-ca-file "$PKI/ca.crt" \
        --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
        --flex-volume-plugin-dir "$DIR/kubelet/volume-plugins"
    start kube-scheduler "$(program kube-scheduler)" \
        --kubeconfig "$(kubeconfig_of kube-scheduler)" \
        --authentication-kubeconfig "$(kubeconfig_of kube-scheduler)" \
        --authorization-kubeconfig "$(kubeconfig_of kube-scheduler)" \
        --bind-address 127.0.0.1 --secure-port "$SCHEDULER_PORT" \
        --tls-cert-file "$PKI/kube-scheduler.crt" \
        --tls-private-key-file "$PKI/kube-scheduler.key" \
        --leader-elect=false
}

start_node() {
    start kubelet "$(program kubelet)" --config "$KUBELET_CONFIG" \
        --kubeconfig "$(kubeconfig_of kubelet)" --root-dir "$DIR/kubelet" \
        --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
    start kube-proxy "$(program kube-proxy)" --config "$PROXY_CONFIG"
    kubectl apply -f "$DIR/config/coredns.yaml" >/dev/null
    wait_for 60 kubelet "the node to register" kubectl get node "$NODE_NAME"
    wait_for 60 kubelet "the node to be ready" node_is_ready
    wait_for 60 kube-controller-manager "the default service account" \
        kubectl get serviceaccount default
}

# The state must be this kubelet's: that of one that was killed stays "ready" for a minute.
node_is_ready() {
    local since condition='{range .status.conditions[?(@.type=="Ready")]}'
    since=$(date -u -d "@$(stat -c %Y "$DIR/run/kubelet.pid")" +%FT%TZ)
    kubectl get node "$NODE_NAME" -o jsonpath="$condition{.status} {.lastHeartbeatTime}{end}" |
        awk -v since="$since" '{ exit !($1 == "True" && $2 >= since) }'
}

wait_for_dns() {
    wait_for 90 kubelet "CoreDNS to be available" \
        kubectl -n kube-system wait deployment/coredns --for condition=Available --timeout 1s
    wait_for 30 kube-proxy "the address of the cluster's DNS" \
        timeout 1 bash -c "exec 3<>/dev/tcp/$DNS_IP/53"
}

need_root
if foreign_kubeconfig; then
    say "KUBECONFIG is set: using the cluster of $KUBECONFIG, starting nothing"
    exit 0
fi
lock
# Through a proxy the cluster's own addresses could not be reached.
export NO_PROXY="${NO_PROXY:+$NO_PROXY,}$CLUSTER_NETWORK"
export no_proxy="$NO_PROXY"
step packages packages
step programs programs
step folder folder
step settings settings
step certificates certificates
step configuration configuration
step network network
step "control groups" control_groups
step containerd start_containerd
step etcd start_etcd
step images images
step "API server" start_apiserver
step controllers start_controllers
step node start_node
step DNS wait_for_dns
say "up in $SECONDS s; next:"
say "  export KUBECONFIG=$DIR/kubeconfig"
say "  $BIN/kubectl get nodes"
say "images into it: deploy/cluster/load.sh; all of it away: deploy/cluster/down.sh"
say "the kubelet's folder (worker.sandbox.installer.kubeletRoot): $DIR/kubelet"
