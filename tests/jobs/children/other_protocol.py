"""Speaks a protocol of the future, by hand."""

import signal
import sys

sys.stdout.write('{"type":"hello","protocol":2,"who":"train"}\n')
sys.stdout.flush()
signal.pause()
