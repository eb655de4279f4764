"""Planning a build: each image's tag, its base image, whether its registry has it already, and the actions left."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain

from ..core import output
from ..core.faults import DOOR, Denied, Fault, Refused, Unreachable
from ..core.names import Host, Reference, is_loopback, platform_argument, platforms_left
from ..core.options import BuildOptions
from ..core.plan import Action, Fact, Step, Values
from ..core.settings import require_like
from ..repo.edits import image_edits, to_commit
from ..repo.files import SUFFIX, WorkingTree, edit_action, is_below
from ..repo.hub import Hub, HubImage
from ..repo.values import PinnedImage, ValuesPlace
from ..tools import cosign, docker
from ..tools.cosign import Signature
from ..tools.docker import CLOUD_BUILD, Builder
from ..tools.git_states import standing
from ..tools.process import run_checked
from ..tools.registry import ImageAnswer, inspect_all, require_push_right, retag
from .build import PRESENT, SKIPPED, Build, ImageBuild, inputs_of, results_of, source_trees
from .definition import pinned_images
from .engines import Engine, build_images, engine_for
from .inputs import inputs_hash, require_buildable, require_links_covered, require_stable, sources_of, working_files
from .proof import Base, find_bases, image_fact, inputs_label, require_platforms, tag_fact
from .tag import (
    COMMIT_TO_COME,
    HEAD,
    History,
    ImageName,
    earlier_tags,
    history_of,
    name_image,
    names_commit,
    tells_images_apart,
)
from .tree import Tree

# Stands for the digest of an image that is yet to be built.
_TO_COME = "sha256:{digest}"
# How many commits, of any branch, are looked at for an image of the same inputs.
_MOST_COMMITS = 20


def plan_build(hub: Hub, options: BuildOptions) -> tuple[Step, Hub]:
    """Plan the build of what the registry does not have, and return it with the repository as it will leave it."""
    relies = standing(hub.git, hub.branch)
    engine = engine_for(hub, options)
    build = _plan_images(hub, options, engine)
    edits = image_edits(hub, _pins(hub, build)) if build.pushes else ()

    def write(values: Values) -> Values:
        # The tag of a commit that was only planned is known now.
        now = hub.holding({edit.path: values[edit.path] for edit in edits})
        return WorkingTree(hub.git.folder).replace(image_edits(now, _pins(now, build.after(values))))

    writing = edit_action(hub.git.folder, edits, "the registry has confirmed the image", relies)
    actions = (
        *_push_right_actions(build),
        *([_retag_action(build, relies)] if build.to_retag else ()),
        _build_action(build, engine, relies) if build.to_build else Action(_nothing_to_build(build)),
        *_sign_actions(build, relies),
        *([writing._replace(do=writing.do and write)] if edits else ()),
    )
    step = Step(
        "build",
        actions,
        report=lambda values: {
            "images": build.after(values).report(),
            "values": {"path": hub.values_file, "changed": any(edit.changes for edit in edits)},
        },
        summary=lambda values: [*build.after(values).summary(values), *build.spared],
        warnings=(*build.warnings, *_uncommitted(build)),
    )
    return step, hub.edited(edits)


def _plan_images(hub: Hub, options: BuildOptions, engine: Engine) -> Build:
    pushes = options.push and hub.settings.push
    given = () if options.platform is None else options.platform.split(",")
    require_like("platform", "--platform linux/amd64", *given)
    images = hub.to_build(options.images)
    history = history_of(hub)
    if names_commit(hub.settings.tag):
        for image in images:
            require_links_covered(hub, image)
        for image, loose in _loose_files(hub, images):
            _require_none(hub, image, loose)
    look = pushes and not options.force
    builder = Builder(options.builder or hub.settings.builder)
    try:
        planned = _image_builds(hub, images, options, history, look=look)
    except Unreachable as fault:
        # Without an engine, a base image in its store cannot be found either: that is told first.
        if not isinstance(fault, Denied) and builder.name != CLOUD_BUILD:
            docker.require_builder(builder.name)
        raise
    _require_own_names(hub, planned)
    build = Build(hub, options, planned, pushes, builder)
    if build.to_build:
        with source_trees(build) as trees:
            for one in build.to_build:
                require_buildable(hub, one.image, trees[one.key])
        if look and engine.retags:
            build = build.with_images(_reusing(build, history))
    return _on_builder(build) if build.to_build else build


def _require_own_names(hub: Hub, planned: Iterable[ImageBuild]) -> None:
    taken: dict[Reference, str] = {}
    for one in planned:
        other = taken.setdefault(one.reference, one.key)
        if other != one.key:
            raise Refused(
                f"the images {other} and {one.key} have the same name and tag",
                where=one.reference,
                hint=f"give each its own imageName in {hub.layout.file}",
            )


def require_committed(hub: Hub, keys: Sequence[str]) -> None:
    """Check that the images' files are as committed, but for what a release is about to commit itself."""
    leaves = hub.with_commit("", hub.changed)
    images = hub.to_build(keys)
    if names_commit(hub.settings.tag):
        for image, loose in _loose_files(leaves, images):
            _require_none(leaves, image, loose)
        return
    with working_files(hub, images) as tree:
        for image in images:
            loose = [one for one in tree.unlike(HEAD, sources_of(hub, image).all) if _is_loose(leaves, one)]
            hidden = sorted({*loose} - {*hub.git.changed(loose)}) if loose else []
            flags = ("--no-assume-unchanged", "--no-skip-worktree")
            look = " && ".join(f"git update-index {flag} -- {shlex.join(hidden)}" for flag in flags)
            _require_none(leaves, image, loose, f"{look}, then git commit them" if hidden else "")


