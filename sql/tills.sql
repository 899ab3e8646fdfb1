-- Tills: wallets that pay in their vault's stead. Which of them does is left to chance, so what
-- is shown here does not depend on it.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

-- An operator of its own, so that the other tests' vaults have none.
SELECT dcep.enroll_institution(5, 'Bank of Tills', 'operator'), dcep.generate_key(5, 'ed25519'), dcep.deposit_reserve(5, 100000);
INSERT INTO t.wallet VALUES ('vault5', dcep.vault(5));
SELECT (dcep.issue(5, 90000)).amount;
SELECT t.open('t1', 5, 1), t.open('t2', 5, 1), t.open('t3', 2, 1), t.open('t4', 5, 4);
SELECT t.w('t1') AS t1, t.w('t2') AS t2, t.w('t3') AS t3, dcep.vault(5) AS vault \gset
CREATE ROLE regress_bank5;
SELECT dcep.grant_institution('regress_bank5', 5);
-- Vault and tills together; a vault's or till's name.
CREATE FUNCTION t.family(w dcep.wallet_id) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN w = dcep.vault(5) OR w IN (SELECT wallet FROM dcep.till) THEN 'vault or till' ELSE t.name(w) END
$$;
CREATE FUNCTION t.held() RETURNS bigint LANGUAGE sql AS $$
    SELECT dcep.balance(dcep.vault(5)) + COALESCE((SELECT sum(dcep.balance(wallet)) FROM dcep.till WHERE institution = 5), 0)::bigint
$$;

-- Without tills the vault pays itself, and there is nothing to stock. A key that it used then is used.
SELECT dcep.stock_tills(5);
SELECT t.pay('vault5', 't1', 10, 'before', 'm');

-- Opening: what is refused, and who may.
SELECT c, t.try('SELECT dcep.open_tills(' || c || ')') FROM unnest(ARRAY['NULL, 1', '5, NULL', '5, 0', '5, -1', '5, 65', '5, 2147483647', '1, 1', '9001, 1', '9990, 1']) AS c;
SELECT c, t.try('SELECT dcep.stock_tills(' || c || ')') FROM unnest(ARRAY['NULL', '1', '9001', '9990']) AS c;
SET ROLE regress_bank5;
SELECT dcep.open_tills(5, 2);
SELECT dcep.open_tills(2, 1);
SELECT dcep.stock_tills(2);
SET ROLE regress_central;
SELECT dcep.open_tills(5, 1);
SELECT dcep.stock_tills(5);
SET ROLE regress_auditor;
SELECT dcep.open_tills(5, 1);
RESET ROLE;
SELECT t.try('SELECT dcep.open_tills(5, 62)');
BEGIN;
SELECT dcep.open_tills(5, 61);
SELECT t.try('SELECT dcep.open_tills(5, 1)');
ROLLBACK;
-- What a till is.
SELECT w.institution, w.class, w.form, w.status, w.flags, t.name(w.parent) AS parent, c.seq, e.event FROM dcep.till AS i JOIN dcep.wallet AS w ON w.id = i.wallet
JOIN dcep.wallet_chain AS c ON c.wallet = w.id JOIN dcep.wallet_event AS e ON e.wallet = w.id;
SELECT t.try(format('SELECT dcep.close_wallet(%L)', wallet)) FROM dcep.till LIMIT 1;
INSERT INTO dcep.till VALUES (:'t3', 5);
-- Who sees it.
SET ROLE regress_bank5;
SELECT count(*) FROM dcep.till;
SET ROLE regress_bank2;
SELECT count(*) FROM dcep.till;
SET ROLE regress_supervisor;
SELECT count(*) FROM dcep.till;
RESET ROLE;

-- Empty tills do not pay: the vault does.
SELECT t.name((r).payer) AS payer FROM dcep.transfer(:'vault', :'t1', 10) AS r;
-- Stocking: equal shares, by transfers; again, nothing.
SET ROLE regress_bank5;
SELECT dcep.stock_tills(5);
SELECT dcep.stock_tills(5);
RESET ROLE;
SELECT t.family(payer) AS payer, t.family(payee) AS payee, kind, amount, memo FROM dcep.transfer WHERE memo = 'stock of a till' ORDER BY id;
SELECT dcep.balance(:'vault') AS vault, array_agg(dcep.balance(wallet)) AS tills FROM dcep.till;

