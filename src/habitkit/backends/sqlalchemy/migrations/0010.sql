-- Time series of metrics.

CREATE TABLE ${schema}habitkit_metric_series (
    id BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL,
    metric TEXT NOT NULL,
    seen BIGINT NOT NULL
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_metric_series_metric ON ${same_schema}habitkit_metric_series (metric);

CREATE INDEX ${index_schema}habitkit_metric_series_seen ON ${same_schema}habitkit_metric_series (seen);

CREATE TABLE ${schema}habitkit_metric_points (
    series BIGINT NOT NULL,
    step BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    writer BIGINT NOT NULL,
    data ${bytes} NOT NULL,
    PRIMARY KEY (series, step, slot, writer)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_metric_points_slot ON ${same_schema}habitkit_metric_points (step, slot);

CREATE TABLE ${schema}habitkit_metric_marks (
    step BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    writer BIGINT NOT NULL,
    token BIGINT NOT NULL,
    PRIMARY KEY (step, slot, writer)
)${without_rowid};
