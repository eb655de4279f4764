"""What docs/troubleshooting.md quotes is what the code says, and what people mostly meet is in it."""

import ast
from collections.abc import Iterator

from markdown_it import MarkdownIt

from tests.support.machine import PROJECT

OPEN = "…"


PAGE = PROJECT / "docs" / "troubleshooting.md"


def explained() -> list[str]:
    """Return the messages in the first column of the page's tables."""
    return list(_first_cells())


def templates() -> set[str]:
    """Return every text in the code, with ``…`` where it is filled in."""
    return {text for tree in _modules() for node in ast.walk(tree) if (text := _template(node)) is not None}


def raised(*faults: str) -> set[str]:
    """Return the messages that are given to the named faults where they are made."""
    calls = (node for tree in _modules() for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    made = (call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id in faults)
    return {text for what in made if (text := _template(what)) is not None}


def _modules() -> Iterator[ast.Module]:
    for file in sorted((PROJECT / "tasks").rglob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"))


def _template(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else OPEN for part in node.values)
    return None


def _first_cells() -> Iterator[str]:
    tokens = MarkdownIt().enable("table").parse(PAGE.read_text(encoding="utf-8"))
    for row, cell, content in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (row.type, cell.type) == ("tr_open", "td_open"):
            yield "".join(child.content for child in content.children or ())


TEMPLATES = templates()
# What is refused, or denied, has its row in the page. These say themselves what is to be done.
PLAIN = {
    "cancelled, nothing was changed",
    "the commit's message is empty",
    "Cloud Build has no image to leave here",
    "chartpress does not know …",
    "the file may not be read",
    "the build context holds …, so each build would make another {content}",
    "the remote does not have the branch that was pushed",
    "there is no … …",
}


def test_every_message_in_the_page_is_one_that_the_code_can_say() -> None:
    assert set(explained()) - TEMPLATES == set()


def test_no_message_stands_there_twice() -> None:
    assert len(explained()) == len(set(explained()))


def test_what_is_refused_or_denied_is_in_the_page() -> None:
    messages = raised("Refused", "Denied")
    assert messages - PLAIN - set(explained()) == set()
    assert PLAIN - messages == set()
