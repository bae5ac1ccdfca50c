"""The same supervisor under Qt's event loop, as the window runs it. In a process of its own, so that no Qt is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from arny_studio.jobs.folder import RunFolder
from tests.jobs.driving import CHILDREN

UNDER_QT = """
import asyncio, sys
from pathlib import Path
import qasync
from PySide6.QtCore import QCoreApplication
from arny_studio.jobs.events import Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.supervisor import start_job

async def work():
    heard = []
    job = await start_job("train", RunFolder(Path(sys.argv[1])), program=[sys.argv[2]], on_event=heard.append)
    while not any(isinstance(event, Metric) for event in heard):
        await asyncio.sleep(0.01)
    await job.stop("save")
    outcome = await job.wait()
    print(outcome.sentence, job.state.step == len(job.state.curve), heard[-1] == job.last)

app = QCoreApplication([])
loop = qasync.QEventLoop(app)
asyncio.set_event_loop(loop)
with loop:
    loop.run_until_complete(work())
"""


def test_that_a_job_runs_and_stops_under_qts_event_loop(run_folder: RunFolder) -> None:
    said = subprocess.run(
        [sys.executable, "-c", UNDER_QT, str(run_folder.path), str(CHILDREN / "obeys.py")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert said.stdout == "Stopped, save. True True\n", said.stderr
