# Ends and removes what a cluster made, wherever it made it. Sourced after lib.sh by down.sh, and by
# up.sh for what an earlier run has left.

# pod_pids: every process inside a pod of this cluster.
pod_pids() {
    local root
    for root in $(cgroup_roots); do
        [ -d "$root/$CGROUP" ] || continue
        find "$root/$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done | sort -un
}

# The host's ends of the pods' links: all of them have the pods' gateway as their address.
pod_links() {
    ip -o -4 addr show to "$POD_GATEWAY/32" | awk '{ print $2 }' | sort -u
}

mounts_below() {
    awk -v at="$1/" 'index($5 "/", at) == 1 { print $5 }' /proc/self/mountinfo | tac
}

# sweep: ends and removes everything this cluster made, also what is left of a run that was killed
# or whose folder was removed. Only what is this cluster's by its folder, names and addresses.
sweep() {
    local pids here
    here=$(cluster_here)
    # Its pods, links and groups have the same names: they cannot be told from this one's.
    if [ -n "$here" ] && [ "$here" != "$DIR" ]; then die "the cluster here is that of $here"; fi
    if [ ! -e "$MARK" ] && [ "$here" != "$DIR" ] && ! empty "$DIR"; then
        die "$DIR is not the folder of a cluster"
    fi
    mapfile -t pids < <(pids_of kubelet kube-proxy kube-scheduler kube-controller-manager \
        kube-apiserver etcd)
    [ ${#pids[@]} -eq 0 ] || end KILL 0 "${pids[@]}"
    # Without their kubelet nothing starts pods again. Then what supervises them, then containerd.
    mapfile -t pids < <(pod_pids)
    [ ${#pids[@]} -eq 0 ] || end KILL 0 "${pids[@]}"
    mapfile -t pids < <(pids_of containerd containerd-shim-runc-v2)
    [ ${#pids[@]} -eq 0 ] || end KILL 0 "${pids[@]}"
    sweep_mounts
    sweep_groups
    sweep_network
    sweep_files
}

empty() { [ -z "$(ls -A "$1" 2>/dev/null)" ]; }

sweep_mounts() {
    local at
    mounts_below "$DIR" | while read -r at; do
        umount "$at" 2>/dev/null || umount -l "$at" || true
    done
    [ -z "$(mounts_below "$DIR")" ] || die "cannot unmount: $(mounts_below "$DIR")"
}

sweep_groups() {
    local root deadline=$((SECONDS + 10))
    for root in $(cgroup_roots); do
        # A group whose last process has just ended can be busy for a moment.
        while [ -d "$root/$CGROUP" ]; do
            find "$root/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null && break
            [ $SECONDS -lt $deadline ] || die "cannot remove the group $root/$CGROUP"
            sleep 0.1
        done
    done
}

sweep_network() {
    local link name value
    for link in $(pod_links); do
        ip link delete "${link%@*}" 2>/dev/null || true
    done
    if [ ! -e "/sys/class/net/$INTERFACE" ] && [ ! -e "$DIR/run" ]; then return 0; fi
    ip link delete "$INTERFACE" 2>/dev/null || true
    nft delete table ip "$NFT_TABLE" 2>/dev/null || true
    nft delete table ip kube-proxy 2>/dev/null || true
    nft delete table ip6 kube-proxy 2>/dev/null || true
    if [ -e "$DIR/run/iptables" ]; then sweep_iptables; fi
    forwarding -D 2>/dev/null || true
    if [ -e "$DIR/sysctls" ]; then
        while read -r name value; do
            echo "$value" >"/proc/sys/${name//.//}" || true
        done <"$DIR/sysctls"
    fi
}

sweep_iptables() {
    local tables chain
    for tables in iptables ip6tables; do
        for chain in INPUT OUTPUT; do
            "$tables" -w -D "$chain" -j KUBE-FIREWALL 2>/dev/null || true
        done
        { "$tables" -w -F KUBE-FIREWALL && "$tables" -w -X KUBE-FIREWALL; } 2>/dev/null || true
    done
    masquerade -D 2>/dev/null || true
    "$CACHE/bin/kube-proxy" --cleanup >/dev/null 2>&1 || true
}

sweep_files() {
    local link socket listening
    listening=$(mktemp)
    # The runtime, the CNI library and the kubelet write these wherever their own folders are.
    { grep -lsF "$DIR/" /var/lib/cni/results/* || true; } | xargs -r rm -f
    # Sockets of shims that were killed: those on which nobody listens.
    ss -Hxl | awk '{ print $5 }' >"$listening"
    for socket in /run/containerd/s/*; do
        grep -qxF "$socket" "$listening" || rm -f "$socket"
    done
    rm "$listening"
    for link in /var/log/containers/*; do
        if [[ $(readlink "$link") == "$DIR"/* ]]; then rm -f "$link"; fi
    done
    rmdir /var/lib/cni/results /var/lib/cni /var/log/containers /run/containerd/s /run/containerd \
        2>/dev/null || true
    [ -n "$(pgrep -x kubelet)" ] || rm -rf /var/lib/kubelet/device-plugins
    rmdir /var/lib/kubelet 2>/dev/null || true
    rm -rf "$DIR"
}
