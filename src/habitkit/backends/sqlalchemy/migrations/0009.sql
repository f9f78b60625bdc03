-- Coins that expire.

ALTER TABLE ${schema}habitkit_accounts ADD COLUMN next_expiry ${instant};

CREATE TABLE ${schema}habitkit_expiring_awards (
    id ${uuid} NOT NULL PRIMARY KEY REFERENCES ${same_schema}habitkit_transfers (id),
    owner VARCHAR(200) NOT NULL,
    currency VARCHAR(50) NOT NULL,
    amount BIGINT NOT NULL${integer_amount},
    expires_at ${instant} NOT NULL,
    used BIGINT NOT NULL${integer_used},
    reversed BIGINT NOT NULL${integer_reversed},
    CHECK (used >= 0 AND used <= amount),
    CHECK (reversed >= 0 AND reversed <= amount)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_expiring_awards_owner ON ${same_schema}habitkit_expiring_awards (owner, id);

CREATE INDEX ${index_schema}habitkit_expiring_awards_unused ON ${same_schema}habitkit_expiring_awards (owner, currency, expires_at, id) WHERE used < amount - reversed;

CREATE INDEX ${index_schema}habitkit_expiring_awards_due ON ${same_schema}habitkit_expiring_awards (expires_at, id) WHERE used < amount - reversed;

CREATE TABLE ${schema}habitkit_award_uses (
    transfer_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_transfers (id),
    award_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_expiring_awards (id),
    amount BIGINT NOT NULL${integer_amount},
    PRIMARY KEY (transfer_id, award_id),
    CHECK (amount >= 0)
)${without_rowid};
