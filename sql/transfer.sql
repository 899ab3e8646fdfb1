-- Paying, by dcep.transfer() and by INSERT into the journal.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';
SET search_path = public;

SELECT t.open('ann', 2, 1, 1000), t.open('ben', 2, 1), t.open('cid', 3, 1), t.open('shut', 2, 1);
SELECT dcep.close_wallet(t.w('shut'));
SELECT t.w('ann') AS ann, t.w('ben') AS ben, t.w('cid') AS cid, t.w('shut') AS shut, t.w('nobody') AS nobody,
       dcep.vault(2) AS vault2, dcep.vault(3) AS vault3, dcep.vault(1) AS central \gset
SELECT max(id) AS mark FROM dcep.transfer \gset
CREATE VIEW t.new AS SELECT transfer, kind, payee, amount, change, inputs, key, memo, chained FROM t.journal WHERE id > :mark ORDER BY id;

-- --- one payment ---------------------------------------------------------------

-- The short form, and the receipt: every field of it is the row's.
SELECT dcep.transfer(:'ann', :'ben', 250) IS NOT NULL AS receipt;
SELECT * FROM t.new;
SELECT r.kind, t.name(r.payer) AS payer, t.name(r.payee) AS payee, r.amount, r.key, r.seq, r.issuer, r.key_number,
       octet_length(r.hash) AS hash, octet_length(r.signature) AS signature
FROM dcep.transfer(:'ann', :'ben', 1, 'key 1', 'a memo') AS r;
SELECT count(*) FROM dcep.transfer(:'ann', :'ben', 2, memo => 'by name', key => 'key 2') AS r
JOIN dcep.transfer AS j ON (j.id, j.kind, j.payer, j.payee, j.amount, j.key, j.created_at, j.seq, j.issuer, j.key_number, j.hash, j.signature)
                         = (r.transfer, r.kind, r.payer, r.payee, r.amount, r.key, r.created_at, r.seq, r.issuer, r.key_number, r.hash, r.signature);
SELECT t.transfer(transfer), kind, amount, key, seq FROM dcep.transfer(:'ann', :'ben', 2, 'key 2', 'by name');
SELECT * FROM t.new;
SELECT * FROM t.purse('ann', 'ben');

-- Everything and one more; the journal has what was paid, the sum of all is what it was.
SELECT t.pay('ann', 'ben', 747);
SELECT t.pay('ann', 'ben', 748);
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 748)', :'ann', :'ben'));
SELECT t.pay('ben', 'ann', 1000);
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 1)', :'ben', :'ann'));
SELECT * FROM t.purse('ann', 'ben');

-- A wallet may pay at once with what it was just paid; the signature's time and the row's are the same.
SELECT t.pay('ann', 'cid', 1), t.pay('cid', 'ann', 1);
SELECT t.transfer(j.id), j.created_at = dcep.minted_at(c) AS same_time FROM dcep.coins(:'ann') AS c JOIN dcep.transfer AS j ON j.id = dcep.transfer_id(c) ORDER BY j.id;

-- --- which coins ----------------------------------------------------------------

SELECT t.open('coins', 2, 1), t.open('sink', 2, 1);
INSERT INTO dcep.transfer (kind, payer, payee, amount, memo)
SELECT 'exchange_in', dcep.vault(2), t.w('coins'), a, 'coin of ' || a FROM unnest('{10,20,50,50,100}'::bigint[]) AS a;
SELECT * FROM t.purse('coins');
CREATE VIEW t.spent AS
    SELECT j.amount, j.change,
           ARRAY(SELECT CASE i & 1 WHEN 0 THEN m.amount ELSE m.change END
                   FROM unnest(j.inputs) WITH ORDINALITY AS u (i, o) JOIN dcep.transfer AS m ON m.id = i >> 1 ORDER BY o) AS inputs
      FROM dcep.transfer AS j WHERE j.payer = t.w('coins') ORDER BY j.seq DESC LIMIT 1;
