"""The title and text of a pull request: what moved, what is known of the images, what to check before deploying."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.faults import Fault
from ..core.names import Reference
from ..core.plan import Values
from ..core.problems import Code
from ..core.visible import code, code_or, one_line, plain, table_lines
from ..image.proof import Base, prove
from ..image.tag import COMMIT_TO_COME
from ..releases.index import Release
from ..releases.notes import Upgrade, comparison, release_links, security_news
from ..releases.versions import is_dev
from ..repo.hub import Hub
from ..repo.remotes import Review
from ..tools.registry import ImageAnswer, inspect_all
from .bump import (
    KUBERNETES,
    NOTHING,
    Changes,
    Upgrades,
    Value,
    changes_between,
    needs,
    pinned_at,
    read_releases,
    release_facts,
    shown,
    upgrades_here,
)
from .preview import Preview, before_branch
from .team import next_steps, staging_hubs

NOT_KNOWN, MISSING = "not known", "the registry does not have it yet"
# GitHub takes 256 characters of a title, and 65,536 of a text.
LONGEST_TITLE = 200
LONGEST_BODY = 60_000


class Evidence(NamedTuple):
    """What is known of one image, by name and tag: digests, platforms, and in ``gap`` why it is not verified.

    One without a digest and a gap is yet to be built, and verified, by the same run.
    """

    image: str
    base: str
    digest: str | None = None
    platforms: tuple[str, ...] = ()
    base_digest: str | None = None
    gap: str = ""


def from_report(images: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """Return what a build reports of its images (``images`` of its JSON report), without those it left alone."""
    found = []
    for one in (one for one in images if one["tag"]):
        name, base = f"{one['repository']}:{one['tag']}", one["base"]
        gap = "" if one["digest"] or COMMIT_TO_COME in one["tag"] else MISSING
        found.append(Evidence(name, base["image"], one["digest"], tuple(one["platforms"]), base["digest"], gap))
    return tuple(found)


def from_registry(hub: Hub, _: Values) -> tuple[Evidence, ...]:
    """Ask the registries for the images that the values name, and for their base images; a fault is evidence too."""
    named = []
    for image in hub.images:
        for place in hub.values_places(image)[:1]:
            if name := pinned_at(hub, place):
                to_come = Reference(*name.rsplit(":", 1)) if COMMIT_TO_COME in name else None
                named.append((to_come or Reference.parse(name, place.file), image.base.reference))
    answers = inspect_all(one for pair in named for one in pair if COMMIT_TO_COME not in str(one))
    return tuple(_evidence(hub.settings.platform, *pair, answers) for pair in named)


def _evidence(platform: str, image: Reference, base: Reference, answers: Mapping[Reference, ImageAnswer]) -> Evidence:
    found, under = answers.get(image), answers[base]
    gap = next((one.what for one in (found, under) if isinstance(one, Fault)), "")
    known = Evidence(str(image), str(base), gap=gap)
    if isinstance(found, Fault) or isinstance(under, Fault):
        return known
    if under is None:
        return known._replace(gap=f"the registry does not have {base}")
    known = known._replace(base_digest=under.digest)
    if found is None:
        return known._replace(platforms=(platform,), gap="" if COMMIT_TO_COME in known.image else MISSING)
    try:
        prove(image, found, Base(base, under), platform)
    except Fault as fault:
        gap = fault.what
    return known._replace(digest=found.digest, platforms=tuple(found.platforms), gap=gap)


class Description(NamedTuple):
    """What a pull request says; the versions before and after are those of the chart's dependency."""

    moved: Changes
    evidence: tuple[Evidence, ...]
    before: Release | None
    after: Release
    upgrades: Upgrades
    next_steps: tuple[str, ...] = ()
    cluster: Preview | Fault | None = None
    has_staging: bool = False

    @property
    def title(self) -> str:
        """The title: the subject that one commit of everything would have."""
        return one_line(self.moved.subject)[:LONGEST_TITLE]

    @property
    def body(self) -> str:
        """The text, cut at a line's end where it is longer than a forge takes."""
        release = self.moved.release
        news = security_news(release.before, release.after) if release else ()
        sections: dict[str, Iterable[str]] = {
            "What moved": self._moves(),
            "Security": (f"- {line}" for line in news),
            "The image": self._images(),
            **{f"{up.title}: [upgrade notes]({up.guide})": _notes(up, notes) for up, notes in self.upgrades.items()},
            "What changes in the cluster": self._cluster(),
            "Before deploying": (f"- [ ] {line}" for line in self._checks()),
            "Next steps": (f"- [ ] {step}" for step in self.next_steps),
        }
        texts = {title: "\n".join(lines).rstrip("\n") for title, lines in sections.items()}
        body = "\n".join(f"### {title}\n\n{text}\n" for title, text in texts.items() if text)
        if len(body) <= LONGEST_BODY:
            return body
        return f"{body[:LONGEST_BODY].rpartition(chr(10))[0]}\n\n(cut here: it is too long for a pull request)\n"

    def _moves(self) -> Iterator[str]:
        rows = [
            (plain(move.what), code_or(move.before, NOTHING), code(move.after), code(move.file))
            for move in self.moved.moves
        ]
        if self.moved.release:
            rows += [
                (what, code_or(before), code_or(after), "the chart's release")
                for what, (before, after) in release_facts(self.before, self.after).items()
                if before != after or after is None
            ]
        yield from table_lines(("what", "before", "after", "where"), rows)
        if self.before and (changes := comparison(self.before, self.after)):
            yield f"\n[All z2jh changes between them]({changes})"

    def _images(self) -> Iterator[str]:
        if not self.evidence:
            yield "The values name no hub image."
        for one in self.evidence:
            rows = (
                ("digest", code_or(one.digest)),
                ("platforms", ", ".join(map(code, one.platforms)) or NOT_KNOWN),
                ("base image", code(one.base)),
                ("its digest", code_or(one.base_digest)),
                ("built on the base image", NOT_KNOWN if one.gap or not one.digest else "yes, proved by its layers"),
            )
            known = "Verified in the registry:" if one.digest else "To be built and verified before this is opened:"
            yield f"**Not verified**: {plain(one.gap)}." if one.gap else known
            yield from ("", *table_lines(("image", code(one.image)), rows), "")

    def _cluster(self) -> Iterable[str]:
        if isinstance(self.cluster, Fault):
            return (f"Not checked: {plain(self.cluster.what)}.",)
        return self.cluster.markdown() if self.cluster else ()

    def _checks(self) -> Iterator[str]:
        if any(one.gap for one in self.evidence) or not self.evidence:
            yield "The image is built and verified: `hubpress build`, then `hubpress commit --pr`."
        if self.moved.release:
            version = self.after.semver
            if version is None or is_dev(version):
                yield f"{code(self.after.version)} is a development build of z2jh: confirm that this is intended."
            if isinstance(self.cluster, Preview) and any(one.code is Code.INVALID for one in self.cluster.problems):
                yield "The values that the new chart refuses are corrected."
            yield f"Read the release notes: {', '.join(release_links(self.after))}"
            if self.upgrades:
                yield "Follow the upgrade notes above for each value they name."
            before, oldest = release_facts(self.before, self.after)[KUBERNETES]
            if oldest not in (None, before):
                yield f"The cluster runs Kubernetes {plain(str(oldest))} or newer: `kubectl version`."
        if self.evidence:
            yield f"Check that the cluster's nodes can pull {', '.join(code(one.image) for one in self.evidence)}."
        if not self.has_staging:
            yield "Check on a staging hub that a user can sign in and start a server."


