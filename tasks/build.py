"""``build``: build, push and verify the hub image, and set it in the values."""

from __future__ import annotations

from .core.options import BuildOptions
from .core.plan import Plan
from .run import Run, hub_task


@hub_task(BuildOptions)
def build(run: Run, options: BuildOptions) -> None:
    """Build, push and verify the hub image; set it in the values.

    The tag names the last commit that touched the image's files, as in
    chartpress. An image that the registry has is verified and not built again.
    Writes the chart's values once the registry has confirmed digest, platform
    and base image. Refuses if files of the image are not committed.

    Examples:
      build                      all images that inherit from z2jh's
      build --image hub          one of them
      build --builder cluster    on another builder
      build --no-push            into the local engine; values stay

    Afterwards: commit.
    """
    from .image.planning import plan_build

    step, hub_after = plan_build(run.hub, options)
    run.carry_out(Plan((step,)), hub_after)
