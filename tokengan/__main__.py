"""`python -m tokengan` is `tokengan`."""

import sys

from tokengan.cli import main

if __name__ == "__main__":
    sys.exit(main())
