"""Contracts whose schema leaves nothing open: under them even random weights decide as the test wants.

So every path of the phone is walked with real models, a real decoder and real events.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arny_studio.contract.schema import CONTRACTS_DIR

ANSWER: dict[str, Any] = {
    "intent": "fact_lookup",
    "primary_journey": "general",
    "journeys": ["general"],
    "direct_answer": "Paris.",
    "missing_fields": [],
    "needs_clarification": False,
    "clarification": None,
    "needs_execution": False,
    "execution_type": None,
    "complexity_score": 5,
    "routing_confidence": 0.97,
    "formatting_style": "plain",
}
CLARIFY = ANSWER | {
    "intent": "flight_booking",
    "primary_journey": "flight",
    "journeys": ["flight"],
    "direct_answer": None,
    "missing_fields": ["date"],
    "needs_clarification": True,
    "clarification": "When do you want to fly?",
    "needs_execution": True,
    "execution_type": "cloud_agent",
    "complexity_score": 35,
}
EXECUTE = CLARIFY | {
    "missing_fields": [],
    "needs_clarification": False,
    "clarification": None,
    "formatting_style": "table",
}
EXECUTE_COMPLEX = EXECUTE | {"complexity_score": 75}
REASON = ANSWER | {"direct_answer": None, "complexity_score": 72}
UNSURE = ANSWER | {"routing_confidence": 0.2}
UNSURE_COMPLEX = REASON | {"routing_confidence": 0.2}
INVALID = ANSWER | {"needs_execution": True}  # no execution_type, and beside a direct_answer


def write_pinned_contract(path: Path, decision: dict[str, Any]) -> Path:
    """A contract file like router-v1 under which only `decision` can be decoded; returns `path`."""
    schema = json.loads((CONTRACTS_DIR / "router-v1.json").read_bytes())
    for name, value in decision.items():
        if name == "primary_journey":
            schema["properties"][name] = {"type": "string", "enum": [value]}
        else:
            schema["properties"][name] = {"const": value}
    path.write_text(json.dumps(schema), encoding="utf-8")
    return path
