"""A build of several images, and what is shown of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from ..core.faults import Refused
from ..core.names import Reference
from ..core.options import BuildOptions
from ..core.output import first_of
from ..core.plan import Values
from ..core.problems import Code
from ..core.settings import CHARTPRESS, is_accepted
from ..repo.hub import Hub, HubImage, layout_warnings
from ..repo.named_images import how_to_move, unmoved_images
from ..tools.command import current_folder
from ..tools.docker import Builder
from ..tools.registry import FoundImage, ImageAnswer, inspect
from .inputs import INPUTS_LABEL, inputs_hash, sources_of, uncounted_contexts, working_files, write_files
from .proof import LABEL, Base, Proof, base_label, inputs_label, prove, tag_fact
from .tag import COMMIT_TO_COME, HEAD, ImageName, depends_on, name_image, names_commit
from .tree import Tree

# An image's status: (to be) built, under the tag of another commit until it is retagged, in the registry already,
# without a platform to build for.
BUILT, RETAGGED, PRESENT, SKIPPED = "built", "retagged", "present", "skipped"
# The folder that a build context is written into.
CONTEXT = "context"
_MOST_NAMED = 3


class ImageBuild(NamedTuple):
    """One image of a build.

    Attributes:
        platform: the platforms that it must run on, separated by commas.
        argument: the value of ``--platform``; None for a native build without it.
        inputs: the hash of what it is built from; None while a commit is only planned, and where it is not needed.
        source: the image of the same inputs, pinned by digest, that is retagged.
        signed: the public key that its new signature was verified with.
    """

    image: HubImage
    name: ImageName
    base: Base
    platform: str
    argument: str | None
    status: str = BUILT
    proof: Proof | None = None
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
        return self.reference.pinned(self.proof.digest) if self.proof else self.source

    def present(self, found: FoundImage) -> ImageBuild:
        """Return the build of an image that the registry has already."""
        proof = prove(self.reference, found, self.base, self.platform)
        return self._replace(proof=proof, status=PRESENT, inputs=self.inputs or inputs_label(found))

    def reusing(self, candidates: Mapping[Reference, ImageAnswer]) -> ImageBuild:
        """Return the build that only retags the first of ``candidates`` with the same inputs, if there is one."""
        for candidate, found in candidates.items():
            if isinstance(found, FoundImage) and found.digest and inputs_label(found) == self.inputs:
                with contextlib.suppress(Refused):
                    prove(candidate, found, self.base, self.platform)
                    return self._replace(source=candidate.pinned(found.digest), status=RETAGGED)
        return self

    def proved(self, digest: str | None) -> ImageBuild:
        """Return the build after the push of ``digest``, if that is known, proved by the registry's answer."""
        found = inspect(self.reference)
        return self._replace(proof=prove(self.reference, found, self.base, self.platform, digest))

    def labels(self) -> dict[str, str]:
        """Return the image's labels."""
        own = {
            f"{LABEL}version": self.name.tag,
            f"{LABEL}revision": self.name.revision,
            f"{LABEL}base.name": base_label(self.base.reference),
            f"{LABEL}base.digest": self.base.found.digest,
            INPUTS_LABEL: self.inputs,
        }
        return {name: value for name, value in own.items() if value}

    def report(self) -> dict[str, Any]:
        """Return the image's part of the JSON report."""
        return {
            "name": self.key,
            "repository": self.image.spec.name,
            "tag": self.name.tag,
            "digest": self.proof.digest if self.proof else None,
            "platforms": list(self.proof.platforms) if self.proof else self.platform.split(","),
            "status": self.status,
            "base": {
                "image": str(self.base.reference),
                "digest": self.base.found.digest,
                "inherited": True if self.proof else None,
            },
            "inputs": self.inputs,
        }

    def summary(self) -> list[str]:
        """Return the lines that tell what was built and proved."""
        if self.proof is None:
            return [f"{self.reference}: {self.status}, not pushed"]
        words = {
            BUILT: "built, pushed, verified",
            RETAGGED: f"retagged from {self.source.tag if self.source else ''}, verified",
            PRESENT: "already in the registry, verified",
        }
        base, found = self.base.reference, self.base.found.digest
        pinned = base if base.digest or not found else base.pinned(found)
        return [
            f"{self.reference}: {words[self.status]}",
            f"  digest    {self.proof.digest}",
            f"  platform  {', '.join(self.proof.platforms)}",
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
        hub = self.hub
        yield from layout_warnings(hub, self.more_built)
        yield from (f"{what}; {hint}" for what, hint in uncounted_contexts(hub))
        local = dict.fromkeys(one.base.reference for one in self.images if one.base.found.digest is None)
        for base in (reference for reference in local if reference not in self.options.stand_ins):
            yield f"{base} is taken from this machine's image store: {base.host} cannot be reached"
        if any(one.base.is_stand_in for one in self.images):
            yield "the base image is a rehearsal's STAND-IN, not z2jh's"
        if self.more_built:
            yield f"chartpress builds all images of {hub.layout.file}, so also {', '.join(self.more_built)}"
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
    def more_built(self) -> list[str]:
        """The keys of the images that the engine builds besides ``images``, and of which it tells nothing."""
        own = [one.key for one in self.images]
        keys = dict.fromkeys(spec.key for chart in self.hub.layout.charts for spec in chart.images)
        return [key for key in keys if key not in own] if self.options.engine == CHARTPRESS and self.to_build else []

    @property
    def spared(self) -> list[str]:
        """A line for each image that could be built, and is not."""
        own = [*self.more_built, *(one.key for one in self.images)]
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
    def parts(self) -> dict[str, Build]:
        """The builds of the images that one commit has, each by the name of its folder, which the context is below."""
        commits: dict[str | None, list[ImageBuild]] = {}
        for one in self.to_build:
            commits.setdefault(one.name.revision, []).append(one)
        builds = enumerate(replace(self, images=tuple(images)) for images in commits.values())
        return {f"upload-{index}" if index else "upload": build for index, build in builds}

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
        built = {*self.more_built, *(one.key for one in self.images)}
        left = {*self.hub.other_images, *self.hub.spare_images} - built
        base = {"image": None, "digest": None, "inherited": None}
        skipped: dict[str, Any] = {"tag": None, "digest": None, "platforms": [], "status": SKIPPED}
        others = (spec for spec in self.hub.layout.chart.images if spec.key in left)
        return [
            *(one.report() for one in self.images),
            *({"name": spec.key, "repository": spec.name, **skipped, "base": base, "inputs": None} for spec in others),
        ]


def results_of(images: Iterable[ImageBuild]) -> dict[str, Any]:
    """Return what an action of a build leaves: each image, and the digest of each that was pushed."""
    left: dict[str, Any] = {}
    for one in images:
        left[f"the build of {one.key}"] = one
        if one.proof:
            left[str(one.reference)] = one.proof.digest
    return left


def name_after_commit(build: Build) -> Build:
    """Return the build with the tags that waited for a commit, which exists now."""
    waiting = [one for one in build.to_build if one.name.commit == COMMIT_TO_COME]
    hub = build.hub.again()
    named = [one._replace(name=name_image(hub, one.image)) for one in waiting]
    for one in named:
        if build.pushes and not build.options.force:
            tag_fact(one.reference).require(None)
    return replace(build, hub=hub).with_images(named)


def write_contexts(build: Build, folder: Path) -> Build:
    """Write the parts' build contexts out of git below ``folder``, and return the build with each image's inputs."""
    hub, written = build.hub, []
    for name, part in build.parts.items():
        with source_tree(part) as tree:
            for one in part.images:
                inputs = inputs_of(hub, one, tree)
                if one.inputs not in (None, inputs):
                    raise Refused(
                        f"the files of {one.key} have changed since the plan was made",
                        where=one.reference,
                        hint="run the same command again: it plans with the files as they are now",
                    )
                written.append(one._replace(inputs=inputs))
            write_files(hub, [one.image for one in part.images], tree, folder / name / CONTEXT)
    return build.with_images(written)


def source_tree(part: Build) -> contextlib.AbstractContextManager[Tree]:
    """Yield the tree that the images of one part are built from: their commit's, or that of the working files."""
    if names_commit(part.hub.settings.tag):
        return contextlib.nullcontext(Tree(part.hub.git, part.images[0].name.revision or HEAD))
    return working_files(part.hub, [one.image for one in part.images])


def inputs_of(hub: Hub, one: ImageBuild, tree: Tree) -> str:
    """Return the hash of the inputs of an image that is built from ``tree``."""
    return inputs_hash(hub, one.image, tree, one.base.identity, one.platform, one.name)
