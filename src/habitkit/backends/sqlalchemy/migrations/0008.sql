-- Quests: their definitions, and of owners runs, contributions and grants.

CREATE TABLE ${schema}habitkit_quest_definitions (
    id ${uuid} NOT NULL,
    revision BIGINT NOT NULL PRIMARY KEY,
    at ${instant} NOT NULL,
    kind VARCHAR(10) NOT NULL,
    key VARCHAR(200) NOT NULL,
    effective ${instant} NOT NULL,
    content ${json},
    "by" TEXT NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE ${schema}habitkit_quest_runs (
    owner VARCHAR(200)${bytewise} NOT NULL,
    quest VARCHAR(200)${bytewise} NOT NULL,
    period VARCHAR(10)${bytewise} NOT NULL,
    version BIGINT NOT NULL,
    state VARCHAR(10) NOT NULL,
    started_at ${instant} NOT NULL,
    started_day DATE NOT NULL,
    totals ${json} NOT NULL,
    complete_at ${instant},
    complete_key TEXT,
    tier INTEGER NOT NULL,
    claimed_at ${instant},
    check_at ${instant},
    skipped BOOLEAN NOT NULL,
    PRIMARY KEY (owner, quest, period)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_quest_runs_check ON ${same_schema}habitkit_quest_runs (check_at, owner, quest, period) WHERE check_at IS NOT NULL;

CREATE TABLE ${schema}habitkit_quest_contributions (
    owner VARCHAR(200)${bytewise} NOT NULL,
    subject TEXT NOT NULL,
    leaf INTEGER NOT NULL,
    event_key TEXT NOT NULL,
    done_at ${instant} NOT NULL,
    day DATE NOT NULL,
    amount TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, event_key, subject, leaf)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_quest_contributions_subject ON ${same_schema}habitkit_quest_contributions (owner, subject, done_at, event_key, leaf);

CREATE TABLE ${schema}habitkit_quest_grants (
    owner VARCHAR(200)${bytewise} NOT NULL,
    key TEXT NOT NULL,
    kind VARCHAR(10) NOT NULL,
    name VARCHAR(200) NOT NULL,
    amount BIGINT NOT NULL,
    at ${instant} NOT NULL,
    fact_id ${uuid},
    PRIMARY KEY (owner, key)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_quest_grants_name ON ${same_schema}habitkit_quest_grants (owner, kind, name);