-- A coin that is exact needs no change; else the smallest that covers the amount.
BEGIN;
SELECT t.pay('coins', 'sink', 20);
SELECT * FROM t.spent;
ROLLBACK;
BEGIN;
SELECT t.pay('coins', 'sink', 21);
SELECT * FROM t.spent;
SELECT * FROM t.purse('coins');
ROLLBACK;
BEGIN;
SELECT t.pay('coins', 'sink', 51);
SELECT * FROM t.spent;
ROLLBACK;
-- Where no coin covers it alone, the largest first.
BEGIN;
SELECT t.pay('coins', 'sink', 101);
SELECT * FROM t.spent;
ROLLBACK;
BEGIN;
SELECT t.pay('coins', 'sink', 225);
SELECT * FROM t.spent;
SELECT * FROM t.purse('coins');
SELECT t.pay('coins', 'sink', 5);
SELECT * FROM t.spent;
SELECT * FROM t.purse('coins', 'sink');
ROLLBACK;
BEGIN;
SELECT t.pay('coins', 'sink', 230);
SELECT * FROM t.spent;
SELECT * FROM t.purse('coins', 'sink');
ROLLBACK;
SELECT t.try($$SELECT t.pay('coins', 'sink', 231)$$);
SELECT * FROM t.purse('coins', 'sink');

-- --- kinds ------------------------------------------------------------------------

CREATE TEMPORARY TABLE kind_cases AS
SELECT row_number() OVER () AS n, kind::dcep.transfer_kind, payer, payee
FROM (SELECT * FROM unnest(enum_range(NULL::dcep.transfer_kind, 'consolidate')) WITH ORDINALITY AS k (kind, o)) AS k,
     (VALUES ('central', 'vault2'), ('vault2', 'central'), ('vault2', 'vault3'), ('vault2', 'ann'), ('vault2', 'cid'), ('ann', 'vault2'),
             ('ann', 'vault3'), ('ann', 'ben'), ('ann', 'cid'), ('central', 'ann'), ('ann', 'central')) AS p (payer, payee)
ORDER BY o;
SELECT kind, payer, payee, t.try(format('INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (%L, %L, %L, 1)', kind, t.w(payer), t.w(payee)))
FROM kind_cases ORDER BY n;
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('cheque', :'ann', :'ben', 1);
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (NULL, :'ann', :'ben', 1);
SELECT * FROM t.audit();

-- --- what is refused ---------------------------------------------------------------

SELECT max(id) AS mark FROM dcep.transfer \gset
CREATE OR REPLACE VIEW t.new AS SELECT transfer, kind, payee, amount, change, inputs, key, memo, chained FROM t.journal WHERE id > :mark ORDER BY id;
CREATE FUNCTION t.tries(VARIADIC calls text[]) RETURNS TABLE (call text, answer text) LANGUAGE sql AS $$
    SELECT c, t.try('SELECT t.pay(' || c || ')') FROM unnest(calls) WITH ORDINALITY AS u (c, o) ORDER BY o
$$;
-- NULL in every argument, by the function and by INSERT.
SELECT t.try(format('SELECT dcep.transfer(NULL, %L, 1)', :'ben'));
SELECT t.try(format('SELECT dcep.transfer(%L, NULL, 1)', :'ann'));
SELECT t.try(format('SELECT dcep.transfer(%L, %L, NULL)', :'ann', :'ben'));
SELECT t.try('SELECT dcep.transfer(NULL, NULL, NULL, NULL, NULL)');
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (NULL, :'ben', 1);
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (:'ann', NULL, 1);
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (:'ann', :'ben', NULL);
INSERT INTO dcep.transfer (payer, payee) VALUES (:'ann', :'ben');
INSERT INTO dcep.transfer DEFAULT VALUES;
-- Amounts: the smallest, its neighbour, and the ends of what a bigint holds.
SELECT * FROM t.tries($$'ann', 'ben', 1$$, $$'ann', 'ben', 0$$, $$'ann', 'ben', -1$$, $$'ann', 'ben', 9223372036854775807$$,
                      $$'ann', 'ben', -9223372036854775808$$);
