"""Writes the table of docs/settings.md anew, from the code: ``python -m tests.docs.settings_page``."""

import inspect
import re

from tasks.core.settings import Settings, variable
from tests.support.machine import PROJECT

PAGE = PROJECT / "docs" / "settings.md"
_ENTRY = re.compile(r"^(?P<key>\w+): (?P<text>.+?)(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)


def page() -> str:
    """Return the whole page: what stands before the table's rows as it is, and the rows."""
    head, rule, _ = PAGE.read_text(encoding="utf-8").partition("|---|---|---|---|\n")
    return head + rule + "".join(_row(key, text) for key, text in documented().items())


def documented() -> dict[str, str]:
    """Return what the code says of each setting, by its key."""
    attributes = (inspect.getdoc(Settings) or "").partition("Attributes:\n")[2]
    body = inspect.cleandoc(attributes)
    return {entry["key"]: " ".join(entry["text"].split()) for entry in _ENTRY.finditer(body)}


def _row(key: str, text: str) -> str:
    default = Settings._field_defaults[key]
    shown = "" if default in (None, ()) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"| `{key}` | `{variable(key)}` | {shown} | {text.replace('``', '`')} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
