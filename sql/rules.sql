-- What a wallet may: limits of its class, freezing, suspension.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';
-- The day of limits is Shanghai's: a test that begins right before midnight waits for the next one.
SELECT count(pg_sleep(20)) >= 0 AS ready FROM (SELECT WHERE (now() AT TIME ZONE 'Asia/Shanghai')::time > '23:59:40') AS late;

SELECT t.open('rich', 2, 1, 200000000), t.open('drain', 2, 1);
CREATE FUNCTION t.usage(wallet text) RETURNS TABLE (seq bigint, day_spent bigint, year_spent bigint, day_count integer, today boolean) LANGUAGE sql AS $$
    SELECT c.seq, c.day_spent, c.year_spent, c.day_count, c.day = (now() AT TIME ZONE 'Asia/Shanghai')::date FROM dcep.wallet_chain AS c WHERE c.wallet = t.w($1)
$$;

-- --- class 2: 50,000.00 a payment, 100,000.00 a day, 500,000.00 held -----------------------

SELECT t.open('l2', 2, 2);
SELECT t.pay('rich', 'l2', 49999999);
SELECT t.try($$SELECT t.pay('rich', 'l2', 2)$$);
SELECT t.pay('rich', 'l2', 1);
SELECT t.try($$SELECT t.pay('rich', 'l2', 1)$$);
SELECT t.try($$SELECT t.pay('l2', 'drain', 5000001)$$);
SELECT t.pay('l2', 'drain', 5000000);
SELECT * FROM t.usage('l2');
SELECT t.pay('l2', 'drain', 4999999);
SELECT t.try($$SELECT t.pay('l2', 'drain', 2)$$);
SELECT t.pay('l2', 'drain', 1);
SELECT t.try($$SELECT t.pay('l2', 'drain', 1)$$);
SELECT * FROM t.usage('l2');
-- What it paid makes room for as much again.
SELECT t.pay('rich', 'l2', 10000000);
SELECT t.try($$SELECT t.pay('rich', 'l2', 1)$$);

-- --- class 3: 5,000.00, 10,000.00, 20,000.00 -------------------------------------------------

SELECT t.open('l3', 2, 3);
SELECT t.try($$SELECT t.pay('rich', 'l3', 2000001)$$);
SELECT t.pay('rich', 'l3', 2000000);
SELECT t.try($$SELECT t.pay('l3', 'drain', 500001)$$);
SELECT t.pay('l3', 'drain', 500000);
-- Limits of several rows of one statement add up; what is over takes all with it.
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('l3'), t.w('drain'), 300000), (t.w('l3'), t.w('drain'), 200001);
SELECT * FROM t.usage('l3');
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('l3'), t.w('drain'), 300000), (t.w('l3'), t.w('drain'), 200000);
SELECT * FROM t.usage('l3');
-- A payment that is rolled back was not used up.
SELECT t.open('l3b', 2, 3);
SELECT t.pay('rich', 'l3b', 2000000);
BEGIN;
SELECT t.pay('l3b', 'drain', 500000), t.pay('l3b', 'drain', 500000);
SELECT t.try($$SELECT t.pay('l3b', 'drain', 1)$$);
ROLLBACK;
SELECT * FROM t.usage('l3b');
SELECT t.pay('l3b', 'drain', 500000), t.pay('l3b', 'drain', 500000);

-- --- class 4: 2,000.00, 5,000.00, 50,000.00 a year, 10,000.00 ----------------------------------

SELECT t.open('l4', 2, 4);
SELECT t.try($$SELECT t.pay('rich', 'l4', 1000001)$$);
SELECT t.pay('rich', 'l4', 1000000);
SELECT t.try($$SELECT t.pay('l4', 'drain', 200001)$$);
SELECT t.pay('l4', 'drain', 200000), t.pay('l4', 'drain', 200000), t.pay('l4', 'drain', 99999);
SELECT t.try($$SELECT t.pay('l4', 'drain', 2)$$);
SELECT t.pay('l4', 'drain', 1);
SELECT t.try($$SELECT t.pay('l4', 'drain', 1)$$);
SELECT * FROM t.usage('l4');
-- The cap counts what several rows of one statement bring, and what the payee spends in between.
SELECT t.open('l4b', 2, 4), t.open('l4c', 2, 4);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('rich'), t.w('l4b'), n FROM unnest('{600000,400000,1}'::bigint[]) AS n;
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('rich'), t.w('l4b'), n FROM unnest('{600000,400000}'::bigint[]) AS n;
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('l4b'), t.w('l4c'), 5), (t.w('rich'), t.w('l4b'), 5), (t.w('l4c'), t.w('l4b'), 1);
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('l4b'), t.w('l4c'), 5), (t.w('rich'), t.w('l4b'), 5);
SELECT * FROM t.purse('l4b', 'l4c');
-- A vault pays what it will, and is capped by nothing; money leaves for the vault under the limits all the same.
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('l4b'), dcep.vault(2), 200001);
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('l4b'), dcep.vault(2), 200000);
-- Classes 0 and 1 have no limits, and their usage is counted.
SELECT seq, day_spent, day_count FROM t.usage('rich');

