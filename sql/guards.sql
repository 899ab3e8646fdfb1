-- What is written once stays: the guards of the journal and of what payments write.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';

SELECT t.open('guarded', 2, 1, 100);
SELECT t.pay('guarded', 'bob', 1);

-- In words once; an append-only table, and one that only payments change.
UPDATE dcep.transfer SET memo = 'changed' WHERE payer = t.w('guarded');
UPDATE dcep.wallet_chain SET seq = 0 WHERE wallet = t.w('guarded');

CREATE FUNCTION t.guards() RETURNS TABLE (statement text, answer text) LANGUAGE sql AS $$
    SELECT s, substr(t.try(s), 1, 5)
      FROM (VALUES ('transfer', 'memo', 'payer'), ('signed_batch', 'suite', 'id'), ('reserve_entry', 'reference', 'institution'), ('wallet_event', 'reason', 'wallet'),
                   ('coin', 'amount', 'owner'), ('wallet_chain', 'seq', 'wallet'), ('reserve_account', 'seq', 'institution')) AS g (tab, col, who),
           LATERAL (VALUES (format('UPDATE dcep.%I SET %I = %2$I', tab, col)), (format('UPDATE dcep.%I SET %I = %2$I WHERE false', tab, col)),
                           (format('DELETE FROM dcep.%I', tab)), (format('DELETE FROM dcep.%I WHERE false', tab)),
                           (format('TRUNCATE dcep.%I', tab)), (format('TRUNCATE dcep.%I CASCADE', tab)),
                           (format('DELETE FROM ONLY dcep.%I AS g USING dcep.ledger', tab))) AS l (s)
$$;
SELECT * FROM t.guards();
-- The same to replication's role, to which ordinary triggers do not apply.
SET session_replication_role = replica;
SELECT answer, count(*) FROM t.guards() GROUP BY answer;
SET session_replication_role = local;
SELECT answer, count(*) FROM t.guards() GROUP BY answer;
RESET session_replication_role;
-- Together with tables that nobody guards; by MERGE, by a CTE, by a row lock's update.
TRUNCATE t.wallet, dcep.transfer;
WITH gone AS (DELETE FROM dcep.coin RETURNING *) SELECT count(*) FROM gone;
MERGE INTO dcep.transfer AS j USING dcep.ledger ON true WHEN MATCHED THEN DELETE;
MERGE INTO dcep.coin AS c USING dcep.ledger ON false WHEN NOT MATCHED THEN DO NOTHING WHEN MATCHED THEN UPDATE SET amount = 1;
SELECT count(*) FROM (SELECT FROM dcep.wallet_chain WHERE wallet = t.w('guarded') FOR UPDATE) AS locked;
-- Roles of the ledger have no right to try.
SET ROLE regress_bank2;
UPDATE dcep.transfer SET memo = 'changed';
DELETE FROM dcep.coin;
TRUNCATE dcep.transfer;
INSERT INTO dcep.coin (owner, amount, id) VALUES ('0002999999999990', 1, 2);
UPDATE dcep.wallet SET flags = 0;
SET ROLE regress_central;
UPDATE dcep.transfer SET memo = 'changed';
UPDATE dcep.wallet_class SET max_payment = NULL;
DELETE FROM dcep.reserve_entry;
RESET ROLE;

-- The guards themselves, and that they fire always.
SELECT tgrelid::regclass AS "table", tgname, tgenabled FROM pg_trigger
WHERE tgrelid::regclass::text LIKE 'dcep.%' AND NOT tgisinternal ORDER BY tgrelid::regclass::text COLLATE "C", tgname;
SELECT * FROM t.purse('guarded');
SELECT * FROM t.audit();
