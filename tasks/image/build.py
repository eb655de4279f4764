"""A build of images: the status of each, its verification, and its report.

An image is verified by comparing what its registry has with what it must be.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

from ..core import output
from ..core.faults import CLI, Denied, Fault, Refused, Unreachable, Unusable
from ..core.names import Host, Reference, is_loopback, is_tag, platforms_left, short_platform
from ..core.options import BuildOptions
from ..core.plan import Fact, Values
from ..core.settings import CHARTPRESS, require_like
from ..repo.hub import Hub, HubImage
from ..tools import docker
from ..tools.docker import CLOUD_BUILD, Builder
from ..tools.registry import FoundImage, ImageAnswer, inspect, inspect_all
from .inputs import INPUTS_LABEL, inputs_hash, require_buildable, require_committed, require_watched, source_tree
from .tag import COMMIT_TO_COME, ImageName, earlier_tags, name_image, names_commit, tells_images_apart
from .tree import Tree

# An image's status: (to be) built; (to be) retagged, as the registry has it under another tag; already in the registry;
# without a platform to build for.
BUILT, RETAGGED, PRESENT, SKIPPED = "built", "retagged", "present", "skipped"
# https://github.com/opencontainers/image-spec/blob/main/annotations.md
LABEL = "org.opencontainers.image."
# The label of a stand-in for z2jh's image; see tasks/rehearsal.
STAND_IN_LABEL = "io.github.hubpress.stand-in"
# How many commits, of any branch, are searched for an image with the same inputs.
_MOST_COMMITS = 20

Answers: TypeAlias = dict[Reference, ImageAnswer]


class Base(NamedTuple):
    """The base image of a Dockerfile, as found in its registry or in the engine's local store.

    In a rehearsal, ``stand_in``, pinned by digest, may replace it; then ``found`` is the stand-in.
    """

    reference: Reference
    found: FoundImage
    stand_in: Reference | None = None

    @property
    def digest(self) -> str | None:
        """Its digest in its own registry; None if that was not asked or cannot be reached."""
        return None if self.stand_in else self.found.digest

    @property
    def pinned(self) -> Reference:
        """The Dockerfile's reference, with the registry's digest if it has none."""
        return self.reference._replace(digest=self.reference.digest or self.digest)

    @property
    def identity(self) -> str:
        """Its digest, or else the digests of its layers."""
        layers = sorted(",".join(image.layers) for image in self.found.platforms.values())
        return self.found.digest or ";".join(layers)


def prove(image: Reference, found: FoundImage | None, base: Base, wanted: str, digest: str | None = None) -> FoundImage:
    """Verify the image that the registry has found, and return it.

    Its first layers must be those of ``base`` (OCI image specification, ``rootfs.diff_ids``). It must have the
    comma-separated platforms ``wanted``, and the ``digest`` that was pushed, if given.
    """
    if found is None or found.digest is None:
        raise Refused("the registry does not have the image that was pushed", where=image, hint=f"{CLI} build")
    if digest is not None and digest != found.digest:
        raise Refused(
            f"the tag was moved after the push: it names {found.digest}, {digest} was pushed",
            where=image,
            hint=f"find out who pushes this tag, then: {CLI} build --force",
        )
    for platform in map(short_platform, wanted.split(",")):
        ours, theirs = found.platforms.get(platform), base.found.platforms.get(platform)
        if ours is None:
            raise Refused(
                f"the image is for {', '.join(found.platforms) or 'no platform at all'}, not for {platform}",
                where=image,
                hint=f"rebuild it for the right platform: {CLI} build --force --platform {wanted}",
            )
        if theirs is None or not theirs.layers or ours.layers[: len(theirs.layers)] != theirs.layers:
            raise Refused(
                f"the image is not built on {base.reference}",
                where=image,
                hint=f"commit a change of the image's files for a new tag, or rebuild this one: {CLI} build --force",
            )
    return found


class ImageBuild(NamedTuple):
    """An image of a build.

    Attributes:
        platform: the platforms that it must run on, separated by commas.
        argument: the value of ``--platform``; None for a native build.
        found: the verified image in the registry.
        inputs: the hash of its inputs; None while its commit is only planned, and if it is not needed.
        source: the image with the same inputs, pinned by digest, to retag.
        signed: the public key that its new signature was verified with.
    """

    image: HubImage
    name: ImageName
    base: Base
    platform: str
    argument: str | None = None
    status: str = BUILT
    found: FoundImage | None = None
    inputs: str | None = None
    source: Reference | None = None
    signed: str | None = None

    @property
    def key(self) -> str:
        """The image's key in chartpress.yaml."""
        return self.image.spec.key

    @property
    def reference(self) -> Reference:
        """The image's name and tag."""
        return Reference(self.image.spec.name, self.name.tag)

    @property
    def pinned(self) -> Reference | None:
        """The image pinned by its digest in the registry, under this tag or another; None before it is pushed."""
        return self.reference._replace(digest=self.found.digest) if self.found else self.source

    def proved(self, found: FoundImage | None, digest: str | None = None) -> ImageBuild:
        """Return the image with ``found``, after verifying that; it must have the ``digest`` if given."""
        return self._replace(found=prove(self.reference, found, self.base, self.platform, digest))

    def summary(self) -> list[str]:
        """Return the lines about what was built and verified."""
        if self.found is None:
            return [f"{self.reference}: {self.status}, not pushed"]
        words = {
            BUILT: "built, pushed, verified",
            RETAGGED: f"retagged from {self.source.tag if self.source else ''}, verified",
            PRESENT: "already in the registry, verified",
        }
        return [
            f"{self.reference}: {words[self.status]}",
            f"  digest    {self.found.digest}",
            f"  platform  {', '.join(self.found.platforms)}",
            f"  base      {self.base.pinned}: proved by its layers",
            *([f"  signed    verified with {self.signed}"] if self.signed else []),
        ]

    def report(self) -> dict[str, Any]:
        """Return its part of the JSON report."""
        found, base = self.found, self.base
        return {
            "name": self.key,
            "repository": self.image.spec.name,
            "tag": self.name.tag,
            "digest": found.digest if found else None,
            "platforms": list(found.platforms) if found else self.platform.split(","),
            "status": self.status,
            "base": {"image": str(base.reference), "digest": base.digest, "inherited": True if found else None},
            "inputs": self.inputs,
        }


