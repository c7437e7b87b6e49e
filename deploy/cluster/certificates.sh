# The cluster's certificates, its service account key, and the kubeconfigs that name them: made once
# and kept until the cluster is removed. Sourced by up.sh after configuration.sh.

# authority NAME: a self-signed certificate that signs others.
authority() {
    [ ! -e "$PKI/$1.crt" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -config "$HERE/config/openssl.cnf" -extensions authority -subj "/CN=pressroom-$1" \
        -keyout "$PKI/$1.key" -out "$PKI/$1.crt.part" 2>/dev/null
    mv "$PKI/$1.crt.part" "$PKI/$1.crt"
}

# certificate NAME AUTHORITY SUBJECT [ALTERNATIVE_NAMES]: for a server as well as for a client.
certificate() {
    [ ! -e "$PKI/$1.crt" ] || return 0
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -config "$HERE/config/openssl.cnf" -subj "$3" -keyout "$PKI/$1.key" 2>/dev/null |
        SUBJECT_ALT_NAME="${4:-DNS:$1}" openssl x509 -req -days 3650 \
            -CA "$PKI/$2.crt" -CAkey "$PKI/$2.key" -CAcreateserial \
            -extfile "$HERE/config/openssl.cnf" -extensions leaf -out "$PKI/$1.crt.part" 2>/dev/null
    mv "$PKI/$1.crt.part" "$PKI/$1.crt"
}

certificates() {
    local name services=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
    services+=,DNS:kubernetes.default.svc.cluster.local
    authority ca
    authority etcd-ca
    authority front-proxy-ca
    certificate etcd etcd-ca /CN=etcd "IP:$NODE_IP"
    certificate apiserver-etcd etcd-ca /CN=kube-apiserver
    certificate front-proxy front-proxy-ca /CN=front-proxy
    certificate apiserver ca /CN=kube-apiserver \
        "IP:$NODE_IP,IP:$SERVICE_IP,IP:127.0.0.1,DNS:localhost,$services"
    certificate apiserver-kubelet ca /O=system:masters/CN=apiserver-kubelet
    certificate admin ca /O=system:masters/CN=admin
    certificate kubelet ca "/O=system:nodes/CN=system:node:$NODE_NAME" \
        "IP:$NODE_IP,DNS:$NODE_NAME"
    certificate kube-controller-manager ca /CN=system:kube-controller-manager "IP:127.0.0.1"
    certificate kube-scheduler ca /CN=system:kube-scheduler "IP:127.0.0.1"
    certificate kube-proxy ca /CN=system:kube-proxy
    if [ ! -e "$PKI/sa.pub" ]; then
        openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/sa.key"
        openssl pkey -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub"
    fi
    chmod 600 "$PKI"/*.key
    kubeconfig admin "$DIR/kubeconfig"
    for name in kubelet kube-controller-manager kube-scheduler kube-proxy; do
        kubeconfig "$name" "$(kubeconfig_of "$name")"
    done
}

# kubeconfig_of PROGRAM: its path, another one when the API server gets another port.
kubeconfig_of() { echo "$DIR/config/$1-$API_PORT.kubeconfig"; }

# kubeconfig CERTIFICATE FILE: how the owner of this certificate reaches the API server.
kubeconfig() {
    write "$2" <<END
apiVersion: v1
kind: Config
current-context: pressroom
contexts:
  - name: pressroom
    context: {cluster: pressroom, user: $1}
clusters:
  - name: pressroom
    cluster:
      server: https://$NODE_IP:$API_PORT
      certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
  - name: $1
    user:
      client-certificate-data: $(base64 -w0 "$PKI/$1.crt")
      client-key-data: $(base64 -w0 "$PKI/$1.key")
END
}
