-- Parts of a transfer can be reversed; transfers can be dated earlier.

DROP INDEX ${schema}habitkit_transfers_reverses;

CREATE INDEX ${index_schema}habitkit_transfers_reverses ON ${same_schema}habitkit_transfers (reverses) WHERE reverses IS NOT NULL;

ALTER TABLE ${schema}habitkit_entries ADD COLUMN dated_at ${instant};

CREATE INDEX ${index_schema}habitkit_entries_dated_at ON ${same_schema}habitkit_entries (account_id, dated_at) WHERE dated_at IS NOT NULL;
