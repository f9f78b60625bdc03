-- A history as the first form of the tables held it: three days in a row, one check-in taken back,
-- a gift to bob, an event for the relay and a message that bob has not read.

INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt) VALUES
    ('019b78921c0070f7b140e0085349b4a2', 'ada', 'wallet', 'coin', 25, 4, '2026-01-03T08:00:00.000000+00:00', 0, 0),
    ('019b78921c0076b9ab2fe963a4009240', 'ada', 'mint', 'coin', -30, 3, '2026-01-03T08:00:00.000000+00:00', NULL, 0),
    ('019b82ded4007efb8a1558ba348fcf4a', 'bob', 'wallet', 'coin', 5, 1, '2026-01-03T08:00:00.000000+00:00', 0, 0);

INSERT INTO habitkit_answers (owner, operation, key, request, result, at) VALUES
    ('ada', 'coins.transfer', 'gift', '{"target":"''bob''","amount":"5","currency":"''coin''","memo":"None"}', '{"id":"01e75f1a-8232-51c2-8e39-8427587f8b9f","kind":"transfer","source":"ada","target":"bob","currency":"coin","amount":5,"memo":null,"at":"2026-01-03T08:00:00+00:00"}', '2026-01-03T08:00:00.000000+00:00'),
    ('ada', 'habits.check_in', 'second', '{"habit_id":"UUID(''019b7892-1c00-7870-bebc-830f23f89ba0'')","day":"None","at":"None","tz":"None","note":"\"it''s raining; 5 km\""}', '{"id":"124e51dc-4a7e-5e1d-9145-71a5294f7a20","habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","day":"2026-01-02","credit":"full","streak":{"slots":2,"first":"2026-01-01","last":"2026-01-02"},"coins":10,"events":[{"type":"HabitCompleted","owner":"ada","at":"2026-01-02T08:00:00+00:00","habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","day":"2026-01-02","credit":"full","sealed":false},{"type":"CoinsPosted","owner":"ada","at":"2026-01-02T08:00:00+00:00","transfer_id":"019b7db8-7800-724e-8666-e74e5fffc967","kind":"reward","currency":"coin","amount":10,"balance":20}]}', '2026-01-02T08:00:00.000000+00:00');

