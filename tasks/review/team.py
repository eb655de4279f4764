"""The team's part in a release: the labels of its pull requests, the steps that follow, and a page on both.

The steps are those of the setting ``next_steps``, else read from the repository. The labels are the setting's, and
those that actions/labeler will add, by its file in the format of the versions up to 4
(https://github.com/actions/labeler/tree/v4) or since 5 (https://github.com/actions/labeler/tree/v5#match-object).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import NamedTuple

from wcmatch import glob

from ..core.faults import Fault, Unusable
from ..core.output import first_of
from ..core.plan import Action, Step, refused
from ..core.safe_files import is_inside, is_passable
from ..core.visible import code, one_line, plain
from ..core.yaml_tree import Data, load
from ..image.tag import fill_template
from ..repo.deployments import of_hubploy, staying_installations
from ..repo.files import FileEdit, Files, edit_action, join, place_of, planned_bytes
from ..repo.hub import Hub
from ..repo.init import plan_init
from ..repo.pins import BasePin, Dependency
from ..repo.remotes import PRODUCTION, Review, base_here, find_review, upstream_repository
from ..tools.forges import GITHUB
from ..tools.logins import is_google
from .branches import waits_for

_MOST_NAMED = 8
NAME = "customize-hub-image.md"
_BY_CHARTPRESS = "`chartpress --push`; on a Mac with `--builder docker-buildx --platform linux/amd64`"
_BY_DOCKER = "`docker build`, `docker push`; on a Mac with `--platform linux/amd64`"
_TEMPLATE = resources.files(__package__) / "templates" / f"{NAME}.in"
# The action's default, and the other extension of YAML files.
_LABELER_FILES = (".github/labeler.yml", ".github/labeler.yaml")
_GLOBS = glob.GLOBSTAR | glob.BRACE | glob.EXTGLOB | glob.DOTGLOB | glob.FORCEUNIX
_GROUPS = {"any": any, "all": all}
# The version 5 options that globs under `any` and `all` stand for up to version 4.
_VERSION_4 = {"any": "all-globs-to-any-file", "all": "all-globs-to-all-files"}
_LIMIT = "changed-files-labels-limit"  # an option, not a label


def push_step(hub: Hub) -> str:
    """Return the step that follows a release that pushed no image."""
    return f"Push the image and set it in the values: {hub.pushing('release')}"


def next_steps(
    hub: Hub, review: Review, request: str | None = None, *, by_hand: bool = False, is_done: bool = False
) -> tuple[str, ...]:
    """Return the steps that follow a release; none once it is merged.

    ``request`` is the pull request's address or a placeholder, with ``by_hand`` the page for opening it. If the release
    had nothing left to do (``is_done``), the first step is what it waits for.
    """
    branch, base = hub.branch or "HEAD", review.base
    known = (f"{remote}/{base}" for remote in (review.upstream, review.remotes.push) if review.is_fork)
    start = next((one for one in known if hub.git.commit_at(f"refs/remotes/{one}")), base)
    page = None if by_hand else request
    # Commits on the base branch need no review.
    reviewed = page or (f"{branch} (git log --patch {start}..{branch})" if branch != base else "")
    first: list[str] = []
    if is_done:
        waiting = waits_for(hub, review, branch, page)
        if not waiting:
            return ()
        first = [f"Wait for {waiting}"]
    elif reviewed:
        opening = f"Open the pull request from {branch} into {base}{f': {request}' if request else ''}"
        first = [*([opening] if by_hand else []), *_until_merged(hub, review, reviewed)]
    return tuple(_steps(hub, review, hub.version, reviewed or branch, first))


def _until_merged(hub: Hub, review: Review, request: str) -> Iterator[str]:
    yield f"Review {request}"
    try:
        labels = expected_labels(hub, review)
    except Unusable:  # the labeler's file cannot be read
        labels = hub.settings.labels
    if labels:
        yield f"Check that the pull request has the labels {', '.join(labels)}"
    if hub.branch != review.base:
        yield f"Merge {hub.branch or 'HEAD'} into {review.base}"


def _steps(hub: Hub, review: Review, version: str, request: str, first: Iterable[str]) -> Iterator[str]:
    """Yield the steps of the setting, else ``first`` and the steps after the merge, read from the repository."""
    base = review.base
    if hub.settings.next_steps:
        names = {"version": version, "branch": hub.branch or "HEAD", "pull_request": request}
        yield from (fill_template(step, names, "hub.next_steps") for step in hub.settings.next_steps)
        return
    yield from first
    if hub.layout.folder is None:
        # Deployed versions that a release does not move.
        staying = staying_installations(hub)
        for one in (one for one in staying if one.version != version):
            yield f"Set the chart's version to {version} in {one.file}:{one.line}"
        if not staying and all(isinstance(pin, BasePin | Dependency) for pin in hub.pins):
            yield f"Move the {hub.requirement.name} chart that you deploy to {version}"
        for image in (one for one in hub.images if not hub.values_places(one)):
            yield f"Set the new tag of {image.spec.name} in the values that you deploy: no file here names it"
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


def staging_hubs(hub: Hub) -> list[str]:
    """Return the folders of hubploy's deployments with a staging hub."""
    return [one.group for one in of_hubploy(hub) if one.name == f"{one.group}-staging"]


