"""Workers and server shards are Ray actors. Nothing here is imported before a run begins."""
