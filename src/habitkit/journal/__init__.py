"""The journal: what happened, what is still to be told, and what was already answered."""
