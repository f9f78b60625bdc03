-- Alerts: what is kept of groups of rules and of receivers, and silences.

CREATE TABLE ${schema}habitkit_alert_groups (
    name VARCHAR(200) NOT NULL PRIMARY KEY,
    evaluated_at ${instant} NOT NULL,
    state TEXT NOT NULL
);

CREATE TABLE ${schema}habitkit_alert_receivers (
    name VARCHAR(200) NOT NULL PRIMARY KEY,
    leased_until ${instant},
    lease ${uuid},
    state TEXT NOT NULL
);

CREATE TABLE ${schema}habitkit_alert_silences (
    id ${uuid} NOT NULL PRIMARY KEY,
    "match" ${json} NOT NULL,
    starts ${instant} NOT NULL,
    ends ${instant} NOT NULL,
    "by" TEXT NOT NULL,
    comment TEXT NOT NULL,
    ended_by TEXT
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_alert_silences_ends ON ${same_schema}habitkit_alert_silences (ends);
