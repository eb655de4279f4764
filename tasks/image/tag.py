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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import NamedTuple

import semver

from ..core.faults import Refused, Unusable
from ..core.names import is_tag
from ..core.settings import CHARTPRESS
from ..repo.files import is_below, join
from ..repo.hub import Hub, HubImage
from ..tools.command import Output
from ..tools.git import Git, misunderstood
from ..tools.process import ask_all, capture


def render(template: str, names: Mapping[str, str], where: str) -> str:
    """Return ``template`` with each ``{NAME}`` replaced; ``{{`` and ``}}`` are braces, as in Python's ``str.format``.

    Args:
        template: the text; nothing but plain names may stand in braces.
        names: what the names stand for.
        where: where the template stands, for the fault.

    Raises:
        Unusable: the braces do not match, or hold something else than one of the names.
    """
    return "".join(_parts(template, names, where))


def fields(template: str, where: str) -> frozenset[str]:
    """Return the names in ``template``.

    Raises:
        Unusable: the braces do not match.
    """
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    except ValueError as err:
        raise _wrong(template, where, str(err)) from err


def _parts(template: str, names: Mapping[str, str], where: str) -> Iterator[str]:
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as err:
        raise _wrong(template, where, str(err)) from err
    for literal, name, spec, conversion in pieces:
        yield literal
        if name is None:
            continue
        if name not in names or spec or conversion:
            raise _wrong(template, where, f"it may hold {', '.join(f'{{{known}}}' for known in names)}")
        yield names[name]


def _wrong(template: str, where: str, why: str) -> Unusable:
    return Unusable(f"the template {template!r} cannot be filled in: {why}", where=where, hint=f"mend it in {where}")


UNTAGGED_BASE = "0.0.1-0.dev"
# Stands for the hash of a commit that is yet to be made.
COMMIT_TO_COME = "{commit}"
HEAD = "HEAD"
_LAST_COMMIT = ("log", "--max-count=1", "--pretty=format:%h %H", "--")
_PARTS = ("major", "minor", "patch")


class Tagged(NamedTuple):
    """Where a commit stands to the nearest git tag in its past.

    Attributes:
        tag: that git tag; None where there is none.
        commits_since: how many commits came after it.
    """

    tag: str | None
    commits_since: int


@dataclass
class History:
    """A clone's history, each question asked once.

    Attributes:
        git: the clone, its commands run in the folder of chartpress.yaml.
    """

    git: Git
    _answers: dict[tuple[str, ...], Output] = field(default_factory=dict)

    def last_commit_of(self, paths: Sequence[str]) -> str:
        """Return the abbreviated hash of the last commit that touches ``paths``; empty where none does."""
        return self._last(paths)[0]

    def commits_of(self, paths: Sequence[str], most: int) -> list[str]:
        """Return the abbreviated hashes of the last ``most`` commits of any branch that touch ``paths``."""
        return self._ask("log", "--all", f"--max-count={most}", "--pretty=format:%h", "--", *paths).text.split()

    def tagged(self, commit: str) -> Tagged:
        """Return where ``commit`` stands to the nearest git tag, annotated or not.

        Raises:
            ProgramFailed: git tells something else.
        """
        if commit != HEAD and self.tagged(HEAD).tag is None:
            return Tagged(None, 0)
        described = self._ask(*_describe(commit))
        if not described.ok:
            return Tagged(None, 0)
        tag, _, since = described.text.rpartition("-g")[0].rpartition("-")
        return Tagged(tag, _number(since, _describe(commit)))

    def count(self, commit: str) -> int:
        """Return how many commits lead to ``commit``, itself included.

        Raises:
            ProgramFailed: git tells no number.
        """
        return _number(self._read(*_count(commit)), _count(commit))

    def commit_of_tag(self, tag: str) -> str:
        """Return the abbreviated hash of the commit that the git tag ``tag`` names."""
        return self._read("rev-list", "--abbrev-commit", "--max-count=1", f"refs/tags/{tag}", "--")

    def full_hash(self, commit: str) -> str:
        """Return the full hash of ``commit``."""
        known = dict(self._last(arguments[len(_LAST_COMMIT) :]) for arguments in self._answers if arguments[0] == "log")
        return known.get(commit) or self._read("rev-parse", "--verify", f"{commit}^{{commit}}")

    def is_cut(self) -> bool:
        """Whether the clone lacks a part of its history."""
        return self.git.is_shallow()

    def foresee(self, images: Sequence[Sequence[str]]) -> None:
        """Ask side by side what the tags of images will be computed from: one by one, git takes longer to start.

        Args:
            images: the paths of each image.
        """
        self._ask_all([_describe(HEAD), *(_log(paths) for paths in images)])
        if self.tagged(HEAD).tag is None:
            self._ask_all([_count(commit) for commit in map(self.last_commit_of, images) if commit])

    def leads_to(self, earlier: str, later: str) -> bool:
        """Whether ``earlier`` lies in the past of ``later``, or is it."""
        return self._ask("merge-base", "--is-ancestor", earlier, later).ok

    def _last(self, paths: Sequence[str]) -> tuple[str, str]:
        """Return the abbreviated and the full hash of the last commit that touches ``paths``; empty where none does."""
        if not self._ask(*_log(paths)).ok and self.git.head() is None:
            return "", ""
        short, _, full = self._read(*_log(paths)).partition(" ")
        return short, full

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


