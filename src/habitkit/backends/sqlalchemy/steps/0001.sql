-- The first form of the tables. Never change a step that was released; add another one.

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

CREATE TABLE ${schema}habitkit_outbox (
    owner VARCHAR(200) NOT NULL,
    rev BIGINT NOT NULL,
    position INTEGER NOT NULL,
    available_at ${instant} NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (owner, rev, position)
)${without_rowid};

CREATE TABLE ${schema}habitkit_inbox (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    key TEXT NOT NULL,
    type VARCHAR(100) NOT NULL,
    at ${instant} NOT NULL,
    fields ${json} NOT NULL,
    attempts INTEGER NOT NULL,
    applied_at ${instant},
    UNIQUE (owner, key)
)${without_rowid};

CREATE TABLE ${schema}habitkit_answers (
    owner VARCHAR(200) NOT NULL,
    operation VARCHAR(100) NOT NULL,
    key VARCHAR(200) NOT NULL,
    request ${json} NOT NULL,
    result TEXT NOT NULL,
    at ${instant} NOT NULL,
    PRIMARY KEY (owner, operation, key)
)${without_rowid};

CREATE TABLE ${schema}habitkit_habits (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    title VARCHAR(200) NOT NULL,
    schedule ${json} NOT NULL,
    tz VARCHAR(100),
    day_start TIME NOT NULL,
    created_at ${instant} NOT NULL
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_habits_owner ON ${same_schema}habitkit_habits (owner, id);

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
    received_at ${instant} NOT NULL
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_check_ins_day ON ${same_schema}habitkit_check_ins (habit_id, day);

CREATE TABLE ${schema}habitkit_voids (
    fact_id ${uuid} NOT NULL PRIMARY KEY,
    id ${uuid} NOT NULL,
    habit_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_habits (id),
    owner VARCHAR(200) NOT NULL,
    received_at ${instant} NOT NULL
)${without_rowid};

CREATE TABLE ${schema}habitkit_snapshots (
    habit_id ${uuid} NOT NULL PRIMARY KEY REFERENCES ${same_schema}habitkit_habits (id),
    owner VARCHAR(200) NOT NULL,
    first_day DATE NOT NULL,
    marks ${bytes} NOT NULL,
    best INTEGER NOT NULL,
    rev BIGINT NOT NULL
)${without_rowid};

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
    CHECK (amount > 0)
)${without_rowid};

CREATE TABLE ${schema}habitkit_entries (
    account_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_accounts (id),
    seq BIGINT NOT NULL,
    transfer_id ${uuid} NOT NULL REFERENCES ${same_schema}habitkit_transfers (id),
    amount BIGINT NOT NULL${integer_amount},
    balance BIGINT NOT NULL${integer_balance},
    at ${instant} NOT NULL,
    PRIMARY KEY (account_id, seq)
)${without_rowid};

CREATE TABLE ${schema}habitkit_entitlements (
    owner VARCHAR(200) NOT NULL,
    key TEXT NOT NULL,
    currency VARCHAR(50) NOT NULL,
    settled BIGINT NOT NULL${integer_settled},
    PRIMARY KEY (owner, key)
)${without_rowid};
