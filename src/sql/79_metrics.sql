-- Metrics: numbers for whoever watches the ledger, cheap enough to be asked for every few seconds.
--
-- Their names and types stay.  None of them reads the journal, the coins or the refusals on record: supply is what has
-- been sealed (dcep.log_total), refusals are counted in shared memory, and how many rows a table has is PostgreSQL's estimate.

CREATE FUNCTION dcep.refused_counts(OUT sqlstate text, OUT refusals bigint) RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_refused_counts';
COMMENT ON FUNCTION dcep.refused_counts() IS
'Internal: how often each rule has refused in this ledger since the server started, out of shared memory; no row where dcep is not in shared_preload_libraries';

CREATE FUNCTION dcep.task_counts(OUT task text, OUT interval_s integer, OUT worker integer, OUT rounds bigint, OUT done bigint,
                                 OUT last_round timestamptz, OUT failures bigint, OUT last_failure timestamptz) RETURNS SETOF record
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.task, n.interval_s, n.worker, n.rounds, n.done, n.last_round, n.failures, n.last_failure FROM dcep.upkeep_notes() AS n
$$;
COMMENT ON FUNCTION dcep.task_counts() IS 'Internal: dcep.upkeep without the words of errors';

-- A prepared transaction has no process; the lock on its own id says which it is.
CREATE FUNCTION dcep.paying_transactions(OUT open bigint, OUT prepared bigint, OUT oldest timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH held AS MATERIALIZED (SELECT * FROM pg_locks)
    SELECT count(*), count(*) FILTER (WHERE l.pid IS NULL), min(COALESCE(a.xact_start, p.prepared))
      FROM held AS l
      LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
      LEFT JOIN held AS x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
      LEFT JOIN pg_prepared_xacts AS p ON p.transaction = x.transactionid
     WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted AND l.relation = 'dcep.transfer'::regclass
       AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
$$;
COMMENT ON FUNCTION dcep.paying_transactions() IS
'Internal: transactions that have paid and are not over, the prepared ones among them, and when the oldest began (a prepared one: was prepared). Looks at all locks of the server';

CREATE FUNCTION dcep.rows_estimate(tab regclass) RETURNS bigint
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Statistics are gone after a crash.
    SELECT COALESCE(NULLIF(pg_stat_get_live_tuples(c.oid), 0), GREATEST(c.reltuples, 0)::bigint) FROM pg_class AS c WHERE c.oid = tab
$$;
COMMENT ON FUNCTION dcep.rows_estimate(regclass) IS 'Internal: about how many rows a table has, as PostgreSQL''s statistics say';

CREATE VIEW dcep.metrics AS
    SELECT s.issued, s.redeemed, s.issued - s.redeemed AS outstanding,
           (SELECT COALESCE(pg_catalog.sum(e.balance), 0)
              FROM dcep.reserve_account AS a JOIN dcep.reserve_entry AS e ON e.institution = a.institution AND e.seq = a.seq) AS reserves,
           CASE WHEN q.is_called THEN q.last_value ELSE 0 END AS transfer_ids_total,
           l.size AS log_transfers,
           GREATEST(CASE WHEN q.is_called THEN q.last_value ELSE 0 END - l.watermark, 0) AS log_undecided,
           EXTRACT(epoch FROM l.sealed_at)::double precision AS log_sealed_timestamp_seconds,
           COALESCE(c.size, 0) AS checkpoint_transfers,
           EXTRACT(epoch FROM c.made_at)::double precision AS checkpoint_timestamp_seconds,
           p.open AS paying_transactions, p.prepared AS paying_prepared_transactions,
           COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.oldest), 0)::double precision AS paying_oldest_seconds,
           (SELECT pg_catalog.count(*) FROM dcep.control_order AS o
             WHERE o.valid_from <= pg_catalog.now() AND pg_catalog.now() < o.valid_until
               AND NOT EXISTS (SELECT FROM dcep.control_lift AS f WHERE f.order_id = o.id)) AS orders_in_force,
           dcep.rows_estimate('dcep.coin') AS coins_estimate,
           dcep.rows_estimate('dcep.wallet') AS wallets_estimate,
           dcep.rows_estimate('dcep.token') AS tokens_estimate,
           w.waiting AS refusals_waiting, w.lost AS refusals_lost_total,
           (SELECT pg_catalog.count(*) FROM dcep.task_counts() AS t WHERE t.worker IS NOT NULL AND t.task = 'sealing') AS worker_up,
           (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_class AS r ON r.oid = g.tgrelid
             WHERE r.relnamespace = 'dcep'::pg_catalog.regnamespace AND NOT g.tgisinternal
               AND g.tgenabled <> CASE WHEN g.tgname IN ('transfer_begin', 'transfer_execute', 'transfer_settle', 'class_decided', 'tell_nodes') THEN 'O' ELSE 'A' END::"char") AS triggers_off
      FROM (SELECT COALESCE(pg_catalog.sum(o.issued), 0) AS issued, COALESCE(pg_catalog.sum(o.redeemed), 0) AS redeemed
              FROM dcep.log_total AS o) AS s
     CROSS JOIN dcep.transfer_id_seq AS q
     CROSS JOIN dcep.paying_transactions() AS p
     CROSS JOIN dcep.waiting_refusals() AS w
      LEFT JOIN dcep.log_state AS l ON true
      LEFT JOIN LATERAL (SELECT n.size, n.made_at FROM dcep.checkpoint AS n ORDER BY n.size DESC LIMIT 1) AS c ON true;
