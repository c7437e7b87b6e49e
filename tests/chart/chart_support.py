"""Renders the chart with helm and looks things up in what comes out. It changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
CHART = HERE.parents[1] / "charts" / "pressroom"
TRYOUT = HERE / "tryout.yaml"
EVERYTHING = HERE / "everything.yaml"
PARTS = ("gateway", "operator", "worker", "finalizer")
NAMESPACE = "prints"
#: What templates see; any version that the chart supports does.
_KUBE_VERSION = "1.33.0"


class HelmError(Exception):
    """helm refused; the text is what it wrote to standard error."""


def helm_program() -> str | None:
    """helm: of the PATH, otherwise where `make cluster` puts it."""
    cache = Path(os.environ.get("PRESSROOM_CACHE") or Path.home() / ".cache" / "pressroom")
    return shutil.which("helm") or shutil.which("helm", path=cache / "bin")


def helm(*arguments: str) -> str:
    """Run helm; its standard output. HelmError where it refuses."""
    program = helm_program()
    assert program is not None
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout


@dataclass(frozen=True)
class Rendered:
    """The objects of a release."""

    text: str
    objects: Sequence[Json]

    def of(self, kind: str) -> list[Json]:
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, component: str) -> Json:
        """The object of this kind of a component."""
        (found,) = [one for one in self.of(kind) if component_of(one) == component]
        return found

    def has(self, kind: str, component: str) -> bool:
        return any(component_of(one) == component for one in self.of(kind))

    def workloads(self) -> Iterator[tuple[Json, Json]]:
        """All that runs pods, with the pod's metadata and spec."""
        for one in self.objects:
            if one["kind"] == "Pod":
                yield one, one
            elif one["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
                yield one, one["spec"]["template"]

    def pod(self, component: str) -> Json:
        """The pod spec of a component."""
        (found,) = [pod for one, pod in self.workloads() if component_of(one) == component]
        spec: Json = found["spec"]
        return spec

    def env(self, component: str) -> dict[str, Json]:
        """The variables of a component's container by name."""
        (container,) = self.pod(component)["containers"]
        found = {one["name"]: one for one in container["env"]}
        assert len(found) == len(container["env"]), "a variable is there twice"
        return found


def component_of(thing: Json) -> str:
    name: str = thing["metadata"]["labels"]["app.kubernetes.io/component"]
    return name


def render(
    *sets: str,
    values: Path = TRYOUT,
    release: str = "pressroom",
    namespace: str = NAMESPACE,
    chart: Path = CHART,
) -> Rendered:
    """`helm template` with a file of values, and ``KEY=VALUE`` over it."""
    text = helm(
        "template",
        release,
        str(chart),
        f"--namespace={namespace}",
        f"--kube-version={_KUBE_VERSION}",
        f"--values={values}",
        *(word for one in sets for word in ("--set", one)),
    )
    return Rendered(text, [one for one in yaml.safe_load_all(text) if one])
