"""Git histories drawn in words: ``image tag=1.2.3 other`` is a change of the image, a tag, a change elsewhere."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.support.cli import run

# git orders commits by these: one minute passes with each.
_FIRST_MINUTE = 28_000_000
FILES = {
    "image": "images/hub/requirements.txt",
    "dockerfile": "images/hub/Dockerfile",
    "second": "images/second/Dockerfile",
    "config": "chartpress.yaml",
    "extra": "shared/certificates.pem",
    "other": "README.md",
}


@dataclass
class Drawing:
    """A clone whose history is drawn word by word."""

    top: Path
    root: str = ""
    _minutes: int = field(default=_FIRST_MINUTE)

    def git(self, *arguments: str) -> str:
        """Run git, a minute after the last time, and return its output."""
        self._minutes += 1
        date = f"{self._minutes * 60} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        done = run("git", *arguments, cwd=self.top, env=dates)
        assert done.code == 0, f"git {' '.join(arguments)}\n{done}"
        return done.out.strip()

    def begin(self, files: dict[str, str]) -> None:
        """Make the clone, with ``files`` in its first commit."""
        self.top.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        for name, text in files.items():
            path = self.top / self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "begin")

    def draw(self, history: str) -> None:
        """Draw the words of ``history``.

        One of ``FILES`` is a commit that touches that file; the others are git's: ``tag=1.2.3``,
        ``annotated=1.2.3``, ``branch=side``, ``on=main``, ``merge=side``, ``detach``.
        """
        for word in history.split():
            verb, _, name = word.partition("=")
            if verb in FILES:
                self._touch(verb)
            else:
                self.git(*_GIT[verb], *([name] if name else []))

    def _touch(self, word: str) -> None:
        path = self.top / self.root / FILES[word]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"# {self._minutes}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", word)


_GIT = {
    "tag": ("tag",),
    "annotated": ("tag", "--annotate", "--message", "release"),
    "branch": ("switch", "--quiet", "--create"),
    "on": ("switch", "--quiet"),
    "merge": ("merge", "--quiet", "--no-ff", "--no-edit"),
    "detach": ("switch", "--quiet", "--detach"),
}
