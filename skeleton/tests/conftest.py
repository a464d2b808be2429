"""The lab's modules and the frozen copy of yogalib on the path."""

import sys
from pathlib import Path

LAB = Path(__file__).parents[1]
sys.path[:0] = [str(LAB), str(LAB / "repo")]
