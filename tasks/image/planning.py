"""Planning a build: each image's tag, its base image, whether its registry has it already, and the actions left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import TypeAlias

from ..core import output
from ..core.faults import DOOR, Fault, Refused
from ..core.names import Host, Reference, is_loopback, platform_argument, platforms_left
from ..core.options import BuildOptions
from ..core.plan import Action, Fact, Step, Values
from ..core.settings import require_like
from ..repo.edits import image_edits, to_commit
from ..repo.files import SUFFIX, WorkingTree, edit_action
from ..repo.hub import Hub, HubImage
from ..repo.values import PinnedImage, ValuesPlace
from ..tools import cosign, docker
from ..tools.command import Command
from ..tools.cosign import Signature
from ..tools.docker import CLOUD_BUILD, Builder
from ..tools.git_states import standing
from ..tools.process import run_checked
from ..tools.registry import FoundImage, ImageAnswer, inspect, inspect_all, require_push_right, retag
from .build import (
    BUILT,
    PRESENT,
    RETAGGED,
    SKIPPED,
    Base,
    Build,
    ImageBuild,
    base_of,
    image_fact,
    inputs_label,
    is_out_of_reach,
    pinned_images,
    prove,
    require_platforms,
    results_of,
)
from .engines import Engine, build_images, engine_for
from .inputs import inputs_hash, require_buildable, require_links_covered, source_tree, sources_of
from .tag import COMMIT_TO_COME, HEAD, earlier_tags, name_image, names_commit, tells_images_apart

# Stands for the digest of an image that is yet to be built.
_TO_COME = "sha256:{digest}"
# How many commits, of any branch, are looked at for an image of the same inputs.
_MOST_COMMITS = 20

Answers: TypeAlias = dict[Reference, ImageAnswer]


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

    leaves = hub.with_commit("", hub.changed)
    # A tag of the content names these files too, and no commit of ours takes them.
    loose = {} if names_commit(hub.settings.tag) else _loose_files(leaves, [one.image for one in build.images])
    uncommitted = (f"{key} has files that are not committed: {to_commit(hub, files)}" for key, files in loose.items())
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
        warnings=(*build.warnings(), *uncommitted),
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
    by_commit = names_commit(hub.settings.tag)
    if by_commit:
        for image in images:
            require_links_covered(hub, image)
        _require_no_loose_files(hub, images)
    pushes = options.push and hub.settings.push
    look = pushes and not options.force
    answers: Answers = {base: docker.local(base) for base in options.stand_ins}
    # All at once, as far as it is known by now what is asked for.
    names = [(image, name_image(hub, image)) for image in images if look and by_commit]
    known = [Reference(image.spec.name, name.tag) for image, name in names if name.commit != COMMIT_TO_COME]
    _ask(answers, [*(image.base.reference for image in images), *known])
    planned = tuple(_look_at(hub, image, options, answers, look=look, reuse=engine.retags) for image in images)
    for one, other in combinations(planned, 2):
        if one.reference == other.reference:
            raise Refused(
                f"the images {one.key} and {other.key} have the same name and tag",
                where=one.reference,
                hint=f"give each its own imageName in {hub.layout.file}",
            )
    build = Build(hub, options, planned, pushes, Builder(options.builder or hub.settings.builder))
    return _on_builder(build) if build.to_build else build


def _ask(answers: Answers, references: Iterable[Reference]) -> None:
    """Ask the registries for those of ``references`` that have no answer yet, side by side."""
    new = dict.fromkeys(reference for reference in references if reference not in answers)
    with output.waiting(f"asking {', '.join(dict.fromkeys(reference.host for reference in new))}"):
        answers.update(inspect_all(new))


def _look_at(
    hub: Hub, image: HubImage, options: BuildOptions, answers: Answers, *, look: bool, reuse: bool
) -> ImageBuild:
    """Return where one image stands, and so what is to be done with it.

    With ``look`` its registry is asked for it, with ``reuse`` also for images of the same inputs.
    """
    base, is_telling = _base_of(image, answers), tells_images_apart(hub.settings.tag)
    wanted = options.platform or hub.settings.platform
    left = platforms_left(wanted, image.spec.skip_platforms)
    name = name_image(hub, image) if names_commit(hub.settings.tag) else None
    is_planned = name is not None and name.commit == COMMIT_TO_COME
    with source_tree(hub, [image], name and name.revision) as tree:
        inputs = None if is_planned else inputs_hash(hub, image, tree, base.identity, left, name)
        one = ImageBuild(image, name or name_image(hub, image, inputs or ""), base, left or wanted, inputs=inputs)
        if not left:
            return one._replace(status=SKIPPED)
        require_platforms(base, left)
        found = None
        if look and not is_planned:
            _ask(answers, [one.reference])
            found = answers[one.reference]
        if isinstance(found, Fault):
            raise found
        if found and not is_telling and inputs_label(found) != inputs:
            raise Refused(
                "the tag is there, for an image of other files",
                where=one.reference,
                hint=f"put {{commit}} into hub.tag, or overwrite it: {DOOR} build --force",
            )
        if found:
            return one.proved(found)._replace(status=PRESENT, inputs=inputs_label(found) or inputs)
        require_buildable(hub, image, tree)
    return _reusing(hub, one, answers) if look and reuse and inputs else one


def _base_of(image: HubImage, answers: Answers) -> Base:
    """Return the image's base image; a stand-in is refused unless all stays here."""
    reference = image.base.reference
    answer = answers[reference]
    base = base_of(reference, answer, docker.local(reference) if is_out_of_reach(answer) else None)
    if base.is_stand_in and not is_loopback(Reference(image.spec.name).host):
        raise Refused(
            "the base image here is a rehearsal's stand-in, not z2jh's hub image",
            where=reference,
            hint=f"docker image rm {reference}, then: docker pull {reference}",
        )
    return base


