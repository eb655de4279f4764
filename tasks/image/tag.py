"""The tag of an image, computed from git as chartpress computes it.

The rules are those of chartpress 2.4 (https://github.com/jupyterhub/chartpress#readme), to the byte, so that after a
build chartpress finds nothing to do: the last commit that is tagged or touches the image's paths names the image.

    no git tag                      0.0.1-0.dev.git.<commits>.h<commit>
    on the tag 1.2.3                1.2.3
    after the tag 1.2.3             1.2.3-0.dev.git.<commits>.h<commit>
    after the tag 1.2.3-beta.1      1.2.3-beta.1.git.<commits>.h<commit>

``<commits>`` counts from the beginning of the history, ``<commit>`` is abbreviated by git. A chart's ``baseVersion``
takes the tag's place, except on a tag.

``hub.tag`` puts a template of names in braces in its place: ``{TAG}``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import NamedTuple

import semver

from ..core.faults import ProgramFailed, Refused, Unusable
from ..core.names import is_tag
from ..core.settings import CHARTPRESS, SECTION, how_to_correct
from ..repo.files import is_below
from ..repo.hub import Hub, HubImage
from ..tools.command import Output
from ..tools.git import Git
from ..tools.process import ask_all, capture

# Stands for the hash of a commit that is yet to be made.
COMMIT_TO_COME = "{commit}"
HEAD = "HEAD"
UNTAGGED_BASE = "0.0.1-0.dev"
TAG_SETTING = "hub.tag"
CONTENT = "content"
CONTENT_DIGITS = 12
# Questions to git, without the commit that they are about.
_DESCRIBE = ("describe", "--tags", "--long")
_COUNT = ("rev-list", "--count")


class ImageName(NamedTuple):
    """An image's tag, and the commit that it names, abbreviated and in full; ``{commit}`` while that is only planned.

    Where the tag names the content, ``commit`` is empty; ``revision`` is None then, and for a planned commit.
    """

    tag: str
    commit: str
    revision: str | None


def name_image(hub: Hub, history: History, image: HubImage, content: str = "") -> ImageName:
    """Return the tag of ``image`` and the commit that it names; ``content`` is for a tag with that in it."""
    template, paths, base_version = hub.settings.tag, image.spec.paths, hub.layout.chart.base_version
    if not names_commit(template):
        return ImageName(_checked(_filled(hub, image, {CONTENT: content[:CONTENT_DIGITS]}), template), "", None)
    if history.git.clone.shallow:
        what, hint = "the clone is shallow, so commits cannot be counted", "git fetch --unshallow"
        raise Refused(what, where=history.git.folder, hint=hint)
    is_planned = depends_on(hub, image, hub.pending)
    commit = COMMIT_TO_COME if is_planned else history.naming_commit(paths)
    if template != CHARTPRESS:
        commits = history.count(HEAD) + 1 if is_planned else history.count(commit)
        tag = _filled(hub, image, {"commit": commit, "commits": str(commits)})
    elif is_planned:
        tag = tag_to_come(history, base_version)
    else:
        tag = chartpress_tag(history, paths, base_version)
    return ImageName(_checked(tag, template), commit, None if is_planned else history.full_hash(commit))


def earlier_tags(hub: Hub, history: History, image: HubImage, most: int) -> list[str]:
    """Return the tags that builds of the last ``most`` commits of any branch gave ``image``, the newest first."""
    commits = history.commits_of(image.spec.paths, most)
    if hub.settings.tag == CHARTPRESS:
        base = _checked_base_version(history, hub.layout.chart.base_version)
        tags = [_tag_at(history, commit, base) for commit in commits]
    else:
        names = ({"commit": commit, "commits": str(history.count(commit))} for commit in commits)
        tags = [_filled(hub, image, one) for one in names]
    return list(dict.fromkeys(tags))


def depends_on(hub: Hub, image: HubImage, files: Iterable[str]) -> bool:
    """Whether ``image`` depends on one of ``files`` (relative to the top)."""
    below = hub.paths_of(image)
    return any(is_below(file, below) for file in files)


def names_commit(template: str) -> bool:
    """Whether a tag of ``template`` names the image of a commit, not that of the files in the working tree."""
    return template == CHARTPRESS or CONTENT not in fields(template, TAG_SETTING)


def tells_images_apart(template: str) -> bool:
    """Whether a tag of ``template`` holds the commit or the content; a number of commits may stay the same."""
    return template == CHARTPRESS or not fields(template, TAG_SETTING).isdisjoint({"commit", CONTENT})


class _Tagged(NamedTuple):
    """The nearest git tag in a commit's past, if there is one, and the number of commits since."""

    tag: str | None
    commits_since: int


