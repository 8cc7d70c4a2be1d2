"""Count right, unresolved and wrong answers on families of ill-scaled programs: edgeopt's and the bare back ends'.

python benchmarks/truth.py --family all --number 300 --solvers auto,highs,scipy,cp-sat,glop --jobs 2
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from numerics.soak import main

if __name__ == "__main__":
    sys.exit(main())
