"""`python -m mutualseg`, the command; torchrun starts it so."""

from __future__ import annotations

import sys

from mutualseg.cli import main

sys.exit(main())
