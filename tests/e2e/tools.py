"""kubectl and helm, as a platform team runs them. Every call has a deadline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "pressroom"
Json = dict[str, Any]


class ToolError(Exception):
    """A command ended with an error; its text is what it wrote to standard error."""


def tool(name: str) -> str:
    """The program: of the cluster's own binaries, otherwise of the PATH."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    binaries = Path(os.environ.get("PRESSROOM_CACHE", Path(cache) / "pressroom")) / "bin"
    found = shutil.which(name, path=f"{binaries}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise ToolError(f"{name} is neither in {binaries} nor in PATH: run `make cluster`")
    return found


def call(*command: str, stdin: str | None = None, seconds: float = 60) -> str:
    """Run a command; its standard output. Raises ToolError."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode:
        raise ToolError(f"{' '.join(command[:4])}…: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Cluster:
    """One namespace of a cluster."""

    kubeconfig: Path
    namespace: str
    kubelet_root: str
    _kubectl: str = field(default_factory=lambda: tool("kubectl"))
    _helm: str = field(default_factory=lambda: tool("helm"))

    def command(self, *args: str) -> list[str]:
        """A kubectl command on this namespace."""
        return [self._kubectl, f"--kubeconfig={self.kubeconfig}", f"-n={self.namespace}", *args]

    def kubectl(self, *args: str, stdin: str | None = None, seconds: float = 60) -> str:
        return call(*self.command(*args), stdin=stdin, seconds=seconds)

    def get(self, *args: str) -> Json:
        """`kubectl get … -o json`."""
        found: Json = json.loads(self.kubectl("get", *args, "-o", "json"))
        return found

    def items(self, *args: str) -> list[Json]:
        found: list[Json] = self.get(*args)["items"]
        return found

    def apply(self, *manifests: Json, server_side: bool = False) -> str:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        how = ["--server-side"] if server_side else []
        return self.kubectl("apply", *how, "-f", "-", stdin=json.dumps(listed))

    def helm(self, *args: str, seconds: float = 300) -> str:
        return call(
            self._helm,
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            *args,
            seconds=seconds,
        )

    def pods(self, component: str) -> list[Json]:
        """The pods of a part that are not about to go."""
        found = self.items("pods", "-l", f"app.kubernetes.io/component={component}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, component: str) -> list[str]:
        """The names of a part's pods that are ready."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(component)
            if any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in pod["status"].get("conditions", [])
            )
        ]

    def logs(self, pod: str) -> str:
        """The last lines of a pod's container; "" while it has not started yet."""
        try:
            return self.kubectl("logs", pod, "--tail=20")
        except ToolError:
            return ""