def _push_right_actions(build: Build) -> list[Action]:
    images = (*build.to_build, *build.to_retag) if build.pushes else ()

    def action(one: Reference) -> Action:
        what = f"ask {one.host} whether {one.path} may be pushed to"
        return Action(what, do=lambda _: require_push_right(one), is_check=True)

    return [action(one) for one in dict.fromkeys(Reference(one.image.spec.name) for one in images)]


def _retag_action(build: Build, relies: Sequence[Fact]) -> Action:
    images = build.to_retag
    return Action(
        f"give {', '.join(f'{one.source} the tag {one.name.tag}' for one in images)}",
        "it was built from the same files, arguments and base",
        lambda _: results_of(one.proved(retag(one.source, one.name.tag)) for one in images if one.source),
        relies=(
            *relies,
            *map(image_fact, dict.fromkeys(one.source for one in images if one.source)),
            *(tag_fact(one.reference) for one in images),
        ),
    )


def _build_action(build: Build, engine: Engine, relies: Sequence[Fact]) -> Action:
    verb = "build and push" if build.pushes else "build"
    why = "the registry does not have this tag yet" if build.pushes else "--no-push builds into the local store"
    platforms = (_platform_detail(build, one) for one in dict.fromkeys(one.argument for one in build.to_build))
    known = [one.reference for one in build.to_build if one.name.commit != COMMIT_TO_COME]
    must_be_free = build.pushes and not build.options.force
    return Action(
        f"{verb} {', '.join(str(one.reference) for one in build.to_build)}",
        "of --force: replaces what the registry has" if build.options.force else why,
        lambda _: results_of(build_images(build, engine)),
        (*platforms, f"$ {engine.shown(build)}"),
        (*relies, *(map(tag_fact, known) if must_be_free else ())),
    )


def _sign_actions(build: Build, relies: Sequence[Fact]) -> tuple[Action, ...]:
    """Return the action that signs the images that are not signed yet, once they are verified, if a key is set."""
    hub = build.hub
    key = hub.settings.sign
    if key is None or not build.pushes:
        return ()
    signing = partial(cosign.sign_command, key=key, folder=hub.git.folder, log=hub.settings.public_log)
    public = hub.settings.verify or cosign.public_key(key, hub.git.folder)
    cosign.require_public_key(public, hub.git.folder)
    # What the registry has already, pinned by digest.
    there = {one.key: one.source for one in build.images if one.source}
    there |= {one.key: one.reference.pinned(one.proof.digest) for one in build.images if one.proof}
    signatures = dict(zip(there, _signatures(hub, [*there.values()], public), strict=True))
    wanted = [one for one in build.images if one.status != SKIPPED and signatures.get(one.key) is not Signature.VALID]
    if not wanted:
        return (Action(f"signed already: {', '.join(str(one.reference) for one in build.images)}"),)
    cosign.require_signing(key, hub.git.folder)

    def do(values: Values) -> Values:
        keys = {one.key for one in wanted}
        pushed = [one for one in build.after(values).images if one.key in keys]
        images = [one.reference.pinned(one.proof.digest) for one in pushed if one.proof]
        command = signing([f"{image.name}@{image.digest}" for image in images])
        run_checked(command, seconds=cosign.SECONDS)
        for image, signature in zip(images, _signatures(hub, images, public), strict=True):
            if signature is not Signature.VALID:
                raise Refused(
                    f"the signature that was made cannot be verified with {public}",
                    where=image,
                    hint="hub.verify must be the public key of hub.sign: see cosign public-key --key KEY",
                )
        return results_of(one._replace(signed=public) for one in pushed)

    names = [f"{one.image.spec.name}@{there[one.key].digest if one.key in there else _TO_COME}" for one in wanted]
    facts = [image_fact(there[one.key]) for one in wanted if one.key in there]
    what = f"sign {', '.join(str(one.reference) for one in wanted)}"
    return (Action(what, f"hub.sign is {key}", do, (f"$ {signing(names)}",), (*relies, *facts)),)


