"""Two processes pretrain one model, each on a text of its own: `python pretraining_child.py FOLDER TEXT TEXT`.

FOLDER holds tokenizer.json; each process leaves its weights there as `0.pt` and `1.pt`.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.multiprocessing.spawn import spawn

from arny_studio.engine.pretraining import BaseShape, Document, Family, PretrainPlan, Sitting, new_base, pretrain
from arny_studio.engine.shared_mean import SharedMean


def along(rank: int, mean: SharedMean, folder: Path, texts: list[str]) -> None:
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(texts[rank]).ids
    shape = BaseShape(vocab_size=300, intermediate_size=256, layers=1, max_positions=64)
    model = new_base(shape, end_ids=(0,), pad_id=0, seed=1)
    family = Family(name="text", documents=itertools.repeat(Document(ids)), batch_tokens=64)
    pretrain(
        model,
        [Sitting(families=[family])],
        PretrainPlan(minutes=0.05),
        lambda _: None,
        lambda vector: mean.of(rank, vector),
    )
    torch.save(model.state_dict(), folder / f"{rank}.pt")


if __name__ == "__main__":
    spawn(along, (SharedMean(2, 2_000_000), Path(sys.argv[1]), sys.argv[2:]), nprocs=2)
