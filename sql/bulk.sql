-- Statements that are larger than what is kept in memory before it is written: more wallets, and more coins.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
BEGIN;
SELECT t.open('source', 2, 1, 10000000);
CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
SELECT n, dcep.allot_number(2, 60000000000 + n, s.number_secret) AS id FROM generate_series(0, 20999) AS n, dcep.institution_secret AS s WHERE s.code = 2;
INSERT INTO dcep.wallet (id, institution, class) SELECT id, 2, 1 FROM crowd;
INSERT INTO dcep.wallet_event (wallet, event, class) SELECT id, 'open', 1 FROM crowd;
INSERT INTO dcep.wallet_chain (wallet) SELECT id FROM crowd;
ANALYZE crowd;

-- 21,000 payees; then 21,000 payers, each of whom pays the next.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('source'), id, 2 FROM crowd ORDER BY n;
INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT a.id, b.id, 1, 'ring' FROM crowd AS a JOIN crowd AS b ON b.n = (a.n + 1) % 21000 ORDER BY a.n;
SELECT c.amount, count(*), count(DISTINCT c.owner) FROM dcep.coin AS c JOIN crowd ON crowd.id = c.owner GROUP BY c.amount ORDER BY c.amount;
SELECT w.seq, w.day_spent, w.day_count, count(*) FROM dcep.wallet_chain AS w JOIN crowd ON crowd.id = w.wallet GROUP BY 1, 2, 3;
-- One purse passes through 1,000 of them in one statement.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT a.id, b.id, a.n + 2 FROM crowd AS a JOIN crowd AS b ON b.n = a.n + 1 WHERE a.n < 1000 ORDER BY a.n;
SELECT sum(c.amount), count(*) FROM dcep.coin AS c JOIN crowd ON crowd.id = c.owner WHERE crowd.n = 1000;
-- The whole of the second statement again, under its keys: nothing.
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT a.id, b.id, 1, 'ring' FROM crowd AS a JOIN crowd AS b ON b.n = (a.n + 1) % 21000 RETURNING 1) SELECT count(*) FROM paid;
-- 110,000 payments by one to two: more coins than are kept.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('source'), c.id, 1 FROM generate_series(1, 110000) AS g JOIN crowd AS c ON c.n = 20000 + g % 2 ORDER BY g;
SELECT c.n, w.seq, (SELECT count(*) FROM dcep.coin AS k WHERE k.owner = c.id) AS coins, dcep.balance(c.id) FROM crowd AS c JOIN dcep.wallet_chain AS w ON w.wallet = c.id WHERE c.n IN (20000, 20001) ORDER BY 1;
SELECT seq, day_spent, day_count FROM dcep.wallet_chain WHERE wallet = t.w('source');
-- A payment consumes 10,000 coins at most: one of 2 and 9,999 of 1 here.
SELECT id AS many FROM crowd WHERE n = 20000 \gset
SELECT t.try(format('INSERT INTO dcep.transfer (payer, payee, amount) VALUES (%L, %L, 10002)', :'many', t.w('source')));
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (:'many', t.w('source'), 10001) RETURNING cardinality(inputs), change;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT c.id, t.w('source'), 10000 FROM crowd AS c, generate_series(1, 4) WHERE c.n IN (20000, 20001);
SELECT c.n, dcep.balance(c.id) FROM crowd AS c WHERE c.n IN (20000, 20001) ORDER BY 1;
SELECT count(*) FROM dcep.verify_chain();
SELECT count(*) FROM dcep.audit();
ROLLBACK;

-- A wallet of 3,000 small coins pays many times in one statement: by coins that fit, by the largest ones, by change, to the last.
BEGIN;
SELECT t.open('purse', 2, 1, 0), t.open('taker', 2, 1, 0);
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault(2), t.w('purse'), 1 + n % 3 FROM generate_series(1, 3000) AS n;
WITH paid AS (
    INSERT INTO dcep.transfer (payer, payee, amount)
    SELECT t.w('purse'), t.w('taker'), CASE WHEN n % 4 = 0 THEN 10 ELSE n % 4 END FROM generate_series(1, 1000) AS n
    RETURNING inputs, amount, change)
SELECT count(*), sum(amount), sum(change), sum(cardinality(inputs)) AS consumed, max(cardinality(inputs)) AS most,
       (SELECT count(DISTINCT i) FROM paid AS p, unnest(p.inputs) AS i) AS different FROM paid;
SELECT dcep.balance(t.w('purse')), count(*) AS coins FROM dcep.coin WHERE owner = t.w('purse');
SELECT t.try(format('INSERT INTO dcep.transfer (payer, payee, amount) SELECT %L, %L, 5 FROM generate_series(1, 401)', t.w('purse'), t.w('taker')));
SELECT dcep.balance(t.w('purse')), dcep.balance(t.w('taker'));
ROLLBACK;
BEGIN;
SELECT t.open('purse', 2, 1, 0), t.open('taker', 2, 1, 0);
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault(2), t.w('purse'), 1 FROM generate_series(1, 3000) AS n;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('purse'), t.w('taker'), 1 FROM generate_series(1, 3000);
SELECT dcep.balance(t.w('purse')), dcep.balance(t.w('taker')), t.try(format('INSERT INTO dcep.transfer (payer, payee, amount) VALUES (%L, %L, 1)', t.w('purse'), t.w('taker')));
SELECT count(*) FROM dcep.verify_chain(t.w('purse'));
ROLLBACK;
SELECT * FROM t.audit();
