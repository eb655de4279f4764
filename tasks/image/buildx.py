"""The engine of every build: one ``docker buildx bake`` for all images, side by side."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import show
from ..faults import Denied, ProgramFailed, Unreachable
from ..settings import CACHE_OFF
from ..tools import docker
from ..tools.credentials import DockerLogins
from ..tools.denials import EXPIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..tools.command import Command
    from .building import Build


class Buildx:
    """Builds with ``docker buildx bake``, from a definition on its standard input."""

    def shown(self, build: Build) -> str:
        """Return the commands as one could paste them: the contexts written out of git, then the build."""
        bake = str(self.command(build, None, Path("metadata.json")))
        below = f"/{build.hub.root}" if build.hub.root else ""
        return "\n".join(
            ("context=$(mktemp -d)", *build.shown_contexts("$context"), f'(cd "$context{below}" && {bake}\n)')
        )

    def command(
        self, build: Build, folder: Path | None, metadata: Path, *, again: bool = False, shared: bool = True
    ) -> Command:
        """Return the command.

        Args:
            build: what is built.
            folder: where it runs: the folder of chartpress.yaml, as the contexts are written.
            metadata: the file that says what was built.
            again: whether it only pushes what was built a moment ago; then nothing is run anew.
            shared: whether the shared build cache is used, where the settings want one.
        """
        from .targets import bake_definition  # noqa: PLC0415 - only a build pays for it, not the look that finds none needed

        return docker.bake_command(build.builder, bake_definition(build, again=again, shared=shared), folder, metadata)

    def build(self, build: Build, scratch: Path) -> dict[str, str]:
        """Build and push; return each image's digest by its key.

        Raises:
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
            ProgramFailed: the build failed.
        """
        from .definition import target_name  # noqa: PLC0415 - the same

        metadata = scratch / "metadata.json"
        _build(build, partial(self.command, build, build.write_contexts(scratch), metadata))
        keys = [job.image.spec.key for job in build.to_build]
        targets = [target_name(index, key) for index, key in enumerate(keys)]
        return dict(zip(keys, pushed_digests(metadata, targets), strict=True))


def _build(build: Build, command: Callable[..., Command]) -> None:
    """Build and push; without the shared cache where that is what fails."""
    try:
        _push(build, command)
    except (ProgramFailed, Unreachable) as fault:
        if build.hub.settings.cache == CACHE_OFF or "cache" not in fault.what.lower():
            raise
        show.say(f"{fault.what}; building once more without the shared cache")
        _push(build, partial(command, shared=False))


def _push(build: Build, command: Callable[..., Command]) -> None:
    """Build and push; a push that is denied as expired is tried once more, from the cache, with fresh credentials.

    A token may run out while the image is built: Docker asks its helper again for every command.
    """
    host, builder = build.to_build[0].reference.host, build.builder
    try:
        docker.run_build(command(), host, builder)
    except Denied as fault:
        if not (build.pushes and re.search(EXPIRED, fault.what)) or DockerLogins.read().credentials(host) is None:
            raise
        show.say(f"{fault.what}; pushing once more with fresh credentials")
        docker.run_build(command(again=True), host, builder)


def pushed_digests(metadata: Path, targets: Sequence[str]) -> list[str]:
    """Return the digests of ``targets``, in their order, from the file that bake wrote.

    Raises:
        ProgramFailed: the file is missing, or has not all of them.
    """
    try:
        written = json.loads(metadata.read_text(encoding="utf-8"))
        return [str(written[name]["containerimage.digest"]) for name in targets]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise ProgramFailed(
            f"bake did not say what it built: {type(err).__name__}",
            where=metadata.name,
            hint="docker buildx version: 0.13 or newer is needed",
        ) from err
