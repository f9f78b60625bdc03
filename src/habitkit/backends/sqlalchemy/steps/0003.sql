-- Holds, reversals, metadata, block hashes; what an account held at an instant is found by an index.

ALTER TABLE ${schema}habitkit_accounts ADD COLUMN sealed BIGINT DEFAULT 0 NOT NULL${integer_sealed};

ALTER TABLE ${schema}habitkit_transfers ADD COLUMN metadata ${json};

ALTER TABLE ${schema}habitkit_transfers ADD COLUMN reverses ${uuid};

ALTER TABLE ${schema}habitkit_transfers ADD COLUMN salt ${bytes};

ALTER TABLE ${schema}habitkit_transfers ADD COLUMN digest ${bytes};

CREATE UNIQUE INDEX ${index_schema}habitkit_transfers_reverses ON ${same_schema}habitkit_transfers (reverses) WHERE reverses IS NOT NULL;

CREATE INDEX ${index_schema}habitkit_entries_at ON ${same_schema}habitkit_entries (account_id, at, seq);

CREATE TABLE ${schema}habitkit_holds (
    id ${uuid} NOT NULL PRIMARY KEY REFERENCES ${same_schema}habitkit_transfers (id),
    owner VARCHAR(200) NOT NULL,
    currency VARCHAR(50) NOT NULL,
    seq BIGINT NOT NULL${integer_seq},
    amount BIGINT NOT NULL${integer_amount},
    at ${instant} NOT NULL,
    expires_at ${instant},
    state VARCHAR(10) NOT NULL,
    settled BIGINT NOT NULL${integer_settled},
    ended_at ${instant},
    CHECK (settled >= 0 AND settled <= amount),
    CHECK ((state = 'open') = (ended_at IS NULL))
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_holds_owner ON ${same_schema}habitkit_holds (owner, currency, seq);

CREATE INDEX ${index_schema}habitkit_holds_open ON ${same_schema}habitkit_holds (owner, currency, expires_at) WHERE state = 'open';

CREATE INDEX ${index_schema}habitkit_holds_waiting ON ${same_schema}habitkit_holds (owner, currency, seq) WHERE state = 'open';

CREATE INDEX ${index_schema}habitkit_holds_ended ON ${same_schema}habitkit_holds (owner, currency, ended_at);

CREATE INDEX ${index_schema}habitkit_holds_overdue ON ${same_schema}habitkit_holds (expires_at, id) WHERE state = 'open';

CREATE TABLE ${schema}habitkit_blocks (
    account_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_accounts (id),
    first BIGINT NOT NULL${integer_first},
    last BIGINT NOT NULL${integer_last},
    hash ${bytes} NOT NULL,
    marks ${bytes} NOT NULL,
    at ${instant} NOT NULL,
    PRIMARY KEY (account_id, last)
)${without_rowid};

CREATE TABLE ${schema}habitkit_unsealed (
    account_id ${uuid} NOT NULL PRIMARY KEY REFERENCES ${same_schema}habitkit_accounts (id)
)${without_rowid};

INSERT INTO ${schema}habitkit_unsealed (account_id) SELECT id FROM ${schema}habitkit_accounts WHERE role = 'wallet' AND seq > 0;
