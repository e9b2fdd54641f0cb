"""`python -m lacuna_server` is `lacuna`."""

import sys

from lacuna_server.cli import main

sys.exit(main())