def _signatures(hub: Hub, images: Sequence[Reference], public: str) -> list[Signature]:
    answers = inspect_all(images)
    found = []
    for one in images:
        answer = answers[one]
        if isinstance(answer, Fault):
            raise answer
        digests = (answer.digests if answer else ()) or (str(one.digest),)
        found.append(cosign.signature_of(one.name, digests, public, hub.git.folder, log=hub.settings.public_log))
    return found


def _platform_detail(build: Build, argument: str | None) -> str:
    if argument is None:
        return f"native on this {Host.here().title}"
    if not build.builder.runs:
        return f"for {argument}"
    native = all(map(build.builder.is_native, argument.split(",")))
    return f"for {argument}, {'native on' if native else 'emulated by'} {build.builder.title}"


def _nothing_to_build(build: Build) -> str:
    there = ", ".join(str(one.reference) for one in build.images if one.status == PRESENT)
    return f"{there}: already in the registry, verified" if there else "nothing to build"


def _pins(hub: Hub, build: Build) -> dict[ValuesPlace, PinnedImage]:
    return {
        place: PinnedImage(one.image.spec.name, one.name.tag, 0, one.proof.digest if one.proof else _TO_COME)
        for one in build.images
        if one.status != SKIPPED
        for place in hub.values_places(one.image)
    }


def _on_builder(build: Build) -> Build:
    """Return the build with what its builder tells, and the platforms that it has to be told."""
    if build.builder.name == CLOUD_BUILD:
        return build
    builder = docker.require_builder(build.builder.name)
    if build.pushes and build.hub.settings.attest:
        docker.require_image_store(builder, "attest images", "hub.attest")
    if any("," in one.platform for one in build.to_build):
        docker.require_image_store(builder, "build for several platforms", "--platform")
    foreign = [one for one in build.to_build if one.argument is None and not builder.is_native(one.platform)]
    named = [one._replace(argument=one.platform) for one in foreign if builder.runs]
    return replace(build, builder=builder).with_images(named)


def _image_builds(
    hub: Hub, images: Sequence[HubImage], options: BuildOptions, history: History, *, look: bool
) -> tuple[ImageBuild, ...]:
    # All registries are asked at once for the base images and for what they have already; but a tag that names the
    # content needs its base image first.
    by_commit = names_commit(hub.settings.tag)
    references = [image.base.reference for image in images]
    answers: dict[Reference, ImageAnswer] = {base: docker.local(base) for base in options.stand_ins}
    names = [(image, name_image(hub, history, image)) for image in images if by_commit and look]
    _ask(answers, [*references, *_known_references(names)])
    loopback = all(is_loopback(Reference(image.spec.name).host) for image in images)
    bases = find_bases(references, answers, loopback=loopback)
    with nullcontext(None) if by_commit else working_files(hub, images) as tree:
        builds = [_image_build(hub, options, history, one, base, tree) for one, base in zip(images, bases, strict=True)]
    _ask(answers, _known_references([(one.image, one.name) for one in builds if look]))
    return tuple(_compared(hub, one, answers.get(one.reference)) for one in builds)


def _ask(answers: dict[Reference, ImageAnswer], references: Iterable[Reference]) -> None:
    new = [reference for reference in references if reference not in answers]
    hosts = dict.fromkeys(reference.host for reference in new)
    with output.waiting(f"asking {', '.join(hosts)}"):
        answers.update(inspect_all(new))


