"""Thin programs around the engine, one process each: `python -m arny_studio.workers.<kind> RUN_FOLDER`."""
