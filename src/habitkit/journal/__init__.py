"""The journal: what happened, what is still to be delivered, and what was already done."""