@dataclass
class History:
    """A clone's history, each question asked once, in the folder of chartpress.yaml."""

    git: Git
    _answers: dict[tuple[str, ...], Output] = field(default_factory=dict)

    def naming_commit(self, paths: Sequence[str]) -> str:
        """Return the abbreviated hash of the last commit that is tagged or touches ``paths``; empty without one."""
        question = ("log", "--max-count=1", "--pretty=format:%h", "--", *paths)
        touching = "" if not self._ask(*question).ok and self.git.head() is None else self._read(*question)
        tag = self.tagged(HEAD).tag
        if tag is None:
            return touching
        tagged = self._read("rev-list", "--abbrev-commit", "--max-count=1", f"refs/tags/{tag}", "--")
        is_later = touching and self._ask("merge-base", "--is-ancestor", tagged, touching).ok
        return touching if is_later else tagged

    def commits_of(self, paths: Sequence[str], most: int) -> list[str]:
        """Return the abbreviated hashes of the last ``most`` commits of any branch that touch ``paths``."""
        commits = self._ask("log", "--all", f"--max-count={most}", "--pretty=format:%h", "--", *paths).text.split()
        self._ask_all([(*_COUNT, commit, "--") for commit in commits])
        return commits

    def tagged(self, commit: str) -> _Tagged:
        """Return the nearest git tag of ``commit``, annotated or not."""
        if commit != HEAD and self.tagged(HEAD).tag is None:
            return _Tagged(None, 0)
        described = self._ask(*_DESCRIBE, commit)
        if not described.ok:
            return _Tagged(None, 0)
        tag, _, since = described.text.rpartition("-g")[0].rpartition("-")
        return _Tagged(tag, _number(since, (*_DESCRIBE, commit)))

    def count(self, commit: str) -> int:
        """Return how many commits lead to ``commit``, itself included."""
        question = (*_COUNT, commit, "--")
        return _number(self._read(*question), question)

    def full_hash(self, commit: str) -> str:
        """Return the full hash of ``commit``."""
        return self._read("rev-parse", "--verify", f"{commit}^{{commit}}")

    def _ask_all(self, questions: Iterable[tuple[str, ...]]) -> None:
        new = [arguments for arguments in dict.fromkeys(questions) if arguments not in self._answers]
        outputs = ask_all(capture, [self.git.command(*arguments) for arguments in new])
        self._answers.update(zip(new, outputs, strict=True))

    def _ask(self, *arguments: str) -> Output:
        self._ask_all([arguments])
        return self._answers[arguments]

    def _read(self, *arguments: str) -> str:
        output = self._ask(*arguments)
        return output.text if output.ok else self.git.read(*arguments)


def history_of(hub: Hub) -> History:
    """Return the history that tags are computed from."""
    return History(Git(hub.git.folder / hub.layout.root, hub.git.clone))


def chartpress_tag(history: History, paths: Sequence[str], base_version: str | None = None) -> str:
    """Return chartpress's tag for an image."""
    base = _checked_base_version(history, base_version)
    commit = history.naming_commit(paths)
    if not commit:
        raise Refused(
            "no commit has the image's files yet", where=", ".join(paths), hint="git add and commit them first"
        )
    return _tag_at(history, commit, base)


def tag_to_come(history: History, base_version: str | None = None) -> str:
    """Return chartpress's tag for an image that the next commit touches, ``{commit}`` in place of its hash."""
    base = _checked_base_version(history, base_version)
    return _identifier(base or history.tagged(HEAD).tag or UNTAGGED_BASE, history.count(HEAD) + 1, COMMIT_TO_COME)


def _checked_base_version(history: History, base_version: str | None) -> str | None:
    """Return the base version that ``baseVersion`` means, by chartpress's rules.

    ``major``, ``minor`` and ``patch`` count the last git tag up. Anything else must be SemVer, is made a pre-release,
    and must not be lower than the last git tag.
    """
    if not base_version:
        return None
    last = history.tagged(HEAD)
    tagged = _semver((last.tag or "").lstrip("v"))
    if base_version in {"major", "minor", "patch"}:
        return _counted_up(last.tag, tagged, base_version)
    wanted = base_version if "-" in base_version else f"{base_version}-0.dev"
    version = _semver(wanted)
    if version is None:
        raise _wrong_base(f"baseVersion {base_version} is not a SemVer version")
    if tagged and last.commits_since and _is_behind(version, tagged):
        raise _wrong_base(f"baseVersion {wanted} is not greater than the git tag {last.tag}")
    return wanted


