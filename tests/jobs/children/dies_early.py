"""Ends before it could say hello, as with a missing import."""

import sys

sys.stderr.write("ModuleNotFoundError: No module named 'msgspec'\n")
sys.exit(1)