def _reusing(hub: Hub, one: ImageBuild, answers: Answers) -> ImageBuild:
    """Return the build that only retags, where the registry has an image of the same inputs.

    It is asked for what the values name, and for the tags of the last commits of any branch.
    """
    tags = earlier_tags(hub, one.image, _MOST_COMMITS) if one.name.commit else []
    candidates = [*pinned_images(hub, one.image), *(Reference(one.image.spec.name, tag) for tag in tags)]
    _ask(answers, candidates)
    for candidate in candidates:
        found = answers[candidate]
        if isinstance(found, FoundImage) and found.digest and inputs_label(found) == one.inputs:
            with suppress(Refused):
                prove(candidate, found, one.base, one.platform)
                return one._replace(source=candidate.pinned(found.digest), status=RETAGGED)
    return one


def _push_right_actions(build: Build) -> list[Action]:
    images = [one for one in build.images if one.status in {BUILT, RETAGGED}] if build.pushes else []

    def action(one: Reference) -> Action:
        what = f"ask {one.host} whether {one.path} may be pushed to"
        return Action(what, do=lambda _: require_push_right(one), is_check=True)

    return [action(one) for one in dict.fromkeys(Reference(one.image.spec.name) for one in images)]


def _retag_actions(build: Build, relies: Sequence[Fact]) -> list[Action]:
    images = [(one, one.source) for one in build.images if one.status == RETAGGED and one.source]
    what = f"give {', '.join(f'{source} the tag {one.name.tag}' for one, source in images)}"

    def do(_: Values) -> Values:
        digests = [(one, retag(source, one.name.tag)) for one, source in images]
        return results_of(one.proved(inspect(one.reference), digest) for one, digest in digests)

    facts = (
        *relies,
        *map(image_fact, dict.fromkeys(source for _, source in images)),
        *(image_fact(one.reference) for one, _ in images),
    )
    return [Action(what, "it was built from the same files, arguments and base", do, (), facts)] if images else []


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
        (*relies, *(map(image_fact, known) if must_be_free else ())),
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
        place: PinnedImage(one.image.spec.name, one.name.tag, 0, (one.found.digest if one.found else None) or _TO_COME)
        for one in build.images
        if one.status != SKIPPED
        for place in build.hub.values_places(one.image)
    }


def _on_builder(build: Build) -> Build:
    """Return the build with what its builder tells, and the platforms that it has to be told."""
    hub, options, builder = build.hub, build.options, build.builder
    # A builder elsewhere has a platform of its own, unless one is named to it.
    asked = options.platform or builder.name
    if builder.name != CLOUD_BUILD:
        builder = docker.require_builder(builder.name)
        if build.pushes and hub.settings.attest:
            docker.require_image_store(builder, "attest images", "hub.attest")
        if any("," in one.platform for one in build.to_build):
            docker.require_image_store(builder, "build for several platforms", "--platform")

    def told(one: ImageBuild) -> ImageBuild:
        argument = platform_argument(Host.here(), hub.settings.platform, one.platform if asked else None)
        is_foreign = bool(builder.runs) and not builder.is_native(one.platform)
        return one._replace(argument=argument or (one.platform if is_foreign else None))

    return replace(build, builder=builder).with_images(map(told, build.to_build))


def _loose_files(hub: Hub, images: Sequence[HubImage]) -> dict[str, list[str]]:
    """Return the files of each image that are not committed, and will not be when it is built, by the images' keys."""
    found = {}
    by_commit = names_commit(hub.settings.tag)
    with source_tree(hub, images) as tree:
        for image in images:
            paths = hub.paths_of(image) if by_commit else sources_of(hub, image).all
            files = hub.git.changed(paths) if by_commit else tree.unlike(HEAD, paths)
            found[image.spec.key] = [one for one in files if one not in hub.pending and not one.endswith(SUFFIX)]
    return {key: loose for key, loose in found.items() if loose}


def _require_no_loose_files(hub: Hub, images: Sequence[HubImage]) -> None:
    why = "its tag names the last commit" if names_commit(hub.settings.tag) else "a release does not commit them"
    for key, loose in _loose_files(hub, images).items():
        raise Refused(
            f"the image {key} has files that are not committed",
            where=", ".join(loose[:3]),
            hint=f"{to_commit(hub, loose)}; {why}",
        )
