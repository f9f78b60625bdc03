-- The words by which habits are found, in an index: FTS5 on SQLite where it is there, GIN on PostgreSQL.

ALTER TABLE ${schema}habitkit_habits ADD COLUMN words ${words};

ALTER TABLE ${schema}habitkit_check_ins ADD COLUMN words ${words};

CREATE INDEX ${index_schema}habitkit_habits_unindexed ON ${same_schema}habitkit_habits (owner) WHERE words IS NULL;

CREATE INDEX ${index_schema}habitkit_check_ins_unindexed ON ${same_schema}habitkit_check_ins (owner) WHERE note IS NOT NULL AND words IS NULL;

${postgresql}CREATE INDEX habitkit_habits_words ON ${schema}habitkit_habits USING gin (words);

${postgresql}CREATE INDEX habitkit_check_ins_words ON ${schema}habitkit_check_ins USING gin (words) WHERE words IS NOT NULL;

${fts5}CREATE VIRTUAL TABLE ${schema}habitkit_words USING fts5 (words, habit_id UNINDEXED, fact_id UNINDEXED, tokenize = 'ascii', detail = none, columnsize = 0);
