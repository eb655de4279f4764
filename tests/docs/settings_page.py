"""Writes docs/settings.md from the code: ``python -m tests.docs.settings_page > docs/settings.md``."""

import inspect
import re

from tasks.core.settings import Settings, variable

_ENTRY = re.compile(r"^(?P<key>\w+): (?P<text>.+?)(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)
_HEAD = """\
# Settings

hubpress reads what it needs from chartpress.yaml, the chart, the Dockerfiles and git, so most repositories need no
settings. Put anything it cannot detect under `hub:` in `invoke.yaml` at the repository's top. The file of `-f` takes
precedence over it, and environment variables over both; `~/.invoke.yaml` and `/etc/invoke.yaml` are for defaults.

```yaml
hub:
  platform: linux/amd64
  values:
    - {file: deployments/prod/values.yaml, path: jupyterhub.hub.image}
  # Only if chartpress.yaml does not list the image and hubpress cannot find it, see layouts.md.
  images:
    - context: images/site-hub
      name: registry.example.edu/core/site-hub
      values: [jupyterhub.hub.image]
```

Unknown keys and wrong types are errors. Empty variables count as unset. In a variable, separate the entries of a list
with commas, and write an entry of `values` as `FILE:PATH`; or write the list in brackets, as in the file.

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