-- --- limits of a day: the youngest row whose day has come --------------------------------------

SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date AS today \gset
SELECT t.open('l5', 2, 4);
SELECT t.pay('rich', 'l5', 1000000);
BEGIN;
INSERT INTO dcep.wallet_class VALUES (4, :'today'::date + 1, 'from tomorrow', 1, 1, 1, 1);
SELECT t.pay('l5', 'drain', 10);
INSERT INTO dcep.wallet_class VALUES (4, :'today', 'from today', 1000000, 100, 150, 180);
SELECT t.try($$SELECT t.pay('l5', 'drain', 101)$$);
SELECT t.pay('l5', 'drain', 100);
SELECT t.try($$SELECT t.pay('l5', 'drain', 41)$$);
SELECT t.pay('l5', 'drain', 40);
SELECT t.try($$SELECT t.pay('l5', 'drain', 1)$$);
SELECT t.try($$SELECT t.pay('rich', 'l5', 151)$$);
SELECT t.pay('rich', 'l5', 150);
INSERT INTO dcep.wallet_class VALUES (4, :'today'::date - 1, 'until yesterday', 1, 1, 1, 1);
SELECT t.try($$SELECT t.pay('l5', 'drain', 1)$$);
ROLLBACK;
-- The annual limit, alone.
BEGIN;
INSERT INTO dcep.wallet_class VALUES (4, :'today', 'a year of 60', NULL, NULL, NULL, 60);
SELECT t.try($$SELECT t.pay('l5', 'drain', 61)$$);
SELECT t.pay('l5', 'drain', 59);
SELECT t.try($$SELECT t.pay('l5', 'drain', 2)$$);
SELECT t.pay('l5', 'drain', 1);
SELECT t.try($$SELECT t.pay('l5', 'drain', 1)$$);
-- Nothing but NULLs is no limit.
SELECT t.pay('rich', 'l5', 10000000);
ROLLBACK;
-- A class whose first row is of tomorrow cannot be opened today.
BEGIN;
INSERT INTO dcep.wallet_class VALUES (7, :'today'::date + 1, 'to come', NULL, NULL, NULL, NULL);
SELECT t.try($$SELECT dcep.open_wallet(2, '{"class": 7}')$$);
ROLLBACK;
-- A smaller cap does not take what is held; it keeps more from coming.
BEGIN;
INSERT INTO dcep.wallet_class VALUES (4, :'today', 'small cap', 10, NULL, NULL, NULL);
SELECT t.try($$SELECT t.pay('rich', 'l5', 1)$$);
SELECT t.pay('l5', 'drain', 999995);
SELECT t.pay('rich', 'l5', 5);
SELECT t.try($$SELECT t.pay('rich', 'l5', 1)$$);
ROLLBACK;
SELECT class, valid_from <= :'today' AS valid FROM dcep.wallet_class WHERE class > 3 ORDER BY 1;
-- Yesterday's and last year's usage count no more: what stands there is of another day.
BEGIN;
ALTER TABLE dcep.wallet_chain DISABLE TRIGGER payments_only;
UPDATE dcep.wallet_chain SET day = day - 1, day_spent = 500000, year_spent = CASE WHEN extract(doy FROM day) = 1 THEN 0 ELSE 500000 END WHERE wallet = t.w('l4');
SELECT t.pay('l4', 'drain', 7);
SELECT day_spent, day_count, today FROM t.usage('l4');
SELECT year_spent = CASE WHEN extract(doy FROM :'today'::date) = 1 THEN 7 ELSE 500007 END AS year FROM t.usage('l4');
UPDATE dcep.wallet_chain SET day = make_date(extract(year FROM day)::integer - 1, 12, 31), day_spent = 500000, year_spent = 5000000 WHERE wallet = t.w('l4');
SELECT t.pay('l4', 'drain', 8);
SELECT day_spent, year_spent, day_count, today FROM t.usage('l4');
-- A clock that went back does not make a new day of an old one.
UPDATE dcep.wallet_chain SET day = :'today'::date + 1, day_spent = 499999, year_spent = 499999, day_count = 3 WHERE wallet = t.w('l4');
SELECT t.try($$SELECT t.pay('l4', 'drain', 2)$$);
SELECT t.pay('l4', 'drain', 1);
SELECT day_spent, year_spent, day_count, today FROM t.usage('l4');
ROLLBACK;

-- --- freezing ------------------------------------------------------------------------------------

