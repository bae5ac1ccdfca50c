"""One process that holds models as asked and says what it holds: `SIDE CONTEXT FILE[:router]…` → bytes without the host.

`ours` loads through our own session and reads a full batch; `peers` does the same with llama-cpp-python's defaults.
"""

import sys
from pathlib import Path
from typing import Any

from arny_studio.contract import load_contract
from arny_studio.engine.chat_template import Message
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.router_decoding import RouterDecoder
from arny_studio.engine.watchdog import resident_set

BATCH = 512


def hold(file: str, context: int, beside: list[Any]) -> Any:
    """A model that has read a full batch; a router also holds its grammar and has decided once. The first one held
    lends its tokenizer, as on the phone."""
    path, _, role = file.partition("::")
    lender = beside[0] if beside else None
    session = LlamaSession.open(Path(path), context=context, batch=BATCH, threads=1, lender=lender)
    if role:
        contract = load_contract("router-v1")
        decoder = RouterDecoder.opened(session, contract)
        decoder.decide([Message("system", contract.system_prompt("tier1")), Message("user", "Book a flight")])
    session.truncate(0)
    session.append([5] * min(BATCH, context - 1))
    return session


def hold_as_peers_do(file: str, context: int, _beside: list[Any]) -> Any:
    """The same with `Llama`."""
    from llama_cpp import Llama

    llama = Llama(file.partition("::")[0], n_ctx=context, n_threads=1, n_threads_batch=1, verbose=False)
    llama.eval([5] * min(BATCH, context - 1))
    return llama


side, context, *files = sys.argv[1:]
before = resident_set().total
held: list[Any] = []
for file in files:
    held.append((hold if side == "ours" else hold_as_peers_do)(file, int(context), held))
sys.stdout.write(f"{resident_set().total - before}\n")
