"""The passes of `workers.data`, one file each: a function from recipe and folder to the last event."""
