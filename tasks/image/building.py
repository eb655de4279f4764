"""A build of several images: what is to be built and why, what was built, and the proof of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..hubrepo.warnings import layout_warnings
from .job import BUILT, PRESENT, SKIPPED, ImageJob
from .naming import history_of, name_image, names_commit
from .platform import Host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..build import BuildWish
    from ..hubrepo.layout import Hub
    from ..tools.builder import Builder


class Engine(Protocol):
    """What builds: buildx's bake, or the runbook's own chartpress."""

    def shown(self, build: Build) -> str:
        """Return what builds and pushes, as one could paste it."""

    def build(self, build: Build) -> Mapping[str, str]:
        """Build and push; return the digests that it says it pushed, by the images' keys, as far as it says them."""


@dataclass
class Build:
    """A planned build.

    Attributes:
        hub: the hub repository as it is when the build begins.
        wish: how the build is wanted.
        jobs: the images.
        pushes: whether what is built is pushed.
        builder: the builder.
        engine: what builds.
    """

    hub: Hub
    wish: BuildWish
    jobs: tuple[ImageJob, ...]
    pushes: bool
    builder: Builder
    engine: Engine

    @property
    def to_build(self) -> tuple[ImageJob, ...]:
        """The images that are (to be) built."""
        return tuple(job for job in self.jobs if job.status == BUILT)

    @property
    def why(self) -> str:
        """Why they are built."""
        if self.wish.force:
            return "of --force, over whatever the registry has"
        if not self.pushes:
            return "it was asked for, without a push"
        return "the registry does not have what the last commit of the image's files makes"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know of it before they say yes."""
        return (*layout_warnings(self.hub), *self._base_warnings(), *self._values_warnings())

    def _base_warnings(self) -> Iterator[str]:
        local = dict.fromkeys(job.base.reference for job in self.jobs if job.base.is_local)
        for base in (reference for reference in local if reference not in self.wish.stand_ins):
            yield f"{base} is taken from this machine's image store: {base.host} cannot be reached"
        if any(job.base.is_stand_in for job in self.jobs):
            yield "the base image is a rehearsal's STAND-IN, not z2jh's"

    def _values_warnings(self) -> Iterator[str]:
        """Yield what is odd about where images are written; of two at one place the later wins, as in chartpress."""
        taken: dict[tuple[str, str], str] = {}
        for job in self.jobs:
            places = self.hub.values_places(job.image)
            if not places:
                yield f"no values name {job.image.spec.key}"
            for place in places:
                first = taken.setdefault((place.file, place.path), place.image)
                if first != place.image:
                    yield f"{place.file}: {place.path} is written for {first}, then for {place.image}: that one stays"

    def details(self) -> tuple[str, ...]:
        """Return the build's platform and its command, as one could paste it."""
        arguments = dict.fromkeys(job.argument for job in self.to_build)
        return (*map(self._how, arguments), f"$ {self.engine.shown(self)}")

    def _how(self, argument: str | None) -> str:
        """Return what an image is built for, and whether that is emulated, as far as the builder has told."""
        if argument is None:
            return f"native on this {Host.here().title}"
        if not self.builder.is_started:
            return f"for {argument}"
        native = all(map(self.builder.is_native, argument.split(",")))
        return f"for {argument}, {'native on' if native else 'emulated by'} {self.builder.title}"

    def run(self) -> None:
        """Build and push, then prove each image from what its registry says.

        Raises:
            Refused: the proof fails.
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
            ProgramFailed: the build failed.
        """
        self._settle_tags()
        digests = self.engine.build(self)
        for job in self.to_build:
            if self.pushes:
                job.prove(digests.get(job.image.spec.key))

    def report(self) -> list[dict[str, Any]]:
        """Return what the JSON report says of each image, those that are left alone last."""
        alone = [spec for spec in self.hub.chart.images if spec.key in self.hub.other_images]
        no_base = {"image": None, "digest": None, "inherited": None}
        skipped: dict[str, Any] = {"tag": None, "digest": None, "platforms": [], "status": SKIPPED, "base": no_base}
        return [
            *(job.report() for job in self.jobs),
            *({"name": spec.key, "repository": spec.name, **skipped} for spec in alone),
        ]

    def summary(self) -> list[str]:
        """Return the lines that say what was built and proved."""
        return [line for job in self.jobs for line in _summary(job)]

    def _settle_tags(self) -> None:
        """Compute the tags again: what waited for a commit is known now."""
        now = self.hub.again()
        history = history_of(now)
        if names_commit(now.settings.tag):
            history.foresee([job.image.spec.paths for job in self.to_build])
        for job in self.to_build:
            job.called = name_image(now, history, job.image, job.base, job.platform)


def _summary(job: ImageJob) -> list[str]:
    if job.proof is None:
        return [f"{job.reference}: {job.status}, not pushed"]
    words = {BUILT: "built, pushed, proved", PRESENT: "in the registry already, proved"}
    base_digest = f"@{job.base.found.digest}" if job.base.found.digest else ""
    return [
        f"{job.reference}: {words[job.status]}",
        f"  digest    {job.proof.digest}",
        f"  platform  {', '.join(job.proof.platforms)}",
        f"  base      {job.base.reference}{base_digest}: its layers are the first layers",
    ]
