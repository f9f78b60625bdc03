-- From where habits that are more than plain may be judged.

ALTER TABLE ${schema}habitkit_snapshots ADD COLUMN checkpoints TEXT;
