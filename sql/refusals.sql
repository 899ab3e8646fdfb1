-- Refusals on record. The library is not preloaded here: each session keeps its own and writes them with its next payment;
-- test/t/150_refusals.pl has the shared memory.
\set SHOW_CONTEXT never
\set VERBOSITY terse

-- A wallet of each class of payer and a supervisor of our own; nobody else's rows are looked at.
SELECT t.open('rita', 2, 1, 100000), t.open('rolf', 3, 1, 1000), t.open('rosa', 2, 4, 50000), t.open('rudi', 2, 1);
SELECT dcep.enroll_institution(9030, 'Refused supervisor', 'supervisor'), dcep.generate_key(9030, 'ed25519') AS key;
CREATE ROLE regress_refused;
SELECT dcep.grant_institution('regress_refused', 9030);
SELECT t.as_role('regress_refused', $$SELECT dcep.agree(9030, 2, '{no_debit,freeze,cap_payment,count_day,hold_amount,freeze_coins,no_credit}', '{transfers}')$$),
       t.as_role('regress_bank2', $$SELECT dcep.agree(9030, 2, '{no_debit,freeze,cap_payment,count_day,hold_amount,freeze_coins,no_credit}', '{transfers}')$$);

CREATE TEMPORARY VIEW ours AS
    SELECT r.id, r.sqlstate, r.message, r.kind, t.name(r.payer) AS payer, t.name(r.payee) AS payee, r.amount, r.class,
           r.order_id IS NOT NULL AS by_order, regexp_replace(t.mask(r.attempt), 'order \d+', 'order (id)') AS attempt, r.institution,
           r.by_role = session_user AS by_us, r.refused_at > now() - interval '1 hour' AS lately
      FROM dcep.refusal AS r
     WHERE r.payer IN (t.w('rita'), t.w('rolf'), t.w('rosa'), t.w('rudi')) OR r.payee IN (t.w('rita'), t.w('rolf'), t.w('rosa'), t.w('rudi'))
        OR r.institution = 9030;
SELECT count(*) FROM ours;
SELECT * FROM dcep.waiting_refusals();

-- A refused payment waits, with nothing of it in the table, until a payment of this session succeeds.
SELECT t.try($$SELECT t.pay('rita', 'rolf', 100001)$$);
SELECT waiting, lost FROM dcep.waiting_refusals();
SELECT count(*) FROM ours;
SELECT t.pay('rita', 'rolf', 1);
SELECT waiting, lost FROM dcep.waiting_refusals();
SELECT sqlstate, message, kind, payer, payee, amount, class, by_order, attempt, institution, by_us, lately FROM ours;

-- Rolled back together with the payment that wrote it, it goes on waiting; likewise in a subtransaction. Then it is written once.
BEGIN;
SELECT t.try($$SELECT t.pay('rita', 'rita', 7)$$);
SELECT t.pay('rita', 'rolf', 2);
SELECT count(*) FROM ours WHERE amount = 7;
ROLLBACK;
SELECT count(*) FROM ours WHERE amount = 7;
SELECT waiting FROM dcep.waiting_refusals();
BEGIN;
SAVEPOINT one;
SELECT t.pay('rita', 'rolf', 2);
SELECT count(*) FROM ours WHERE amount = 7;
ROLLBACK TO one;
SELECT count(*) FROM ours WHERE amount = 7;
SAVEPOINT two;
SELECT t.try($$SELECT t.pay('rita', 'rita', 8)$$);
SELECT dcep.keep_refusals();
SAVEPOINT three;
SELECT t.try($$SELECT t.pay('rita', 'rita', 9)$$);
SELECT dcep.keep_refusals(), dcep.keep_refusals();
ROLLBACK TO three;
SELECT dcep.keep_refusals();
RELEASE two;
SELECT dcep.keep_refusals();
COMMIT;
SELECT dcep.keep_refusals();
SELECT waiting FROM dcep.waiting_refusals();
SELECT sqlstate, message, payer, payee, amount FROM ours WHERE amount IN (7, 8, 9) ORDER BY amount;

-- Every rule: the first that refuses, as a payment would be told.
CREATE TEMPORARY TABLE began AS SELECT max(id) AS id FROM dcep.refusal;
SELECT t.try(format($$SELECT dcep.transfer('%s', '%s', %s)$$, t.w(payer), t.w(payee), amount))
  FROM (VALUES ('nobody', 'rita', 5), ('rita', 'nobody', 5), ('rita', 'rolf', 0), ('rita', 'rolf', -3), ('rita', 'central', 5),
               ('rosa', 'rolf', 60000), ('rudi', 'rolf', 1)) AS v (payer, payee, amount);
