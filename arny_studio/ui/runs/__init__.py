"""What the pages of runs share: the list of runs, stages, log, recipe, and the notice of how a run ended."""
