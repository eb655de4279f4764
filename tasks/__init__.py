"""Move a Zero to JupyterHub hub image from release to release."""

from invoke.collection import Collection

from .changes import auth, build, bump, commit, init, rehearse, release
from .core.output import mask_records, prepare_streams
from .looks import check, doctor, preview, status

mask_records()
prepare_streams()
ns = Collection(auth, bump, build, check, commit, doctor, init, preview, rehearse, release, status)