SELECT t.try($$INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('rita'), t.w('rolf'), 5)$$);
SELECT t.as_role('regress_bank3', $$SELECT t.pay('rita', 'rolf', 5)$$);
SELECT t.try($$SELECT t.pay('rita', 'rolf', 5, repeat('k', 201))$$);
SELECT t.pay('rita', 'rolf', 3, 'once');
SELECT t.try($$SELECT t.pay('rita', 'rolf', 4, 'once')$$);
SELECT dcep.freeze(t.w('rudi'), 'both', 'case 30');
SELECT t.try($$SELECT t.pay('rudi', 'rolf', 5)$$), t.try($$SELECT t.pay('rita', 'rudi', 5)$$);
SELECT dcep.unfreeze(t.w('rudi'), 'both', 'case 30');
SELECT t.pay('rita', 'rolf', 3, 'twice');
SELECT sqlstate, message, kind, payer, payee, amount, class, institution FROM ours WHERE id > (SELECT id FROM began) ORDER BY id;

-- What is no payment that a rule refused is not on record: a row that lacks something, a question, a wallet that consolidates.
TRUNCATE began; INSERT INTO began SELECT max(id) FROM dcep.refusal;
SELECT t.try($$INSERT INTO dcep.transfer (payer, payee) VALUES (t.w('rita'), t.w('rolf'))$$);
SELECT t.try($$INSERT INTO dcep.transfer (payer, payee, amount, seq) VALUES (t.w('rita'), t.w('rolf'), 1, 1)$$);
SELECT count(*) FROM dcep.explain_transfer(t.w('rita'), t.w('rolf'), 100001) WHERE verdict = 'refuse';
SELECT dcep.freeze(t.w('rolf'), 'debit', 'case 31');
SELECT t.try($$SELECT dcep.consolidate(t.w('rolf'))$$);
SELECT dcep.unfreeze(t.w('rolf'), 'debit', 'case 31');
SELECT waiting FROM dcep.waiting_refusals();

-- Lines of a payment file: those that are refused, and those that cannot be read, of which only what could be is kept. No
-- field goes on record as it stands, since nobody knows what it is: here a payment token, a key and a memo.
SELECT line, sqlstate FROM dcep.submit(ARRAY[
    (t.w('rita'), t.w('rolf'), '11', 'key of 11', 'memo of 11'), (t.w('rita'), t.w('rolf'), '100002', 'key of 12', 'memo of 12'),
    ('281234567890123456', t.w('rolf'), '13', NULL, NULL), (t.w('rita'), 'secret', '14', NULL, NULL), (t.w('rita'), t.w('rolf'), 'much', NULL, NULL),
    (t.w('rita'), t.w('rolf'), '99999999999999999999', NULL, NULL), (t.w('rita'), t.w('rolf'), '15 ', NULL, NULL), NULL,
    (t.w('rita'), '0003 1234 5678 9012', '16', NULL, NULL), ('0003123456789012', t.w('rita'), '16', NULL, NULL)]::dcep.instruction[]);
SELECT sqlstate, message, kind, payer, payee, amount, class, institution FROM ours WHERE id > (SELECT id FROM began) ORDER BY id;
SELECT count(*) FROM dcep.refusal AS r WHERE r::text ~ '28123456789|secret|much|key of|memo of|once';
-- Where no line is paid it waits.
SELECT line, sqlstate FROM dcep.submit(ARRAY[(t.w('rita'), NULL, '1', NULL, NULL)]::dcep.instruction[]);
SELECT waiting FROM dcep.waiting_refusals();
SELECT dcep.keep_refusals(), dcep.keep_refusals();

-- Orders of a supervisor, on the payer: their number is kept. On the payee it is not, for the payer's operator sees the row.
TRUNCATE began; INSERT INTO began SELECT max(id) FROM dcep.refusal;
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('cap_payment', '{"wallet": "%s"}', 'case 32', 20)$$, t.w('rosa')));
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('no_credit', '{"wallet": "%s"}', 'case 32')$$, t.w('rosa')));
SELECT left(t.try($$SELECT t.pay('rosa', 'rolf', 21)$$), 5), left(t.try($$SELECT t.pay('rita', 'rosa', 21)$$), 5);
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('no_debit', '{"wallet": "%s"}', 'case 32')$$, t.w('rosa')));
SELECT left(t.try($$SELECT t.pay('rosa', 'rolf', 19)$$), 5);

