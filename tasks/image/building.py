"""A build of several images: what is to be built, in one bake, and the proof of each."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..faults import ProgramFailed, Refused
from ..hubrepo.paths import join
from ..hubrepo.warnings import layout_warnings
from ..review.forge import web_address
from ..tools import docker
from .definition import Target, definition, target_name
from .job import BUILT, LABEL, PRESENT, SKIPPED, ImageJob, look_for_bases, registry_answer
from .naming import history_of, name_image, names_commit, tells_images_apart
from .options import bake_fields
from .platform import Host, platform_argument
from .proof import Base, require_platforms
from .reference import Reference
from .tag import COMMIT_TO_COME
from .template import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..build import BuildWish
    from ..hubrepo.layout import Hub, HubImage
    from ..tools.run import Command
    from .naming import ImageName
    from .tag import History


@dataclass
class Build:
    """A planned build.

    Attributes:
        hub: the hub repository as it is when the build begins.
        wish: how the build is wanted.
        jobs: the images.
        pushes: whether what is built is pushed.
        builder: the buildx builder; None for Docker's current one.
    """

    hub: Hub
    wish: BuildWish
    jobs: tuple[ImageJob, ...]
    pushes: bool
    builder: str | None

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
        for base in dict.fromkeys(job.base.reference for job in self.jobs if job.base.is_local):
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
        how = (f"native on this {Host.here().title}" if one is None else f"for {one}" for one in arguments)
        return (*how, f"$ {self._command(Path('metadata.json'))}")

    def run(self) -> None:
        """Build and push, then prove each image from what its registry says.

        Raises:
            Refused: the proof fails.
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
            ProgramFailed: the build failed.
        """
        self._settle_tags()
        with tempfile.TemporaryDirectory(prefix="hubpress-") as folder:
            metadata = Path(folder) / "metadata.json"
            docker.bake(self._command(metadata), self.to_build[0].reference.host)
            digests = _digests(metadata)
        for index, job in enumerate(self.to_build):
            if self.pushes:
                job.prove(digests[target_name(index, job.image.spec.key)])

    def report(self) -> list[dict[str, Any]]:
        """Return what the JSON report says of each image, those that are left alone last."""
        alone = [spec for spec in self.hub.chart.images if spec.key in self.hub.other_images]
        skipped: dict[str, Any] = {"tag": None, "digest": None, "platforms": [], "status": SKIPPED, "base": None}
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
        for job in self.to_build:
            job.called = name_image(now, history, job.image, job.base, job.platform)

    def _command(self, metadata: Path) -> Command:
        flags = ("--builder", self.builder) if self.builder else ()
        folder = self.hub.git.folder / self.hub.root
        return docker.bake_command(definition(self._targets()), folder, metadata, *flags)

    def _targets(self) -> list[Target]:
        return [self._target(job) for job in self.to_build]

    def _target(self, job: ImageJob) -> Target:
        spec = job.image.spec
        names = {"LAST_COMMIT": job.called.commit, "TAG": job.tag, "BRANCH": self.hub.branch or ""}
        where = f"{self.hub.config_file}: images.{spec.key}"
        options = [render(option, names, f"{where}.extraBuildCommandOptions") for option in spec.extra_options]
        source = web_address(self.hub.git.remote_url(self.hub.settings.remote) or "")
        return Target(
            key=spec.key,
            reference=job.reference,
            context=spec.context,
            dockerfile=spec.dockerfile,
            build_args={arg: render(value, names, f"{where}.buildArgs") for arg, value in spec.build_args.items()},
            labels={**job.labels(), **({f"{LABEL}source": source} if source else {})},
            pins=job.pins(),
            platform=job.argument,
            no_cache=self.wish.no_cache,
            push=self.pushes,
            extra=bake_fields(options, f"{where}.extraBuildCommandOptions"),
        )


def plan_images(hub: Hub, wish: BuildWish) -> Build:
    """Plan the build of the images that ``wish`` names: what each one's tag is, and whether its registry has it.

    Raises:
        Refused: an image's files are not committed, or its tag is there with another platform or base.
        Denied: a registry denied access.
        Unreachable: a registry gave no answer.
        ProgramFailed: docker is missing, or something is to be built and the builder does not answer.
    """
    pushes = wish.push and hub.settings.push
    images = hub.select(hub.images, wish.images)
    builder = wish.builder or hub.settings.builder
    if names_commit(hub.settings.tag):
        _require_committed(hub, images)
    jobs = _jobs(hub, images, wish, look=pushes and not wish.force)
    build = Build(hub, wish, jobs, pushes, builder)
    if build.to_build:
        docker.require_builder(builder)
    return build


def _jobs(hub: Hub, images: Sequence[HubImage], wish: BuildWish, *, look: bool) -> tuple[ImageJob, ...]:
    """Compute the tags, and ask every registry side by side for the base images and for what is there already.

    A tag that names the content needs its base image first; then the registries are asked twice.
    """
    history = history_of(hub)
    theirs = [image.base.reference for image in images]
    answers: dict[Reference, docker.Answer] = {}
    if names_commit(hub.settings.tag):
        _ask(
            answers, [*theirs, *_to_look_for(images, [name_image(hub, history, image) for image in images], look=look)]
        )
    _ask(answers, theirs)
    loopback = all(Reference(image.spec.name).on_loopback for image in images)
    bases = look_for_bases(theirs, [answers[base] for base in theirs], loopback=loopback)
    jobs = tuple(_job(hub, wish, history, image, base) for image, base in zip(images, bases, strict=True))
    _ask(answers, _to_look_for(images, [job.called for job in jobs], look=look))
    for job in jobs:
        require_platforms(job.base, job.platform)
        found = registry_answer(answers.get(job.reference))
        if not tells_images_apart(hub.settings.tag):
            job.require_same_commit(found)
        job.look(found)
    return jobs


def _ask(answers: dict[Reference, docker.Answer], references: Sequence[Reference]) -> None:
    """Ask the registries, side by side, for those of ``references`` that were not asked for yet."""
    new = [reference for reference in dict.fromkeys(references) if reference not in answers]
    answers.update(zip(new, docker.inspect_all(new), strict=True))


def _to_look_for(images: Sequence[HubImage], called: Sequence[ImageName], *, look: bool) -> list[Reference]:
    """Return the images that the registry may have already: all but those that a planned commit names."""
    named = zip(images, called, strict=True)
    return [Reference(image.spec.name, name.tag) for image, name in named if look and name.commit != COMMIT_TO_COME]


def _job(hub: Hub, wish: BuildWish, history: History, image: HubImage, base: Base) -> ImageJob:
    """Return the job of one image, for the platforms that chartpress.yaml does not leave out (``skipPlatforms``)."""
    wanted = (wish.platform or hub.settings.platform).split(",")
    left = ",".join(platform for platform in wanted if platform not in image.spec.skip_platforms)
    called = name_image(hub, history, image, base, left)
    if not left:
        return ImageJob(image, called, base, ",".join(wanted), None, SKIPPED)
    argument = platform_argument(Host.here(), hub.settings.platform, left if wish.platform else None)
    return ImageJob(image, called, base, left, argument)


def _require_committed(hub: Hub, images: Sequence[HubImage]) -> None:
    """Check that no image depends on a file that is not committed: its tag would name another image.

    Raises:
        Refused: one does; the message names the file.
    """
    for image in images:
        paths = [join(hub.root, path) for path in image.spec.paths]
        loose = [path for path in hub.git.changed(paths) if path not in hub.pending]
        if loose:
            raise Refused(
                f"the image {image.spec.key} has files that are not committed",
                where=", ".join(loose[:3]),
                hint="invoke commit, or git commit them; its tag names the last commit",
            )


def _digests(metadata: Path) -> dict[str, str]:
    """Return each target's digest from the file that bake wrote.

    Raises:
        ProgramFailed: the file is missing, or has no digests.
    """
    try:
        written = json.loads(metadata.read_text(encoding="utf-8"))
        return {name: str(entry["containerimage.digest"]) for name, entry in written.items() if isinstance(entry, dict)}
    except (OSError, ValueError, KeyError, AttributeError) as err:
        raise ProgramFailed(
            f"bake did not say what it built: {type(err).__name__}",
            where=metadata.name,
            hint="docker buildx version: 0.13 or newer is needed",
        ) from err


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
