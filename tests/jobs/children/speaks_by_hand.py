"""Says two last events and more, by hand, and does not end."""

import signal
import sys

sys.stdout.write('{"type":"hello","kind":"train","pid":1,"time_s":1.0}\n')
sys.stdout.write('{"type":"finished","summary":"First.","time_s":2.0}\n')
sys.stdout.write('{"type":"failed","kind":"bug","sentence":"Second.","time_s":3.0}\n')
sys.stdout.write('{"type":"metric","step":1,"time_s":4.0}\n')
sys.stdout.flush()
signal.pause()