def _log(paths: Sequence[str]) -> tuple[str, ...]:
    return (*_LAST_COMMIT, *paths)


def _describe(commit: str) -> tuple[str, ...]:
    return ("describe", "--tags", "--long", commit)


def _count(commit: str) -> tuple[str, ...]:
    return ("rev-list", "--count", commit, "--")


def _number(text: str, arguments: Sequence[str]) -> int:
    """Return the number that git, called with ``arguments``, tells."""
    try:
        return int(text)
    except ValueError as err:
        raise misunderstood(arguments) from err


def naming_commit(history: History, paths: Sequence[str]) -> str:
    """Return the abbreviated hash of the commit that names an image: the last that is tagged or touches its paths."""
    touching = history.last_commit_of(paths)
    tag = history.tagged(HEAD).tag
    if tag is None:
        return touching
    tagged = history.commit_of_tag(tag)
    return touching if touching and history.leads_to(tagged, touching) else tagged


def chartpress_tag(history: History, paths: Sequence[str], base_version: str | None = None) -> str:
    """Return the tag of the image that ``paths`` make.

    Args:
        history: the clone's history.
        paths: what the image depends on, relative to the folder of chartpress.yaml.
        base_version: the chart's ``baseVersion``.

    Raises:
        Refused: the clone is shallow, or no commit touches the paths.
        Unusable: chartpress would refuse the ``baseVersion``.
    """
    require_whole_history(history)
    base = checked_base_version(history, base_version)
    commit = naming_commit(history, paths)
    if not commit:
        raise Refused(
            "no commit has the image's files yet", where=", ".join(paths), hint="git add and commit them first"
        )
    return tag_at(history, commit, base)


def tag_at(history: History, commit: str, base: str | None) -> str:
    """Return the tag of an image that ``commit`` names; ``base`` is what ``baseVersion`` means."""
    tagged = history.tagged(commit)
    if tagged.tag is not None and tagged.commits_since == 0:
        return tagged.tag
    return _identifier(base or tagged.tag or UNTAGGED_BASE, history.count(commit), commit)


def tag_to_come(history: History, base_version: str | None = None) -> str:
    """Return the tag of an image whose paths the next commit touches, ``{commit}`` in place of that commit's hash.

    Raises:
        Refused: the clone is shallow.
        Unusable: chartpress would refuse the ``baseVersion``.
    """
    require_whole_history(history)
    base = checked_base_version(history, base_version)
    return _identifier(base or history.tagged(HEAD).tag or UNTAGGED_BASE, history.count(HEAD) + 1, COMMIT_TO_COME)


def checked_base_version(history: History, base_version: str | None) -> str | None:
    """Return the base version that ``baseVersion`` means, by chartpress's rules.

    ``major``, ``minor`` and ``patch`` count the last git tag up; anything else must be SemVer, becomes a
    pre-release where it is none, and must not be lower than the last git tag.

    Raises:
        Unusable: it is neither, or is lower.
    """
    if not base_version:
        return None
    last = history.tagged(HEAD)
    tagged = _semver((last.tag or "").lstrip("v"))
    if base_version in _PARTS:
        return _counted_up(last.tag, tagged, base_version)
    wanted = base_version if "-" in base_version else f"{base_version}-0.dev"
    version = _semver(wanted)
    if version is None:
        raise _wrong_base(f"baseVersion {base_version} is not a SemVer version")
    if tagged and last.commits_since and _is_behind(version, tagged):
        raise _wrong_base(f"baseVersion {wanted} is not greater than the git tag {last.tag}")
    return wanted


def require_whole_history(history: History) -> None:
    """Check that the clone has its whole history: a cut one gives wrong counts.

    Raises:
        Refused: it is shallow.
    """
    if history.is_cut():
        raise Refused(
            "the clone is shallow, so commits cannot be counted", where=history.git.folder, hint="git fetch --unshallow"
        )


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


