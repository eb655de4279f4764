"""Planning a build: each image's tag, its base image, whether its registry has it already, and the actions left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from itertools import chain, combinations

from ..core import output
from ..core.faults import DOOR, Fault, Refused
from ..core.names import Host, Reference, is_loopback, platform_argument, platforms_left
from ..core.options import BuildOptions
from ..core.plan import Action, Fact, Step, Values
from ..core.settings import require_like
from ..repo.edits import image_edits, to_commit
from ..repo.files import SUFFIX, WorkingTree, edit_action, is_below
from ..repo.hub import Hub, HubImage
from ..repo.values import PinnedImage, ValuesPlace
from ..tools import cosign, docker
from ..tools.command import Command
from ..tools.cosign import Signature
from ..tools.docker import CLOUD_BUILD, Builder
from ..tools.git_states import standing
from ..tools.process import run_checked
from ..tools.registry import ImageAnswer, inspect, inspect_all, require_push_right, retag
from .build import BUILT, PRESENT, RETAGGED, SKIPPED, Build, ImageBuild, inputs_of, results_of, source_tree
from .definition import pinned_images
from .engines import Engine, build_images, engine_for
from .inputs import inputs_hash, require_buildable, require_links_covered, require_stable, sources_of, working_files
from .proof import Base, find_bases, image_fact, inputs_label, require_platforms, tag_fact
from .tag import (
    COMMIT_TO_COME,
    HEAD,
    ImageName,
    earlier_tags,
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
    relies = (standing(hub.git, hub.branch),)
    engine = engine_for(hub, options)
    build = _plan_images(hub, options, engine)
    edits = image_edits(hub, _pins(build)) if build.pushes else ()

    def write(values: Values) -> Values:
        # The tag of a commit that was only planned is known now.
        now = hub.holding({edit.path: values[edit.path] for edit in edits})
        return WorkingTree(hub.git.folder).replace(image_edits(now, _pins(build.after(values))))

    writing = edit_action(hub.git.folder, edits, "the registry has confirmed the image", relies)
    there = ", ".join(str(one.reference) for one in build.images if one.status == PRESENT)
    nothing = Action(f"{there}: already in the registry, verified" if there else "nothing to build")
    actions = (
        *_push_right_actions(build),
        *_retag_actions(build, relies),
        _build_action(build, engine, relies) if build.to_build else nothing,
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
        warnings=cache(lambda: (*build.warnings(), *_uncommitted(build))),
    )
    return step, hub.edited(edits)


def require_committed(hub: Hub, keys: Sequence[str]) -> None:
    """Check that the images' files are as committed, but for what a release is about to commit itself."""
    leaves = hub.with_commit("", hub.changed)
    _require_no_loose_files(leaves, hub.to_build(keys))


def _plan_images(hub: Hub, options: BuildOptions, engine: Engine) -> Build:
    given = () if options.platform is None else options.platform.split(",")
    require_like("platform", "--platform linux/amd64", *given)
    images = hub.to_build(options.images)
    if names_commit(hub.settings.tag):
        for image in images:
            require_links_covered(hub, image)
        _require_no_loose_files(hub, images)
    pushes = options.push and hub.settings.push
    look = pushes and not options.force
    planned = _image_builds(hub, images, options, look=look)
    for one, other in combinations(planned, 2):
        if one.reference == other.reference:
            raise Refused(
                f"the images {one.key} and {other.key} have the same name and tag",
                where=one.reference,
                hint=f"give each its own imageName in {hub.layout.file}",
            )
    build = Build(hub, options, planned, pushes, Builder(options.builder or hub.settings.builder))
    if not build.to_build:
        return build
    for part in build.parts.values():
        with source_tree(part) as tree:
            for one in part.images:
                require_buildable(hub, one.image, tree)
    if look and engine.retags:
        build = build.with_images(_reusing(build))
    return _on_builder(build) if build.to_build else build


def _push_right_actions(build: Build) -> list[Action]:
    images = [one for one in build.images if one.status in {BUILT, RETAGGED}] if build.pushes else []

    def action(one: Reference) -> Action:
        what = f"ask {one.host} whether {one.path} may be pushed to"
        return Action(what, do=lambda _: require_push_right(one), is_check=True)

    return [action(one) for one in dict.fromkeys(Reference(one.image.spec.name) for one in images)]