-- A supervisor's attempts beyond its agreements, with what they were; cut where they are long. They are written with its next act.
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('no_debit', '{"wallet": "%s"}', 'case 33')$$, t.w('rolf')));
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('no_redeem', '{"holder": "%s"}', 'case %s')$$, t.w('rita'), repeat('3', 300))) LIKE 'LG220 %';
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('freeze', '{"operator": 3, "class": 1}', 'case 33')$$));
SELECT t.as_role('regress_refused', 'SELECT dcep.lift(0, $$no reason$$)');
SELECT t.as_role('regress_supervisor', format('SELECT dcep.lift(%s, $$not mine$$)', (SELECT max(id) FROM dcep.control_order WHERE supervisor = 9030)));
SELECT t.as_role('regress_refused', format('SELECT dcep.report_fraud(%s, $$case 34$$)', (SELECT max(id) FROM dcep.transfer WHERE payer = t.w('rita') AND payee = t.w('rolf'))));
-- What it may not do for other reasons is not beyond an agreement.
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('no_debit', '{"wallet": "%s"}', '')$$, t.w('rita')));
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('hold_amount', '{"wallet": "%s"}', 'case 35', 30000)$$, t.w('rita')));
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('hold_amount', '{"wallet": "%s"}', 'case 35', 90000)$$, t.w('rita')));
SELECT t.try($$SELECT t.pay('rita', 'rolf', 21)$$);
SELECT dcep.keep_refusals();
SELECT sqlstate, message, kind, payer, payee, amount, class, by_order, attempt, institution FROM ours WHERE id > (SELECT id FROM began) ORDER BY id;
SELECT r.sqlstate, r.institution, regexp_replace(r.attempt, '\d+', '(id)') AS attempt FROM dcep.refusal AS r
 WHERE r.id > (SELECT id FROM began) AND r.institution = 9001;
SELECT max(octet_length(attempt)) FROM ours;
SELECT count(*), bool_and(o.supervisor = 9030 AND t.w('rosa') = o.wallets[1]) FROM dcep.refusal AS r JOIN dcep.control_order AS o ON o.id = r.order_id
 WHERE r.payer = t.w('rosa');