COMMENT ON VIEW dcep.metrics IS
'Numbers about the ledger as a whole, one row; names and types stay. Times are seconds since 1970. A millisecond or two, in a ledger of any size; orders add a microsecond each. For monitors, auditors and the central bank';
COMMENT ON COLUMN dcep.metrics.issued IS 'Minor units issued, by the transfers in the log';
COMMENT ON COLUMN dcep.metrics.redeemed IS 'Minor units redeemed, by the transfers in the log';
COMMENT ON COLUMN dcep.metrics.outstanding IS 'issued - redeemed: the money there is, minor units';
COMMENT ON COLUMN dcep.metrics.reserves IS 'What the operators'' reserves hold, minor units';
COMMENT ON COLUMN dcep.metrics.transfer_ids_total IS 'Ids given out: transfers, and attempts that were rolled back';
COMMENT ON COLUMN dcep.metrics.log_transfers IS 'Transfers in the log; NULL where there is no ledger';
COMMENT ON COLUMN dcep.metrics.log_undecided IS 'The log''s lag: ids of which it is not known that all that will ever be committed is in the log';
COMMENT ON COLUMN dcep.metrics.log_sealed_timestamp_seconds IS 'When sealing last moved the log';
COMMENT ON COLUMN dcep.metrics.checkpoint_transfers IS 'Size of the newest checkpoint; 0 where there is none';
COMMENT ON COLUMN dcep.metrics.checkpoint_timestamp_seconds IS 'When it was made; NULL where there is none';
COMMENT ON COLUMN dcep.metrics.paying_transactions IS 'Transactions that have paid, or are about to, and are not over';
COMMENT ON COLUMN dcep.metrics.paying_prepared_transactions IS 'Those of them that are prepared and wait for COMMIT PREPARED';
COMMENT ON COLUMN dcep.metrics.paying_oldest_seconds IS 'How long the oldest has been open, a prepared one: since it was prepared; 0 where there is none. It holds the log''s watermark back, and freezing';
COMMENT ON COLUMN dcep.metrics.orders_in_force IS 'Supervisors'' orders in force';
COMMENT ON COLUMN dcep.metrics.coins_estimate IS 'About how many live coins there are';
COMMENT ON COLUMN dcep.metrics.wallets_estimate IS 'About how many wallets there are, closed ones included';
COMMENT ON COLUMN dcep.metrics.tokens_estimate IS 'About how many payment tokens are armed or issued, expired ones that are not removed yet included';
COMMENT ON COLUMN dcep.metrics.refusals_waiting IS 'Refusals that wait to be written';
COMMENT ON COLUMN dcep.metrics.refusals_lost_total IS 'Refusals that were lost for want of room, since the server started';
COMMENT ON COLUMN dcep.metrics.worker_up IS '1 where this ledger has its worker, else 0';
COMMENT ON COLUMN dcep.metrics.triggers_off IS 'Triggers of dcep that are not as they must be; 0 is right';

CREATE VIEW dcep.metrics_operator AS
    SELECT pg_catalog.lpad(i.code::text, 4, '0') AS operator, COALESCE(t.issued, 0) AS issued, COALESCE(t.redeemed, 0) AS redeemed,
           COALESCE(t.issued, 0) - COALESCE(t.redeemed, 0) AS outstanding, COALESCE(e.balance, 0) AS reserve
      FROM dcep.institution AS i
      LEFT JOIN dcep.log_total AS t ON t.institution = i.code
      LEFT JOIN dcep.reserve_account AS a ON a.institution = i.code
      LEFT JOIN dcep.reserve_entry AS e ON e.institution = a.institution AND e.seq = a.seq
     WHERE i.kind = 'operator';
COMMENT ON VIEW dcep.metrics_operator IS
'The same per operator, minor units: issued and redeemed by the transfers in the log, outstanding, reserve left. Two index entries an operator. For monitors, auditors and the central bank';

CREATE VIEW dcep.metrics_refused AS
    SELECT r.sqlstate, r.refusals AS total FROM dcep.refused_counts() AS r;
COMMENT ON VIEW dcep.metrics_refused IS
'How often each rule has refused a payment, or a supervisor''s attempt, since the server started; a rule that has not has no row, and none has where dcep is not in shared_preload_libraries. Reads shared memory. For monitors, auditors and the central bank';

CREATE VIEW dcep.metrics_task AS
    SELECT t.task, t.interval_s AS interval_seconds, t.rounds AS rounds_total, t.done AS done_total, t.failures AS failures_total,
           EXTRACT(epoch FROM t.last_round)::double precision AS last_round_timestamp_seconds,
           EXTRACT(epoch FROM t.last_failure)::double precision AS last_failure_timestamp_seconds
      FROM dcep.task_counts() AS t;
COMMENT ON VIEW dcep.metrics_task IS
'How the worker''s tasks go, a row a task, as dcep.upkeep has it: no row where dcep is not in shared_preload_libraries. Reads shared memory. For monitors, auditors and the central bank';
