"""`python -m keypool_client`."""

import sys

from keypool_client.cli import main

sys.exit(main())