def _wrong_base(what: str) -> Unusable:
    return Unusable(what, where="chartpress.yaml", hint="set baseVersion to the next release, for example 1.2.0-0.dev")


TAG_SETTING = "hub.tag"
CONTENT = "content"
CONTENT_DIGITS = 12


class ImageName(NamedTuple):
    """What an image is called, and after which commit.

    Attributes:
        tag: its tag, ``{commit}`` in place of the hash of a commit that is only planned.
        commit: that commit's abbreviated hash, or ``{commit}``; empty where the tag names the content.
        revision: its full hash; None while it is only planned, or where the tag names the content.
    """

    tag: str
    commit: str
    revision: str | None


def history_of(hub: Hub) -> History:
    """Return the history that the hub repository's tags are computed from."""
    return History(hub.git.at(hub.root) if hub.root else hub.git)


def awaits_commit(hub: Hub, image: HubImage) -> bool:
    """Whether a planned commit touches what ``image`` depends on, so that its tag is not known before that commit."""
    return depends_on(hub, image, hub.pending)


def depends_on(hub: Hub, image: HubImage, files: Iterable[str]) -> bool:
    """Whether ``image`` depends on one of ``files`` (relative to the repository's top)."""
    below = [join(hub.root, path) for path in image.spec.paths]
    return any(is_below(file, below) for file in files)


def name_image(hub: Hub, history: History, image: HubImage, content: str = "") -> ImageName:
    """Return the tag of ``image`` and the commit that it names.

    Args:
        hub: the hub repository.
        history: its history.
        image: the image.
        content: the hash of what it is built from; only a tag with ``{content}`` needs it.

    Raises:
        Refused: the clone is shallow, no commit has the image's files, or the outcome cannot be a tag.
        Unusable: chartpress.yaml or the setting is wrong.
    """
    template = hub.settings.tag
    if not names_commit(template):
        return ImageName(_checked(_filled(hub, image, {"content": content[:CONTENT_DIGITS]})), "", None)
    require_whole_history(history)
    awaits = awaits_commit(hub, image)
    commit = COMMIT_TO_COME if awaits else naming_commit(history, image.spec.paths)
    if template == CHARTPRESS:
        tag = _chartpress(hub, history, image)
    else:
        commits = history.count(HEAD) + 1 if awaits else history.count(commit)
        tag = _filled(hub, image, {"commit": commit, "commits": str(commits)})
    revision = None if awaits else history.full_hash(commit)
    return ImageName(_checked(tag), commit, revision)


def earlier_tags(hub: Hub, history: History, image: HubImage, most: int) -> list[str]:
    """Return the tags that builds of the last ``most`` commits of any branch gave ``image``, the newest first."""
    base = checked_base_version(history, hub.chart.base_version) if hub.settings.tag == CHARTPRESS else None
    commits = history.commits_of(image.spec.paths, most)
    return list(dict.fromkeys(_tag_of(hub, history, image, commit, base) for commit in commits))


def _tag_of(hub: Hub, history: History, image: HubImage, commit: str, base: str | None) -> str:
    if hub.settings.tag == CHARTPRESS:
        return tag_at(history, commit, base)
    return _filled(hub, image, {"commit": commit, "commits": str(history.count(commit))})


def names_commit(template: str) -> bool:
    """Whether a tag of ``template`` is that of a commit's image, rather than of the files as they lie there."""
    return template == CHARTPRESS or CONTENT not in fields(template, TAG_SETTING)


def tells_images_apart(template: str) -> bool:
    """Whether two images never share a tag of ``template``: it holds the commit or the content.

    A number of commits does not tell: an amended commit has the same.
    """
    return template == CHARTPRESS or not fields(template, TAG_SETTING).isdisjoint({"commit", CONTENT})


def _chartpress(hub: Hub, history: History, image: HubImage) -> str:
    base_version = hub.chart.base_version
    if awaits_commit(hub, image):
        return tag_to_come(history, base_version)
    return chartpress_tag(history, image.spec.paths, base_version)


def _filled(hub: Hub, image: HubImage, names: dict[str, str]) -> str:
    all_names = {"chart_version": hub.requirement.version, **names, "base_version": image.base.reference.tag or ""}
    return render(hub.settings.tag, all_names, TAG_SETTING)


def _checked(tag: str) -> str:
    if is_tag(tag.replace(COMMIT_TO_COME, "0")):
        return tag
    raise Refused(
        f"{tag!r} cannot be an image's tag",
        where="git describe --tags",
        hint="use another template in invoke.yaml: hub: {tag: '{chart_version}-{commit}'}",
    )
