"""A build of several images: what each is, what was proved of it, and what is shown of it.

The proof of an image is what its registry has, compared with what it must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any, NamedTuple

from ..core.faults import DOOR, Denied, Refused, Unreachable, Unusable
from ..core.names import Reference, is_tag, short_platform
from ..core.options import BuildOptions
from ..core.output import first_of
from ..core.plan import Fact, Values
from ..core.problems import Code
from ..core.settings import CHARTPRESS, is_accepted
from ..repo.hub import Hub, HubImage, layout_warnings
from ..repo.named_images import how_to_move, unmoved_images
from ..tools.command import current_folder
from ..tools.docker import Builder
from ..tools.registry import FoundImage, ImageAnswer, inspect
from .inputs import INPUTS_LABEL, sources_of
from .tag import HEAD, ImageName, depends_on, names_commit

# An image's status: (to be) built, under the tag of another commit until it is retagged, in the registry already,
# without a platform to build for.
BUILT, RETAGGED, PRESENT, SKIPPED = "built", "retagged", "present", "skipped"
# https://github.com/opencontainers/image-spec/blob/main/annotations.md
LABEL = "org.opencontainers.image."
# Marks an image that stands in for z2jh's own where that cannot be reached; see tasks/rehearsal.
STAND_IN_LABEL = "io.github.hubpress.stand-in"
_MOST_NAMED = 3


class Base(NamedTuple):
    """The base image that a Dockerfile names, as its registry or the engine's local store has it."""

    reference: Reference
    found: FoundImage

    @property
    def identity(self) -> str:
        """Its digest, or else those of its layers."""
        layers = sorted(",".join(image.layers) for image in self.found.platforms.values())
        return self.found.digest or ";".join(layers)

    @property
    def is_stand_in(self) -> bool:
        """Whether it only stands in for z2jh's hub image."""
        return any(STAND_IN_LABEL in image.labels for image in self.found.platforms.values())


def prove(image: Reference, found: FoundImage | None, base: Base, wanted: str, digest: str | None = None) -> FoundImage:
    """Return what the registry has of ``image``, after comparing it with what it must be.

    The layers of ``base`` must be its first layers (OCI image specification, ``rootfs.diff_ids``); it must hold the
    platforms ``wanted``, separated by commas, and have the ``digest`` that was pushed.
    """
    if found is None or found.digest is None:
        raise Refused("the registry does not have the image that was pushed", where=image, hint=f"{DOOR} build")
    if digest is not None and digest != found.digest:
        raise Refused(
            f"the tag was moved after the push: it names {found.digest}, {digest} was pushed",
            where=image,
            hint=f"find out who pushes this tag, then: {DOOR} build --force",
        )
    for platform in map(short_platform, wanted.split(",")):
        ours, theirs = found.platforms.get(platform), base.found.platforms.get(platform)
        if ours is None:
            raise Refused(
                f"the image is for {', '.join(found.platforms) or 'no platform at all'}, not for {platform}",
                where=image,
                hint=f"rebuild it for the right platform: {DOOR} build --force",
            )
        if theirs is None or not theirs.layers or ours.layers[: len(theirs.layers)] != theirs.layers:
            raise Refused(
                f"the image is not built on {base.reference}",
                where=image,
                hint=f"commit a change of the image's files for a new tag, or rebuild this one: {DOOR} build --force",
            )
    return found


