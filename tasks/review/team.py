"""What the team does after a release, and the page that tells how to release.

The steps are those of the setting ``next_steps``, else what the repository shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import PurePosixPath

from ..core.faults import DOOR, Fault, Unusable
from ..core.output import first_of
from ..core.plan import Action, Step, refused
from ..core.safe_files import is_inside, is_passable
from ..core.settings import FILE, how_to_correct
from ..core.visible import code, one_line, plain
from ..image.tag import render
from ..repo.deployments import of_hubploy, staying_installations
from ..repo.files import FileEdit, edit_action, join
from ..repo.hub import Hub
from ..repo.init import plan_init
from ..repo.pins import BasePin, Dependency
from ..repo.remotes import PRODUCTION, Review, find_review, upstream_repository
from ..tools.forges import GITHUB
from ..tools.logins import is_google
from .branches import waits_for
from .labels import PullRequestPaths, expected_labels, labels_of

_MOST_NAMED = 8
NAME = "customize-hub-image.md"
_BY_CHARTPRESS = "`chartpress --push`; on a Mac with `--builder docker-buildx --platform linux/amd64`"
_BY_DOCKER = "`docker build`, `docker push`; on a Mac with `--platform linux/amd64`"
_TEMPLATE = resources.files(__package__) / "templates" / f"{NAME}.in"


def next_steps(
    hub: Hub,
    review: Review,
    request: str | None = None,
    *,
    by_hand: bool = False,
    pushes: bool = True,
    is_done: bool = False,
) -> tuple[str, ...]:
    """Return the steps that follow a release; none once it is merged.

    ``request`` is the pull request's address, or what stands for it; ``by_hand`` the one at which it can be opened.
    Where the release had nothing left to do (``is_done``) they begin with what it waits for.
    """
    branch, base = hub.branch or "HEAD", review.base
    known = (f"{remote}/{base}" for remote in (review.upstream, review.remotes.push) if review.is_fork)
    start = next((one for one in known if hub.git.commit_at(f"refs/remotes/{one}")), base)
    page = None if by_hand else request
    # What is on the base branch already needs no review.
    wanted = page or (f"{branch} (git log --patch {start}..{branch})" if branch != base else "")
    if not pushes:
        allow = how_to_correct("push", f"remove hub.push from {FILE}")
        push = f"{DOOR} release" if hub.settings.push else f"{allow}, then {DOOR} release"
        return (f"Push the image and set it in the values: {push}",)
    waiting = waits_for(hub, review, branch, page) if is_done else ""
    if is_done and not waiting:
        return ()
    if hub.settings.next_steps:
        return _steps_of_setting(hub, hub.version, branch, wanted or branch)
    if waiting:
        return tuple(_shown_by(hub, review, hub.version, "", (), (f"Wait for {waiting}",)))
    try:
        labels = expected_labels(hub, review)
    except Unusable:  # the labeler's file cannot be read
        labels = hub.settings.labels
    first = [f"Review {wanted}"] if wanted else []
    if by_hand and wanted:
        first.insert(0, f"Open the pull request from {branch} into {base}{f': {request}' if request else ''}")
    return tuple(_shown_by(hub, review, hub.version, wanted, labels, first))


def _usual_steps(hub: Hub, review: Review) -> tuple[str, ...]:
    version, request = "VERSION", "the pull request"
    branch = render(hub.settings.branch, {"version": version}, "hub.branch")
    if hub.settings.next_steps:
        return _steps_of_setting(hub, version, branch, request)
    found = labels_of(hub.files, PullRequestPaths(hub.managed, branch, review.base))
    labels = tuple(dict.fromkeys((*hub.settings.labels, *found)))
    planned = hub.with_commit(branch, hub.managed)
    return tuple(_shown_by(planned, review, version, request, labels, (f"Review {request}",)))


def _steps_of_setting(hub: Hub, version: str, branch: str, request: str) -> tuple[str, ...]:
    names = {"version": version, "branch": branch, "pull_request": request}
    return tuple(render(step, names, "hub.next_steps") for step in hub.settings.next_steps)


def plan_setup(hub: Hub, prefix: str | None, docs: str | None) -> tuple[Step, ...]:
    """Plan what the repository lacks, and the page at ``docs`` if it is wanted."""
    step, left = plan_init(hub, prefix)
    return (step,) if docs is None else (step, _plan_page(left, docs))


def _plan_page(hub: Hub, path: str) -> Step:
    try:
        file = _file_at(hub, path)
        if hub.files.read(file) is not None:
            kept = Action(f"{file}: exists, left unchanged")
            return Step("docs", (kept,), report=lambda _: {"files": [], "kept": [file]})
        edit = FileEdit(file, None, page(hub).encode(), "new")
    except Fault as fault:
        return refused("docs", fault)
    return Step(
        "docs",
        (edit_action(hub.git.folder, [edit], "of --docs")._replace(what=f"write {file}", details=()),),
        report=lambda _: {"files": [file], "kept": []},
        summary=lambda _: [f"{file}: new"],
    )


def page(hub: Hub) -> str:
    """Return the page for ``hub``, in Markdown."""
    review = find_review(hub.git, hub.settings, ask=False)
    google = [host for host in hub.registries if is_google(host)]
    others = [host for host in hub.registries if host not in google]
    upstream = upstream_repository(hub.git, hub.settings)
    on_github = upstream is not None and upstream.forge == GITHUB
    on_google = ", ".join(f"`gcloud auth configure-docker {host}`" for host in google)
    markdown = one_line if hub.settings.next_steps else plain
    steps = map(markdown, _usual_steps(hub, review))
    writes = any(map(hub.values_places, hub.images))
    return _TEMPLATE.read_text("utf-8").format(
        places="\n".join(f"| {what} | {where} |" for what, where in _places(hub, review)),
        tools=_listed(("git", *(["gcloud"] if google else []), *(["gh"] if on_github else []), "Docker with buildx")),
        sets="sets it in the values, " if writes else "",
        commits="| commit the new image name and tag | `hubpress commit` |\n" if writes else "",
        with_tag=" with its new tag" if writes else "",
        build=_BY_CHARTPRESS if hub.layout.charts else _BY_DOCKER,
        opens="opens the pull request" if on_github else "prints where to open the pull request",
        sign_in="\n".join((*(["$ hubpress auth"] if google else []), *(f"$ docker login {host}" for host in others))),
        old_sign_in=f"| `gcloud auth login`, {on_google} | `hubpress auth` |\n" if google else "",
        pins=_listed(map(code, dict.fromkeys(file for pin in hub.pins for file in pin.files))),
        upstream=code(upstream.path) if upstream else "our repository",
        base=code(review.base),
        next_steps="\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)),
    )


def _shown_by(
    hub: Hub, review: Review, version: str, request: str, labels: Sequence[str], first: Sequence[str]
) -> Iterator[str]:
    """Yield ``first`` and what follows it; without a ``request`` there is nothing to merge yet, or any more."""
    base = review.base
    yield from first
    if labels and request:
        yield f"Check that the pull request has the labels {', '.join(labels)}"
    if request and hub.branch != base:
        yield f"Merge {hub.branch or 'HEAD'} into {base}"
    yield from _left_by_hand(hub, version)
    found = list(dict.fromkeys(one.group for one in of_hubploy(hub)))
    staging = staging_hubs(hub)
    if staging:
        yield f"Check the staging hubs ({first_of(staging, _MOST_NAMED)}): a user can sign in and start a server"
    remote = (name for name in PRODUCTION if hub.git.read("for-each-ref", "--count=1", f"refs/remotes/*/{name}"))
    production = next(remote, base)
    if production != base:
        yield f"{'Once they work' if staging else 'After that'}, open a pull request from {base} into {production}"
    elif found:
        yield f"Deploy {first_of(found, _MOST_NAMED)}"
    else:
        yield "Deploy as usual"


def _left_by_hand(hub: Hub, version: str) -> Iterator[str]:
    """Yield what a release does not move of what is deployed, in a repository without a chart."""
    if hub.layout.folder is not None:
        return
    staying = staying_installations(hub)
    yield from (
        f"Set the chart's version to {version} in {one.file}:{one.line}" for one in staying if one.version != version
    )
    if not staying and all(isinstance(pin, BasePin | Dependency) for pin in hub.pins):
        yield f"Move the {hub.requirement.name} chart that you deploy to {version}"
    for image in (one for one in hub.images if not hub.values_places(one)):
        yield f"Set the new tag of {image.spec.name} in the values that you deploy: no file here names it"


def staging_hubs(hub: Hub) -> list[str]:
    """Return the folders of hubploy's deployments that have a staging hub."""
    return [one.group for one in of_hubploy(hub) if one.name == f"{one.group}-staging"]


def _file_at(hub: Hub, path: str) -> str:
    top, tidy = hub.git.folder, join(path)
    is_folder = path.endswith("/") or (top / tidy).is_dir() or not PurePosixPath(tidy).suffix
    file = join(path, NAME) if is_folder else tidy
    is_ours = path and is_passable(path) and is_inside(path) and file.partition("/")[0] != ".git"
    if not is_ours or any((top / parent).is_file() for parent in PurePosixPath(file).parents):
        hint = f"name it relative to the repository's top: --docs docs/{NAME}"
        raise Unusable(f"{path!r} is not a path in the repository", where="--docs", hint=hint)
    return file


def _places(hub: Hub, review: Review) -> Iterator[tuple[str, str]]:
    for image in hub.images:
        yield "hub image", f"{code(image.spec.name)}, built from {code(image.dockerfile)}"
        for place in hub.values_places(image):
            yield "its name and tag", f"{code(place.path)} in {code(place.file)}"
    if hub.layout.folder is not None:
        yield (
            "z2jh chart",
            f"{code(hub.requirement.name)} in {code(hub.requirement_file)}, for the chart in {code(hub.layout.folder)}",
        )
    yield "pull requests", f"into {code(review.base)}"


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
