-- A key makes a payment safe to repeat.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT t.open('i1', 2, 1, 1000), t.open('i2', 2, 1), t.open('i3', 3, 1, 100), t.open('i4', 2, 4);
SELECT t.w('i1') AS i1, t.w('i2') AS i2, t.w('i3') AS i3, t.w('i4') AS i4 \gset

-- The first receipt, and the same one again: every field of it.
CREATE TEMPORARY TABLE receipt AS SELECT (dcep.transfer(:'i1', :'i2', 10, 'k1', 'memo')).*;
SELECT count(*) FROM receipt AS r WHERE r IS NOT DISTINCT FROM (SELECT x FROM dcep.transfer(:'i1', :'i2', 10, 'k1', 'memo') AS x)::record;
SELECT (r.*)::text = dcep.transfer(:'i1', :'i2', 10, 'k1', 'memo')::text AS same FROM receipt AS r;
SELECT t.pay('i1', 'i2', 10, 'k1', 'memo');
SELECT * FROM t.purse('i1', 'i2');

-- Other content: amount, payee, memo, kind, each refused; the payer too poor, the payee closed, the amount wrong.
CREATE FUNCTION t.again(call text) RETURNS TABLE (call text, answer text) LANGUAGE sql AS $$ SELECT call, t.try('SELECT t.pay(' || call || ')') $$;
SELECT a.* FROM unnest(ARRAY[$$'i1', 'i2', 11, 'k1', 'memo'$$, $$'i1', 'i2', 9, 'k1', 'memo'$$, $$'i1', 'i3', 10, 'k1', 'memo'$$, $$'i1', 'i2', 10, 'k1'$$,
    $$'i1', 'i2', 10, 'k1', ''$$, $$'i1', 'i2', 10, 'k1', 'memo '$$, $$'i1', 'i2', 10, 'k1', 'Memo'$$, $$'i1', 'i2', 5000, 'k1', 'memo'$$,
    $$'i1', 'i2', 0, 'k1', 'memo'$$, $$'i1', 'i1', 10, 'k1', 'memo'$$, $$'i1', 'nobody', 10, 'k1', 'memo'$$, $$'i1', 'i2', 10, 'k1', 'memo'$$]) AS c, LATERAL t.again(c) AS a;
INSERT INTO dcep.transfer (kind, payer, payee, amount, key, memo) VALUES ('exchange_out', :'i1', :'i2', 10, 'k1', 'memo');
-- Keys are compared byte by byte, and belong to the payer: the same key is free for another one.
SELECT t.pay('i1', 'i2', 10, 'K1', 'memo'), t.pay('i1', 'i2', 10, 'k1 ', 'memo'), t.pay('i1', 'i2', 10, '', 'memo'), t.pay('i3', 'i2', 10, 'k1', 'memo');
SELECT t.pay('i1', 'i2', 10, '', 'memo'), t.pay('i3', 'i2', 10, 'k1', 'memo');
-- No key, no protection: twice is twice.
SELECT t.pay('i1', 'i2', 10), t.pay('i1', 'i2', 10);
-- A memo that is absent is not an empty one.
SELECT t.pay('i1', 'i2', 10, 'k2'), t.pay('i1', 'i2', 10, 'k2');
SELECT t.try($$SELECT t.pay('i1', 'i2', 10, 'k2', '')$$);
SELECT * FROM t.purse('i1', 'i2');
SELECT transfer, amount, key, memo FROM t.journal WHERE payer = 'i1' ORDER BY id;

-- An INSERT of a key that is there inserts no row, in whatever form, and says so by what it returns.
INSERT INTO dcep.transfer (payer, payee, amount, key, memo) VALUES (:'i1', :'i2', 10, 'k1', 'memo') RETURNING amount;
INSERT INTO dcep.transfer (payer, payee, amount, key, memo)
VALUES (:'i1', :'i2', 10, 'k1', 'memo'), (:'i1', :'i2', 20, 'k3', NULL), (:'i1', :'i2', 20, 'k3', NULL), (:'i1', :'i2', 10, 'k2', NULL) RETURNING amount, key;
INSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (:'i1', :'i2', 5, 'k4'), (:'i1', :'i2', 6, 'k4') RETURNING amount, key;
SELECT count(*) FROM dcep.transfer WHERE payer = :'i1' AND key = 'k4';
-- A whole file once more pays nothing twice, and what is new in it once.
CREATE TEMPORARY TABLE payroll AS SELECT :'i1'::dcep.wallet_id AS payer, :'i2'::dcep.wallet_id AS payee, n::bigint AS amount, 'p' || n AS key FROM generate_series(1, 10) AS n;
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT * FROM payroll RETURNING amount) SELECT count(*), sum(amount) FROM paid;
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT * FROM payroll RETURNING amount) SELECT count(*), sum(amount) FROM paid;
INSERT INTO payroll VALUES (:'i1', :'i2', 11, 'p11');
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT * FROM payroll RETURNING amount) SELECT count(*), sum(amount) FROM paid;
-- With one changed line, nothing at all.
UPDATE payroll SET amount = 12 WHERE key = 'p11';
INSERT INTO payroll VALUES (:'i1', :'i2', 13, 'p13');
INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT * FROM payroll;
SELECT count(*), sum(amount) FROM dcep.transfer WHERE payer = :'i1' AND key LIKE 'p%';

