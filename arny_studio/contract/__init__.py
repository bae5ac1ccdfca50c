"""What a routing decision is: the schema, its rules and prompts, and what a decision makes the phone do."""

from arny_studio.contract.action import Action, Thresholds, decide
from arny_studio.contract.decision import Decoded, Routing, decode, encode
from arny_studio.contract.schema import Contract, Problem, built_in_contracts, load_contract

__all__ = [
    "Action",
    "Contract",
    "Decoded",
    "Problem",
    "Routing",
    "Thresholds",
    "built_in_contracts",
    "decide",
    "decode",
    "encode",
    "load_contract",
]
