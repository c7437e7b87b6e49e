"""The finalizer's own settings, read from the environment (prefix ``PRESSROOM_``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pressroom.settings import Settings


class FinalizerSettings(Settings):
    """What the finalizer is told besides where its dependencies are."""

    probe_host: str = Field("0.0.0.0", description="Where the probes and metrics are served.")
    probe_port: int = Field(8081, description="Their port; 0 takes a free one.")
    finalize_slots: int = Field(2, ge=1, description="Jobs finalized at once.")
    webhook_slots: int = Field(4, ge=1, description="Webhooks called at once.")
    webhook_timeout_seconds: float = Field(15, gt=0, description="Deadline of one webhook call.")
    merge_memory_mib: int = Field(
        1024, ge=128, description="Address space of the process that merges PDFs, in MiB."
    )
    merge_timeout_seconds: float = Field(
        900, gt=0, description="Deadline of a merge, from the last file on."
    )
    merge_fonts: list[Path] = Field(
        default_factory=list,
        description="TrueType files for names on contents pages that the built-in font, DejaVu "
        "Sans, cannot write: a JSON list.",
    )
    work_dir: Path | None = Field(
        None, description="Directory for files in work. Default: the system's temporary one."
    )
    drain_seconds: float = Field(20, ge=0, description="What running tasks get after SIGTERM.")
