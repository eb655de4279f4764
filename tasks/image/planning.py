"""The plans of ``auth`` and ``build``: the sign-in that registries need, and the actions that give images there."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..core import output
from ..core.faults import DOOR, Denied, Refused
from ..core.names import Host, Reference
from ..core.options import AuthOptions, BuildOptions
from ..core.plan import Action, Fact, Step, Values
from ..core.problems import Code
from ..core.settings import CHARTPRESS, is_accepted
from ..repo.deployments import how_to_move, unmoved_images
from ..repo.edits import image_edits, to_commit
from ..repo.files import WorkingTree, edit_action
from ..repo.hub import Hub, layout_warnings
from ..repo.values import PinnedImage, ValuesPlace
from ..tools import cosign, logins
from ..tools.command import Command
from ..tools.cosign import Signature
from ..tools.git import standing
from ..tools.process import require_installed, run_checked
from ..tools.registry import inspect, require_push_right, retag
from .build import BUILT, PRESENT, RETAGGED, SKIPPED, Build, ImageBuild, image_fact, look_at, results_of
from .engines import Engine, build_images, engine_for
from .inputs import loose_files
from .tag import COMMIT_TO_COME, depends_on, names_commit

# Stands for the digest of an image that is yet to be built.
_TO_COME = "sha256:{digest}"
_MOST_NAMED = 3
# What makes gcloud Docker's helper for the hosts that follow; without any, for gcr.io's.
_CONFIGURE = ("gcloud", "auth", "configure-docker")


def plan_build(hub: Hub, options: BuildOptions) -> tuple[Step, Hub]:
    """Plan the build of what the registry does not have, and return it with the repository as it will leave it."""
    relies = (standing(hub.git, hub.branch),)
    engine = engine_for(hub, options)
    build = look_at(hub, options, reuse=engine.retags)
    edits = image_edits(hub, _pins(build)) if build.pushes else ()

    def write(values: Values) -> Values:
        # The tag of a commit that was only planned is known now.
        now = hub.holding({edit.path: values[edit.path] for edit in edits})
        return WorkingTree(hub.git.folder).replace(image_edits(now, _pins(build.after(values))))

    loose = {}
    if not names_commit(hub.settings.tag):
        # Such a tag names these files too, and no commit of ours takes them.
        loose = loose_files(hub.with_commit("", hub.changed), [one.image for one in build.images])
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
    spared = _spared(build)
    step = Step(
        "build",
        actions,
        report=lambda values: {
            "images": build.after(values).report(),
            "values": {"path": hub.values_file, "changed": any(edit.changes for edit in edits)},
        },
        summary=lambda values: [*build.after(values).summary(values), *spared],
        warnings=(*_warnings(build, spared), *uncommitted),
    )
    return step, hub.edited(edits)


def _warnings(build: Build, spared: Sequence[str]) -> Iterator[str]:
    """Yield what people should know before they say yes."""
    hub, own = build.hub, {one.key for one in build.images}
    yield from layout_warnings(hub)
    local = dict.fromkeys(one.base.reference for one in build.images if one.base.found.digest is None)
    for base in (reference for reference in local if reference not in build.options.stand_ins):
        yield f"{base} is taken from this machine's image store: {base.host} cannot be reached"
    if any(one.base.is_stand_in for one in build.images):
        yield "the base image is a rehearsal's STAND-IN, not z2jh's"
    others = dict.fromkeys(spec.key for chart in hub.layout.charts for spec in chart.images if spec.key not in own)
    if build.options.engine == CHARTPRESS and others:
        yield f"chartpress builds all images of {hub.layout.file}, so also {', '.join(others)}"
    unmoved = unmoved_images(hub)
    for one in build.images:
        if one.status != SKIPPED and one.key not in unmoved and not hub.values_places(one.image):
            yield f"no values file uses {one.key}"
    yield from spared
    for key, places in unmoved.items():
        left = [one for one in places if not is_accepted(hub.settings.accept, Code.VALUES_DIFFER, one.file)]
        if left:
            files = output.first_of([one.file for one in left], _MOST_NAMED)
            yield f"{key} is also named by {files}, where no build writes it; {how_to_move(hub, left)}"


def _spared(build: Build) -> list[str]:
    """Return a line for each image that could be built, and is not."""
    own = [one.key for one in build.images]
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


def plan_auth(hosts: Sequence[str], options: AuthOptions) -> Step:
    """Plan the sign-in that the registries ``hosts`` need."""
    docker = logins.DockerLogins.read()
    google = [host for host in hosts if logins.is_google(host)]
    if options.key_file and not google:
        raise Refused(
            "a key file signs in to Google, where none of the registries is",
            where=", ".join(hosts),
            hint=f"docker login {hosts[0]}",
        )
    actions = [_foreign(docker, host) for host in hosts if host not in google]
    if google:
        actions += _google_actions(docker, google, options)
    return Step(
        "auth",
        tuple(actions),
        report=lambda _: {
            "auth": [{"host": host, "google": host in google, "helper": docker.helper_for(host)} for host in hosts]
        },
        summary=lambda _: [f"signed in for {', '.join(hosts)}"] if any(action.do for action in actions) else [],
        changes=False,
    )


def _foreign(docker: logins.DockerLogins, host: str) -> Action:
    helper = docker.helper_for(host)
    known = f"asks its helper {helper}" if helper else "has a login for it" if docker.credentials(host) else None
    none = f"has no login for it (if it needs one: docker login {host})"
    return Action(f"{host}: not Google's, Docker {known or none}")


def _google_actions(docker: logins.DockerLogins, hosts: Sequence[str], options: AuthOptions) -> Iterator[Action]:
    with output.waiting(f"asking Docker's helper for {', '.join(hosts)}"):
        answering = docker.answering_hosts(hosts)
    silent = [host for host in hosts if host not in answering]
    account = logins.key_account(Path(options.key_file)) if options.key_file else None
    sign_in = _sign_in(docker, silent, options, account)
    yield sign_in
    # A host without a helper is answered for by Docker's store, which does not know the key.
    unset = [host for host in (hosts if options.key_file else silent) if host not in docker.helpers]
    if unset:
        yield _run_once((*_CONFIGURE, ",".join(unset), "--quiet"), f"Docker has no helper for {', '.join(unset)}")
    if options.key_file and (sign_in.do or unset):
        what = f"ask Docker's helper for {', '.join(hosts)}"
        yield Action(what, f"it must answer as {account or 'the workload'}", lambda _: _require_answers(hosts, account))
    elif options.key_file:
        _require_answers(hosts, account)
    if options.adc and not logins.adc_file().is_file():
        yield _login_action(options, "there are no application default credentials", "application-default")
    if options.default_registries and "gcr.io" not in docker.helpers:
        yield _run_once((*_CONFIGURE, "--quiet"), "of --default-registries")


def _require_answers(hosts: Sequence[str], account: str | None) -> None:
    docker = logins.DockerLogins.read()
    for host in hosts:
        name = docker.helper_for(host) or logins.HELPER
        found, helper = logins.ask_helper(name, host), f"docker-credential-{name}"
        if found is None:
            hint = f"see why: echo {host} | {helper} get"
            raise Denied(f"{helper} returned no credentials for the key file", where=host, hint=hint)
        theirs = logins.account_of(found.user, found.secret) or logins.active_account()
        if account not in (None, theirs):
            raise Denied(
                f"{helper} answers for {theirs or 'no account'}, not for {account}",
                where=host,
                hint="unset CLOUDSDK_CORE_ACCOUNT and CLOUDSDK_AUTH_ACCESS_TOKEN_FILE, or remove the host's entry "
                f"from {docker.file}; then run it again",
            )


def _sign_in(
    docker: logins.DockerLogins, silent: Sequence[str], options: AuthOptions, key_account: str | None
) -> Action:
    """Return the sign-in, if it is needed; where gcloud has no account, its helper may know a token, as in CI."""
    # The helpers that Docker asks, and that give no credentials (any more).
    expired = [docker.helpers[host] for host in silent if host in docker.helpers]
    for name in expired:
        require_installed(f"docker-credential-{name}")
    if options.key_file is not None:
        argv = ("gcloud", "auth", "login", f"--cred-file={options.key_file}", "--quiet")
        is_signed_in = not expired and key_account is not None and key_account == logins.active_account()
        return Action(f"signed in as {key_account}") if is_signed_in else _run_once(argv, "a key file was given")
    if not silent:
        return Action("Docker's helper answers")
    account = logins.active_account()
    if account is None and logins.ask_helper(logins.HELPER, silent[0]) is None:
        return _login_action(options, "not signed in")
    if account is None:
        return Action("gcloud has a token that it was given")
    if not expired:
        return Action(f"signed in as {account}")
    return _login_action(options, f"Docker's helper {expired[0]} gives no credentials for {account} any more")


def _login_action(options: AuthOptions, why: str, *kind: str) -> Action:
    command = Command(("gcloud", "auth", *kind, "login", *([] if options.browser else ["--no-launch-browser"])))
    action = Action("sign in to Google Cloud", why, lambda _: logins.run_login(command), (f"$ {command}",))
    if sys.stdin.isatty():
        return action
    why = f"{why}, and there is no terminal to sign in on"
    hint = f"on a terminal: {command}; in CI: {DOOR} auth --key-file PATH"
    return action._replace(why=why, do=None, refusal=Denied(why, where="gcloud", hint=hint))


def _run_once(argv: tuple[str, ...], why: str) -> Action:
    command = Command(argv)
    require_installed(argv[0])

    def do(_: Values) -> None:
        run_checked(command)

    return Action(f"run {' '.join(argv[:3])}", why, do, (f"$ {command}",))
