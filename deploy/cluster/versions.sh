# What the cluster is made of. Sourced by the scripts beside it; a change here builds anew.
KUBERNETES_VERSION=1.37.2 # kubernetes/go.mod names the same
HELM_VERSION=3.22.0
COREDNS_VERSION=1.15.0
KEDA_VERSION=2.21.0
# MinIO's last release before its community edition was archived, under the name Go gives it.
MINIO_VERSION=0.0.0-20260212201848-7aac2a2c5b7c
