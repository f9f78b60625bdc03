-- Rate limits.

CREATE TABLE ${schema}habitkit_limits (
    subject TEXT NOT NULL,
    limit_id VARCHAR(100) NOT NULL,
    tat BIGINT NOT NULL,
    tolerance BIGINT NOT NULL,
    deadlines ${bytes},
    PRIMARY KEY (subject, limit_id)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_limits_tat ON ${same_schema}habitkit_limits (tat);
