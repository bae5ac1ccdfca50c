"""JSONL samples: reading with problems, checking against a contract, splitting, generating, and the document."""
