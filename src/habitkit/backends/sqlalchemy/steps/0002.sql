-- What the relay and the sweep look for gets an index; a failed message keeps its reason.

ALTER TABLE ${schema}habitkit_inbox ADD COLUMN error TEXT;

CREATE INDEX habitkit_outbox_available ON ${schema}habitkit_outbox (available_at);

CREATE INDEX habitkit_inbox_applied ON ${schema}habitkit_inbox (applied_at, owner);

CREATE INDEX habitkit_answers_at ON ${schema}habitkit_answers (at);
