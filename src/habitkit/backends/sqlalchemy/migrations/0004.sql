-- Flags.

CREATE TABLE ${schema}habitkit_flag_revisions (
    number BIGINT NOT NULL PRIMARY KEY,
    at ${instant} NOT NULL,
    "by" TEXT NOT NULL,
    note TEXT NOT NULL,
    action VARCHAR(20) NOT NULL,
    shared ${json}
);

CREATE INDEX ${index_schema}habitkit_flag_revisions_shared ON ${same_schema}habitkit_flag_revisions (number) WHERE shared IS NOT NULL;

CREATE TABLE ${schema}habitkit_flag_changes (
    key VARCHAR(200) NOT NULL,
    revision BIGINT NOT NULL,
    definition ${json},
    PRIMARY KEY (key, revision)
);

CREATE INDEX ${index_schema}habitkit_flag_changes_revision ON ${same_schema}habitkit_flag_changes (revision);

CREATE TABLE ${schema}habitkit_flag_assignments (
    targeting_key VARCHAR(200) NOT NULL,
    flag VARCHAR(200) NOT NULL,
    version BIGINT NOT NULL,
    variant TEXT NOT NULL,
    at ${instant} NOT NULL,
    PRIMARY KEY (targeting_key, flag, version)
)${without_rowid};

CREATE TABLE ${schema}habitkit_flag_usage (
    key VARCHAR(200) NOT NULL PRIMARY KEY,
    at ${instant} NOT NULL
)${without_rowid};
