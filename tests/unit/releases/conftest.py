import re

import pytest

from tasks.releases.index import Index, read_index
from tests.support import charts

# Versions of jupyterhub in each shape that the real index has, and one of binderhub; pebble has a 1.2.0 too.
EXCERPT = (
    *("4.0.0-beta.4.git.6831.habe06f4d", "4.0.0-beta.4", "3.3.8", "3.2.1", "2.0.1-0.dev.git.6085.h59225bad", "2.0.0"),
    *("1.2.0", "0.11.1", "0.11.1-n451.h198fc854", "0.7.0-beta.1", "v0.6.0-fb64667"),
    "1.0.0-0.dev.git.3506.hba24eb2a",
)


@pytest.fixture(scope="session")
def excerpt() -> str:
    """Eleven entries of the real index, and one of each other chart in it."""
    parts = re.split(r"^(?=  \w+:$|  - |generated:)", charts.real_index().decode(), flags=re.MULTILINE)
    wanted = tuple(f"\n    version: {version}\n" for version in EXCERPT)
    return "".join(part for part in parts if not part.startswith("  - ") or part.endswith(wanted))


@pytest.fixture(scope="session")
def index(excerpt: str) -> Index:
    return read_index(excerpt.encode(), "https://charts.test/index.yaml")


@pytest.fixture(scope="session")
def real_index() -> Index:
    return read_index(charts.real_index(), "https://charts.test/index.yaml")
