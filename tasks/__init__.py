"""Move a Zero to JupyterHub hub image from release to release."""

from invoke.collection import Collection

from .auth import auth
from .build import build
from .bump import bump
from .commit import commit
from .release import release
from .settings import DEFAULTS, SECTION

ns = Collection(auth, bump, build, commit, release)
ns.configure({SECTION: DEFAULTS})