def _retag_actions(build: Build, relies: Sequence[Fact]) -> list[Action]:
    images = [(one, one.source) for one in build.images if one.status == RETAGGED and one.source]
    what = f"give {', '.join(f'{source} the tag {one.name.tag}' for one, source in images)}"
    action = Action(
        what,
        "it was built from the same files, arguments and base",
        lambda _: results_of(one.proved(retag(source, one.name.tag)) for one, source in images),
        relies=(
            *relies,
            *map(image_fact, dict.fromkeys(source for _, source in images)),
            *(tag_fact(one.reference) for one, _ in images),
        ),
    )
    return [action] if images else []


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
        (*platforms, *(f"$ {command}" for command in engine.shown(build))),
        (*relies, *(map(tag_fact, known) if must_be_free else ())),
    )


def _sign_actions(build: Build, relies: Sequence[Fact]) -> tuple[Action, ...]:
    """Return the action that signs the images that are not signed yet, once they are verified, if a key is set."""
    hub, key, folder = build.hub, build.hub.settings.sign, build.hub.git.folder
    if key is None or not build.pushes:
        return ()
    public = cosign.require_public_key(hub.settings.verify or cosign.public_key_of(key), folder)
    images = [one for one in build.images if one.status != SKIPPED]
    wanted = [one for one in images if one.pinned is None or not _is_signed(hub, one.pinned, public)]
    if not wanted:
        return (Action(f"signed already: {', '.join(str(one.reference) for one in build.images)}"),)
    cosign.require_signing(key, folder)

    def signing(images: Iterable[ImageBuild]) -> Command:
        named = [f"{one.image.spec.name}@{one.pinned.digest if one.pinned else _TO_COME}" for one in images]
        return cosign.sign_command(named, key, folder, log=hub.settings.public_log)

    def do(values: Values) -> Values:
        keys = {one.key for one in wanted}
        pushed = [one for one in build.after(values).images if one.key in keys]
        run_checked(signing(pushed), seconds=cosign.SECONDS)
        for image in (one.pinned for one in pushed if one.pinned):
            if not _is_signed(hub, image, public):
                raise Refused(
                    f"the signature that was made cannot be verified with {public}",
                    where=image,
                    hint="hub.verify must be the public key of hub.sign: see cosign public-key --key KEY",
                )
        return results_of(one._replace(signed=public) for one in pushed)

    facts = [image_fact(one.pinned) for one in wanted if one.pinned]
    what = f"sign {', '.join(str(one.reference) for one in wanted)}"
    return (Action(what, f"hub.sign is {key}", do, (f"$ {signing(wanted)}",), (*relies, *facts)),)


def _is_signed(hub: Hub, image: Reference, public: str) -> bool:
    """Whether an image, pinned by digest, and what an index of it holds have a signature of the key ``public``."""
    found = inspect(image)
    digests = (found.digests if found else ()) or (str(image.digest),)
    signature = cosign.signature_of(image.name, digests, public, hub.git.folder, log=hub.settings.public_log)
    return signature is Signature.VALID


def _platform_detail(build: Build, argument: str | None) -> str:
    if argument is None:
        return f"native on this {Host.here().title}"
    if not build.builder.runs:
        return f"for {argument}"
    native = all(map(build.builder.is_native, argument.split(",")))
    return f"for {argument}, {'native on' if native else 'emulated by'} {build.builder.title}"