class ImageBuild(NamedTuple):
    """One image of a build.

    Attributes:
        platform: the platforms that it must run on, separated by commas.
        argument: the value of ``--platform``; None for a native build without it.
        found: what the registry has of it, proved.
        inputs: the hash of what it is built from; None while a commit is only planned, and where it is not needed.
        source: the image of the same inputs, pinned by digest, that is retagged.
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
        """The image by the digest that the registry has of it, under this tag or another; None before it is pushed."""
        return self.reference._replace(digest=self.found.digest) if self.found else self.source

    def proved(self, found: FoundImage | None, digest: str | None = None) -> ImageBuild:
        """Return the build of an image that the registry has: ``found``, which must have the ``digest`` if given."""
        return self._replace(found=prove(self.reference, found, self.base, self.platform, digest))

    def summary(self) -> list[str]:
        """Return the lines that tell what was built and proved."""
        if self.found is None:
            return [f"{self.reference}: {self.status}, not pushed"]
        words = {
            BUILT: "built, pushed, verified",
            RETAGGED: f"retagged from {self.source.tag if self.source else ''}, verified",
            PRESENT: "already in the registry, verified",
        }
        base = self.base.reference
        pinned = base._replace(digest=base.digest or self.base.found.digest)
        return [
            f"{self.reference}: {words[self.status]}",
            f"  digest    {self.found.digest}",
            f"  platform  {', '.join(self.found.platforms)}",
            f"  base      {pinned}: proved by its layers",
            *([f"  signed    verified with {self.signed}"] if self.signed else []),
        ]


@dataclass(frozen=True)
class Build:
    """A build, and the hub repository as it is when it begins."""

    hub: Hub
    options: BuildOptions
    images: tuple[ImageBuild, ...]
    pushes: bool
    builder: Builder

    @property
    def to_build(self) -> tuple[ImageBuild, ...]:
        """The images that are (to be) built."""
        return tuple(one for one in self.images if one.status == BUILT)

    def warnings(self) -> Iterator[str]:
        """Yield what people should know before they say yes."""
        hub, own = self.hub, {one.key for one in self.images}
        yield from layout_warnings(hub)
        local = dict.fromkeys(one.base.reference for one in self.images if one.base.found.digest is None)
        for base in (reference for reference in local if reference not in self.options.stand_ins):
            yield f"{base} is taken from this machine's image store: {base.host} cannot be reached"
        if any(one.base.is_stand_in for one in self.images):
            yield "the base image is a rehearsal's STAND-IN, not z2jh's"
        others = dict.fromkeys(spec.key for chart in hub.layout.charts for spec in chart.images if spec.key not in own)
        if self.options.engine == CHARTPRESS and others:
            yield f"chartpress builds all images of {hub.layout.file}, so also {', '.join(others)}"
        unmoved = unmoved_images(hub)
        for one in self.images:
            if one.status != SKIPPED and one.key not in unmoved and not hub.values_places(one.image):
                yield f"no values file uses {one.key}"
        yield from self.spared
        for key, places in unmoved.items():
            left = [one for one in places if not is_accepted(hub.settings.accept, Code.VALUES_DIFFER, one.file)]
            if left:
                files = first_of([one.file for one in left], _MOST_NAMED)
                yield f"{key} is also named by {files}, where no build writes it; {how_to_move(hub, left)}"

    @property
    def spared(self) -> list[str]:
        """A line for each image that could be built, and is not."""
        own = [one.key for one in self.images]
        left = (one for one in self.hub.images if depends_on(self.hub, one, self.hub.pending))
        why = {one.spec.key: ", but its files change" for one in left}
        why |= {key: f": {at.file} names {at.image} at {at.path}" for key, at in self.hub.spare_images.items()}
        flags = "".join(f"--image {key} " for key in own)
        return [
            f"{key} is not built{reason}; to build it too: {flags}--image {key}"
            for key, reason in why.items()
            if key not in own
        ]

    @property
    def parts(self) -> list[Build]:
        """The builds of the images that one commit has."""
        commits: dict[str | None, list[ImageBuild]] = {}
        for one in self.to_build:
            commits.setdefault(one.name.revision, []).append(one)
        return [replace(self, images=tuple(images)) for images in commits.values()]

    def shown_context(self, folder: str) -> list[str]:
        """Return the commands that write the build context of one part into ``folder``."""
        top, first = self.hub.git.folder, self.images[0].name
        git = "git" if top == current_folder() else f"git -C {quote(str(top))}"
        listed = dict.fromkeys(path for one in self.images for path in sources_of(self.hub, one.image).built_from)
        paths = " ".join(map(quote, listed))
        add = [] if names_commit(self.hub.settings.tag) else [f"{git} add --all --ignore-errors -- {paths}"]
        return [
            f'export GIT_INDEX_FILE="{folder}.index"',
            f"{git} read-tree {first.commit if first.revision else HEAD}",
            *add,
            f'{git} ls-files -z -- {paths} | {git} checkout-index -q -z --stdin --prefix="{folder}/"',
            "unset GIT_INDEX_FILE",
        ]

    def with_images(self, images: Iterable[ImageBuild]) -> Build:
        """Return the build with ``images`` in place of those of the same keys."""
        new = {one.key: one for one in images}
        return replace(self, images=tuple(new.get(one.key, one) for one in self.images))

    def after(self, results: Values) -> Build:
        """Return the build with the images that its actions left (see :func:`results_of`)."""
        return self.with_images(one for one in results.values() if isinstance(one, ImageBuild))

    def summary(self, results: Values) -> list[str]:
        """Return the lines that tell what was done."""
        done = {one.key for one in results.values() if isinstance(one, ImageBuild)}
        images = (one for one in self.images if one.status in {PRESENT, SKIPPED} or one.key in done)
        return [line for one in images for line in one.summary()]

    def report(self) -> list[dict[str, Any]]:
        """Return the images' part of the JSON report, those that are left alone last."""
        left = {*self.hub.other_images, *self.hub.spare_images} - {one.key for one in self.images}
        base = {"image": None, "digest": None, "inherited": None}
        skipped: dict[str, Any] = {
            "tag": None,
            "digest": None,
            "platforms": [],
            "status": SKIPPED,
            "base": base,
            "inputs": None,
        }
        own = [
            {
                "name": one.key,
                "repository": one.image.spec.name,
                "tag": one.name.tag,
                "digest": one.found.digest if one.found else None,
                "platforms": list(one.found.platforms if one.found else one.platform.split(",")),
                "status": one.status,
                "base": {
                    "image": str(one.base.reference),
                    "digest": one.base.found.digest,
                    "inherited": True if one.found else None,
                },
                "inputs": one.inputs,
            }
            for one in self.images
        ]
        others = (spec for spec in self.hub.layout.chart.images if spec.key in left)
        return [*own, *({"name": spec.key, "repository": spec.name, **skipped} for spec in others)]