SELECT * FROM t.tries($$'ann', 'ben', 9223372036854775808$$, $$'ann', 'ben', 1.5$$, $$'ann', 'ben', 'much'$$);
-- Wallets that are not there, closed, or the same.
SELECT * FROM t.tries($$'nobody', 'ben', 1$$, $$'ann', 'nobody', 1$$, $$'shut', 'ben', 1$$, $$'ann', 'shut', 1$$, $$'ann', 'ann', 1$$);
SELECT t.try($$SELECT dcep.transfer('0002999999999991', '0002999999999990', 1)$$);
SELECT t.try($$SELECT dcep.transfer('', '0002999999999990', 1)$$);
-- Keys and memos: the longest, one byte more; bytes and not letters; empty is a key like another.
SELECT * FROM t.tries($$'ann', 'ben', 1, repeat('k', 200)$$, $$'ann', 'ben', 1, repeat('k', 201)$$, $$'ann', 'ben', 1, repeat(U&'\4E2D', 67)$$,
                      $$'ann', 'ben', 1, NULL, repeat('m', 1000)$$, $$'ann', 'ben', 1, NULL, repeat('m', 1001)$$, $$'ann', 'ben', 1, '', ''$$);
SELECT transfer, amount, length(key) AS key, length(memo) AS memo, chained FROM t.new;
-- What is computed cannot be given: each column, with the least harmful value.
SELECT c, t.try(format('INSERT INTO dcep.transfer (payer, payee, amount, %I) VALUES (%L, %L, 1, %s)', c, :'ann', :'ben', v))
FROM (VALUES ('id', '1'), ('change', '0'), ('created_at', 'now()'), ('seq', '1'), ('key_number', '1'), ('issuer', '2'), ('suite', '1'),
             ('batch', '1'), ('batch_index', '0'), ('inputs', $$'{}'$$), ('prev_hash', $$''$$), ('signature', $$''$$)) AS given (c, v);
-- A hash makes it a restored row, which must be whole and sound.
SELECT t.try(format($$INSERT INTO dcep.transfer (payer, payee, amount, hash) VALUES (%L, %L, 1, '')$$, :'ann', :'ben'));
SET ROLE regress_bank2;
INSERT INTO dcep.transfer (payer, payee, amount, hash) VALUES (:'ann', :'ben', 1, '');
INSERT INTO dcep.transfer (payer, payee, amount, id) VALUES (:'ann', :'ben', 1, 1);
RESET ROLE;

-- Several things wrong at once: the order of docs/errors.md decides.
SELECT t.open('iced', 2, 1, 10), t.open('small', 2, 4, 10), t.open('empty', 2, 1);
SELECT t.pay('ann', 'ben', 5, 'taken');
SELECT dcep.freeze(t.w('iced'), 'both', 'case 1');
SELECT * FROM t.tries($$'ann', 'ben', 6, repeat('k', 201)$$, $$'nobody', 'ben', 1, repeat('k', 201)$$, $$'nobody', 'shut', 0$$, $$'nobody', 'nobody', 0$$,
                      $$'shut', 'nobody', 0$$, $$'shut', 'shut', 0$$, $$'ann', 'ann', 0, 'taken'$$,
                      $$'ann', 'ann', 1, 'taken'$$, $$'ann', 'central', 1, 'taken'$$, $$'ann', 'iced', 6, 'taken'$$, $$'iced', 'central', 1$$,
                      $$'iced', 'iced', 1$$, $$'iced', 'ben', 20$$, $$'ann', 'iced', 10000$$,
                      $$'small', 'iced', 200001$$, $$'small', 'small', 200001$$, $$'small', 'ben', 500001$$, $$'small', 'ben', 200000$$,
                      $$'ann', 'small', 1000000$$, $$'ann', 'small', 999990$$, $$'empty', 'ben', 1$$);
