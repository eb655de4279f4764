"""What the content of an image's context is: held against what a real build sees of the same context."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.faults import Unusable
from tasks.image.dockerignore import IgnoreRules

from ..lab.cli import run, sh
from ..lab.machine import demand, missing_for_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

FILES = (
    *("Dockerfile", ".dockerignore", ".env", ".github/a.yml", ".github/b/c.yml", "README.md", "README-secret.md"),
    *("a.txt", "b.txt", "c.md", "ab", "temp1", "temp12", "tempa/x", "a b.txt", "#hash", "!bang", "é.txt", "ü/ö.md"),
    *(
        "x[y].txt",
        "xy.txt",
        "star*",
        "plus+",
        "(paren)",
        "{brace}",
        "pipe|",
        "dollar$",
        "caret^",
        "dash-",
        "x-y",
        "~tilde",
    ),
    *("dir/a.txt", "dir/c.md", "dir/.env", "dir/sub/a.txt", "dir/sub/deep/a.txt", "dir/sub/deep/b.md", "dir2/a.txt"),
    *("lib/dir/a.txt", "lib/sub/c.md", "node_modules/m/index.js", "lib/node_modules/n/index.js"),
    *("__pycache__/a.pyc", "lib/__pycache__/b.pyc", "lib/c.pyc", "dir.txt/in", "A.TXT", "requirements.txt"),
)
LINKS = {"link-to-file": "a.txt", "link-to-folder": "dir", "dir/link-up": "../a.txt", "link-to-nothing": "none"}

IGNORED = {
    "nothing": "",
    "comments and empty lines": "# a.txt\n\n   \n\t\n",
    "a file": "a.txt",
    "a file at its full path": "dir/sub/a.txt",
    "a folder": "dir",
    "a folder with a slash": "dir/",
    "a leading slash": "/dir",
    "a leading dot": "./dir/a.txt",
    "two leading slashes": "//dir",
    "doubled slashes inside": "dir//sub",
    "two dots inside": "lib/../dir",
    "two dots first": "../a.txt",
    "the context itself": ".",
    "the root": "/",
    "blanks around": "  a.txt\t\n  dir  ",
    "carriage returns": "a.txt\r\ndir\r\n",
    "a byte order mark": "\ufeffa.txt\n",
    "a comment behind blanks is none": "  #hash",
    "a comment in the line is none": "a.txt # b.txt",
    "a name with a blank": "a b.txt",
    "upper case": "A.txt",
    "not ascii": "é.txt\nü",
    "everything": "*",
    "everything, twice": "**",
    "a star": "*.txt",
    "a star for the rest of a name": "temp*",
    "a star in the middle": "REA*.md",
    "a star alone in a folder": "dir/*",
    "a star for a folder": "*/a.txt",
    "two stars for folders": "*/*/a.txt",
    "a question mark": "temp?",
    "two question marks": "temp??",
    "a question mark is no slash": "dir?a.txt",
    "any folder": "**/a.txt",
    "any folder, by a star": "**/*.pyc",
    "any folder called so": "**/node_modules",
    "any folder called so, its content": "**/node_modules/**",
    "all below": "dir/**",
    "all below, twice": "dir/**/**",
    "between": "dir/**/a.txt",
    "between and below": "**/sub/**/a.txt",
    "two stars without a slash": "**.md",
    "two stars behind a name": "dir**",
    "two stars inside of a name": "d**t",
    "a slash at the end of stars": "**/",
    "hidden files": ".*",
    "hidden files anywhere": "**/.*",
    "a class": "[ab].txt",
    "a range": "[a-b].txt",
    "a negated class": "[^a].txt",
    "an exclamation mark in a class": "[!a].txt",
    "a class with a dash in it": "x[\\-+]y",
    "a class with a dash between letters": r"x[+\-~]y",
    "a class with what elsewhere is a set's operator": r"x[&&~~||\-]y",
    "escaped brackets": r"x\[y\].txt",
    "brackets that are a class": "x[y].txt",
    "an escaped star": r"star\*",
    "stars inside of a name, at its beginning": "**d?r",
    "three stars": "***/a.txt",
    "an escaped number sign": r"\#hash",
    "an escaped exclamation mark": r"\!bang",
    "what only a regular expression knows": "plus+\n(paren)\n{brace}\npipe|\ndollar$\ncaret^\n~tilde",
    "a dot is a dot": "a?txt\nxy.txt",
    "all but one": "*\n!a.txt",
    "all but a folder": "*\n!dir",
    "all but a folder, by two stars": "**\n!dir/**",
    "all but a file far below": "*\n!dir/sub/deep/b.md",
    "all but what is called so": "**\n!**/*.md",
    "all but what is called so, but one": "*.md\n!README*.md\nREADME-secret.md",
    "an exception undone": "*.md\nREADME-secret.md\n!README*.md",
    "an exception first": "!a.txt\n*.txt",
    "an exception in a folder that is left out": "dir\n!dir/sub/a.txt",
    "an exception with a star in it": "dir\n!dir/*/a.txt",
    "an exception with blanks": "*\n!  a.txt",
    "an exception with a slash": "*\n!/dir/sub",
    "an exception of any folder": "dir\n!**/a.txt",
    "a folder back, a file of it out": "*\n!dir\ndir/sub",
    "a folder back, all of it out": "*\n!dir\ndir/**\n!dir/c.md",
    "links": "link-to-*",
    "a folder that is linked to": "link-to-folder/a.txt",
    "below a file": "a.txt/b",
    "the Dockerfile and the ignore file": "Dockerfile\n.dockerignore",
    "what a template has": "**/__pycache__\n**/.env\n**/.github\n**/*.md\n!README.md\nDockerfile*\n",
}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("context")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def seen(context: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a build sees of the context under each ignore file: one real bake, a target for each."""
    demand(missing_for_engine())
    folder = tmp_path_factory.mktemp("seen")
    targets = {}
    for number, text in enumerate(IGNORED.values()):
        dockerfile = folder / f"{number}.Dockerfile"
        dockerfile.write_text("FROM scratch\nCOPY . /\n")
        dockerfile.with_name(f"{dockerfile.name}.dockerignore").write_bytes(text.encode())
        targets[f"case-{number}"] = {
            "context": str(context),
            "dockerfile": os.path.relpath(dockerfile, context),
            "output": [f"type=local,dest={folder / str(number)}"],
        }
    (folder / "docker-bake.json").write_text(
        json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
    )
    sh("docker", "buildx", "bake", "--progress=quiet", cwd=folder)
    return {title: set(files_below(folder / str(number))) for number, title in enumerate(IGNORED)}