@dataclass(frozen=True)
class Build:
    """A build of images, and the hub repository that it starts from."""

    hub: Hub
    options: BuildOptions
    images: tuple[ImageBuild, ...]
    pushes: bool
    builder: Builder

    @property
    def to_build(self) -> tuple[ImageBuild, ...]:
        """The images (to be) built."""
        return tuple(one for one in self.images if one.status == BUILT)

    @property
    def parts(self) -> list[Build]:
        """The build, divided by the commits that the images are built from."""
        commits: dict[str | None, list[ImageBuild]] = {}
        for one in self.to_build:
            commits.setdefault(one.name.revision, []).append(one)
        return [replace(self, images=tuple(images)) for images in commits.values()]

    @property
    def more_built(self) -> list[str]:
        """The keys of other images that chartpress builds too, without reporting them."""
        own = [one.key for one in self.images]
        keys = dict.fromkeys(spec.key for chart in self.hub.layout.charts for spec in chart.images)
        return [key for key in keys if key not in own] if self.options.engine == CHARTPRESS and self.to_build else []

    def with_images(self, images: Iterable[ImageBuild]) -> Build:
        """Return the build with ``images`` replacing those with the same keys."""
        new = {one.key: one for one in images}
        return replace(self, images=tuple(new.get(one.key, one) for one in self.images))

    def after(self, results: Values) -> Build:
        """Return the build with the images in its actions' results (see :func:`results_of`)."""
        return self.with_images(one for one in results.values() if isinstance(one, ImageBuild))

    def summary(self, results: Values) -> list[str]:
        """Return the lines about what was done."""
        done = {one.key for one in results.values() if isinstance(one, ImageBuild)}
        images = (one for one in self.images if one.status in {PRESENT, SKIPPED} or one.key in done)
        return [line for one in images for line in one.summary()]

    def report(self) -> list[dict[str, Any]]:
        """Return the images for the JSON report, skipped ones last."""
        built = {*self.more_built, *(one.key for one in self.images)}
        left = {*self.hub.other_images, *self.hub.spare_images} - built
        base = {"image": None, "digest": None, "inherited": None}
        alone: dict[str, Any] = {"tag": None, "digest": None, "platforms": [], "status": SKIPPED, "base": base}
        others = (spec for spec in self.hub.layout.chart.images if spec.key in left)
        skipped = ({"name": spec.key, "repository": spec.name, **alone, "inputs": None} for spec in others)
        return [*(one.report() for one in self.images), *skipped]


def results_of(images: Iterable[ImageBuild]) -> dict[str, ImageBuild]:
    """Return an action's results for ``images``."""
    return {f"the build of {one.key}": one for one in images}


def pinned_images(hub: Hub, image: HubImage) -> list[Reference]:
    """Return the images in ``image``'s repository that the values name."""
    try:
        named = [one.written._replace(digest=None) for one in hub.pinned(image).values()]
    except Unusable:
        return []  # the step that writes the values reports the fault
    return list(dict.fromkeys(one for one in named if one.name == image.spec.name and is_tag(one.tag or "")))


