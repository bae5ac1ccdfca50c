"""Stands for the app: starts the worker script argv[2] on the folder argv[1], says when it runs, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from arny_studio.jobs.events import Metric, Progress
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.supervisor import start_job


async def supervise():
    def tell(event):
        if isinstance(event, Metric | Progress):
            sys.stdout.write("running\n")
            sys.stdout.flush()

    job = await start_job("train", RunFolder(Path(sys.argv[1])), program=[sys.argv[2]], on_event=tell)
    if "leave" in sys.argv:
        await asyncio.to_thread(sys.stdin.readline)
        await job.leave()
        return
    await job.wait()


asyncio.run(supervise())