def files_below(folder: Path) -> Iterator[str]:
    """Yield every file and link below ``folder``; links are not followed."""
    for at, folders, files in os.walk(folder):
        paths = (Path(at) / name for name in (*files, *folders))
        yield from (path.relative_to(folder).as_posix() for path in paths if path.is_symlink() or not path.is_dir())


@pytest.mark.parametrize("title", IGNORED)
def test_the_context_is_what_docker_sees(title: str, context: Path, seen: dict[str, set[str]]) -> None:
    rules = IgnoreRules.parse(IGNORED[title], ".dockerignore")
    assert {name for name in files_below(context) if not rules.leave_out(name)} == seen[title]


def test_the_table_leaves_out_something_everywhere_but_where_it_says_so(seen: dict[str, set[str]]) -> None:
    whole = seen["nothing"]
    assert whole == {*FILES, *LINKS}
    assert len([title for title, files in seen.items() if files == whole]) < len(seen) // 4


@pytest.mark.parametrize("pattern", ["[", "a[b", "lib/[a-", "[b-a]", "[^", "!dir/[", "[2J--]", "[-a]", "[a-]", "[--0]"])
def test_a_pattern_that_docker_cannot_read_is_named(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(Unusable) as caught:
        IgnoreRules.parse(f"# ours\n*.txt\n{pattern}\n", "images/hub/.dockerignore")
    assert str(caught.value).startswith(
        f"error: the pattern {pattern!r} cannot be read (images/hub/.dockerignore:3)\nhint: "
    )
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / ".dockerignore").write_text(pattern)
    assert run("docker", "buildx", "build", ".", cwd=tmp_path).code != 0