SELECT t.open('f', 2, 1, 100);
CREATE FUNCTION t.may(wallet text) RETURNS TABLE (pay text, receive text, available bigint, balance bigint, flags integer) LANGUAGE sql AS $$
    SELECT substr(t.try(format('SELECT t.pay(%L, %L, 1)', wallet, 'rich')), 1, 5), substr(t.try(format('SELECT t.pay(%L, %L, 1)', 'rich', wallet)), 1, 5),
           dcep.available(t.w(wallet)), dcep.balance(t.w(wallet)), (SELECT w.flags FROM dcep.wallet AS w WHERE w.id = t.w(wallet))
$$;
SELECT * FROM t.may('f');
SELECT dcep.freeze(t.w('f'), 'debit', 'case 7');
SELECT * FROM t.may('f');
SELECT dcep.freeze(t.w('f'), 'credit', 'case 8');
SELECT * FROM t.may('f');
SELECT dcep.unfreeze(t.w('f'), 'debit', 'case 7 closed');
SELECT * FROM t.may('f');
SELECT dcep.unfreeze(t.w('f'), 'credit', 'case 8 closed');
SELECT * FROM t.may('f');
SELECT dcep.freeze(t.w('f'), 'both', 'case 9');
SELECT dcep.freeze(t.w('f'), 'both', 'case 9 again');
SET ROLE regress_central;
SELECT institution, direction, reason, since <= clock_timestamp() AS dated FROM dcep.frozen;
RESET ROLE;
SELECT dcep.unfreeze(t.w('f'), 'debit', 'half of case 9');
SELECT * FROM t.may('f');
SELECT dcep.unfreeze(t.w('f'), 'both', 'case 9 closed');
SELECT * FROM t.may('f');
SELECT event, direction, reason, class, by_role = session_user AS by_session, at <= clock_timestamp() AS past FROM dcep.wallet_event WHERE wallet = t.w('f') ORDER BY id;
-- Both sides at once, from the other's side; within the transaction that freezes.
SELECT dcep.freeze(t.w('f'), 'debit', 'case 10');
SELECT t.try($$SELECT t.pay('f', 'rich', 1)$$);
BEGIN;
SELECT dcep.freeze(t.w('f'), 'credit', 'case 11');
SELECT t.try($$SELECT t.pay('rich', 'f', 1)$$);
SELECT dcep.unfreeze(t.w('f'), 'both', 'case 10 closed');
SELECT t.pay('rich', 'f', 1), t.pay('f', 'rich', 1);
ROLLBACK;
SELECT * FROM t.may('f');
SELECT dcep.unfreeze(t.w('f'), 'debit', 'case 10 closed');
-- What it takes.
SELECT c, t.try('SELECT dcep.' || c) FROM unnest(ARRAY[$$freeze(t.w('f'), 'sideways', 'x')$$, $$freeze(t.w('f'), '', 'x')$$, $$freeze(t.w('f'), NULL, 'x')$$,
    $$freeze(t.w('f'), 'both', '')$$, $$freeze(t.w('f'), 'both', NULL)$$, $$freeze(NULL, 'both', 'x')$$, $$freeze(t.w('nobody'), 'both', 'x')$$,
    $$unfreeze(t.w('f'), 'Both', 'x')$$, $$unfreeze(t.w('f'), NULL, 'x')$$, $$unfreeze(t.w('f'), 'both', NULL)$$, $$unfreeze(NULL, 'both', 'x')$$,
    $$unfreeze(t.w('nobody'), 'both', 'x')$$, $$unfreeze(t.w('f'), 'both', 'nothing to lift')$$]) AS c;
SELECT flags FROM dcep.wallet WHERE id = t.w('f');
SELECT id AS f FROM t.wallet WHERE name = 'f' \gset
SET ROLE regress_bank2;
SELECT dcep.freeze(:'f', 'both', 'mine');
SET ROLE regress_supervisor;
SELECT dcep.freeze(:'f', 'both', 'mine');
SET ROLE regress_central;
SELECT dcep.freeze(:'f', 'both', 'ours');
SELECT dcep.unfreeze(:'f', 'both', 'ours');
RESET ROLE;
SELECT event, by_role = session_user AS by_session FROM dcep.wallet_event WHERE wallet = :'f' ORDER BY id DESC LIMIT 2;

-- --- suspension ------------------------------------------------------------------------------------

SELECT t.open('at3', 3, 1, 100);
SELECT dcep.suspend_institution(3);
SELECT * FROM t.may('at3');
SELECT t.try($$SELECT t.pay('at3', 'rich', 1)$$);
SELECT t.try($$SELECT t.pay('rich', 'at3', 1)$$);
SELECT code, status FROM dcep.institution WHERE code = 3;
SELECT dcep.suspend_institution(3, false);
SELECT * FROM t.may('at3');
SELECT c, t.try('SELECT dcep.' || c) FROM unnest(ARRAY['suspend_institution(NULL)', 'suspend_institution(3, NULL)', 'suspend_institution(9990)', 'suspend_institution(1)', 'suspend_institution(9001)']) AS c;
SELECT * FROM t.audit();
DROP FUNCTION t.usage, t.may;