-- Payments: of each kind, one by one, in bulk, in a file. The receipt is the till's, the money is there once.
SELECT t.family((r).payer) AS payer, t.name((r).payee) AS payee, (r).amount, (r).issuer FROM dcep.transfer(:'vault', :'t1', 100) AS r;
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', :'vault', :'t2', 100), ('transfer', :'vault', :'t3', 50) RETURNING t.family(payer) AS payer, kind, amount;
SELECT s.line, t.family((s.receipt).payer) AS payer, (s.receipt).amount, s.sqlstate, s.message FROM dcep.submit(ARRAY[ROW(:'vault', :'t1', 5, 'f', NULL)::dcep.instruction,
    ROW(:'vault', :'t1', 5, 'f', NULL)::dcep.instruction, ROW(:'vault', :'t1', 6, 'f', NULL)::dcep.instruction, ROW(:'vault', :'t2', 0, NULL, NULL)::dcep.instruction,
    ROW(:'vault', t.w('t4'), 1000001, NULL, NULL)::dcep.instruction, ROW(:'vault', t.w('t4'), 7, NULL, NULL)::dcep.instruction]) AS s;
SELECT t.held(), dcep.balance(:'t1') AS t1, dcep.balance(:'t2') AS t2, dcep.balance(:'t3') AS t3;
-- A statement stays with its till while that covers, and then goes on to the next.
WITH paid AS (INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', :'vault', :'t1', 1 FROM generate_series(1, 1000) RETURNING payer, seq)
SELECT count(*), count(DISTINCT payer) AS payers, max(seq) - min(seq) AS apart FROM paid;
WITH paid AS (INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', :'vault', :'t1', 20000 FROM generate_series(1, 3) RETURNING payer)
SELECT count(*), count(DISTINCT payer) AS payers FROM paid;
-- An amount that only one holds finds it; one that none holds alone is refused, with the vault's figures.
BEGIN;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT wallet, :'vault', dcep.balance(wallet) FROM dcep.till;
SELECT t.name((r).payer) AS payer, (r).amount = t.held() + (r).amount AS all FROM dcep.transfer(:'vault', :'t1', t.held()) AS r;
ROLLBACK;
BEGIN;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT :'vault', wallet, dcep.balance(:'vault') FROM dcep.till ORDER BY wallet LIMIT 1;
SELECT t.family((r).payer) AS payer FROM dcep.transfer(:'vault', :'t1', 1) AS r;
SELECT t.try(format('SELECT dcep.transfer(%L, %L, %s)', :'vault', :'t1', t.held()));
ROLLBACK;
-- Into a till, between tills and out of one by its number: wallets like others. Into the vault's own tills it pays itself.
SELECT wallet AS till FROM dcep.till ORDER BY wallet LIMIT 1 \gset
SELECT wallet AS other_till FROM dcep.till ORDER BY wallet DESC LIMIT 1 \gset
INSERT INTO t.wallet VALUES ('till', :'till'), ('till2', :'other_till');
SELECT t.name((a).payer) AS a, t.name((b).payer) AS b, t.name((c).payer) AS c, t.name((d).payer) AS d
FROM (SELECT dcep.transfer(:'vault', :'till', 3) AS a, dcep.transfer(:'till', :'other_till', 2) AS b, dcep.transfer(:'till', :'vault', 1) AS c, dcep.transfer(:'t1', :'till', 1) AS d OFFSET 0) AS x;
-- A redemption is the vault's.
SELECT t.name((r).payer) AS payer FROM dcep.redeem(5, 1, 'redeemed') AS r;

-- A key stands for one payment of the vault and its tills, wherever it was paid from.
CREATE TEMPORARY TABLE receipt AS SELECT (dcep.transfer(:'vault', :'t1', 10, 'k1', 'memo')).*;
SELECT (r.*)::text = dcep.transfer(:'vault', :'t1', 10, 'k1', 'memo')::text AS same FROM receipt AS r;
SELECT count(*) FROM dcep.transfer WHERE key = 'k1' AND dcep.institution(payer) = 5;
SELECT t.family((r).payer) AS payer, (r).amount FROM dcep.transfer(:'vault', :'t1', 10, 'before', 'm') AS r;
SELECT c, regexp_replace(t.try(c), 'transfer \S+ \|', 'transfer (it) |') FROM unnest(ARRAY[$$SELECT t.pay('vault5', 't1', 11, 'k1', 'memo')$$, $$SELECT t.pay('vault5', 't2', 10, 'k1', 'memo')$$,
    $$SELECT t.pay('vault5', 't1', 10, 'k1')$$, $$SELECT t.pay('vault5', 't1', 9, 'before', 'm')$$, $$SELECT t.pay('vault5', 'till', 10, 'k1', 'memo')$$, $$SELECT t.pay('vault5', 't1', 10, 'redeemed')$$,
    $$SELECT t.pay('vault5', 't1', 0, 'k1', 'memo')$$, $$SELECT t.pay('till', 't1', 11, 'k1', 'memo')$$, $$SELECT t.pay('till2', 't1', 11, 'k1', 'memo')$$,
    $$SELECT dcep.redeem(5, 10, 'k1')$$]) AS c;
SELECT t.pay('till', 't1', 1, 'by number') LIKE 'till#%' AS paid, t.pay('vault5', 't1', 1, 'by number') LIKE 'till#%' AS same;
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT :'vault', :'t2', 1, 'n' || n % 5 FROM generate_series(1, 10) AS n RETURNING amount) SELECT count(*) FROM paid;
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT :'vault', :'t2', 1, 'n' || n % 6 FROM generate_series(1, 10) AS n RETURNING amount) SELECT count(*) FROM paid;
-- The same key in a file as well; another payer's is another key.
SELECT s.line, (s.receipt).amount, s.sqlstate, (s.receipt).transfer = r.transfer AS same FROM receipt AS r, dcep.submit(ARRAY[ROW(:'vault', :'t1', 10, 'k1', 'memo')::dcep.instruction,
    ROW(:'vault', :'t1', 12, 'k1', 'memo')::dcep.instruction]) AS s;