SELECT dcep.unfreeze(t.w('iced'), 'both', 'case 1');

-- --- many at once ----------------------------------------------------------------------

-- Values of several rows, with each row's own result; within one statement each payer goes on from where it is.
SELECT t.open('m1', 2, 1, 100), t.open('m2', 2, 1, 100), t.open('m3', 3, 1, 100);
INSERT INTO dcep.transfer (payer, payee, amount, memo)
VALUES (t.w('m1'), t.w('m2'), 10, 'a'), (t.w('m2'), t.w('m1'), 20, 'b'), (t.w('m3'), t.w('m1'), 30, 'c'), (t.w('m1'), t.w('m3'), 40, 'd')
RETURNING t.name(payer) AS payer, t.name(payee) AS payee, amount, change, seq, memo;
SELECT * FROM t.purse('m1', 'm2', 'm3');
SELECT transfer, amount, change, inputs, chained FROM t.journal WHERE payer IN ('m1', 'm2', 'm3') ORDER BY id;
-- A line that is refused takes all with it.
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('m1'), t.w('m2'), 10), (t.w('m1'), t.w('m2'), 0);
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('m1'), t.w('m2'), 50), (t.w('m1'), t.w('m2'), 21);
SELECT * FROM t.purse('m1', 'm2', 'm3');

-- The whole of it passes from hand to hand in one statement, and comes back.
SELECT t.open('a', 2, 1, 100), t.open('b', 2, 1), t.open('c', 3, 1), t.open('d', 4, 1);
INSERT INTO dcep.transfer (payer, payee, amount)
VALUES (t.w('a'), t.w('b'), 100), (t.w('b'), t.w('c'), 99), (t.w('c'), t.w('d'), 98), (t.w('d'), t.w('a'), 97), (t.w('a'), t.w('b'), 96);
SELECT transfer, payee, amount, change, inputs, chained FROM t.journal WHERE payer IN ('a', 'b', 'c', 'd') ORDER BY id;
SELECT * FROM t.purse('a', 'b', 'c', 'd');

-- A payroll of 1,000 wallets by one payer, and what came of it.
SELECT t.open('firm', 2, 1, 500500) FROM generate_series(1, 1);
INSERT INTO t.wallet SELECT 'staff' || n, dcep.open_wallet(2 + n % 2, '{"class": 1}') FROM generate_series(1, 1000) AS n;
INSERT INTO dcep.transfer (payer, payee, amount, key, memo)
SELECT t.w('firm'), id, substr(name, 6)::bigint, 'pay 2026-11 ' || name, 'salary' FROM t.wallet WHERE name LIKE 'staff%';
SELECT count(*), sum(amount), count(DISTINCT payee), min(seq), max(seq), bool_and(chained), min(change) FROM t.journal WHERE payer = 'firm';
SELECT count(*) FROM t.wallet WHERE name LIKE 'staff%' AND dcep.balance(id) = substr(name, 6)::bigint;
SELECT * FROM t.purse('firm');
SELECT seq, day_spent, year_spent, day_count FROM dcep.wallet_chain WHERE wallet = t.w('firm');
-- Once more would be too much, at whichever row it runs out.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('staff1000'), id, 1 FROM t.wallet WHERE name ~ '^staff[0-9]{1,3}$' ORDER BY name LIMIT 999;
SELECT * FROM t.purse('staff1000');
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('staff1000'), id, 1 FROM t.wallet WHERE name LIKE 'staff%' AND name <> 'staff1000' LIMIT 2;
SELECT * FROM t.purse('staff1000');
-- And all of them pay one.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT id, t.w('firm'), 1 FROM t.wallet WHERE name ~ '^staff[0-9]{1,3}$';
SELECT dcep.balance(t.w('firm')), count(*) FROM dcep.coin WHERE owner = t.w('firm');
SELECT t.pay('firm', 'ann', 999);
SELECT cardinality(inputs), change FROM dcep.transfer WHERE payer = t.w('firm') ORDER BY seq DESC LIMIT 1;