def plan_setup(hub: Hub, prefix: str | None, docs: str | None) -> tuple[Step, ...]:
    """Plan what the repository lacks, and the page at ``docs`` if given."""
    step, hub = plan_init(hub, prefix)
    if docs is None:
        return (step,)
    try:
        file = _file_at(hub, docs)
        if hub.files.read(file) is not None:
            kept = Action(f"{file}: exists, left unchanged")
            return step, Step("docs", (kept,), report=lambda _: {"files": [], "kept": [file]})
        edit = FileEdit(file, None, page(hub).encode(errors="replace"), "new")
    except Fault as fault:
        return step, refused("docs", fault)
    writing = edit_action(hub.git.folder, [edit], "of --docs")._replace(what=f"write {file}", details=())
    report = {"files": [file], "kept": []}
    return step, Step("docs", (writing,), report=lambda _: report, summary=lambda _: [f"{file}: new"])


def page(hub: Hub) -> str:
    """Return the page for ``hub``, in Markdown."""
    review = find_review(hub.git, hub.settings, ask=False)
    google = [host for host in hub.registries if is_google(host)]
    others = [host for host in hub.registries if host not in google]
    upstream = upstream_repository(hub.git, hub.settings)
    on_github = upstream is not None and upstream.forge == GITHUB
    on_google = ", ".join(f"`gcloud auth configure-docker {host}`" for host in google)
    branch, request = fill_template(hub.settings.branch, {"version": "VERSION"}, "hub.branch"), "the pull request"
    planned = hub.with_commit(branch, hub.managed)
    steps = _steps(planned, review, "VERSION", request, _until_merged(planned, review, request))
    markdown = one_line if hub.settings.next_steps else plain
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
        next_steps="\n".join(f"{number}. {step}" for number, step in enumerate(map(markdown, steps), start=1)),
    )


def _file_at(hub: Hub, path: str) -> str:
    top, tidy = hub.git.folder, join(path)
    is_folder = path.endswith("/") or (top / tidy).is_dir() or not PurePosixPath(tidy).suffix
    file = join(path, NAME) if is_folder else tidy
    is_ours = path and is_passable(path) and is_inside(path) and place_of(top, file)
    planned = planned_bytes(hub.files)
    in_the_way = (str(at) in planned or (top / at).is_file() for at in PurePosixPath(file).parents)
    if not is_ours or any(in_the_way):
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


class PullRequestPaths(NamedTuple):
    """What the labeler looks at: the changed files, and the pull request's head and base branches."""

    files: tuple[str, ...]
    head: str
    base: str


