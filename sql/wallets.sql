-- Opening and closing wallets, and what their numbers are.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

-- A request names the class, and the form where it is not software.
SELECT dcep.institution(w) AS institution, length(w::text) AS digits FROM dcep.open_wallet(2, '{"class": 1}') AS w;
BEGIN;
INSERT INTO t.wallet VALUES ('hard', dcep.open_wallet(3, '{"class": 4, "form": "hardware"}')), ('soft', dcep.open_wallet(4, '{"form": "software", "class": 2}'));
SELECT t.name(w.id), w.institution, w.class, w.form, w.status, w.flags, w.parent, w.opened_at <= clock_timestamp() AS opened, w.closed_at, c.seq, c.day_spent, c.day, c.day_count, e.event,
       e.class, e.by_role = session_user AS by_session
FROM dcep.wallet AS w JOIN dcep.wallet_chain AS c ON c.wallet = w.id JOIN dcep.wallet_event AS e ON e.wallet = w.id WHERE w.id IN (t.w('hard'), t.w('soft')) ORDER BY 1;
ROLLBACK;

-- What does not qualify, and what is not understood.
SELECT c, t.try('SELECT dcep.open_wallet(' || c || ')') FROM unnest(ARRAY['NULL, NULL', $$NULL, '{"class": 1}'$$, '2, NULL', $$2, '{}'$$, $$2, 'null'$$, $$2, '[]'$$, $$2, '1'$$, $$2, '"class"'$$,
    $$2, '{"class": null}'$$, $$2, '{"class": "1"}'$$, $$2, '{"class": 0}'$$, $$2, '{"class": 5}'$$, $$2, '{"class": 9999}'$$, $$2, '{"class": 10000}'$$, $$2, '{"class": -1}'$$,
    $$2, '{"class": 1.5}'$$, $$2, '{"class": 1.0}'$$, $$2, '{"class": 1e0}'$$, $$2, '{"class": 40000}'$$, $$2, '{"class": [1]}'$$, $$2, '{"class": 1, "form": "vault"}'$$, $$2, '{"class": 1, "form": ""}'$$,
    $$2, '{"class": 1, "form": null}'$$, $$2, '{"class": 1, "form": 7}'$$, $$2, '{"class": 1, "id": "secret"}'$$, $$2, '{"Class": 1}'$$, $$1, '{"class": 1}'$$, $$9001, '{"class": 1}'$$, $$9990, '{"class": 1}'$$,
    $$0, '{"class": 1}'$$, $$65538, '{"class": 1}'$$]) AS c;
SELECT dcep.open_wallet(2, '{"class": 1');

-- By the operator, at itself.
SET ROLE regress_bank2;
SELECT dcep.institution(dcep.open_wallet(2, '{"class": 1}'));
SELECT dcep.open_wallet(3, '{"class": 1}');
SET ROLE regress_central;
SELECT dcep.open_wallet(2, '{"class": 1}');
SET ROLE regress_auditor;
SELECT dcep.open_wallet(2, '{"class": 1}');
RESET ROLE;

-- Numbers are in no order, and none comes twice; those of a ledger that counts the same differ by institution.
SELECT count(*), count(DISTINCT n), count(*) FILTER (WHERE n::text LIKE '0002%') AS of_two
FROM (SELECT dcep.allot_number(2, g, decode(repeat('5a', 32), 'hex')) AS n FROM generate_series(0, 999) AS g) AS numbers;
SELECT count(*) FILTER (WHERE after > n) BETWEEN 400 AND 600 AS disorder, count(*) FILTER (WHERE abs(after::bigint - n::bigint) < 1000000) < 10 AS apart
FROM (SELECT n, lead(n) OVER (ORDER BY g) AS after FROM (SELECT g, dcep.allot_number(2, g, decode(repeat('5a', 32), 'hex')) AS n FROM generate_series(0, 999) AS g) AS numbers) AS pairs;
SELECT dcep.allot_number(2, 0, decode(repeat('5a', 32), 'hex')), dcep.allot_number(2, 1, decode(repeat('5a', 32), 'hex')), dcep.allot_number(3, 0, decode(repeat('5a', 32), 'hex')),
       dcep.allot_number(2, 0, decode(repeat('5b', 32), 'hex')), dcep.allot_number(2, 99999999999, decode(repeat('5a', 32), 'hex'));
SELECT t.try('SELECT dcep.allot_number(' || c || $$, decode(repeat('5a', 32), 'hex'))$$) FROM unnest('{"2, -1","2, 100000000000","0, 1","10000, 1"}'::text[]) AS c;

-- Closing: empty wallets only, for good.
SELECT t.open('c1', 2, 1, 10), t.open('c2', 2, 1), t.open('c3', 3, 1);
SELECT t.try($$SELECT dcep.close_wallet(t.w('c1'))$$);
SELECT t.pay('c1', 'c2', 10);
SELECT dcep.close_wallet(t.w('c1'));
SELECT status, closed_at >= opened_at AS closed FROM dcep.wallet WHERE id = t.w('c1');
SELECT event, direction, reason FROM dcep.wallet_event WHERE wallet = t.w('c1') ORDER BY id;
SELECT c, t.try('SELECT dcep.close_wallet(' || c || ')') FROM unnest(ARRAY[$$t.w('c1')$$, 'NULL', $$t.w('nobody')$$, 'dcep.vault(2)', 'dcep.vault(1)']) AS c;
SELECT t.try($$SELECT t.pay('c1', 'c2', 1)$$), t.try($$SELECT t.pay('c2', 'c1', 1)$$);
SELECT dcep.balance(t.w('c1')), dcep.available(t.w('c1')), (SELECT count(*) FROM dcep.coins(t.w('c1')));
SELECT * FROM dcep.verify_chain(t.w('c1'));
-- Rolled back, it is open; its number is not given out again.
BEGIN;
SELECT dcep.close_wallet(t.w('c3'));
SELECT t.try($$SELECT t.pay('c2', 'c3', 1)$$);
ROLLBACK;
SELECT t.pay('c2', 'c3', 1);
-- A frozen wallet that is empty can be closed, one that holds money not; nor can another institution's.
SELECT t.open('c4', 2, 1);
SELECT dcep.freeze(t.w('c2'), 'both', 'case 12'), dcep.freeze(t.w('c4'), 'both', 'case 12');
SELECT t.try($$SELECT dcep.close_wallet(t.w('c2'))$$), t.try($$SELECT dcep.close_wallet(t.w('c4'))$$);
SELECT dcep.unfreeze(t.w('c2'), 'both', 'case 12');
SELECT id AS c2 FROM t.wallet WHERE name = 'c2' \gset
SELECT id AS c3 FROM t.wallet WHERE name = 'c3' \gset
\set VERBOSITY sqlstate
SET ROLE regress_bank3;
SELECT dcep.close_wallet(:'c2');
SELECT dcep.close_wallet(:'c3');
SET ROLE regress_central;
SELECT dcep.close_wallet(:'c3');
RESET ROLE;
SELECT * FROM t.audit();
