-- Consolidation: a wallet exchanges many of its coins for one.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT t.open('sponsor', 2, 1, 100000), t.open('grocer', 2, 1), t.open('baker', 3, 1), t.open('stall', 2, 4), t.open('newcomer', 2, 1), t.open('couple', 2, 1);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w('grocer'), n FROM generate_series(1, 40) AS n;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w('baker'), 10 FROM generate_series(1, 20) AS n;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w('stall'), 10 FROM generate_series(1, 5) AS n;
SELECT t.name(t.w('grocer')), dcep.balance(t.w('grocer')), count(*) FROM dcep.coin WHERE owner = t.w('grocer');

-- The smallest first, as many as asked for; what is left as one.
SELECT dcep.consolidate(t.w('grocer'), 30);
SELECT * FROM t.purse('grocer');
SELECT transfer, kind, payer, payee, amount, change, cardinality(inputs) AS inputs, inputs[1:2] AS first_inputs, key, memo, issuer, chained FROM t.journal WHERE payer = 'grocer';
SELECT dcep.consolidate(t.w('grocer'));
SELECT * FROM t.purse('grocer');
-- One coin is as few as it gets; a wallet without coins has nothing either.
SELECT dcep.consolidate(t.w('grocer')), dcep.consolidate(t.w('newcomer'));
SELECT count(*) FROM t.journal WHERE payer IN ('grocer', 'newcomer');
-- Two are enough.
SELECT t.pay('sponsor', 'couple', 1), t.pay('sponsor', 'couple', 2);
SELECT dcep.consolidate(t.w('couple'), 2);
-- The new coin verifies, and pays.
SELECT dcep.amount(c), dcep.verify(c), dcep.coin_state(c), t.name(dcep.owner(c)) FROM dcep.coins(t.w('grocer')) AS c;
SELECT t.pay('grocer', 'sponsor', 20), t.pay('grocer', 'sponsor', 5);
SELECT * FROM t.purse('grocer');
-- Its receipt is one like any other.
SELECT (r).kind, t.name((r).payer) AS payer, t.name((r).payee) AS payee, (r).amount, (r).seq FROM (SELECT dcep.receipt_of(id) AS r FROM t.journal WHERE payer = 'couple' OFFSET 0) AS receipts;

-- No money moves: neither counts nor sums of the day, nor the balance cap.
SELECT c.seq, c.day_count, c.day_spent, c.year_spent FROM dcep.wallet_chain AS c WHERE wallet = t.w('grocer');
SELECT c.seq, c.day_count, c.day_spent, c.year_spent, c.day FROM dcep.wallet_chain AS c WHERE wallet = t.w('couple');
BEGIN;
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year)
SELECT 4, valid_from + 1, 'tight', 1, 1, 1, 1 FROM dcep.wallet_class WHERE class = 4 ORDER BY valid_from DESC LIMIT 1;
SELECT t.try($$SELECT t.pay('stall', 'sponsor', 2)$$), t.try($$SELECT t.pay('sponsor', 'stall', 1)$$);
SELECT dcep.consolidate(t.w('stall'));
SELECT * FROM t.purse('stall');
SELECT * FROM t.audit();
ROLLBACK;

-- --- as a row of the journal -------------------------------------------------------

INSERT INTO dcep.transfer (kind, payer, payee, memo) VALUES ('consolidate', t.w('stall'), t.w('stall'), 'by hand') RETURNING amount, change, cardinality(inputs), seq, memo;
-- Nothing to do: no row.
INSERT INTO dcep.transfer (kind, payer, payee) VALUES ('consolidate', t.w('stall'), t.w('stall')) RETURNING amount;
-- With a key, a repetition is no row; the key stands for nothing else.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w('stall'), 1 FROM generate_series(1, 3) AS n;
INSERT INTO dcep.transfer (kind, payer, payee, key) VALUES ('consolidate', t.w('stall'), t.w('stall'), 'k') RETURNING amount;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w('stall'), 1 FROM generate_series(1, 3) AS n;
INSERT INTO dcep.transfer (kind, payer, payee, key) VALUES ('consolidate', t.w('stall'), t.w('stall'), 'k') RETURNING amount;
SELECT t.try($$SELECT dcep.transfer(t.w('stall'), t.w('sponsor'), 1, 'k')$$);
SELECT * FROM t.purse('stall');
-- Several in one statement, among payments: coins of the same statement are left for the next.
INSERT INTO dcep.transfer (kind, payer, payee, amount)
SELECT k::dcep.transfer_kind, t.w(a), t.w(b), n
FROM (VALUES (1, 'transfer', 'sponsor', 'stall', 2), (2, 'consolidate', 'stall', 'stall', NULL), (3, 'consolidate', 'baker', 'baker', NULL),
             (4, 'transfer', 'stall', 'sponsor', 10), (5, 'consolidate', 'stall', 'stall', NULL)) AS v (o, k, a, b, n) ORDER BY o;
