"""`python -m coworks_async.aws.runtime`: run the handler that `_HANDLER` names."""

import os
import sys

from coworks_async.aws.runtime.program import run

sys.exit(run(os.environ))