SELECT t.pay('t1', 't2', 1, 'k1') LIKE 't1#%' AS paid;
-- More keys than there are locks for.
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT :'vault', :'t2', 1, 'many' || n FROM generate_series(1, 3000) AS n RETURNING amount) SELECT count(*) FROM paid;

-- Whatever they have left by now, the till and the vault get a little.
SELECT t.pay('t1', 'till', 100) LIKE 't1#%' AS till, t.pay('t1', 'vault5', 100) LIKE 't1#%' AS vault;
-- A frozen till is passed over; a frozen vault's tills do not pay for it; a suspended institution's neither.
SELECT dcep.freeze(:'till', 'debit', 'case 20');
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount) SELECT :'vault', :'t2', 1 FROM generate_series(1, 10) RETURNING payer) SELECT count(*), count(*) FILTER (WHERE payer = :'till') AS by_till FROM paid;
SELECT t.try($$SELECT t.pay('till', 't1', 1)$$);
SELECT dcep.unfreeze(:'till', 'debit', 'case 20'), dcep.freeze(:'vault', 'debit', 'case 21');
SELECT t.try($$SELECT t.pay('vault5', 't1', 1)$$);
SELECT t.pay('till', 't1', 1) LIKE 'till#%' AS paid;
SELECT dcep.unfreeze(:'vault', 'debit', 'case 21'), dcep.suspend_institution(5);
SELECT t.try($$SELECT t.pay('vault5', 't1', 1)$$);
SELECT dcep.suspend_institution(5, false);
-- What limits a vault's day or year is the vault's alone: no till then pays for it.
BEGIN;
INSERT INTO dcep.wallet_class (class, valid_from, name, max_day) VALUES (0, current_date - 1, 'tight', 1000000);
SELECT t.name((r).payer) AS payer FROM dcep.transfer(:'vault', :'t1', 1) AS r;
ROLLBACK;
-- A table row does not make a till of a customer's wallet; the auditor says so.
BEGIN;
INSERT INTO dcep.till SELECT id, 5 FROM t.wallet WHERE name = 't1';
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount) SELECT :'vault', :'t2', 1 FROM generate_series(1, 10) RETURNING payer) SELECT count(*), count(*) FILTER (WHERE payer = :'t1') AS by_customer FROM paid;
SELECT * FROM t.audit();
ROLLBACK;
-- Repeatable read and serializable.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT t.family((r).payer) AS payer FROM dcep.transfer(:'vault', :'t1', 1, 'rr') AS r;
SELECT (r).amount FROM dcep.transfer(:'vault', :'t1', 1, 'rr') AS r;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT (r).amount FROM dcep.transfer(:'vault', :'t1', 1, 'rr') AS r;
SELECT t.family((r).payer) AS payer FROM dcep.transfer(:'vault', :'t1', 1, 'ser') AS r;
COMMIT;

SELECT t.held() + (SELECT sum(dcep.balance(t.w(n))) FROM unnest('{t1,t2,t3,t4}'::text[]) AS n) AS money;
SELECT * FROM t.audit();
SELECT dcep.revoke_institution('regress_bank5');
DROP ROLE regress_bank5;
DROP FUNCTION t.family(dcep.wallet_id), t.held();