def results_of(images: Iterable[ImageBuild]) -> dict[str, ImageBuild]:
    """Return what an action of a build leaves."""
    return {f"the build of {one.key}": one for one in images}


def pinned_images(hub: Hub, image: HubImage) -> list[Reference]:
    """Return the images that the values name in ``image``'s repository."""
    try:
        found = hub.pinned(image).values()
    except Unusable:
        return []  # the step that writes the values says what is wrong with them
    named = (Reference(one.name, one.tag) for one in found if one.name == image.spec.name and is_tag(one.tag or ""))
    return list(dict.fromkeys(named))


def require_platforms(base: Base, wanted: str) -> None:
    """Check that ``base`` exists for every platform of ``wanted`` (separated by commas)."""
    missing = [one for one in map(short_platform, wanted.split(",")) if one not in base.found.platforms]
    if missing:
        raise Refused(
            f"the base image is not available for {missing[0]}, only for {', '.join(base.found.platforms)}",
            where=base.reference,
            hint="name another platform: --platform, or hub.platform in invoke.yaml",
        )


def base_of(reference: Reference, answer: ImageAnswer, stored: FoundImage | None) -> Base:
    """Return the base image from its registry's answer or, where that is out of reach, as the engine has it."""
    if isinstance(answer, FoundImage):
        return Base(reference, answer)
    if answer is None:
        raise Refused(
            "the base image does not exist",
            where=reference,
            hint=f"{DOOR} bump, or fix the FROM; a mirror needs a copy of that release's image",
        )
    if isinstance(answer, Refused):
        hint = f"take another release, {DOOR} bump --to VERSION, or ask those who push it"
        raise Refused(f"the base image cannot be used: {answer.what}", where=reference, hint=hint)
    if stored is None:
        raise answer
    return Base(reference, stored)


def is_out_of_reach(answer: ImageAnswer) -> bool:
    """Whether a registry's answer leaves open what it has, so that the engine's store may be asked."""
    return isinstance(answer, Unreachable) and not isinstance(answer, Denied)


def with_digest(old: Reference, new: Reference) -> Reference:
    """Return the base image ``new`` with a digest where ``old`` has one: the same for the same tag, else its own."""
    if old.digest is None:
        return new
    if old.tag == new.tag and old.same_repository(new):
        return new.pinned(old.digest)
    found = inspect(new)
    if found is None or found.digest is None:
        raise Refused("the base image does not exist", where=new, hint=f"docker buildx imagetools inspect {new}")
    return new.pinned(found.digest)


def base_label(base: Reference) -> str:
    """Return how an image's label names its base image."""
    return f"{base.host}/{base.path}:{base.tag}"


def inputs_label(found: FoundImage) -> str | None:
    """Return the hash of inputs in an image's labels, if it is the same on all of its platforms."""
    labels = {image.labels.get(INPUTS_LABEL) for image in found.platforms.values()}
    return labels.pop() if len(labels) == 1 else None


def image_fact(reference: Reference) -> Fact:
    """Return the fact that the registry has this image, pinned by digest; without one, that it has none of the tag."""

    def digest() -> str | None:
        found = inspect(reference)
        return found.digest if found else None

    kind, words = ("image", "is not in the registry any more") if reference.digest else ("tag", "is taken now, by {}")
    return Fact(f"the {kind} {reference}", digest, reference.digest, words.format)