-- A key of a payment that was rolled back is free.
BEGIN;
SELECT t.pay('i1', 'i2', 1, 'undone');
ROLLBACK;
SELECT t.pay('i1', 'i2', 2, 'undone');
BEGIN;
SAVEPOINT s;
SELECT t.pay('i1', 'i2', 1, 'undone 2');
ROLLBACK TO SAVEPOINT s;
SELECT t.pay('i1', 'i2', 2, 'undone 2');
SELECT t.pay('i1', 'i2', 2, 'undone 2');
COMMIT;
-- Of a payment that was refused, too.
SELECT t.try($$SELECT t.pay('i1', 'i2', 100000, 'poor')$$);
SELECT t.pay('i1', 'i2', 3, 'poor');

-- The receipt does not depend on what has happened to the wallets since: frozen, empty, closed, suspended, limits.
SELECT t.pay('i3', 'i4', 40, 'to i4'), t.pay('i3', 'i2', 50, 'last');
SELECT * FROM t.purse('i3');
SELECT t.pay('i3', 'i2', 50, 'last');
SELECT dcep.freeze(:'i3', 'both', 'case 2'), dcep.freeze(:'i2', 'both', 'case 2');
SELECT t.pay('i3', 'i2', 50, 'last');
SELECT t.try($$SELECT t.pay('i3', 'i2', 50, 'new')$$);
SELECT t.try($$SELECT t.pay('i3', 'i2', 51, 'last')$$);
SELECT dcep.unfreeze(:'i3', 'both', 'case 2'), dcep.unfreeze(:'i2', 'both', 'case 2');
SELECT dcep.close_wallet(:'i3');
SELECT t.pay('i3', 'i2', 50, 'last'), t.pay('i3', 'i4', 40, 'to i4');
SELECT t.try($$SELECT t.pay('i3', 'i2', 50, 'new')$$);
SELECT t.try($$SELECT t.pay('i3', 'i2', 51, 'last')$$);
SELECT dcep.suspend_institution(3);
SELECT t.pay('i3', 'i2', 50, 'last');
SELECT dcep.suspend_institution(3, false);
BEGIN;
INSERT INTO dcep.wallet_class VALUES (4, current_date - 1, 'tight', 1, 1, 1, 1);
SELECT t.pay('i3', 'i4', 40, 'to i4');
SELECT t.try($$SELECT t.pay('i2', 'i4', 1, 'to i4')$$);
ROLLBACK;

-- Issues and redemptions: the receipt again, and one entry in the reserve.
SELECT (dcep.issue(2, 7, 'issue once')).amount, (dcep.issue(2, 7, 'issue once')).amount;
SELECT (r).transfer = (s).transfer AS same FROM (SELECT dcep.issue(2, 7, 'issue once') AS r, dcep.issue(2, 7, 'issue once') AS s) AS x;
SELECT t.try($$SELECT dcep.issue(2, 8, 'issue once')$$);
SELECT t.try($$SELECT dcep.issue(3, 7, 'issue once')$$);
SELECT (r).transfer = (s).transfer AS same FROM (SELECT dcep.redeem(2, 7, 'redeem once') AS r, dcep.redeem(2, 7, 'redeem once') AS s) AS x;
SELECT t.try($$SELECT dcep.redeem(2, 6, 'redeem once')$$);
SELECT amount, reference FROM dcep.reserve_entry WHERE institution = 2 AND reference LIKE '%once' ORDER BY seq;
SELECT * FROM t.audit();
DROP FUNCTION t.again(text);