-- Two INSERTs in one statement, which run one after the other; a set-returning query that pays.
WITH first AS (INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('m1'), t.w('m2'), 7) RETURNING amount, seq),
     second AS (INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('m1'), t.w('m2'), 8) RETURNING amount, seq)
SELECT (SELECT sum(amount) FROM first) AS first, (SELECT sum(amount) FROM second) AS second;
SELECT * FROM t.purse('m1', 'm2');
SELECT transfer, amount, chained FROM t.journal WHERE payer = 'm1' ORDER BY id;
SELECT (dcep.transfer(t.w('m1'), t.w('m3'), n)).amount FROM generate_series(1, 3) AS n;
SELECT * FROM t.purse('m1', 'm3');
INSERT INTO dcep.transfer (payer, payee, amount) SELECT payer, payee, amount FROM dcep.transfer WHERE false;

-- COPY.
\getenv abs_builddir PG_ABS_BUILDDIR
\set payments :abs_builddir '/results/payments.copy'
\setenv PAYMENTS :payments
COPY (SELECT t.w('m1'), t.w('m2'), n FROM generate_series(1, 3) AS n) TO STDOUT \g :payments
\copy dcep.transfer (payer, payee, amount) FROM PROGRAM 'cat "$PAYMENTS"'
SELECT * FROM t.purse('m1', 'm2');
-- A line that is refused takes the file with it.
\copy dcep.transfer (payer, payee, amount) FROM PROGRAM 'cat "$PAYMENTS"'
SELECT transfer, amount, chained FROM t.journal WHERE payer = 'm1' ORDER BY id DESC LIMIT 3;
COPY dcep.transfer (payer, payee, amount) FROM stdin;
0002999999999990	0002999999999990	1
\.
COPY dcep.transfer (payer, payee, amount) FROM stdin;
0002999999999991	0002999999999990	1
\.
SELECT * FROM t.defects('m1');

-- --- transactions -----------------------------------------------------------------------

-- A refusal costs the transaction, or the savepoint, and nothing more.
SELECT t.open('p', 2, 1, 1000), t.open('q', 2, 1);
SELECT t.w('p') AS p, t.w('q') AS q \gset
BEGIN;
SELECT t.pay('p', 'q', 100);
SELECT t.pay('p', 'q', 901);
SELECT t.pay('p', 'q', 1);
COMMIT;
SELECT * FROM t.purse('p', 'q');
BEGIN;
SELECT t.pay('p', 'q', 100);
SAVEPOINT one;
SELECT t.pay('p', 'q', 200);
SELECT t.pay('q', 'p', 250);
SELECT * FROM t.purse('p', 'q');
ROLLBACK TO SAVEPOINT one;
SELECT * FROM t.purse('p', 'q');
SELECT t.pay('p', 'q', 901);
ROLLBACK TO SAVEPOINT one;
SELECT t.pay('p', 'q', 300);
RELEASE SAVEPOINT one;
SELECT t.pay('q', 'p', 1);
COMMIT;
SELECT * FROM t.purse('p', 'q');
SELECT transfer, amount, change, inputs, seq, chained FROM t.journal WHERE payer IN ('p', 'q') ORDER BY id;
SELECT w, c.seq, c.day_spent, c.day_count FROM unnest('{p,q}'::text[]) AS w JOIN dcep.wallet_chain AS c ON c.wallet = t.w(w);
SELECT * FROM t.defects('p') UNION ALL SELECT * FROM t.defects('q');