def _pins(build: Build) -> dict[ValuesPlace, PinnedImage]:
    return {
        place: PinnedImage(one.image.spec.name, one.name.tag, 0, one.proof.digest if one.proof else _TO_COME)
        for one in build.images
        if one.status != SKIPPED
        for place in build.hub.values_places(one.image)
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


def _image_builds(hub: Hub, images: Sequence[HubImage], options: BuildOptions, *, look: bool) -> tuple[ImageBuild, ...]:
    # All registries are asked at once for the base images and for what they have already; but a tag that names the
    # content needs its base image first.
    by_commit = names_commit(hub.settings.tag)
    references = [image.base.reference for image in images]
    answers: dict[Reference, ImageAnswer] = {base: docker.local(base) for base in options.stand_ins}
    names = [(image, name_image(hub, image)) for image in images if by_commit and look]
    _ask(answers, [*references, *_known_references(names)])
    loopback = all(is_loopback(Reference(image.spec.name).host) for image in images)
    bases = find_bases(references, answers, loopback=loopback)
    with nullcontext(None) if by_commit else working_files(hub, images) as tree:
        builds = [_image_build(hub, options, image, base, tree) for image, base in zip(images, bases, strict=True)]
    _ask(answers, _known_references([(one.image, one.name) for one in builds if look]))
    return tuple(_compared(hub, one, answers.get(one.reference)) for one in builds)


def _ask(answers: dict[Reference, ImageAnswer], references: Iterable[Reference]) -> None:
    new = [reference for reference in references if reference not in answers]
    hosts = dict.fromkeys(reference.host for reference in new)
    with output.waiting(f"asking {', '.join(hosts)}"):
        answers.update(inspect_all(new))


def _known_references(names: Iterable[tuple[HubImage, ImageName]]) -> list[Reference]:
    return [Reference(image.spec.name, name.tag) for image, name in names if name.commit != COMMIT_TO_COME]


def _image_build(hub: Hub, options: BuildOptions, image: HubImage, base: Base, tree: Tree | None) -> ImageBuild:
    wanted = options.platform or hub.settings.platform
    left = platforms_left(wanted, image.spec.skip_platforms)
    content = None
    if tree is not None:
        require_stable(hub, image)
        content = inputs_hash(hub, image, tree, base.identity, left)
    name = name_image(hub, image, content or "")
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


def _reusing(build: Build) -> list[ImageBuild]:
    """Return the images to be built, retagged instead where the registry has one of the same inputs.

    It is asked for what the values name, and for the tags of the last commits of any branch.
    """
    hub, candidates = build.hub, dict[str, list[Reference]]()
    for one in (one for one in build.to_build if one.inputs):
        tags = earlier_tags(hub, one.image, _MOST_COMMITS) if one.name.commit else []
        named = [*pinned_images(hub, one.image), *(Reference(one.image.spec.name, tag) for tag in tags)]
        candidates[one.key] = [reference for reference in dict.fromkeys(named) if reference != one.reference]
    answers: dict[Reference, ImageAnswer] = {}
    _ask(answers, chain.from_iterable(candidates.values()))
    return [one.reusing({each: answers[each] for each in candidates.get(one.key, ())}) for one in build.to_build]


def _loose_files(hub: Hub, images: Sequence[HubImage]) -> Iterator[tuple[HubImage, list[str]]]:
    """Yield each image that has files which are not committed, and will not be when it is built, with those files."""
    if names_commit(hub.settings.tag):
        paths = [(image, hub.paths_of(image)) for image in images]
        changed = hub.git.changed([*dict.fromkeys(chain.from_iterable(below for _, below in paths))])
        unlike = [(image, [file for file in changed if is_below(file, below)]) for image, below in paths]
    else:
        with working_files(hub, images) as tree:
            unlike = [(image, [*tree.unlike(HEAD, sources_of(hub, image).all)]) for image in images]
    for image, files in unlike:
        loose = [file for file in files if file not in hub.pending and not file.endswith(SUFFIX)]
        if loose:
            yield image, loose


def _require_no_loose_files(hub: Hub, images: Sequence[HubImage]) -> None:
    for image, loose in _loose_files(hub, images):
        why = "its tag names the last commit" if names_commit(hub.settings.tag) else "a release does not commit them"
        raise Refused(
            f"the image {image.spec.key} has files that are not committed",
            where=", ".join(loose[:3]),
            hint=f"{to_commit(hub, loose)}; {why}",
        )


def _uncommitted(build: Build) -> Iterator[str]:
    """Yield what a tag of the content names, and no commit of ours takes."""
    if not names_commit(build.hub.settings.tag):
        leaves = build.hub.with_commit("", build.hub.changed)
        for image, loose in _loose_files(leaves, [one.image for one in build.images]):
            yield f"{image.spec.key} has files that are not committed: {to_commit(build.hub, loose)}"