def expected_labels(hub: Hub, review: Review) -> tuple[str, ...]:
    """Return the labels for a pull request of the hub's branch: the setting's, then the labeler's."""
    base = base_here(hub.git, review)
    committed = hub.git.names("diff", "--name-only", "-z", f"{base}...HEAD", "--") if base else ()
    files = tuple(dict.fromkeys((*committed, *hub.pending, *hub.changed)))
    labelers = labels_of(hub.committed, PullRequestPaths(files, hub.branch or "", review.base))
    return tuple(dict.fromkeys((*hub.settings.labels, *labelers)))


def labels_of(files: Files, request: PullRequestPaths) -> tuple[str, ...]:
    """Return the labels that the labeler gives ``request``, in file order; none without a labeler file."""
    found = ((path, files.read(path)) for path in _LABELER_FILES)
    path, data = next(((path, data) for path, data in found if data is not None), ("", b""))
    try:
        content = load(data.decode())
        entries = content.items() if isinstance(content, dict) else ()
        return tuple(label for label, rules in entries if label and label != _LIMIT and _applies(rules, request))
    except Exception as err:  # the libraries for YAML, globs and expressions raise their own
        why = err.text if isinstance(err, Fault) else err
        raise Unusable(f"it is not a file of actions/labeler: {why}", where=path, hint=f"fix {path}") from err


def _applies(given: Data, request: PullRequestPaths) -> bool:
    """Whether any of the globs, or lists of globs, matches; since version 5, whether all groups of conditions hold.

    Conditions outside a group are in a group ``any``.
    """
    rules = [[("any", rule)] if isinstance(rule, str) else _pairs(rule) for rule in _items(given) if rule]
    entries = [entry for rule in rules for entry in rule]
    if any(isinstance(one, str) for key, value in entries if key in _GROUPS for one in _items(value)):
        return any(all(_holds(_VERSION_4[key], globs, request.files) for key, globs in rule) for rule in rules)
    groups = [_GROUPS[key](_conditions(_pairs(value), request)) for key, value in entries if key in _GROUPS]
    outside = [*_conditions([(key, value) for key, value in entries if key not in _GROUPS], request)]
    return all(groups) and any(outside or groups)


def _conditions(entries: Iterable[tuple[str, Data]], request: PullRequestPaths) -> Iterator[bool]:
    """Yield whether each condition holds: each list of globs, and each regular expression for a branch."""
    for key, value in entries:
        if key == "changed-files":
            yield from (_holds(option, globs, request.files) for option, globs in _pairs(value))
        else:
            branch = {"base-branch": request.base, "head-branch": request.head}[key]
            yield from (re.search(pattern, branch) is not None for pattern in _texts(value))


def _holds(option: str, globs: Data, files: Sequence[str]) -> bool:
    """Whether an option like ``any-glob-to-all-files`` holds for ``files``."""
    kind, _, which = option.partition("-to-")
    patterns, over = _texts(globs), {"any-file": any, "all-files": all}[which]
    if {"any-glob": True, "all-globs": False}[kind]:
        return any(over(_matches(file, one) for file in files) for one in patterns)
    return over(all(_matches(file, one) for one in patterns) for file in files)


def _matches(file: str, pattern: str) -> bool:
    """Whether ``file`` matches a glob, as in the library minimatch; each leading ``!`` negates the result."""
    positive = pattern.lstrip("!")
    is_match = not positive.startswith("#") and glob.globmatch(file, positive.removeprefix("./"), flags=_GLOBS)
    return is_match != bool((len(pattern) - len(positive)) % 2)


def _pairs(value: Data) -> list[tuple[str, Data]]:
    """Return the entries of a mapping, or of all mappings in a list."""
    entries: list[tuple[str, Data]] = []
    for one in _items(value):
        if not isinstance(one, dict):
            raise TypeError(f"{one!r} is not a mapping")
        entries += one.items()
    return entries


def _items(value: Data) -> list[Data]:
    return value if isinstance(value, list) else [value]


def _texts(value: Data) -> Sequence[str]:
    texts = [one for one in _items(value) if isinstance(one, str)]
    if len(texts) < len(_items(value)):
        raise TypeError("a glob is not text")
    return texts
