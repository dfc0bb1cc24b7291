"""Run the warm-start matrix outside of pytest.

python tests/warm_start/run.py [--plain | --bare] [--only TEXT] [--table FILE] [--jobs N] [--folder FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from warm_start.matrix import main

    sys.exit(main())
