-- Goals, tags, freezes and clocks of habits; amounts; facts other than check-ins; what time changes.

ALTER TABLE ${schema}habitkit_habits ADD COLUMN goal ${json};

ALTER TABLE ${schema}habitkit_habits ADD COLUMN tags ${json};

ALTER TABLE ${schema}habitkit_habits ADD COLUMN freezes ${json};

ALTER TABLE ${schema}habitkit_habits ADD COLUMN week_start VARCHAR(3);

ALTER TABLE ${schema}habitkit_habits ADD COLUMN min_day_seconds INTEGER;

ALTER TABLE ${schema}habitkit_habits ADD COLUMN place INTEGER;

ALTER TABLE ${schema}habitkit_check_ins ADD COLUMN amount ${double};

CREATE INDEX ${index_schema}habitkit_check_ins_notes ON ${same_schema}habitkit_check_ins (owner) WHERE note IS NOT NULL;

CREATE TABLE ${schema}habitkit_facts (
    id ${uuid} NOT NULL PRIMARY KEY,
    owner VARCHAR(200) NOT NULL,
    habit_id ${uuid} REFERENCES ${same_schema}habitkit_habits (id),
    kind VARCHAR(50) NOT NULL,
    fields ${json} NOT NULL
)${without_rowid};

CREATE INDEX ${index_schema}habitkit_facts_habit ON ${same_schema}habitkit_facts (owner, habit_id);

ALTER TABLE ${schema}habitkit_snapshots ADD COLUMN judged_at ${instant};

ALTER TABLE ${schema}habitkit_snapshots ADD COLUMN look_at ${instant};

CREATE INDEX ${index_schema}habitkit_snapshots_owner ON ${same_schema}habitkit_snapshots (owner);

CREATE INDEX ${index_schema}habitkit_snapshots_look ON ${same_schema}habitkit_snapshots (look_at, habit_id) WHERE look_at IS NOT NULL;
