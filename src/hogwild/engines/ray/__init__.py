"""Workers are actors of a Ray cluster. Only what runs there, and what begins a run, imports ray."""
