"""A build of several images: its targets, what is to be built and why, what was built, and the proof of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any, Protocol

from ..core.faults import Refused
from ..core.names import Host
from ..core.visible import keep_secret
from ..repo.files import scratch_folder
from ..repo.hub import Hub, HubImage, layout_warnings
from ..tools import docker
from ..tools.command import current_folder
from ..tools.docker import Builder
from ..tools.forges import web_address
from .definition import BuildOptions, Target, bake_fields, cache_fields, definition, from_folder, with_files_of
from .inputs import files_as_they_lie, inputs_hash, sources_of, write_contexts
from .proof import BUILT, LABEL, PRESENT, RETAGGED, SKIPPED, ImageJob, tag_fact
from .tag import COMMIT_TO_COME, HEAD, ImageName, history_of, name_image, names_commit, render
from .tree import Tree

# The folder that a build's contexts are written into, below a scratch folder.
CONTEXT = "context"


class Engine(Protocol):
    """What builds: buildx's bake, or the runbook's own chartpress."""

    def shown(self, build: Build) -> str:
        """Return what builds and pushes, as one could paste it."""

    def build(self, build: Build, scratch: Path) -> Mapping[str, str]:
        """Build and push; return the digests that it says it pushed, by the images' keys, as far as it says them.

        What the builder gets is written into the folder ``scratch`` (see :meth:`Build.write_contexts`).
        """


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
    wish: BuildOptions
    jobs: tuple[ImageJob, ...]
    pushes: bool
    builder: Builder
    engine: Engine

    @property
    def to_build(self) -> tuple[ImageJob, ...]:
        """The images that are (to be) built."""
        return tuple(job for job in self.jobs if job.status == BUILT)

    @property
    def tags_to_take(self) -> tuple[ImageJob, ...]:
        """The images to be built whose tags are known, and must be free when they are pushed."""
        is_free = self.pushes and not self.wish.force
        return tuple(job for job in self.to_build if is_free and job.called.commit != COMMIT_TO_COME)

    @property
    def to_retag(self) -> tuple[ImageJob, ...]:
        """The images that are there under another tag, and get (or got) the tag of today."""
        return tuple(job for job in self.jobs if job.status == RETAGGED)

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

    def run(self) -> dict[str, str]:
        """Build and push, then prove each image from what its registry says.

        Returns:
            The digests of what was pushed, by the images' names and tags.

        Raises:
            Refused: the proof fails.
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
            ProgramFailed: the build failed.
        """
        self._settle_tags()
        with scratch_folder(self.hub.git) as scratch:
            digests = self.engine.build(self, scratch)
        for job in self.to_build:
            if self.pushes:
                job.prove(digests.get(job.image.spec.key))
        return _digests(self.to_build)

    def retag(self) -> dict[str, str]:
        """Give images of the same inputs their tag of today, then prove each from what its registry says.

        Returns:
            As :meth:`run`.

        Raises:
            Refused: the proof fails.
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
        """
        for job in self.to_retag:
            assert job.source is not None  # noqa: S101 - what makes it one to retag
            job.prove(docker.retag(job.source, job.tag))
        return _digests(self.to_retag)

    @contextmanager
    def trees(self) -> Iterator[Callable[[ImageJob], Tree]]:
        """Yield what gives the tree that an image is built from.

        That is the commit's that its tag names, or HEAD's while that commit is only planned; for a tag that names the
        content, one of the files as they lie.
        """
        if names_commit(self.hub.settings.tag):
            yield lambda job: Tree(self.hub.git, job.called.revision or HEAD)
            return
        with files_as_they_lie(self.hub, [job.image for job in self.to_build]) as tree:
            yield lambda _: tree

    def write_contexts(self, scratch: Path) -> Path:
        """Write what the builder gets out of git, and return the folder that it is to run in.

        Images of one commit share a folder; each is told of the inputs that its own has.

        Raises:
            Refused: the files have changed since the tag was computed from them, or one is a credential file.
        """
        with self.trees() as tree_of:
            jobs_of: dict[str, list[ImageJob]] = {}
            for job in self.to_build:
                jobs_of.setdefault(tree_of(job).name, []).append(job)
            for index, jobs in enumerate(jobs_of.values()):
                tree = tree_of(jobs[0])
                for job in jobs:
                    job.inputs = _same_inputs(job, inputs_of(self.hub, job, tree))
                    job.beside = f"{self._way_up}{CONTEXT}-{index}/{self.hub.root or '.'}/" if index else ""
                folder = scratch / (f"{CONTEXT}-{index}" if index else CONTEXT)
                write_contexts(self.hub, [job.image for job in jobs], tree, folder)
        return scratch / CONTEXT / self.hub.root

    @property
    def _way_up(self) -> str:
        return "../" * (len(Path(self.hub.root).parts) + 1)

    def shown_contexts(self, folder: str) -> list[str]:
        """Return the commands that write what the builder gets into ``folder``, as one could paste them."""
        top = "" if self.hub.git.folder == current_folder() else f" -C {quote(str(self.hub.git.folder))}"
        listed = [sources_of(self.hub, job.image).built_from for job in self.to_build]
        paths = " ".join(quote(path) for path in dict.fromkeys(path for paths in listed for path in paths))
        by_commit = names_commit(self.hub.settings.tag)
        commits = dict.fromkeys(job.called.commit for job in self.to_build)
        start = HEAD if COMMIT_TO_COME in commits or len(commits) > 1 or not by_commit else next(iter(commits))
        return [
            f'export GIT_INDEX_FILE="{folder}.index"',
            f"git{top} read-tree {start}",
            *([] if by_commit else [f"git{top} add --all --ignore-errors -- {paths}"]),
            f'git{top} ls-files -z -- {paths} | git{top} checkout-index -q -z --stdin --prefix="{folder}/"',
            "unset GIT_INDEX_FILE",
        ]

    def report(self) -> list[dict[str, Any]]:
        """Return what the JSON report says of each image, those that are left alone last."""
        alone = [spec for spec in self.hub.chart.images if spec.key in self.hub.other_images]
        no_base = {"image": None, "digest": None, "inherited": None}
        nothing: dict[str, Any] = {"tag": None, "digest": None, "platforms": []}
        skipped = {**nothing, "status": SKIPPED, "base": no_base, "inputs": None}
        return [
            *(job.report() for job in self.jobs),
            *({"name": spec.key, "repository": spec.name, **skipped} for spec in alone),
        ]

    def summary(self) -> list[str]:
        """Return the lines that say what was built and proved."""
        return [line for job in self.jobs for line in _summary(job)]

    def _settle_tags(self) -> None:
        """Compute the tags that waited for a commit: it is known now, and nobody can have built it yet.

        Raises:
            Moved: somebody has.
        """
        waiting = [job for job in self.to_build if job.called.commit == COMMIT_TO_COME]
        self.hub = self.hub.again()
        history = history_of(self.hub)
        history.foresee([job.image.spec.paths for job in waiting])
        for job in waiting:
            job.called = name_image(self.hub, history, job.image)
            if self.pushes and not self.wish.force:
                tag_fact(job.reference).require(None)


def inputs_of(hub: Hub, job: ImageJob, tree: Tree) -> str:
    """Return the hash of what ``job`` is built from, out of ``tree``.

    The commit and the tag in build arguments belong to it where the tag names a commit.
    """
    arguments = arguments_of(hub, job.image, job.called) if names_commit(hub.settings.tag) else None
    return inputs_hash(hub, job.image, tree, job.base.identity, job.platform, arguments)


def _digests(jobs: Iterable[ImageJob]) -> dict[str, str]:
    return {str(job.reference): job.proof.digest for job in jobs if job.proof}


def _same_inputs(job: ImageJob, now: str) -> str:
    """Return the inputs as they are written out, after checking that they are still those of the plan.

    Raises:
        Refused: files have changed since.
    """
    if job.inputs not in (None, now):
        raise Refused(
            f"the files of {job.image.spec.key} have changed since the plan was made",
            where=job.reference,
            hint="run the same command again: it plans with the files as they are now",
        )
    return now


def _summary(job: ImageJob) -> list[str]:
    if job.proof is None:
        return [f"{job.reference}: {job.status}, not pushed"]
    words = {
        BUILT: "built, pushed, proved",
        RETAGGED: f"the image of {job.source.tag if job.source else ''} under its tag of today, proved",
        PRESENT: "in the registry already, proved",
    }
    base_digest = f"@{job.base.found.digest}" if job.base.found.digest else ""
    return [
        f"{job.reference}: {words[job.status]}",
        f"  digest    {job.proof.digest}",
        f"  platform  {', '.join(job.proof.platforms)}",
        f"  base      {job.base.reference}{base_digest}: its layers are the first layers",
    ]


def bake_definition(build: Build, *, again: bool = False, shared: bool = True) -> str:
    """Return the bake definition of what is to be built; the arguments are those of ``Buildx.command``."""
    no_cache = build.wish.no_cache and not again
    targets = [_target(build, job, no_cache=no_cache, shared=shared) for job in build.to_build]
    return definition(targets, build.hub.root)


def filled_in(hub: Hub, image: HubImage, called: ImageName) -> tuple[dict[str, str], list[str]]:
    """Return the build arguments and extra options of ``image``, the names in them filled in as chartpress does.

    Raises:
        Unusable: one holds a name that there is none of.
    """
    spec = image.spec
    names = {"LAST_COMMIT": called.commit, "TAG": called.tag, "BRANCH": hub.branch or ""}
    where = f"{hub.config_file}: images.{spec.key}"
    arguments = {name: render(value, names, f"{where}.buildArgs") for name, value in spec.build_args.items()}
    return arguments, [render(option, names, f"{where}.extraBuildCommandOptions") for option in spec.extra_options]


def arguments_of(hub: Hub, image: HubImage, called: ImageName) -> list[str]:
    """Return what :func:`filled_in` does as one list, for the hash of what ``image`` is built from."""
    build_args, options = filled_in(hub, image, called)
    return [*(f"{name}={value}" for name, value in build_args.items()), *options]


def _target(build: Build, job: ImageJob, *, no_cache: bool, shared: bool) -> Target:
    spec = job.image.spec
    arguments, options = filled_in(build.hub, job.image, job.called)
    where = f"{build.hub.config_file}: images.{spec.key}.extraBuildCommandOptions"
    folder = str(build.hub.git.folder / build.hub.root)
    fields = with_files_of(bake_fields(options, where, os.environ), folder, os.environ)
    if job.beside:
        named = fields.get("contexts", {}).items()
        fields["contexts"] = {name: from_folder(one, job.beside) for name, one in named}
    cache = cache_fields(build.hub, job.image, build.builder, push=build.pushes) if shared else {}
    source = web_address(build.hub.git.remote_url(build.hub.settings.remote) or "")
    shown = {job.called.commit, job.tag, build.hub.branch}
    for name, value in chain(arguments.items(), *(fields.get(field, {}).items() for field in ("args", "labels"))):
        # What is filled in is shown everywhere else too.
        if value not in shown:
            keep_secret(name, value)
    return Target(
        key=spec.key,
        reference=job.reference,
        context=job.beside + spec.context,
        dockerfile=job.beside + spec.dockerfile,
        build_args=arguments,
        labels={**job.labels(), **({f"{LABEL}source": source} if source else {})},
        pins=job.pins(),
        platform=job.argument,
        no_cache=no_cache,
        push=build.pushes,
        extra={**cache, **fields},
    )
