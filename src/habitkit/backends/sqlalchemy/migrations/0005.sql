-- Habits that are archived or deleted, and until when streaks need something.

ALTER TABLE ${schema}habitkit_habits ADD COLUMN archived_on DATE;

ALTER TABLE ${schema}habitkit_habits ADD COLUMN deleted_at ${instant};

UPDATE ${schema}habitkit_habits SET archived_on = (
    SELECT ${fact_day} FROM ${schema}habitkit_facts AS fact
    WHERE fact.owner = habitkit_habits.owner AND fact.habit_id = habitkit_habits.id
    AND fact.kind = 'Archived'
    AND NOT EXISTS (
        SELECT 1 FROM ${schema}habitkit_facts AS void
        WHERE void.owner = fact.owner AND void.habit_id = fact.habit_id
        AND void.kind = 'Void' AND ${fact_is_voided}
    )
    AND NOT EXISTS (
        SELECT 1 FROM ${schema}habitkit_facts AS restored
        WHERE restored.owner = fact.owner AND restored.habit_id = fact.habit_id
        AND restored.kind = 'Restored' AND ${restored_is_later}
        AND NOT EXISTS (
            SELECT 1 FROM ${schema}habitkit_facts AS void
            WHERE void.owner = restored.owner AND void.habit_id = restored.habit_id
            AND void.kind = 'Void' AND ${restored_is_voided}
        )
    )
    ORDER BY 1 LIMIT 1
);

ALTER TABLE ${schema}habitkit_snapshots ADD COLUMN act_by ${instant};

UPDATE ${schema}habitkit_snapshots SET act_by = evaluated_at WHERE next_check_at IS NOT NULL;

CREATE INDEX ${index_schema}habitkit_snapshots_act_by ON ${same_schema}habitkit_snapshots (act_by, habit_id) WHERE act_by IS NOT NULL;
