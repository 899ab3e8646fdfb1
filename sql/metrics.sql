-- Metrics: names and types that exporters rely on, numbers that agree with what the ledger says of itself, and who may read them.
\set SHOW_CONTEXT never
SELECT c.relname AS view, a.attname AS metric, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'dcep'::regnamespace AND c.relname LIKE 'metrics%' AND a.attnum > 0 ORDER BY c.relname, a.attnum;

-- In a transaction that is rolled back, so that the log stays empty for the other tests.
BEGIN;
SELECT log_transfers, checkpoint_transfers, checkpoint_timestamp_seconds, triggers_off FROM dcep.metrics;
SELECT dcep.deposit_reserve(2, 1000), (dcep.issue(2, 500)).amount AS issued, (dcep.redeem(2, 200)).amount AS redeemed;
SELECT dcep.seal() > 0 AS sealed, dcep.checkpoint() IS NOT NULL AS checkpoint;
SELECT m.issued = s.issued AS issued, m.redeemed = s.redeemed AS redeemed, m.outstanding = s.outstanding AS outstanding, m.reserves = s.reserve AS reserves,
       m.transfer_ids_total >= m.log_transfers AS ids, m.log_transfers = (SELECT count(*) FROM dcep.transfer) AS log, m.log_undecided >= 0 AS lag,
       m.checkpoint_transfers = m.log_transfers AS checkpoint, abs(m.checkpoint_timestamp_seconds - EXTRACT(epoch FROM clock_timestamp())) < 3600 AS made,
       m.paying_transactions, m.paying_prepared_transactions, m.paying_oldest_seconds > 0 AS open,
       m.orders_in_force = (SELECT count(*) FROM dcep.order_status AS o WHERE o.status = 'in force') AS orders, m.worker_up
  FROM dcep.metrics AS m,
       (SELECT sum(issued) AS issued, sum(redeemed) AS redeemed, sum(outstanding) AS outstanding, sum(reserve) AS reserve FROM dcep.supply) AS s;
SELECT m.operator, m.issued = s.issued AS issued, m.redeemed = s.redeemed AS redeemed, m.outstanding = s.outstanding AS outstanding, m.reserve = s.reserve AS reserve
  FROM dcep.metrics_operator AS m JOIN dcep.supply AS s ON s.institution = m.operator::smallint WHERE s.institution <= 4 ORDER BY 1;
-- A trigger that is off is counted.
ALTER TABLE dcep.transfer DISABLE TRIGGER transfer_settle;
ALTER TABLE dcep.coin ENABLE TRIGGER ALL;
SELECT triggers_off > 1 AS counted FROM dcep.metrics;
ROLLBACK;
SELECT triggers_off FROM dcep.metrics;

-- Who may: monitors, auditors, the central bank. A monitor reads nothing else.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_monitor;
RESET client_min_messages;
CREATE ROLE regress_monitor IN ROLE dcep_monitor;
SELECT r AS role, t.as_role(r, format('SELECT * FROM dcep.%I', v)) AS answer, string_agg(v, ' ' ORDER BY v) AS views
  FROM unnest('{regress_monitor,regress_auditor,regress_central,regress_bank2,regress_supervisor}'::name[]) AS r,
       unnest('{metrics,metrics_operator,metrics_refused,metrics_task}'::name[]) AS v
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT v AS relation, t.as_role('regress_monitor', format('SELECT * FROM dcep.%I', v)) AS answer
  FROM unnest('{transfer,coin,supply,upkeep,log_status,refusal,institution}'::name[]) AS v;
SELECT t.as_role('regress_monitor', 'SELECT dcep.upkeep_notes()');
DROP ROLE regress_monitor;
