"""The process boundary: what workers say (events), hear (commands) and leave behind (run folders)."""
