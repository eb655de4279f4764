"""Planning a build: each image's tag, its base image, and whether its registry has it already."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext

from ..core import output
from ..core.faults import DOOR, Denied, Refused, Unreachable, Unusable
from ..core.names import Host, Reference, platform_argument, platforms_left
from ..core.settings import CHARTPRESS
from ..repo.files import is_below, is_half_written, join
from ..repo.hub import Hub, HubImage
from ..tools import docker
from ..tools.docker import CLOUD_BUILD, Builder
from ..tools.process import Pool
from .build import Build, Engine, inputs_of
from .definition import BuildOptions, pinned_images
from .engines import Buildx, Chartpress, CloudBuild
from .inputs import files_as_they_lie, inputs_hash, require_buildable, require_links_covered, require_stable, sources_of
from .proof import SKIPPED, Base, ImageJob, look_for_bases, registry_answer, require_platforms
from .tag import (
    COMMIT_TO_COME,
    HEAD,
    History,
    ImageName,
    awaits_commit,
    earlier_tags,
    history_of,
    name_image,
    names_commit,
    tells_images_apart,
)
from .tree import Tree

BUILDX = "buildx"
_MOST_COMMITS = 20


def plan_images(hub: Hub, wish: BuildOptions, builder: Future[Builder] | None = None) -> Build:
    """Plan the build of the images that ``wish`` names: what each one's tag is, and whether its registry has it.

    Args:
        hub: the hub repository as it will be when the build begins.
        wish: how the build is wanted.
        builder: the builder, where it was asked for already.

    Raises:
        Refused: an image's files are not committed, its tag is there with another platform or base, or a build
            context holds a credential file.
        Denied: a registry denied access.
        Unreachable: a registry gave no answer.
        ProgramFailed: docker is missing, or something is to be built and the builder does not answer.
        Unusable: the engine is none, or chartpress.yaml is wrong.
    """
    pushes = wish.push and hub.settings.push
    images = hub.select(hub.images, wish.images)
    history = history_of(hub)
    if names_commit(hub.settings.tag):
        for image in images:
            require_links_covered(hub, image)
        with Pool() as pool:
            changed = pool.submit(hub.git.changed, _paths_of(hub, images))
            history.foresee([image.spec.paths for image in images])
            _require_committed(hub, images, changed.result())
    look = pushes and not wish.force
    certain = not look or any(awaits_commit(hub, image) for image in images)
    with Pool() as pool:
        # Docker takes its time: it is asked at once where its answer is needed for certain.
        if certain and not builder:
            builder = pool.submit(ask_builder, hub, wish)
        try:
            jobs = _jobs(hub, images, wish, history, look=look)
        except Unreachable as fault:
            # Without an engine there is no store to find a base image in either: that is nearer than the registry.
            if not isinstance(fault, Denied):
                _ = builder.result() if builder else ask_builder(hub, wish)
            raise
        build = Build(hub, wish, jobs, pushes, _builder(hub, wish), _engine(hub, wish))
        if build.to_build:
            with build.trees() as tree_of:
                for job in build.to_build:
                    require_buildable(hub, job.image, tree_of(job))
            if look and wish.engine == BUILDX:
                _know_again(build, history)
        if build.to_build:
            build.builder = builder.result() if builder else ask_builder(hub, wish)
            _tell_platforms(build)
    return build


def require_only_managed_changes(hub: Hub, names: Sequence[str]) -> None:
    """Check that the images' files are as committed, but for what a release is about to commit itself.

    Args:
        hub: the hub repository.
        names: the images' keys; empty for all.

    Raises:
        Refused: another file is not committed; the message names it.
    """
    leaves = hub.with_commit("", hub.changed)
    images = hub.select(hub.images, names)
    with files_as_they_lie(hub, images) as tree:
        for image in images:
            sources = sources_of(hub, image)
            loose = [one for one in tree.unlike(HEAD, sources.all) if _is_loose(leaves, one)]
            hidden = sorted({*loose} - {*hub.git.changed(loose)}) if loose else []
            flags = ("--no-assume-unchanged", "--no-skip-worktree")
            look = " && ".join(f"git update-index {flag} -- {shlex.join(hidden)}" for flag in flags)
            hint = f"{look}, then git commit them" if hidden else ""
            _require_none(image, loose, hint)


def ask_builder(hub: Hub, options: BuildOptions) -> Builder:
    """Return what builds, after checking that it answers.

    Raises:
        ProgramFailed: docker is missing, or the builder does not answer.
    """
    builder = _builder(hub, options)
    return builder if builder.name == CLOUD_BUILD else docker.require_builder(builder.name)


def _paths_of(hub: Hub, images: Sequence[HubImage]) -> list[str]:
    return list(dict.fromkeys(join(hub.root, path) for image in images for path in image.spec.paths))


def _know_again(build: Build, history: History) -> None:
    """Find the images to be built that are there already, with the same inputs under another tag.

    Asked for are what the values name, and what the history suggests: the tags of the last commits of any branch.
    """
    candidates = {job.image.spec.key: _candidates(build.hub, history, job) for job in build.to_build if job.inputs}
    answers: dict[Reference, docker.Answer] = {}
    _ask(answers, [candidate for found in candidates.values() for candidate in found])
    for job in build.to_build:
        job.know_again({candidate: answers[candidate] for candidate in candidates.get(job.image.spec.key, ())})


def _candidates(hub: Hub, history: History, job: ImageJob) -> list[Reference]:
    """Return where an image with the inputs of ``job`` may be."""
    tags = earlier_tags(hub, history, job.image, _MOST_COMMITS) if job.called.commit else []
    named = [*pinned_images(hub, job.image), *(Reference(job.image.spec.name, tag) for tag in tags)]
    return [reference for reference in dict.fromkeys(named) if reference != job.reference]


def _tell_platforms(build: Build) -> None:
    """Have the platform named to a current builder that is of another kind than this machine."""
    for job in build.to_build if build.builder.is_started else ():
        if job.argument is None and not build.builder.is_native(job.platform):
            job.argument = job.platform


def _builder(hub: Hub, wish: BuildOptions) -> Builder:
    return Builder(wish.builder or hub.settings.builder)


def _engine(hub: Hub, wish: BuildOptions) -> Engine:
    """Return what builds."""
    if wish.engine == BUILDX and (wish.builder or hub.settings.builder) == CLOUD_BUILD:
        return CloudBuild.fit_for(hub, wish)
    if wish.engine == BUILDX:
        return Buildx()
    if wish.engine == CHARTPRESS:
        return Chartpress.fit_for(hub, wish)
    raise Unusable(
        f"there is no engine {wish.engine}", where="--engine", hint=f"the engines are {BUILDX} and {CHARTPRESS}"
    )


def _jobs(
    hub: Hub, images: Sequence[HubImage], wish: BuildOptions, history: History, *, look: bool
) -> tuple[ImageJob, ...]:
    """Compute the tags, and ask every registry side by side for the base images and for what is there already.

    A tag that names the content needs its base image first; then the registries are asked twice.
    """
    by_commit = names_commit(hub.settings.tag)
    theirs = [image.base.reference for image in images]
    answers: dict[Reference, docker.Answer] = {base: docker.local(base) for base in wish.stand_ins}
    if by_commit:
        _ask(
            answers, [*theirs, *_to_look_for(images, [name_image(hub, history, image) for image in images], look=look)]
        )
    _ask(answers, theirs)
    loopback = all(Reference(image.spec.name).on_loopback for image in images)
    bases = look_for_bases(theirs, [answers[base] for base in theirs], loopback=loopback)
    with nullcontext(None) if by_commit else files_as_they_lie(hub, images) as tree:
        jobs = tuple(_job(hub, wish, history, image, base, tree) for image, base in zip(images, bases, strict=True))
    _ask(answers, _to_look_for(images, [job.called for job in jobs], look=look))
    for job in jobs:
        require_platforms(job.base, job.platform)
        found = registry_answer(answers.get(job.reference))
        if by_commit and job.called.revision and (found is None or not tells_images_apart(hub.settings.tag)):
            job.inputs = inputs_of(hub, job, Tree(hub.git, job.called.revision))
        if not tells_images_apart(hub.settings.tag):
            job.require_same_inputs(found)
        job.look(found)
    return jobs


def _ask(answers: dict[Reference, docker.Answer], references: Sequence[Reference]) -> None:
    """Ask the registries, side by side, for those of ``references`` that were not asked for yet."""
    new = [reference for reference in dict.fromkeys(references) if reference not in answers]
    hosts = dict.fromkeys(reference.host for reference in new)
    with output.waiting(f"asking {', '.join(hosts)}"):
        answers.update(zip(new, docker.inspect_all(new), strict=True))


def _to_look_for(images: Sequence[HubImage], called: Sequence[ImageName], *, look: bool) -> list[Reference]:
    """Return the images that the registry may have already: all but those that a planned commit names."""
    named = zip(images, called, strict=True)
    return [Reference(image.spec.name, name.tag) for image, name in named if look and name.commit != COMMIT_TO_COME]


def _job(hub: Hub, wish: BuildOptions, history: History, image: HubImage, base: Base, tree: Tree | None) -> ImageJob:
    """Return the job of one image, for the platforms that chartpress.yaml does not leave out (``skipPlatforms``).

    ``tree`` has the files as they lie, where the tag names the content.
    """
    wanted = wish.platform or hub.settings.platform
    left = platforms_left(wanted, image.spec.skip_platforms)
    content = None
    if tree is not None:
        require_stable(hub, image)
        content = inputs_hash(hub, image, tree, base.identity, left)
    called = name_image(hub, history, image, content or "")
    if not left:
        return ImageJob(image, called, base, wanted, None, SKIPPED)
    # What a builder somewhere else would build for without being told is its own business.
    told = wish.platform or wish.builder or hub.settings.builder
    argument = platform_argument(Host.here(), hub.settings.platform, left if told else None)
    return ImageJob(image, called, base, left, argument, inputs=content)


def _is_loose(hub: Hub, file: str) -> bool:
    """Whether a file that differs from the commit will still do so when the image is built."""
    return file not in hub.pending and not is_half_written(file)


def _require_committed(hub: Hub, images: Sequence[HubImage], changed: Sequence[str]) -> None:
    """Check that no image depends on a file that is not committed: its tag would name another image."""
    for image in images:
        paths = [join(hub.root, path) for path in image.spec.paths]
        loose = [file for file in changed if _is_loose(hub, file) and is_below(file, paths)]
        _require_none(image, loose)


def _require_none(image: HubImage, loose: Sequence[str], hint: str = "") -> None:
    if loose:
        raise Refused(
            f"the image {image.spec.key} has files that are not committed",
            where=", ".join(loose[:3]),
            hint=hint or f"{DOOR} commit, or git commit them; its tag names the last commit",
        )
