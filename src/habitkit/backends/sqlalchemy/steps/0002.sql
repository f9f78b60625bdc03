-- What the relay and the sweep look for gets an index; a failed message keeps its reason.

ALTER TABLE ${schema}habitkit_inbox ADD COLUMN error TEXT;

CREATE INDEX ${index_schema}habitkit_outbox_available ON ${same_schema}habitkit_outbox (available_at);

CREATE INDEX ${index_schema}habitkit_inbox_applied ON ${same_schema}habitkit_inbox (applied_at, owner);

CREATE INDEX ${index_schema}habitkit_answers_at ON ${same_schema}habitkit_answers (at);
