"""The audit of the ledger: sealing, checking, export and erasure."""
