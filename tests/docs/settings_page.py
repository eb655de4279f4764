"""Writes docs/settings.md from the code: ``python -m tests.docs.settings_page > docs/settings.md``."""

from __future__ import annotations

import inspect
import re

from tasks.core.settings import Settings, variable

_ENTRY = re.compile(r"^(?P<key>\w+): (?P<text>.+?)(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)
_HEAD = """\
# Settings

A repository whose chartpress.yaml, requirement and git remote say everything needs none of these. What cannot be read
from there stands in `invoke.yaml` at the repository's top, under `hub:`, or in the environment. The environment wins.

```yaml
hub:
  platform: linux/amd64
  values:
    - {file: deployments/prod/values.yaml, path: jupyterhub.hub.image}
  # Only where chartpress.yaml does not name the image, and it cannot be found: see layouts.md.
  images:
    - context: images/site-hub
      name: registry.example.edu/core/site-hub
      values: [jupyterhub.hub.image]
```

Unknown keys and wrong types are refused by name, an empty variable counts as not set. In the environment a list is
separated by commas, and an entry of `values` is written `FILE:PATH`.

| key | variable | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(_row(key, text) for key, text in documented().items())


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
    print(page(), end="")
