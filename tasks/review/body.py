"""The text of a pull request, in Markdown: what moved, the proof of the image, upgrade notes, what to check."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ..visible import one_line
from ..z2jh.choose import is_dev
from ..z2jh.notes import comparison, release_links
from ..z2jh.security import security_news
from .brief import MOST_SHOWN, needs
from .changes import NOTHING, subject
from .facts import facts
from .markdown import code, plain, table_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..z2jh.release import Release
    from .changes import Changes
    from .evidence import Evidence
    from .findings import Finding, UpgradeHere

NOT_KNOWN = "not known"
# GitHub takes 256 characters of a title, and 65,536 of a text.
LONGEST_TITLE = 200
LONGEST_BODY = 60_000


class Story(NamedTuple):
    """What a pull request tells.

    Attributes:
        moved: what moved between the branch that it goes to and its own.
        evidence: what is known of the images that the values name afterwards.
        before: the release that the chart depended on, as far as the Helm repository tells; None without one.
        after: the release that it depends on now.
        upgrades: what is crossed between them, with the values that it concerns.
        names_commit: whether an image's tag names the commit that it was built from.
    """

    moved: Changes
    evidence: tuple[Evidence, ...]
    before: Release | None
    after: Release
    upgrades: tuple[UpgradeHere, ...]
    names_commit: bool = False

    @property
    def title(self) -> str:
        """The pull request's title: the subject that a commit of it all would have."""
        return one_line(subject(self.moved))[:LONGEST_TITLE]

    @property
    def body(self) -> str:
        """The pull request's text."""
        parts = (_moves(self), _security(self), _proof(self.evidence), _upgrades(self.upgrades), _to_check(self))
        return _bounded("\n".join(chain.from_iterable(parts)))


def _moves(story: Story) -> Iterator[str]:
    yield "### What moved"
    yield ""
    yield from table_lines(("what", "before", "after", "where"), _moved(story))
    yield ""
    changes = comparison(story.before, story.after) if story.before else None
    if changes:
        yield f"[Every change of z2jh's between them]({changes})"
        yield ""


def _moved(story: Story) -> Iterator[tuple[str, ...]]:
    for move in story.moved.moves:
        yield plain(move.what), _code(move.before, NOTHING), code(move.after), code(move.file)
    if story.moved.release:
        for fact in facts(story.before, story.after):
            yield fact.what, _code(fact.before), _code(fact.after), "the Helm repository's index"


def _security(story: Story) -> Iterator[str]:
    news = security_news(story.moved.release.before, story.moved.release.after) if story.moved.release else ()
    if news:
        yield "### Security"
        yield ""
        yield from (f"- {line}" for line in news)
        yield ""


def _proof(evidence: Sequence[Evidence]) -> Iterator[str]:
    yield "### The image"
    yield ""
    if not evidence:
        yield "The values name no hub image."
        yield ""
    for one in evidence:
        yield f"**Not proved**: {plain(one.gap)}." if one.gap else "Proved from what the registry answered:"
        yield ""
        yield from table_lines(("image", code(one.image)), _facts(one))
        yield ""


def _facts(one: Evidence) -> Iterator[tuple[str, str]]:
    yield "digest", _code(one.digest)
    yield "platforms", ", ".join(map(code, one.platforms)) or NOT_KNOWN
    yield "base image", code(one.base)
    yield "its digest", _code(one.base_digest)
    yield "built on it", NOT_KNOWN if one.gap else "yes: its layers are the first layers"


def _upgrades(upgrades: Sequence[UpgradeHere]) -> Iterator[str]:
    for here in upgrades:
        yield f"### {here.upgrade.title}: [upgrade notes]({here.upgrade.guide})"
        yield ""
        yield from (f"- {line}" for line in needs(here))
        for note in here.notes:
            yield f"- {note.text}"
            yield from (f"  - {line}" for line in _concerned(note.findings))
        yield ""


def _concerned(findings: Sequence[Finding]) -> Iterator[str]:
    yield from (f"{code(one.place)} {code(one.key)}" for one in findings[:MOST_SHOWN])
    if len(findings) > MOST_SHOWN:
        yield f"and {len(findings) - MOST_SHOWN} more"


def _to_check(story: Story) -> Iterator[str]:
    yield "### Before deploying"
    yield ""
    yield from (f"- [ ] {line}" for line in _checks(story))
    yield ""
    yield "Then merge, and proceed to deployment as normal."
    yield ""


def _checks(story: Story) -> Iterator[str]:
    if any(one.gap for one in story.evidence) or not story.evidence:
        yield "The image is built and proved: `hubpress build`, then `hubpress commit --pr`."
    if story.moved.release:
        yield from _release_checks(story)
    if story.evidence:
        images = ", ".join(code(one.image) for one in story.evidence)
        yield f"The cluster's nodes can pull {images}."
    if story.names_commit and story.moved.images:
        yield (
            "It is merged with a merge commit: the image's tag names a commit of this branch, and squashing or "
            "rebasing takes that away."
        )
    yield "A staging hub starts on it; a user can sign in and start a server."


def _release_checks(story: Story) -> Iterator[str]:
    version = story.after.semver
    if version is None or is_dev(version):
        yield f"{code(story.after.version)} is a build of z2jh's main branch, not a release, and is meant to be."
    yield f"The release notes are read: {', '.join(release_links(story.after))}"
    if story.upgrades:
        yield "The upgrade notes above are followed, for each value that they name."
    _, oldest = facts(story.before, story.after)
    if oldest.differs:
        yield f"The cluster runs Kubernetes {plain(str(oldest.after))} or newer: `kubectl version`."


def _code(text: str | None, otherwise: str = NOT_KNOWN) -> str:
    return code(text) if text else otherwise


def _bounded(body: str) -> str:
    """Return ``body``, cut at a line's end where it is longer than a forge takes."""
    if len(body) <= LONGEST_BODY:
        return body
    return f"{body[:LONGEST_BODY].rpartition(chr(10))[0]}\n\n(cut here: it is too long for a pull request)\n"