def assess_images(hub: Hub, options: BuildOptions) -> Build:
    """Return the build with the status of each image; one with the same inputs is retagged, except by chartpress."""
    require_like("platform", "--platform linux/amd64", options.platform, several=True)
    images = hub.to_build(options.image)
    by_commit = names_commit(hub.settings.tag)
    require_watched(hub, images)
    if by_commit:
        require_committed(hub, images)
    pushes = hub.settings.push and not options.no_push
    answers: Answers = {}
    # Ask for everything that is known by now in parallel.
    names = [(image, name_image(hub, image)) for image in images if pushes and by_commit]
    known = [Reference(image.spec.name, name.tag) for image, name in names if name.commit != COMMIT_TO_COME]
    bases = (image.base.reference for image in images)
    ask_registries(answers, [*(options.stand_ins.get(base, base) for base in bases), *known])
    with source_tree(hub, images) as tree:
        planned = tuple(assess_image(hub, image, options, answers, tree, ask_registry=pushes) for image in images)
    for one, other in combinations(planned, 2):
        if one.reference == other.reference:
            raise Refused(
                f"the images {one.key} and {other.key} have the same name and tag",
                where=one.reference,
                hint=f"give each its own imageName in {hub.layout.file}",
            )
    if pushes and options.engine != CHARTPRESS and not options.force:
        planned = tuple(_reusing(hub, one, answers) if one.status == BUILT and one.inputs else one for one in planned)
    build = Build(hub, options, planned, pushes, Builder(options.builder or hub.settings.builder))
    return _on_builder(build) if build.to_build else build


def ask_registries(answers: Answers, references: Iterable[Reference]) -> None:
    """Look up those of ``references`` that have no answer yet, in parallel."""
    new = dict.fromkeys(reference for reference in references if reference not in answers)
    with output.waiting(f"asking {', '.join(dict.fromkeys(reference.host for reference in new))}"):
        answers.update(inspect_all(new))


def assess_image(
    hub: Hub, image: HubImage, options: BuildOptions, answers: Answers, tree: Tree, *, ask_registry: bool
) -> ImageBuild:
    """Return an image with its status, which with ``ask_registry`` depends on what its registry has.

    ``tree`` is that of HEAD or of the working files.
    """
    stand_in = options.stand_ins.get(image.base.reference)
    answer = answers[stand_in or image.base.reference]
    base = base_of(image, answer, stored=stand_in is None)._replace(stand_in=stand_in)
    wanted = options.platform or hub.settings.platform
    left = platforms_left(wanted, image.spec.skip_platforms)
    name = name_image(hub, image) if names_commit(hub.settings.tag) else None
    is_planned = name is not None and name.commit == COMMIT_TO_COME
    if name and name.revision:
        tree = Tree(hub.git, name.revision)
    # It takes git a while, and an existing image has the hash as a label.
    hashed = cache(lambda: None if is_planned else inputs_hash(hub, image, tree, base.identity, left, name))
    one = ImageBuild(image, name or name_image(hub, image, hashed() or ""), base, left or wanted)
    if not left:
        return one._replace(status=SKIPPED, inputs=hashed())
    require_platforms(base, left)
    found = None
    if ask_registry and not is_planned:
        ask_registries(answers, [one.reference])
        found = answers[one.reference]
    if options.force and isinstance(found, FoundImage | Refused):
        found = None  # it will be replaced
    if isinstance(found, Fault):
        raise found
    if found and is_of_another_commit(hub, found, one.name, base.found) and label_of(found) != hashed():
        another = "give the commit another git tag" if hub.settings.tag == CHARTPRESS else "put {commit} into hub.tag"
        if tells_images_apart(one.name):
            another = "find out who gave it that tag"
        raise Refused(
            "the tag is there, for an image of other files",
            where=one.reference,
            hint=f"{another}, or overwrite it: {CLI} build --force",
        )
    if found:
        return one.proved(found)._replace(status=PRESENT, inputs=label_of(found) or hashed())
    require_buildable(hub, image, tree)
    return one._replace(inputs=hashed())


def _reusing(hub: Hub, one: ImageBuild, answers: Answers) -> ImageBuild:
    """Return the image as one to retag, if the registry has an image with the same inputs.

    Candidates are the images that the values name, and those with the tags of recent commits of any branch.
    """
    tags = earlier_tags(hub, one.image, _MOST_COMMITS) if one.name.commit else []
    candidates = [*pinned_images(hub, one.image), *(Reference(one.image.spec.name, tag) for tag in tags)]
    ask_registries(answers, candidates)
    for candidate in candidates:
        found = answers[candidate]
        if isinstance(found, FoundImage) and found.digest and label_of(found) == one.inputs:
            with suppress(Refused):
                prove(candidate, found, one.base, one.platform)
                return one._replace(source=candidate._replace(digest=found.digest), status=RETAGGED)
    return one


