"""Arny Studio makes and tries the two models of Arny, an assistant that runs on a phone.

contract    what a routing decision is: schema, rules, prompts, decision → action
dataset     JSONL samples: reading, checking, splitting, generating
recipe      what to train, export, evaluate: frozen structs and presets
device      phones: profiles, memory estimate, RAM ledger, residency policy
evaluation  metrics over predictions, reports: pure functions
jobs        the process boundary: events, commands, run folder, run state, supervisor
engine      the heavy work: rendering, fine-tuning, merge, GGUF, quantize, decoding, phone
workers     thin programs around the engine, one process each
ui, cli     the window and the command; neither ever imports the engine
"""

__version__ = "0.1.0"
