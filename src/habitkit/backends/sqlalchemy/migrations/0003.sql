-- The cache.

CREATE TABLE ${schema}habitkit_cache (
    name TEXT NOT NULL PRIMARY KEY,
    value ${bytes},
    count BIGINT,
    expires BIGINT NOT NULL
);

CREATE INDEX ${index_schema}habitkit_cache_expires ON ${same_schema}habitkit_cache (expires);
