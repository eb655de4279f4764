"""Plan a build: the actions that push images to their registries, and set them in the values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from ..core import output
from ..core.faults import Refused
from ..core.names import Host, Reference
from ..core.options import BuildOptions
from ..core.plan import Action, Fact, Step, Values
from ..core.problems import Code
from ..core.settings import is_accepted
from ..repo.deployments import how_to_move, unmoved_images, unused_images
from ..repo.edits import image_edits, to_commit
from ..repo.files import WorkingTree, edit_action
from ..repo.hub import Hub, layout_warnings
from ..repo.values import ValuesPlace
from ..tools import cosign
from ..tools.command import Command
from ..tools.cosign import Signature
from ..tools.git import head_fact
from ..tools.process import run_checked
from ..tools.registry import inspect, require_push_right, retag
from .build import BUILT, PRESENT, RETAGGED, SKIPPED, Build, ImageBuild, assess_images, image_fact, results_of
from .engines import Engine, build_images, engine_for
from .inputs import loose_files, uncounted_contexts
from .tag import COMMIT_TO_COME, DIGEST_TO_COME, depends_on, names_commit

_MOST_NAMED = 3


def plan_build(hub: Hub, options: BuildOptions) -> tuple[Step, Hub]:
    """Plan the build of what the registry does not have; return the step, and the repository after it."""
    relies = (head_fact(hub.git, hub.branch),)
    engine = engine_for(hub, options)
    build = assess_images(hub, options)
    edits = image_edits(hub, _pins(build)) if build.pushes else ()

    def write(values: Values) -> Values:
        # The planned commit exists now, so its tag is known.
        now = hub.holding({edit.path: values[edit.path] for edit in edits})
        return WorkingTree(hub.git.folder).replace(image_edits(now, _pins(build.after(values))))

    loose = {}
    if not names_commit(hub.settings.tag):
        # Such a tag depends on these files too, but a release does not commit them.
        loose = loose_files(hub.as_if_committed(), [one.image for one in build.images])
    uncommitted = (f"{key} has files that are not committed: {to_commit(hub, files)}" for key, files in loose.items())
    present = [one for one in build.images if one.status == PRESENT]
    still_there = (image_fact(one.reference, one.found.digest) for one in present if one.found)
    writing = edit_action(hub.git.folder, edits, "the registry has confirmed the image", (*relies, *still_there))
    there = ", ".join(str(one.reference) for one in present)
    nothing = Action(f"{there}: already in the registry, verified" if there else "nothing to build")
    actions = (
        *_push_right_actions(build),
        *_retag_actions(build, relies),
        _build_action(build, engine, relies) if build.to_build else nothing,
        *_sign_actions(build, relies),
        *([writing._replace(do=writing.do and write)] if edits else ()),
    )
    spared = _spared(build)
    step = Step(
        "build",
        actions,
        report=lambda values: {
            "images": build.after(values).report(),
            "values": {"path": hub.values_file, "changed": any(edit.changes for edit in edits)},
        },
        summary=lambda values: [*build.after(values).summary(values), *spared],
        warnings=cache(lambda: (*_warnings(build, spared), *uncommitted)),
    )
    return step, hub.edited(edits)


def _warnings(build: Build, spared: Sequence[str]) -> Iterator[str]:
    """Yield the warnings."""
    hub = build.hub
    yield from layout_warnings(hub, build.more_built)
    yield from (f"{what}; {hint}" for _, what, hint in uncounted_contexts(hub))
    for base in dict.fromkeys(one.base.reference for one in build.images if one.base.found.digest is None):
        yield f"{base} is taken from this machine's image store: {base.host} cannot be reached"
    if any(one.base.stand_in for one in build.images):
        yield "the base image is a rehearsal's STAND-IN, not z2jh's"
    if build.more_built:
        yield f"chartpress builds all images of {hub.layout.file}, so also {', '.join(build.more_built)}"
    built = [one.image for one in build.images if one.status != SKIPPED]
    yield from (f"no values file uses {key}" for key in unused_images(hub, built))
    yield from spared
    for key, places in unmoved_images(hub).items():
        left = [one for one in places if not is_accepted(hub.settings.accept, Code.VALUES_DIFFER, one.file)]
        if left:
            files = output.first_of([one.file for one in left], _MOST_NAMED)
            yield f"{key} is also named by {files}, where no build writes it; {how_to_move(hub, left)}"


def _spared(build: Build) -> list[str]:
    """Return a line for each image that is left out although its files change, or as the values name another one."""
    own = [*build.more_built, *(one.key for one in build.images)]
    left = (one for one in build.hub.images if depends_on(build.hub, one, build.hub.pending))
    why = {one.spec.key: ", but its files change" for one in left}
    why |= {key: f": {at.file} names {at.image} at {at.path}" for key, at in build.hub.spare_images.items()}
    flags = "".join(f"--image {key} " for key in own)
    return [
        f"{key} is not built{reason}; to build it too: {flags}--image {key}"
        for key, reason in why.items()
        if key not in own
    ]


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
    why = "the registry does not have this tag yet"
    if build.options.force:
        why = "of --force: replaces what the registry has"
    if not build.pushes:
        why = "--no-push builds into the local store"
    platforms = (_platform_detail(build, one) for one in dict.fromkeys(one.argument for one in build.to_build))
    known = [one.reference for one in build.to_build if one.name.commit != COMMIT_TO_COME]
    must_be_free = build.pushes and not build.options.force
    return Action(
        f"{verb} {', '.join(str(one.reference) for one in build.to_build)}",
        why,
        lambda _: results_of(build_images(build, engine)),
        (*platforms, *dict.fromkeys(f"$ {engine.shown(part)}" for part in build.parts)),
        (*relies, *(map(image_fact, known) if must_be_free else ())),
    )


def _sign_actions(build: Build, relies: Sequence[Fact]) -> tuple[Action, ...]:
    """Return the action that signs the images that are not signed yet, if a key is set."""
    hub, key, folder = build.hub, build.hub.settings.sign, build.hub.git.folder
    images = [one for one in build.images if one.status != SKIPPED] if build.pushes else []
    if key is None or not images:
        return ()
    public = cosign.require_public_key(hub.settings.verify or cosign.public_key_of(key), folder)
    wanted = [one for one in images if one.pinned is None or not _is_signed(hub, one.pinned, public)]
    if not wanted:
        return (Action(f"signed already: {', '.join(str(one.reference) for one in images)}"),)
    cosign.require_signing(key, folder)

    def signing(images: Iterable[ImageBuild]) -> Command:
        named = [f"{one.image.spec.name}@{one.pinned.digest if one.pinned else DIGEST_TO_COME}" for one in images]
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
    """Whether an image, pinned by digest, and the images in its index have a signature of the key ``public``."""
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


def _pins(build: Build) -> dict[ValuesPlace, Reference]:
    return {
        place: Reference(one.image.spec.name, one.name.tag, (one.found.digest if one.found else None) or DIGEST_TO_COME)
        for one in build.images
        if one.status != SKIPPED
        for place in build.hub.values_places(one.image)
    }
