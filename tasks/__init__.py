"""Move a Zero to JupyterHub hub image from release to release."""

from invoke.collection import Collection

from .auth import auth
from .build import build
from .bump import bump
from .commit import commit
from .rehearse import rehearse
from .release import release
from .settings import DEFAULTS, SECTION

ns = Collection(auth, bump, build, commit, release, rehearse)
ns.configure({SECTION: DEFAULTS})