INSERT INTO habitkit_entitlements (owner, key, currency, settled) VALUES
    ('ada', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2026-01-01:completion', 'coin', 10),
    ('ada', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2026-01-02:completion', 'coin', 10),
    ('ada', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2026-01-03:completion', 'coin', 10);

INSERT INTO habitkit_events (owner, rev, position, type, at, key, fields) VALUES
    ('ada', 1, 0, 'HabitCreated', '2026-01-01T08:00:00.000000+00:00', NULL, '{"habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","title":"Run"}'),
    ('ada', 2, 0, 'HabitCompleted', '2026-01-01T08:00:00.000000+00:00', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2026-01-01', '{"habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","day":"2026-01-01","credit":"full","sealed":false}'),
    ('ada', 2, 1, 'CoinsPosted', '2026-01-01T08:00:00.000000+00:00', NULL, '{"transfer_id":"019b7892-1c00-7909-bdc4-c95fb3fb347f","kind":"reward","currency":"coin","amount":10,"balance":10}'),
    ('ada', 3, 0, 'HabitCompleted', '2026-01-02T08:00:00.000000+00:00', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2026-01-02', '{"habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","day":"2026-01-02","credit":"full","sealed":false}'),
    ('ada', 3, 1, 'CoinsPosted', '2026-01-02T08:00:00.000000+00:00', NULL, '{"transfer_id":"019b7db8-7800-724e-8666-e74e5fffc967","kind":"reward","currency":"coin","amount":10,"balance":20}'),
    ('ada', 4, 0, 'HabitCompleted', '2026-01-03T08:00:00.000000+00:00', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2026-01-03', '{"habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","day":"2026-01-03","credit":"full","sealed":false}'),
    ('ada', 4, 1, 'CoinsPosted', '2026-01-03T08:00:00.000000+00:00', NULL, '{"transfer_id":"019b82de-d400-7d9d-9a57-976b9614d769","kind":"reward","currency":"coin","amount":10,"balance":30}'),
    ('ada', 5, 0, 'HabitCompleted', '2026-01-03T08:00:00.000000+00:00', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2025-12-24', '{"habit_id":"019b7892-1c00-7870-bebc-830f23f89ba0","day":"2025-12-24","credit":"history","sealed":true}'),
    ('ada', 6, 0, 'Retracted', '2026-01-03T08:00:00.000000+00:00', 'done:019b7892-1c00-7870-bebc-830f23f89ba0:2025-12-24', '{"of":"HabitCompleted","retracted_key":"done:019b7892-1c00-7870-bebc-830f23f89ba0:2025-12-24","sealed":true}'),
    ('ada', 7, 0, 'CoinsPosted', '2026-01-03T08:00:00.000000+00:00', NULL, '{"transfer_id":"01e75f1a-8232-51c2-8e39-8427587f8b9f","kind":"transfer","currency":"coin","amount":-5,"balance":25}'),
    ('ada', 8, 0, 'book.read', '2026-01-03T08:00:00.000000+00:00', NULL, '{"title":"Dune"}'),
    ('bob', 1, 0, 'CoinsPosted', '2026-01-03T08:00:00.000000+00:00', NULL, '{"transfer_id":"01e75f1a-8232-51c2-8e39-8427587f8b9f","kind":"transfer","currency":"coin","amount":5,"balance":5}');

INSERT INTO habitkit_habits (id, owner, title, schedule, tz, day_start, created_at) VALUES
    ('019b78921c007870bebc830f23f89ba0', 'ada', 'Run', '{"kind":"daily"}', NULL, '00:00:00.000000', '2026-01-01T08:00:00.000000+00:00');

INSERT INTO habitkit_inbox (id, owner, key, type, at, fields, attempts, applied_at) VALUES
    ('019b82ded4007fa9b30a1e979558216d', 'bob', 'cheer-1', 'cheered', '2026-01-03T08:00:00.000000+00:00', '{"by":"ada"}', 0, NULL);

INSERT INTO habitkit_outbox (owner, rev, position, available_at, attempts) VALUES
    ('ada', 8, 0, '2026-01-03T08:00:00.000000+00:00', 0);

INSERT INTO habitkit_owners (owner, rev) VALUES
    ('ada', 9),
    ('bob', 1);

INSERT INTO habitkit_transfers (id, kind, source, target, currency, amount, memo, at) VALUES
    ('019b78921c007909bdc4c95fb3fb347f', 'reward', 'ada', 'ada', 'coin', 10, NULL, '2026-01-01T08:00:00.000000+00:00'),
    ('019b7db87800724e8666e74e5fffc967', 'reward', 'ada', 'ada', 'coin', 10, NULL, '2026-01-02T08:00:00.000000+00:00'),
    ('019b82ded4007d9d9a57976b9614d769', 'reward', 'ada', 'ada', 'coin', 10, NULL, '2026-01-03T08:00:00.000000+00:00'),
    ('01e75f1a823251c28e398427587f8b9f', 'transfer', 'ada', 'bob', 'coin', 5, NULL, '2026-01-03T08:00:00.000000+00:00');

INSERT INTO habitkit_check_ins (id, habit_id, owner, day, at, tz, note, credit, source, received_at) VALUES
    ('019b78921c0076bc987c3968491ef972', '019b78921c007870bebc830f23f89ba0', 'ada', '2026-01-01', '2026-01-01T08:00:00.000000+00:00', 'UTC', NULL, 'full', 'app', '2026-01-01T08:00:00.000000+00:00'),
    ('019b82ded40073e5ba1b354d69a7df12', '019b78921c007870bebc830f23f89ba0', 'ada', '2026-01-03', '2026-01-03T08:00:00.000000+00:00', 'UTC', NULL, 'full', 'app', '2026-01-03T08:00:00.000000+00:00'),
    ('019b82ded4007ee386b73dce12d32e21', '019b78921c007870bebc830f23f89ba0', 'ada', '2025-12-24', '2026-01-03T08:00:00.000000+00:00', 'UTC', NULL, 'history', 'app', '2026-01-03T08:00:00.000000+00:00'),
    ('124e51dc4a7e5e1d914571a5294f7a20', '019b78921c007870bebc830f23f89ba0', 'ada', '2026-01-02', '2026-01-02T08:00:00.000000+00:00', 'UTC', 'it''s raining; 5 km', 'full', 'app', '2026-01-02T08:00:00.000000+00:00');

INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at) VALUES
    ('019b78921c0070f7b140e0085349b4a2', 1, '019b78921c007909bdc4c95fb3fb347f', 10, 10, '2026-01-01T08:00:00.000000+00:00'),
    ('019b78921c0070f7b140e0085349b4a2', 2, '019b7db87800724e8666e74e5fffc967', 10, 20, '2026-01-02T08:00:00.000000+00:00'),
    ('019b78921c0070f7b140e0085349b4a2', 3, '019b82ded4007d9d9a57976b9614d769', 10, 30, '2026-01-03T08:00:00.000000+00:00'),
    ('019b78921c0070f7b140e0085349b4a2', 4, '01e75f1a823251c28e398427587f8b9f', -5, 25, '2026-01-03T08:00:00.000000+00:00'),
    ('019b78921c0076b9ab2fe963a4009240', 1, '019b78921c007909bdc4c95fb3fb347f', -10, -10, '2026-01-01T08:00:00.000000+00:00'),
    ('019b78921c0076b9ab2fe963a4009240', 2, '019b7db87800724e8666e74e5fffc967', -10, -20, '2026-01-02T08:00:00.000000+00:00'),
    ('019b78921c0076b9ab2fe963a4009240', 3, '019b82ded4007d9d9a57976b9614d769', -10, -30, '2026-01-03T08:00:00.000000+00:00'),
    ('019b82ded4007efb8a1558ba348fcf4a', 1, '01e75f1a823251c28e398427587f8b9f', 5, 5, '2026-01-03T08:00:00.000000+00:00');

INSERT INTO habitkit_snapshots (habit_id, owner, first_day, marks, best, rev) VALUES
    ('019b78921c007870bebc830f23f89ba0', 'ada', '2026-01-01', ${blob}'313131', 3, 6);

INSERT INTO habitkit_voids (fact_id, id, habit_id, owner, received_at) VALUES
    ('019b82ded4007ee386b73dce12d32e21', '019b82ded400755aa68280ac5f0a962e', '019b78921c007870bebc830f23f89ba0', 'ada', '2026-01-03T08:00:00.000000+00:00');