SELECT * FROM t.purse('stall', 'baker');
SELECT transfer, kind, payee, amount, change, cardinality(inputs) AS inputs, chained FROM t.journal WHERE payer IN ('stall', 'baker') ORDER BY payer, seq;

-- --- refusals, in their order ------------------------------------------------------

SELECT t.open('ceased', 2, 1), t.open('detained', 2, 1), t.open('deaf', 2, 1);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w(n), 7 FROM unnest('{detained,detained,deaf,deaf}'::text[]) AS n;
SELECT dcep.close_wallet(t.w('ceased')), dcep.freeze(t.w('detained'), 'debit', 'test'), dcep.freeze(t.w('deaf'), 'credit', 'test');
SELECT w AS wallet, t.try(format('SELECT dcep.consolidate(t.w(%L))', w)) FROM unnest('{nobody,ceased,detained}'::text[]) AS w;
-- Who may not receive receives nothing.
SELECT dcep.consolidate(t.w('deaf'));
SELECT statement, t.try(statement) FROM unnest(ARRAY[
    'SELECT dcep.consolidate(NULL)', $$SELECT dcep.consolidate(t.w('grocer'), NULL)$$, $$SELECT dcep.consolidate(t.w('grocer'), 1)$$,
    'CALL dcep.consolidate_all(NULL)', 'CALL dcep.consolidate_all(1)', 'CALL dcep.consolidate_all(2, 0)']) AS statement;
SELECT what, t.try(format('INSERT INTO dcep.transfer (kind, payer, payee, amount, key) VALUES (%s)', what)) FROM unnest(ARRAY[
    $$'consolidate', t.w('grocer'), t.w('grocer'), 3, NULL$$, $$'consolidate', t.w('nobody'), t.w('grocer'), 3, NULL$$, $$'consolidate', t.w('grocer'), NULL, NULL, NULL$$,
    $$'transfer', t.w('grocer'), t.w('grocer'), NULL, NULL$$, $$'transfer', t.w('grocer'), t.w('grocer'), 3, NULL$$, $$'exchange_out', t.w('grocer'), t.w('grocer'), 3, NULL$$,
    $$'consolidate', t.w('grocer'), t.w('nobody'), NULL, NULL$$, $$'consolidate', t.w('grocer'), t.w('ceased'), NULL, NULL$$, $$'consolidate', t.w('grocer'), t.w('baker'), NULL, NULL$$,
    $$'consolidate', t.w('detained'), t.w('deaf'), NULL, NULL$$]) AS what;
-- By the wallet's operator alone.
SET ROLE regress_bank2;
SELECT w AS wallet, t.try(format('SELECT dcep.consolidate(t.w(%L))', w)) FROM unnest('{grocer,baker,nobody}'::text[]) AS w;
SET ROLE regress_central;
SELECT t.try($$SELECT dcep.consolidate(t.w('grocer'))$$);
SET ROLE regress_auditor;
SELECT t.try($$SELECT dcep.consolidate(t.w('grocer'))$$), t.try('CALL dcep.consolidate_all()'), t.try('SELECT dcep.crowded_wallets()');
RESET ROLE;
-- A coin that nobody signed is not consumed.
BEGIN;
ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
UPDATE dcep.coin SET amount = amount + 1 WHERE id = (SELECT min(id) FROM dcep.coin WHERE owner = t.w('grocer'));
SELECT t.try($$SELECT dcep.consolidate(t.w('grocer'))$$);
ROLLBACK;

-- --- all wallets that have many -----------------------------------------------------

INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w(w), 1 FROM generate_series(1, 700) AS n, unnest('{grocer,baker,detained,couple}'::text[]) AS w;
SELECT t.pay('sponsor', 'grocer', 1) IS NOT NULL AS one_more;
SELECT t.name(c.wallet) AS wallet, c.coins FROM dcep.crowded_wallets(700) AS c ORDER BY c.coins DESC, 1;
SELECT t.name(wallet) AS wallet, coins FROM dcep.crowded_wallets(700, 1);
-- By several processes, each of which asks who may see what; sessions that have not asked before, too.
\c
\set SHOW_CONTEXT never
\set VERBOSITY terse
ANALYZE dcep.coin;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET ROLE regress_bank3;
EXPLAIN (COSTS OFF) SELECT count(*) FROM dcep.coin;
SELECT t.name(wallet) AS wallet, coins FROM dcep.crowded_wallets(700);
SELECT dcep.consolidate(t.w('baker'), 2);
RESET ALL;
RESET ROLE;
SET datestyle = 'ISO';
SET ROLE regress_bank3;
SELECT t.name(wallet) AS wallet, coins FROM dcep.crowded_wallets(700);
CALL dcep.consolidate_all(700);
CALL dcep.consolidate_all(700);
RESET ROLE;
SELECT w AS wallet, count(*) AS coins FROM dcep.coin AS c JOIN unnest('{grocer,baker,detained,couple}'::text[]) AS w ON c.owner = t.w(w) GROUP BY w ORDER BY w;
-- Commits each; not within a transaction.
SET ROLE regress_bank2;
BEGIN;
CALL dcep.consolidate_all(700);
ROLLBACK;
CALL dcep.consolidate_all(700, 1);
DO $$
DECLARE
    consumed bigint;
BEGIN
    CALL dcep.consolidate_all(700, coins => consumed);
    RAISE NOTICE 'consumed % coins', consumed;
END
$$;
RESET ROLE;
SELECT w AS wallet, count(*) AS coins FROM dcep.coin AS c JOIN unnest('{grocer,baker,detained,couple}'::text[]) AS w ON c.owner = t.w(w) GROUP BY w ORDER BY w;
-- What is refused is passed over, and said.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('sponsor'), t.w(w), 1 FROM generate_series(1, 700) AS n, unnest('{grocer,couple}'::text[]) AS w;
BEGIN;
ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
UPDATE dcep.coin SET amount = amount + 1 WHERE id = (SELECT min(id) FROM dcep.coin WHERE owner = t.w('grocer'));
CALL dcep.consolidate_all(700);
SELECT w AS wallet, count(*) > 1 AS many FROM dcep.coin AS c JOIN unnest('{grocer,couple}'::text[]) AS w ON c.owner = t.w(w) GROUP BY w ORDER BY w;
ROLLBACK;

-- --- proof ----------------------------------------------------------------------------

SELECT * FROM t.defects();
SELECT * FROM t.audit();
-- Altered rows are found.
CREATE FUNCTION t.altered(statement text) RETURNS TABLE (check_name text, wallet_name text, transfer text, detail text) LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    BEGIN
        ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
        EXECUTE statement;
        found := (SELECT jsonb_agg(a ORDER BY a.check_name, a.wallet_name, a.transfer) FROM t.audit() AS a WHERE a.check_name NOT LIKE 'conservation%');
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN QUERY SELECT r.check_name, r.wallet_name, r.transfer, regexp_replace(r.detail, '[0-9]{4}-[0-9]{2}-[0-9]{2}', '(day)', 'g')
      FROM jsonb_to_recordset(found) AS r (check_name text, wallet_name text, transfer text, detail text);
END
$$;
SELECT change, a.* FROM (VALUES ('amount = amount + 1'), ('inputs = inputs[1:1]'), ($$payee = t.w('newcomer')$$), ($$kind = 'transfer'$$), ('change = 1')) AS v (change),
    t.altered(format('UPDATE dcep.transfer SET %s WHERE payer = t.w(''couple'') AND seq = 1', change)) AS a;
-- A payment cannot be hidden from its limits as a consolidation.
SELECT * FROM t.altered($$UPDATE dcep.transfer SET kind = 'consolidate' WHERE payer = t.w('grocer') AND seq = 3$$);
DROP FUNCTION t.altered;
SELECT dcep.unfreeze(t.w('detained'), 'debit', 'test'), dcep.unfreeze(t.w('deaf'), 'credit', 'test');
