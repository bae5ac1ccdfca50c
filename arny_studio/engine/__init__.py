"""The heavy work. Emits events and knows nothing of who listens; no Qt, no prints, no progress bars."""
