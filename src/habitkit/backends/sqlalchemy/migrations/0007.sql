-- Exposures to experiments.

CREATE TABLE ${schema}habitkit_exposures (
    experiment VARCHAR(200) NOT NULL,
    unit VARCHAR(200) NOT NULL,
    variant VARCHAR(200) NOT NULL,
    version BIGINT NOT NULL,
    propensity ${double} NOT NULL,
    at ${instant} NOT NULL,
    PRIMARY KEY (experiment, unit, variant)
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_exposures_unit ON ${same_schema}habitkit_exposures (unit);