def _notes(upgrade: Upgrade, notes: Mapping[str, Sequence[Value]]) -> Iterator[str]:
    yield from (f"- {line}" for line in needs(upgrade))
    for text, found in notes.items():
        yield f"- {text}"
        yield from (f"  - {line}" for line in shown(f"{code(one.place)} {code(one.key)}" for one in found))


def describe(
    hub: Hub,
    review: Review,
    evidence: tuple[Evidence, ...],
    commit: str = "HEAD",
    cluster: Preview | Fault | None = None,
) -> Description:
    """Return what a pull request of ``hub``'s state says; it ends with ``commit``."""
    moved = changes_between(before_branch(hub, review, commit)[1], hub)
    old = moved.release.before if moved.release else None
    new = hub.version
    before, after = read_releases(hub, old, new, ask=True) if moved.release else (None, Release(new))
    upgrades = upgrades_here(hub, old, new)
    markdown = one_line if hub.settings.next_steps else plain
    steps = tuple(map(markdown, next_steps(hub, review, "this pull request")))
    # The next steps that are read from the repository name its staging hubs then.
    has_staging = not hub.settings.next_steps and bool(staging_hubs(hub))
    cluster = cluster if moved.release else None
    return Description(moved, evidence, before, after, upgrades, steps, cluster, has_staging)
