"""The page in a team's documentation that tells how to release its hub image, filled in for its repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import PurePosixPath

from ..core.faults import Fault, Unusable
from ..core.github_actions import code, plain
from ..core.plan import Action, Step, refused
from ..core.safe_files import is_inside, is_passable
from ..core.visible import one_line
from ..repo.files import FileEdit, edit_action, join
from ..repo.hub import Hub
from ..repo.init import plan_init
from ..repo.remotes import Review, find_review, upstream_address
from ..tools.forges import GITHUB, read_remote
from ..tools.google import is_google
from .next_steps import usual_steps

NAME = "customize-hub-image.md"
_TEMPLATE = resources.files(__package__) / "templates" / f"{NAME}.in"


def plan_setup(hub: Hub, prefix: str | None, docs: str | None) -> tuple[Step, ...]:
    """Plan what the repository lacks, and the page at ``docs`` if it is wanted."""
    step, left = plan_init(hub, prefix)
    return (step,) if docs is None else (step, plan_page(left, docs))


def plan_page(hub: Hub, path: str) -> Step:
    """Plan the page at ``path``, a file or folder relative to the repository's top; an existing file is kept."""
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
        (edit_action(hub.git.folder, [edit], "of --docs")._replace(details=()),),
        report=lambda _: {"files": [file], "kept": []},
        summary=lambda _: [f"{file}: new"],
    )


def page(hub: Hub) -> str:
    """Return the page for ``hub``, in Markdown."""
    review = find_review(hub.git, hub.settings, ask=False)
    google = [host for host in hub.registries if is_google(host)]
    others = [host for host in hub.registries if host not in google]
    upstream = read_remote(upstream_address(hub.git, hub.settings))
    on_github = upstream is not None and upstream.forge == GITHUB
    on_google = ", ".join(f"`gcloud auth configure-docker {host}`" for host in google)
    markdown = one_line if hub.settings.next_steps else plain
    steps = map(markdown, usual_steps(hub, review))
    return _TEMPLATE.read_text("utf-8").format(
        places="\n".join(f"| {what} | {where} |" for what, where in _places(hub, review)),
        tools=_listed(("git", *(["gcloud"] if google else []), *(["gh"] if on_github else []), "Docker with buildx")),
        opens="opens the pull request" if on_github else "prints where to open the pull request",
        sign_in="\n".join((*(["$ hubpress auth"] if google else []), *(f"$ docker login {host}" for host in others))),
        old_sign_in=f"| `gcloud auth login`, {on_google} | `hubpress auth` |\n" if google else "",
        pins=_listed(map(code, dict.fromkeys(file for pin in hub.pins for file in pin.files))),
        upstream=code(upstream.path) if upstream else "our repository",
        base=code(review.base),
        next_steps="\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)),
    )


def _file_at(hub: Hub, path: str) -> str:
    top, tidy = hub.git.folder, join(path)
    is_folder = path.endswith("/") or (top / tidy).is_dir() or not PurePosixPath(tidy).suffix
    file = join(path, NAME) if is_folder else tidy
    is_ours = path and is_passable(path) and is_inside(path) and file.partition("/")[0] != ".git"
    if not is_ours or any((top / parent).is_file() for parent in PurePosixPath(file).parents):
        raise Unusable(
            f"{path!r} is not a path in the repository",
            where="--docs",
            hint=f"name it relative to the repository's top: --docs docs/{NAME}",
        )
    return file


def _places(hub: Hub, review: Review) -> Iterator[tuple[str, str]]:
    """Yield the rows of the page's first table: what there is, and where."""
    for image in hub.images:
        yield "hub image", f"{code(image.spec.name)}, built from {code(image.dockerfile)}"
        for place in hub.values_places(image):
            yield "its name and tag", f"{code(place.path)} in {code(place.file)}"
    if hub.chart_folder is not None:
        yield (
            "z2jh chart",
            f"{code(hub.requirement.name)} in {code(hub.requirement_file)}, for the chart in {code(hub.chart_folder)}",
        )
    yield "pull requests", f"into {code(review.base)}"


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
