"""Move a Zero to JupyterHub hub image from release to release."""

from invoke.collection import Collection

from .core.output import mask_records, prepare_streams
from .inspection import check, preview, status
from .release import rehearse, release
from .setup import doctor, init
from .steps import auth, build, bump, commit

mask_records()
prepare_streams()
ns = Collection(auth, bump, build, check, commit, doctor, init, preview, rehearse, release, status)