def _known_references(names: Iterable[tuple[HubImage, ImageName]]) -> list[Reference]:
    return [Reference(image.spec.name, name.tag) for image, name in names if name.commit != COMMIT_TO_COME]


def _image_build(
    hub: Hub, options: BuildOptions, history: History, image: HubImage, base: Base, tree: Tree | None
) -> ImageBuild:
    wanted = options.platform or hub.settings.platform
    left = platforms_left(wanted, image.spec.skip_platforms)
    content = None
    if tree is not None:
        require_stable(hub, image)
        content = inputs_hash(hub, image, tree, base.identity, left)
    name = name_image(hub, history, image, content or "")
    if not left:
        return ImageBuild(image, name, base, wanted, None, SKIPPED)
    # A builder elsewhere has a platform of its own, unless one is named to it.
    named = options.platform or options.builder or hub.settings.builder
    argument = platform_argument(Host.here(), hub.settings.platform, left if named else None)
    return ImageBuild(image, name, base, left, argument, inputs=content)


def _compared(hub: Hub, one: ImageBuild, answer: ImageAnswer) -> ImageBuild:
    require_platforms(one.base, one.platform)
    if isinstance(answer, Fault):
        raise answer
    is_telling = tells_images_apart(hub.settings.tag)
    if one.name.revision and (answer is None or not is_telling):
        one = one._replace(inputs=inputs_of(hub, one, Tree(hub.git, one.name.revision)))
    if answer is not None and not is_telling and inputs_label(answer) != one.inputs:
        raise Refused(
            "the tag is there, for an image of other files",
            where=one.reference,
            hint=f"put {{commit}} into hub.tag, or overwrite it: {DOOR} build --force",
        )
    return one if answer is None or one.status == SKIPPED else one.present(answer)


def _reusing(build: Build, history: History) -> list[ImageBuild]:
    """Return the images to be built, retagged instead where the registry has one of the same inputs.

    It is asked for what the values name, and for the tags of the last commits of any branch.
    """
    candidates: dict[str, list[Reference]] = {}
    for one in (one for one in build.to_build if one.inputs):
        tags = earlier_tags(build.hub, history, one.image, _MOST_COMMITS) if one.name.commit else []
        named = [*pinned_images(build.hub, one.image), *(Reference(one.image.spec.name, tag) for tag in tags)]
        candidates[one.key] = [reference for reference in dict.fromkeys(named) if reference != one.reference]
    answers: dict[Reference, ImageAnswer] = {}
    _ask(answers, chain.from_iterable(candidates.values()))
    return [one.reusing({each: answers[each] for each in candidates.get(one.key, ())}) for one in build.to_build]


def _is_loose(hub: Hub, file: str) -> bool:
    """Whether a file that differs from the commit will still do so when the image is built."""
    return file not in hub.pending and not file.endswith(SUFFIX)


def _loose_files(hub: Hub, images: Iterable[HubImage]) -> Iterator[tuple[HubImage, list[str]]]:
    """Yield each image with its files that git shows as changed, and that no edit of ours changes."""
    paths = [(image, hub.paths_of(image)) for image in images]
    changed = hub.git.changed([*dict.fromkeys(chain.from_iterable(below for _, below in paths))])
    for image, below in paths:
        yield image, [file for file in changed if _is_loose(hub, file) and is_below(file, below)]


def _require_none(hub: Hub, image: HubImage, loose: Sequence[str], hint: str = "") -> None:
    if loose:
        why = "its tag names the last commit" if names_commit(hub.settings.tag) else "a release does not commit them"
        raise Refused(
            f"the image {image.spec.key} has files that are not committed",
            where=", ".join(loose[:3]),
            hint=hint or f"{to_commit(hub, loose)}; {why}",
        )


def _uncommitted(build: Build) -> Iterator[str]:
    """Yield what a tag of the content names, and no commit of ours takes."""
    if not names_commit(build.hub.settings.tag):
        leaves = build.hub.with_commit("", build.hub.changed)
        for image, loose in _loose_files(leaves, [one.image for one in build.images]):
            if loose:
                yield f"{image.spec.key} has files that are not committed: {to_commit(build.hub, loose)}"
