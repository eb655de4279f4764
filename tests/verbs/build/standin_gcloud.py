"""Stands before gcloud on PATH: ends as it is told, for what the real one would say only to Google."""

import os
import sys

sys.stderr.write(os.environ["STAND_IN_SAYS"])
sys.exit(1)
