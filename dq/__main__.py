"""`python -m dq` is `dq`."""

import sys

from dq.cli import main

sys.exit(main())