-- Exception blocks: the payment of a block that fails is undone, those around it stand.
DO $$
DECLARE
    n integer;
BEGIN
    PERFORM t.pay('p', 'q', 10);
    FOR n IN 1..3 LOOP
        BEGIN
            PERFORM t.pay('p', 'q', 20);
            PERFORM t.pay('p', 'q', CASE n WHEN 2 THEN 5 ELSE 5000 END);
        EXCEPTION WHEN SQLSTATE 'LG301' THEN
            NULL;
        END;
    END LOOP;
    PERFORM t.pay('p', 'q', 1);
END
$$;
SELECT * FROM t.purse('p', 'q');
SELECT transfer, amount, seq, chained FROM t.journal WHERE payer = 'p' AND seq > 2 ORDER BY id;
-- A procedure that commits between payments.
CREATE PROCEDURE t.twice() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.pay('p', 'q', 1);
    COMMIT;
    PERFORM t.pay('p', 'q', 2);
    ROLLBACK;
END
$$;
CALL t.twice();
SELECT * FROM t.purse('p', 'q');
SELECT * FROM t.defects('p');

-- --- payments inside payments --------------------------------------------------------------

-- A function that pays, in a statement that pays: the inner one sees what the outer one has done so far.
CREATE FUNCTION t.nested(payer text, payee text, amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dcep.transfer(t.w(payer), t.w(payee), amount);
    RETURN amount;
END
$$;
CREATE FUNCTION t.nested_caught(payer text, payee text, amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dcep.transfer(t.w(payer), t.w(payee), amount);
    RETURN amount;
EXCEPTION WHEN division_by_zero THEN
    RETURN 0;
END
$$;
SELECT t.open('x', 2, 1, 100), t.open('y', 2, 1), t.open('z', 2, 1);
INSERT INTO dcep.transfer (payer, payee, amount)
SELECT t.w('x'), t.w('y'), t.nested('x', 'z', n) FROM generate_series(1, 3) AS n;
SELECT * FROM t.purse('x', 'y', 'z');
SELECT transfer, payee, amount, change, inputs, chained FROM t.journal WHERE payer = 'x' ORDER BY id;
-- y spends inside the statement what it was paid in the row before.
INSERT INTO dcep.transfer (payer, payee, amount)
SELECT t.w('x'), t.w('y'), CASE n WHEN 1 THEN 10 ELSE t.nested('y', 'z', 16) END FROM generate_series(1, 2) AS n;
SELECT * FROM t.purse('x', 'y', 'z');
-- What the inner one lacks, sinks both.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('x'), t.w('y'), t.nested('x', 'z', 62);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('x'), t.w('y'), t.nested('x', 'z', 40);
SELECT * FROM t.purse('x', 'y', 'z');
-- In a subtransaction it is refused, before the outer statement pays and after.
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('x'), t.w('y'), t.nested_caught('x', 'z', 1);
\echo :SQLSTATE
INSERT INTO dcep.transfer (payer, payee, amount)
SELECT t.w('x'), t.w('y'), CASE n WHEN 1 THEN 10 ELSE t.nested_caught('x', 'z', 1) END FROM generate_series(1, 2) AS n;
SELECT t.nested_caught('x', 'z', 1);
SELECT * FROM t.purse('x', 'y', 'z');
SELECT * FROM t.defects('x');

-- A trigger that charges a fee for every payment but its own.
CREATE FUNCTION t.charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.memo = 'with fee' THEN
        INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (NEW.payer, t.w('z'), 1, 'fee');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER charge AFTER INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION t.charge();
SELECT t.pay('x', 'y', 5, NULL, 'with fee');
INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (t.w('x'), t.w('y'), 6, 'with fee'), (t.w('y'), t.w('x'), 1, 'with fee');
SELECT transfer, payee, amount, change, inputs, memo, chained FROM t.journal WHERE payer IN ('x', 'y') ORDER BY id DESC LIMIT 6;
SELECT * FROM t.purse('x', 'y', 'z');
SELECT t.pay('x', 'y', 47, NULL, 'with fee');
SELECT t.pay('x', 'y', 48, NULL, 'with fee');
SELECT * FROM t.purse('x', 'y', 'z');
DROP TRIGGER charge ON dcep.transfer;
SELECT * FROM t.defects('x') UNION ALL SELECT * FROM t.defects('y');

-- --- triggers that meddle ----------------------------------------------------------------------

CREATE FUNCTION t.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_ARGV[0]
        WHEN 'drop' THEN RETURN NULL;
        WHEN 'amount' THEN NEW.amount := NEW.amount + 1;
        WHEN 'payee' THEN NEW.payee := t.w('z');
        WHEN 'memo' THEN NEW.memo := 'changed';
        WHEN 'key' THEN NEW.key := 'changed';
        WHEN 'created_at' THEN NEW.created_at := NEW.created_at + interval '1 microsecond';
        WHEN 'inputs' THEN NEW.inputs := '{}';
        WHEN 'change' THEN NEW.change := 0;
        WHEN 'signature' THEN NEW.signature := set_byte(NEW.signature, 0, get_byte(NEW.signature, 0) # 1);
        WHEN 'key_number' THEN NEW.key_number := 2;
        WHEN 'id' THEN NEW.id := NEW.id + 1000000;
        WHEN 'third' THEN IF NEW.amount = 3 THEN RETURN NULL; END IF;
        WHEN 'batch' THEN NEW.batch := NEW.batch + 1;
        WHEN 'batch_index' THEN NEW.batch_index := NEW.batch_index + 1;
        WHEN 'alone' THEN NEW.signature := repeat('x', 64)::bytea; NEW.batch := NULL; NEW.batch_index := NULL;
    END CASE;
    RETURN NEW;
END
$$;
SELECT t.open('meddled', 2, 1, 100);
-- After the payment was executed, a row that does not enter as it was signed undoes all of it.
CREATE FUNCTION t.meddle_with(what text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION t.meddle(%L)', name, what);
    answer := t.try($q$SELECT t.pay('meddled', 'y', 10, 'my key', 'my memo')$q$);
    EXECUTE format('DROP TRIGGER %I ON dcep.transfer', name);
    RETURN regexp_replace(answer, 'Transfer [^ |]*', 'Transfer (number)');
END
$$;
SELECT what, t.meddle_with(what, 'zzz') FROM unnest('{drop,amount,payee,memo,key,created_at,inputs,change,signature,key_number,id}'::text[]) AS what;
SELECT * FROM t.purse('meddled');
SELECT seq FROM dcep.wallet_chain WHERE wallet = t.w('meddled');
-- So does a row of a bulk that does not, or is not in its signed batch as it was.
CREATE FUNCTION t.meddle_bulk(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('CREATE TRIGGER zzz BEFORE INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION t.meddle(%L)', what);
    answer := t.try($q$INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('meddled'), t.w('y'), n FROM generate_series(1, 5) AS n$q$);
    DROP TRIGGER zzz ON dcep.transfer;
    RETURN answer;
END
$$;
SELECT what, t.meddle_bulk(what) FROM unnest('{drop,third,amount,batch,batch_index,alone,signature}'::text[]) AS what;
SELECT * FROM t.purse('meddled');
-- Before it, a trigger gives another order, and that is what is executed.
SELECT what, t.meddle_with(what, 'aaa') FROM unnest('{amount,memo}'::text[]) AS what;
SELECT transfer, payee, amount, key, memo FROM t.journal WHERE payer = 'meddled' ORDER BY id;
CREATE TRIGGER aaa BEFORE INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION t.meddle('drop');
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('meddled'), t.w('y'), 1);
SELECT dcep.transfer(t.w('meddled'), t.w('y'), 1);
SELECT dcep.transfer(t.w('meddled'), t.w('y'), 1, 'new key');
DROP TRIGGER aaa ON dcep.transfer;
-- A rule that sends the rows elsewhere.
CREATE RULE nowhere AS ON INSERT TO dcep.transfer WHERE memo = 'nowhere' DO INSTEAD NOTHING;
INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (t.w('meddled'), t.w('y'), 1, 'nowhere');
DROP RULE nowhere ON dcep.transfer;
SELECT * FROM t.purse('meddled');

-- ON CONFLICT drops rows after the trigger has run: no coin moves without its row.
INSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (t.w('meddled'), t.w('y'), 1, 'once')
ON CONFLICT DO NOTHING RETURNING amount;
INSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (t.w('meddled'), t.w('y'), 1, 'once')
ON CONFLICT DO NOTHING RETURNING amount;
INSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (t.w('meddled'), t.w('y'), 2, 'twice'), (t.w('meddled'), t.w('y'), 2, 'twice'), (t.w('meddled'), t.w('y'), 3, 'thrice')
ON CONFLICT DO NOTHING RETURNING amount;
SELECT * FROM t.purse('meddled');
-- A unique index of a user's makes a conflict that the ledger does not know of.
CREATE UNIQUE INDEX one_memo ON dcep.transfer (memo) WHERE memo LIKE 'unique%';
INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (t.w('meddled'), t.w('y'), 1, 'unique') ON CONFLICT DO NOTHING RETURNING amount;
SELECT t.try(format($$INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (%L, %L, 1, 'unique') ON CONFLICT DO NOTHING$$, t.w('meddled'), t.w('y')));
SELECT t.try(format($$INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (%L, %L, 1, 'unique')
                      ON CONFLICT (memo) WHERE memo LIKE 'unique%%' DO UPDATE SET memo = 'other'$$, t.w('meddled'), t.w('y')));
INSERT INTO dcep.transfer (payer, payee, amount, memo) VALUES (t.w('meddled'), t.w('y'), 1, 'unique');
\echo :SQLSTATE
DROP INDEX dcep.one_memo;
INSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (t.w('meddled'), t.w('y'), 1, 'once')
ON CONFLICT (payer, key) WHERE key IS NOT NULL DO UPDATE SET memo = 'other';
\echo :SQLSTATE
SELECT * FROM t.purse('meddled');

-- Triggers that a superuser disabled: nothing can be paid in part.
SELECT count(*) AS paid FROM dcep.transfer WHERE payer = t.w('meddled') \gset
ALTER TABLE dcep.transfer DISABLE TRIGGER transfer_settle;
SELECT t.pay('meddled', 'y', 1);
BEGIN;
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('meddled'), t.w('y'), 1);
COMMIT;
ALTER TABLE dcep.transfer ENABLE TRIGGER transfer_settle;
SELECT t.pay('meddled', 'y', 1);
ALTER TABLE dcep.transfer DISABLE TRIGGER transfer_begin;
SELECT t.pay('meddled', 'y', 1);
ALTER TABLE dcep.transfer ENABLE TRIGGER transfer_begin;
ALTER TABLE dcep.transfer DISABLE TRIGGER transfer_execute;
SELECT t.pay('meddled', 'y', 1);
ALTER TABLE dcep.transfer ENABLE TRIGGER transfer_execute;
SELECT t.pay('meddled', 'y', 1);
SELECT count(*) - :paid AS paid FROM dcep.transfer WHERE payer = t.w('meddled');
-- Replication's way in: it brings rows that were paid elsewhere, and an order is not one.
SET session_replication_role = replica;
SELECT t.pay('meddled', 'y', 1);
RESET session_replication_role;
SELECT * FROM t.purse('meddled');
SELECT * FROM t.defects('meddled');
SELECT * FROM t.audit();
DROP VIEW t.new, t.spent;