-- Who sees what. An operator: refusals of its wallets as payers, and what its own roles attempted; a supervisor: what it
-- attempted, and within a case the payments of wallets that its agreements show; the central bank: all attempts, and within a case all.
CREATE FUNCTION t.seen(role name) RETURNS TABLE (payer text, sqlstate text, n bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    RETURN QUERY EXECUTE 'SELECT t.name(r.payer), r.sqlstate, count(*) FROM dcep.refusal AS r WHERE r.payer IN (t.w(''rita''), t.w(''rolf''), t.w(''rosa''), t.w(''rudi'')) OR r.institution = 9030 GROUP BY 1, 2 ORDER BY 1, 2';
    RESET ROLE;
END
$$;
SELECT sum(n) FROM t.seen('regress_bank2');
SELECT * FROM t.seen('regress_bank2') WHERE payer <> 'rita';
SELECT * FROM t.seen('regress_bank3');
SELECT * FROM t.seen('regress_refused');
SELECT * FROM t.seen('regress_supervisor');
SELECT * FROM t.seen('regress_central');
SELECT t.try('SELECT * FROM t.seen($$regress_auditor$$)');
SET ROLE regress_refused;
SELECT dcep.open_case('case 36', 'refusals') IS NOT NULL AS opened;
RESET ROLE;
SELECT sum(n), bool_or(payer IN ('rolf')) FROM t.seen('regress_refused');
SET ROLE regress_refused;
SELECT dcep.close_case();
RESET ROLE;
SELECT t.as_role(role, call) FROM unnest(ARRAY['regress_bank2', 'regress_supervisor', 'regress_central', 'regress_auditor']) AS role,
    unnest(ARRAY['SELECT dcep.keep_refusals()', 'SELECT dcep.waiting_refusals()', 'SELECT dcep.take_refusals()',
                 'SELECT dcep.keep_refusal($$LG220$$, $$made up$$, 9030, $$nothing$$)', 'INSERT INTO dcep.refusal (refused_at, sqlstate, message, by_role) VALUES (now(), $$LG220$$, $$made up$$, $$x$$)',
                 'SELECT dcep.refusals_by_rule()', 'SELECT FROM dcep.refusals_by_order() HAVING count(*) >= 0', 'SELECT dcep.order_report()', 'SELECT FROM dcep.held_totals']) WITH ORDINALITY AS c (call, n) ORDER BY n, role;

-- Append-only.
SELECT t.try('UPDATE dcep.refusal SET sqlstate = $$00000$$'), t.try('DELETE FROM dcep.refusal WHERE false'), t.try('TRUNCATE dcep.refusal');

-- The reports. By rule: a range without rows of others is that of this transaction's own.
BEGIN;
CREATE TEMPORARY TABLE mark AS SELECT clock_timestamp() AS at;
SELECT left(t.try(format($$SELECT dcep.transfer('%s', '%s', %s)$$, t.w(payer), t.w(payee), amount)), 5)
  FROM (VALUES ('rita', 'rita', 1), ('rudi', 'rudi', 1), ('rita', 'rita', 2), ('rosa', 'rosa', 1), ('rosa', 'rolf', 1), ('nobody', 'rolf', 1)) AS v (payer, payee, amount);
SELECT dcep.keep_refusals();
SELECT * FROM dcep.refusals_by_rule((SELECT at FROM mark));
SELECT * FROM dcep.refusals_by_rule(NULL, (SELECT '2000-01-01'::timestamptz FROM mark));
SELECT sum(refusals) = (SELECT count(*) FROM dcep.refusal) AS all_of_them FROM dcep.refusals_by_rule(NULL, NULL);
COMMIT;

-- By order: rosa's cap and its bar on debits; where holds leave too little, as with rita, none is named. Their supervisor
-- and the central bank read it, each without a case. Orders of others are none of a supervisor's business.
CREATE FUNCTION t.by_order(role name, since timestamptz, until timestamptz) RETURNS TABLE (kind text, case_no text, status text, refusals bigint, payers bigint, amount numeric, timed boolean) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    RETURN QUERY SELECT o.kind, o.case_no, o.status, o.refusals, o.payers, o.amount, o.first_at <= o.last_at FROM dcep.refusals_by_order(since, until) AS o
                  WHERE o.supervisor = 9030 ORDER BY o.order_id;
    RESET ROLE;
END
$$;
SELECT * FROM t.by_order('regress_refused', NULL, NULL);
SELECT * FROM t.by_order('regress_central', NULL, NULL) EXCEPT SELECT * FROM t.by_order('regress_refused', NULL, NULL);
SELECT count(*) FROM t.by_order('regress_central', NULL, NULL);
SELECT * FROM t.by_order('regress_supervisor', NULL, NULL);
SELECT * FROM t.by_order('regress_refused', NULL, '2000-01-01');
DROP FUNCTION t.by_order;

-- Orders: rosa has a cap, a bar on credits and a bar on debits, rita two holds. Another ends at once, one is lifted, one awaited.
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('count_day', '{"wallet": "%s"}', 'case 37', 5, valid_until => clock_timestamp() + interval '100 ms')$$, t.w('rudi')));
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('freeze', '{"wallet": "%s"}', 'case 37', valid_from => 'infinity'::timestamptz - interval '1 day', valid_until => 'infinity')$$, t.w('rudi'))) LIKE '22023%';
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('freeze', '{"wallet": "%s"}', 'case 37', valid_from => now() + interval '1 day')$$, t.w('rudi')));
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('cap_payment', '{"operator": 2, "class": 3}', 'case 37', 7)$$));
SELECT t.as_role('regress_refused', format('SELECT dcep.lift(%s, $$done$$)', (SELECT max(id) FROM dcep.control_order WHERE supervisor = 9030)));
SELECT pg_sleep(0.15);
SELECT supervisor, imposed, awaited, in_force, expired, lifted, out_of_agreement, refused, usual_delay <= longest_delay AND longest_delay < 60 AS timed
  FROM dcep.order_report() WHERE supervisor = 9030;
SELECT imposed, refused, usual_delay, longest_delay FROM dcep.order_report('2000-01-01', '2000-01-02') WHERE supervisor = 9030;
-- The agreement shrinks to freezing: all other orders that go on are outside of it.
SELECT t.as_role('regress_refused', $$SELECT dcep.agree(9030, 2, '{freeze}', '{}')$$), t.as_role('regress_bank2', $$SELECT dcep.agree(9030, 2, '{freeze}', '{}')$$);
SELECT in_force, awaited, out_of_agreement FROM dcep.order_report() WHERE supervisor = 9030;

