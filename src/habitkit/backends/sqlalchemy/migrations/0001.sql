-- The first form of the tables. Never change a migration that was released; add another one.

CREATE TABLE ${schema}habitkit_owners (
    owner VARCHAR(200) NOT NULL PRIMARY KEY,
    rev BIGINT NOT NULL
)${without_rowid};

CREATE TABLE ${schema}habitkit_events (
    owner VARCHAR(200) NOT NULL,
    rev BIGINT NOT NULL,
    position INTEGER NOT NULL,
    type VARCHAR(100) NOT NULL,
    at ${instant} NOT NULL,
    key TEXT,
    fields ${json} NOT NULL,
    PRIMARY KEY (owner, rev, position)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_events_key ON ${same_schema}habitkit_events (owner, key, rev, position) WHERE key IS NOT NULL;

CREATE TABLE ${schema}habitkit_outbox (
    owner VARCHAR(200) NOT NULL,
    rev BIGINT NOT NULL,
    position INTEGER NOT NULL,
    type VARCHAR(100) NOT NULL,
    available_at ${instant} NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    dead_at ${instant},
    PRIMARY KEY (owner, rev, position)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_outbox_available ON ${same_schema}habitkit_outbox (dead_at, type, available_at);

CREATE TABLE ${schema}habitkit_inbox (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    key TEXT NOT NULL,
    type VARCHAR(100) NOT NULL,
    at ${instant} NOT NULL,
    fields ${json} NOT NULL,
    attempts INTEGER NOT NULL,
    applied_at ${instant},
    error TEXT,
    dead_at ${instant},
    UNIQUE (owner, key)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_inbox_applied ON ${same_schema}habitkit_inbox (applied_at, dead_at, owner, type);

CREATE TABLE ${schema}habitkit_idempotency (
    owner VARCHAR(200) NOT NULL,
    operation VARCHAR(100) NOT NULL,
    key VARCHAR(200) NOT NULL,
    request ${json} NOT NULL,
    result TEXT NOT NULL,
    at ${instant} NOT NULL,
    PRIMARY KEY (owner, operation, key)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_idempotency_at ON ${same_schema}habitkit_idempotency (at);

CREATE TABLE ${schema}habitkit_habits (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    title VARCHAR(200) NOT NULL,
    schedule ${json} NOT NULL,
    tz VARCHAR(100),
    day_start TIME NOT NULL,
    created_at ${instant} NOT NULL,
    goal ${json},
    tags ${json},
    freezes ${json},
    week_start VARCHAR(3),
    min_day_seconds INTEGER,
    position INTEGER,
    seq BIGINT NOT NULL,
    metadata ${json}
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_habits_owner ON ${same_schema}habitkit_habits (owner, seq);

CREATE TABLE ${schema}habitkit_check_ins (
    id ${uuid} NOT NULL PRIMARY KEY,
    habit_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_habits (id),
    owner VARCHAR(200) NOT NULL,
    day DATE NOT NULL,
    at ${instant} NOT NULL,
    tz VARCHAR(100) NOT NULL,
    note TEXT,
    credit VARCHAR(10) NOT NULL,
    source VARCHAR(100) NOT NULL,
    received_at ${instant} NOT NULL,
    amount ${decimal},
    seq BIGINT NOT NULL
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_check_ins_day ON ${same_schema}habitkit_check_ins (habit_id, day);

CREATE INDEX ${index_schema}habitkit_check_ins_notes ON ${same_schema}habitkit_check_ins (owner) WHERE note IS NOT NULL;

CREATE TABLE ${schema}habitkit_facts (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    habit_id ${uuid} REFERENCES ${same_schema}habitkit_habits (id),
    kind VARCHAR(50) NOT NULL,
    fields ${json} NOT NULL
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_facts_habit ON ${same_schema}habitkit_facts (owner, habit_id);

CREATE TABLE ${schema}habitkit_voids (
    fact_id ${uuid} NOT NULL PRIMARY KEY,
    id ${uuid} NOT NULL,
    habit_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_habits (id),
    owner VARCHAR(200) NOT NULL,
    received_at ${instant} NOT NULL,
    seq BIGINT NOT NULL
)${without_rowid};

CREATE TABLE ${schema}habitkit_snapshots (
    habit_id ${uuid} NOT NULL PRIMARY KEY REFERENCES ${same_schema}habitkit_habits (id),
    owner VARCHAR(200) NOT NULL,
    rev BIGINT NOT NULL,
    evaluated_at ${instant} NOT NULL,
    next_check_at ${instant},
    checkpoints TEXT,
    credited TEXT,
    emitted TEXT
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_snapshots_owner ON ${same_schema}habitkit_snapshots (owner);

CREATE INDEX ${index_schema}habitkit_snapshots_check ON ${same_schema}habitkit_snapshots (next_check_at, habit_id) WHERE next_check_at IS NOT NULL;

CREATE TABLE ${schema}habitkit_accounts (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    role VARCHAR(20) NOT NULL,
    currency VARCHAR(50) NOT NULL,
    balance BIGINT NOT NULL${integer_balance},
    seq BIGINT NOT NULL${integer_seq},
    at ${instant} NOT NULL,
    floor BIGINT,
    debt BIGINT NOT NULL${integer_debt},
    sealed BIGINT DEFAULT 0 NOT NULL${integer_sealed},
    UNIQUE (owner, currency, role),
    CHECK (debt >= 0),
    CHECK (floor IS NULL OR balance + debt >= floor)
)${without_rowid};

CREATE TABLE ${schema}habitkit_transfers (
    id ${uuid} NOT NULL PRIMARY KEY,
    kind VARCHAR(20) NOT NULL,
    source VARCHAR(200) NOT NULL,
    target VARCHAR(200) NOT NULL,
    currency VARCHAR(50) NOT NULL,
    amount BIGINT NOT NULL${integer_amount},
    memo TEXT,
    at ${instant} NOT NULL,
    metadata ${json},
    reverses ${uuid},
    salt ${bytes},
    digest ${bytes},
    CHECK (amount > 0)
)${without_rowid};

CREATE UNIQUE INDEX ${index_schema}habitkit_transfers_reverses ON ${same_schema}habitkit_transfers (reverses) WHERE reverses IS NOT NULL;

CREATE TABLE ${schema}habitkit_entries (
    account_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_accounts (id),
    seq BIGINT NOT NULL,
    transfer_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_transfers (id),
    amount BIGINT NOT NULL${integer_amount},
    balance BIGINT NOT NULL${integer_balance},
    at ${instant} NOT NULL,
    PRIMARY KEY (account_id, seq)
)${without_rowid};

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
    hash_prefixes ${bytes} NOT NULL,
    at ${instant} NOT NULL,
    PRIMARY KEY (account_id, last)
)${without_rowid};

CREATE TABLE ${schema}habitkit_unsealed (
    account_id ${uuid} NOT NULL PRIMARY KEY REFERENCES ${same_schema}habitkit_accounts (id)
)${without_rowid};

CREATE TABLE ${schema}habitkit_entitlements (
    owner VARCHAR(200) NOT NULL,
    key TEXT NOT NULL,
    currency VARCHAR(50) NOT NULL,
    settled BIGINT NOT NULL${integer_settled},
    PRIMARY KEY (owner, key)
)${without_rowid};