def render(template: str, names: Mapping[str, str], where: str) -> str:
    """Return ``template`` with each ``{NAME}`` replaced, and ``{{`` and ``}}`` by braces, as ``str.format`` does."""
    parts = []
    for literal, name, spec, conversion in _parsed(template, where):
        parts.append(literal)
        if name is not None:
            if name not in names or spec or conversion:
                raise _wrong(template, where, f"it may use {', '.join(f'{{{known}}}' for known in names)}")
            parts.append(names[name])
    return "".join(parts)


def fields(template: str, where: str) -> frozenset[str]:
    """Return the names in ``template``."""
    return frozenset(name for _, name, _, _ in _parsed(template, where) if name is not None)


def _parsed(template: str, where: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(template))
    except ValueError as err:
        raise _wrong(template, where, str(err)) from err


def _wrong(template: str, where: str, why: str) -> Unusable:
    return Unusable(
        f"the template {template!r} cannot be filled in: {why}",
        where=where,
        hint=how_to_correct(where.removeprefix(f"{SECTION}."), f"fix it in {where}"),
    )


def _filled(hub: Hub, image: HubImage, names: dict[str, str]) -> str:
    all_names = {"chart_version": hub.version, "base_version": image.base.reference.tag or "", **names}
    if fields(hub.settings.tag, TAG_SETTING) - all_names.keys():
        why = "it may use {chart_version}, {base_version}, and {content}, or {commit} and {commits}"
        raise _wrong(hub.settings.tag, TAG_SETTING, why)
    return render(hub.settings.tag, all_names, TAG_SETTING)


def _checked(tag: str, template: str) -> str:
    if is_tag(tag.replace(COMMIT_TO_COME, "0")):
        return tag
    raise Refused(
        f"{tag!r} is not a valid image tag",
        where="git describe --tags" if template == CHARTPRESS else f"{SECTION}.tag",
        hint=how_to_correct("tag", "use another template in invoke.yaml: hub: {tag: '{chart_version}-{commit}'}"),
    )


def _tag_at(history: History, commit: str, base: str | None) -> str:
    tagged = history.tagged(commit)
    if tagged.tag is not None and tagged.commits_since == 0:
        return tagged.tag
    return _identifier(base or tagged.tag or UNTAGGED_BASE, history.count(commit), commit)


def _identifier(base: str, commits: int, commit: str) -> str:
    """Return the tag of a commit after ``base``: one that sorts after it, or before the release that it leads to."""
    return f"{base}{'' if '-' in base else '-0.dev'}.git.{commits}.h{commit}"


def _counted_up(tag: str | None, tagged: semver.Version | None, part: str) -> str:
    if not tag:
        return UNTAGGED_BASE
    if tagged is None:
        raise _wrong_base(f"baseVersion {part} needs a git tag that is SemVer, not {tag}")
    if "-" in tag:
        return tag
    counted = {"major": tagged.bump_major, "minor": tagged.bump_minor, "patch": tagged.bump_patch}
    return f"{counted[part]()}-0.dev"


def _is_behind(version: semver.Version, tagged: semver.Version) -> bool:
    """Whether ``version`` (a pre-release) may not follow ``tagged``; two pre-releases of one number always may."""
    ours, theirs = version.to_tuple()[:3], tagged.to_tuple()[:3]
    return ours < theirs or (ours == theirs and not tagged.prerelease)


def _semver(text: str) -> semver.Version | None:
    return semver.Version.parse(text) if semver.Version.is_valid(text) else None


def _number(text: str, arguments: Sequence[str]) -> int:
    try:
        return int(text)
    except ValueError as err:
        look = shlex.join(("git", *arguments))
        raise ProgramFailed(f"git {arguments[0]}: its answer is not understood", hint=look) from err


def _wrong_base(what: str) -> Unusable:
    return Unusable(what, where="chartpress.yaml", hint="set baseVersion to the next release, for example 1.2.0-0.dev")
