-- Upkeep: what the background worker of this ledger has done.

CREATE FUNCTION dcep.upkeep_notes(OUT task text, OUT interval_s integer, OUT worker integer, OUT rounds bigint, OUT done bigint,
                                  OUT last_round timestamptz, OUT failures bigint, OUT last_failure timestamptz, OUT last_error text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_upkeep';
COMMENT ON FUNCTION dcep.upkeep_notes() IS 'Internal: the rows of dcep.upkeep, out of shared memory';

CREATE VIEW dcep.upkeep AS
    SELECT n.task, n.interval_s, n.worker, n.rounds, n.done, n.last_round, n.failures, n.last_failure, n.last_error
      FROM dcep.upkeep_notes() AS n;
COMMENT ON VIEW dcep.upkeep IS
'What is done for this ledger behind the scenes, a row a task; no row where dcep is not in shared_preload_libraries. Counts since the server started. For the central bank';
COMMENT ON COLUMN dcep.upkeep.task IS 'consolidation (wallets with many coins), tills (their stock), refusals (written on record), tokens (those that have expired), sealing (transfers into the log), checkpoints (of the log)';
COMMENT ON COLUMN dcep.upkeep.interval_s IS 'Seconds from one round to the next, as its setting says; 0 = never';
COMMENT ON COLUMN dcep.upkeep.worker IS 'Process id of the worker; NULL where there is none now';
COMMENT ON COLUMN dcep.upkeep.rounds IS 'How often it was looked for work';
COMMENT ON COLUMN dcep.upkeep.done IS 'What came of it: coins consumed by consolidation, minor units moved into tills, refusals written, tokens removed, transfers sealed, checkpoints made';
COMMENT ON COLUMN dcep.upkeep.last_round IS 'When it was last looked for work';
COMMENT ON COLUMN dcep.upkeep.failures IS 'Errors, locks that others held not counted';
COMMENT ON COLUMN dcep.upkeep.last_failure IS 'When the last error was';
COMMENT ON COLUMN dcep.upkeep.last_error IS 'Its message; the server''s log has the rest';
