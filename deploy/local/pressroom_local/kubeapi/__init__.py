"""The embedded Kubernetes API: enough of kube-apiserver to run the farm without a cluster.

An aiohttp application over one SQLite file. It stores the project's custom resources and the few
core kinds that the farm uses (namespaces, events, secrets, configmaps, leases), and answers as a
real API server does: discovery, lists, watches, patches, finalizers, owner references, tables.

It may not know what a BatchJob means: rules arrive as CRDs and validator functions. It has no
authorization beyond one bearer token, so it belongs on a loopback address.
"""

from __future__ import annotations

from pressroom_local.kubeapi.app import Options, make_app
from pressroom_local.kubeapi.writes import Validator

__all__ = ["Options", "Validator", "make_app"]