-- What is kept from being paid, each wallet's money once: rosa may not pay at all, of rita two holds are more than it has.
SELECT t.name(w.wallet), dcep.balance(w.wallet) FROM unnest(ARRAY[t.w('rosa'), t.w('rita')]) AS w (wallet);
SELECT * FROM dcep.held_totals WHERE supervisor = 9030;
-- A coin that two orders freeze counts once, and not beside the freezing of all of its wallet.
SELECT t.as_role('regress_bank2', $$SELECT dcep.agree(9030, 2, '{freeze,freeze_coins}', '{}')$$), t.as_role('regress_refused', $$SELECT dcep.agree(9030, 2, '{freeze,freeze_coins}', '{}')$$);
SELECT t.pay('rolf', 'rudi', 40) IS NOT NULL AND t.pay('rolf', 'rudi', 50) IS NOT NULL AND t.pay('rolf', 'rudi', 60) IS NOT NULL AS paid;
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('freeze_coins', '{"coins": [%s]}', 'case 38')$$, c.ids))
  FROM (SELECT string_agg(c.id::text, ', ') AS ids FROM dcep.coin AS c WHERE c.owner = t.w('rudi') AND c.amount > 40
        UNION ALL SELECT max(c.id)::text FROM dcep.coin AS c WHERE c.owner = t.w('rudi')) AS c;
SELECT * FROM dcep.held_totals WHERE supervisor = 9030;
SELECT t.as_role('regress_refused', format($$SELECT dcep.impose('freeze', '{"wallet": "%s"}', 'case 38')$$, t.w('rudi')));
SELECT * FROM dcep.held_totals WHERE supervisor = 9030;
-- A class: all of its wallets.
SELECT t.as_role('regress_refused', $$SELECT dcep.impose('freeze', '{"operator": 2, "class": 4}', 'case 38')$$);
SELECT h.frozen_wallets = 1 + (SELECT count(*) FROM dcep.wallet AS w WHERE w.institution = 2 AND w.class = 4) AS wallets,
       h.frozen - 150 = (SELECT sum(c.amount) FROM dcep.coin AS c JOIN dcep.wallet AS w ON w.id = c.owner WHERE w.institution = 2 AND w.class = 4) AS money
  FROM dcep.held_totals AS h WHERE h.supervisor = 9030;
SELECT count(*) FROM (SELECT dcep.lift(s.id, 'test over') FROM dcep.order_status AS s WHERE s.supervisor = 9030 AND s.status IN ('in force', 'awaited')) AS l;
SELECT * FROM dcep.held_totals WHERE supervisor = 9030;

-- More than a session's memory holds: the oldest are lost, and counted.
SELECT count(t.try($$SELECT t.pay('rita', 'rita', 1)$$)) FROM generate_series(1, 300);
SELECT * FROM dcep.waiting_refusals();
SELECT dcep.keep_refusals();
SELECT * FROM dcep.waiting_refusals();
SELECT * FROM t.audit();
DROP FUNCTION t.seen;

-- Whose attempt it was where code runs with another role's rights: of a wrapper the institution of the role that it lends; of an
-- opening policy that of the policy's owner, whoever opens the wallet.
TRUNCATE began; INSERT INTO began SELECT max(id) FROM dcep.refusal;
CREATE ROLE regress_lent;
CREATE SCHEMA regress_lent AUTHORIZATION regress_bank2;
SET ROLE regress_bank2;
GRANT USAGE ON SCHEMA regress_lent TO regress_lent;
CREATE FUNCTION regress_lent.pays() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM dcep.transfer(t.w('rita'), t.w('rita'), 5);
    RETURN 'paid';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
CREATE FUNCTION regress_lent.closes() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM dcep.close_wallet(t.w('rudi'), true);
    RETURN 'closed';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
CREATE FUNCTION regress_lent.judges(institution integer, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% as %', regress_lent.closes(), current_user;
    RETURN '{"1": []}';
END
$$;
SELECT dcep.set_opening_policy(2, 'behaviour', 'regress_lent.judges(integer, jsonb)');
RESET ROLE;
SELECT dcep.freeze(t.w('rudi'), 'debit', 'case 39');
SET ROLE regress_lent;
SELECT regress_lent.pays(), regress_lent.closes();
RESET ROLE;
SELECT t.open('rena', 2, 1);
SELECT dcep.set_opening_policy(2, 'behaviour', NULL);
SELECT dcep.unfreeze(t.w('rudi'), 'debit', 'case 39');
SELECT dcep.keep_refusals();
SELECT sqlstate, kind, payer, payee, amount, institution, by_us FROM ours WHERE id > (SELECT id FROM began) ORDER BY id;
SET client_min_messages = warning;
DROP SCHEMA regress_lent CASCADE;
RESET client_min_messages;
DROP ROLE regress_lent;