def _on_builder(build: Build) -> Build:
    """Return the build with its inspected builder, and with the ``--platform`` of each image."""
    hub, options, builder = build.hub, build.options, build.builder
    # A remote builder builds for its own platform by default.
    asked = options.platform or builder.name
    if builder.name != CLOUD_BUILD:
        builder = docker.require_builder(builder.name)
        if build.pushes and hub.settings.attest:
            docker.require_image_store(builder, "attest images", "hub.attest")
        if any("," in one.platform for one in build.to_build):
            docker.require_image_store(builder, "build for several platforms", "--platform")

    def with_platform(one: ImageBuild) -> ImageBuild:
        is_named = asked or (builder.runs and not builder.is_native(one.platform))
        return one._replace(argument=one.platform if is_named else Host.here().argument_for(one.platform))

    return replace(build, builder=builder).with_images(map(with_platform, build.to_build))


def require_platforms(base: Base, wanted: str) -> None:
    """Check that ``base`` is available for every platform in ``wanted`` (separated by commas)."""
    missing = [one for one in map(short_platform, wanted.split(",")) if one not in base.found.platforms]
    if missing:
        raise Refused(
            f"the base image is not available for {missing[0]}, only for {', '.join(base.found.platforms)}",
            where=base.reference,
            hint="name another platform: --platform, or hub.platform in invoke.yaml",
        )


def base_of(image: HubImage, answer: ImageAnswer, *, stored: bool = True) -> Base:
    """Return the base image of ``image`` from its registry's ``answer``.

    If the registry cannot be reached, the engine's local image is used (``stored``). A stand-in is refused if the image
    leaves this machine.
    """
    reference = image.base.reference
    # Without an answer, the registry may have the image.
    if stored and isinstance(answer, Unreachable) and not isinstance(answer, Denied):
        answer = docker.local(reference) or answer
    if answer is None:
        raise Refused(
            "the base image does not exist",
            where=reference,
            hint=f"{CLI} bump, or fix the FROM; a mirror needs a copy of that release's image",
        )
    if isinstance(answer, Refused):
        hint = f"take another release, {CLI} bump --to VERSION, or ask its maintainers"
        raise Refused(f"the base image cannot be used: {answer.what}", where=reference, hint=hint)
    if isinstance(answer, Fault):
        raise answer
    if is_stand_in(answer) and not is_loopback(Reference(image.spec.name).host):
        hint = f"docker image rm {reference}, then: docker pull {reference}"
        if answer.digest:
            hint = "push z2jh's own image there, or name it: FROM quay.io/jupyterhub/k8s-hub:VERSION"
        what = "the base image here is a rehearsal's stand-in, not z2jh's hub image"
        raise Refused(what, where=reference, hint=hint)
    return Base(reference, answer)


def is_stand_in(found: FoundImage) -> bool:
    """Whether an image is a stand-in for z2jh's."""
    return any(one.labels.get(STAND_IN_LABEL) for one in found.platforms.values())


def base_label(base: Reference) -> str:
    """Return how an image's label names its base image: with its registry, and without a digest."""
    return str(Reference(f"{base.host}/{base.path}", base.tag or (None if base.digest else "latest")))


def label_of(found: FoundImage, name: str = INPUTS_LABEL) -> str | None:
    """Return an image's label, by default the hash of its inputs, or None, also if its platforms differ."""
    labels = {image.labels.get(name) for image in found.platforms.values()}
    return labels.pop() if len(labels) == 1 else None


def is_of_another_commit(hub: Hub, found: FoundImage, name: ImageName, base: ImageAnswer) -> bool:
    """Whether the image with the tag of ``name`` was built from another commit, by its labels.

    A git tag can be moved, a number of commits is not unique, and anybody can give an image a tag. Without labels of
    its own, an image is believed if its tag contains the commit or the content, or where chartpress may have built it.
    """
    inherited = label_of(base) if isinstance(base, FoundImage) else None
    if tells_images_apart(name) and label_of(found) in {None, inherited}:
        return False
    built_from = label_of(found, f"{LABEL}revision")
    return built_from != name.revision and not (built_from is None and hub.settings.tag == CHARTPRESS)


def image_fact(reference: Reference, digest: str | None = None) -> Fact:
    """Return the fact that the registry has this image by its digest, the tag with ``digest``, or no such tag."""

    def ask() -> str | None:
        found = inspect(reference)
        return found.digest if found else None

    kind, words = ("image", "is not in the registry any more") if reference.digest else ("tag", "is taken now, by {}")
    words = "is gone, or of another image" if digest else words
    return Fact(f"the {kind} {reference}", ask, digest or reference.digest, words.format)
