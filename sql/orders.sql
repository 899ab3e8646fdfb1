-- Agreements between supervisors and operators, orders of every kind, and what payments make of them.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_supervisor2;
RESET client_min_messages;
CREATE ROLE regress_supervisor2;
SELECT dcep.enroll_institution(9002, 'Second Supervisor', 'supervisor');
SELECT dcep.grant_institution('regress_supervisor2', 9002);
SELECT t.open('olga', 2, 1, 10000), t.open('otto', 2, 1, 10000), t.open('oona', 2, 4, 1000), t.open('owen', 3, 1, 10000);

-- An order's name instead of its number.
CREATE TABLE t.order_name (name text PRIMARY KEY, id bigint NOT NULL);
GRANT SELECT, INSERT ON t.order_name TO PUBLIC;
-- Imposes as the supervisor, and remembers the order under a name.
CREATE FUNCTION t.impose(name text, arguments text, role name DEFAULT 'regress_supervisor') RETURNS text LANGUAGE sql AS $$
    SELECT t.as_role(role, format('INSERT INTO t.order_name SELECT %L, dcep.impose(%s)', name, arguments))
$$;
CREATE FUNCTION t.lift(name text, role name DEFAULT 'regress_supervisor') RETURNS text LANGUAGE sql AS $$
    SELECT t.as_role(role, format('SELECT dcep.lift(%s, %L)', (SELECT o.id FROM t.order_name AS o WHERE o.name = $1), 'over'))
$$;
CREATE FUNCTION t.wallet(name text) RETURNS text LANGUAGE sql AS $$ SELECT format('{"wallet": "%s"}', t.w(name)) $$;
-- A payment as the operator of the payer makes it.
CREATE FUNCTION t.pays(payer text, payee text, amount bigint) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(t.try(format('SELECT t.pay(%L, %L, %s::bigint)', payer, payee, amount)), 'rder [0-9]+', 'rder (id)', 'g')
$$;

-- --- agreements --------------------------------------------------------------

-- Without a key a supervisor cannot sign.
SELECT t.as_role('regress_supervisor', $$SELECT dcep.agree(9001, 2, '{freeze}')$$);
SELECT dcep.generate_key(9001, 'ed25519'), dcep.generate_key(9002, 'p256');

-- Without an agreement nothing is possible.
SELECT t.impose('none', format('%L, %L, %L', 'freeze', t.wallet('olga'), 'C-1'));

-- Who may sign what.
SELECT statement, t.as_role(role, statement)
FROM (VALUES ('regress_bank3', $$SELECT dcep.agree(9001, 2, '{freeze}')$$),
             ('regress_central', $$SELECT dcep.agree(9001, 2, '{freeze}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 2, '{freeze,jail}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 2, '{freeze,NULL}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 2, '{freeze}', '{letters}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 9002, '{freeze}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(2, 9001, '{freeze}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 77, '{freeze}')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 2, NULL)$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 2, '{freeze}', '{}', 'empty')$$),
             ('regress_supervisor', $$SELECT dcep.agree(9001, 2, '{freeze}', '{}', '[2001-01-01,2002-01-01)')$$),
             ('regress_auditor', $$SELECT dcep.agree(9001, 2, '{freeze}')$$)) AS v (role, statement);
SELECT dcep.agree(9001, 2, '{freeze}');

-- Effective once both have signed the same, whatever the order of the words.
SET ROLE regress_supervisor;
SELECT dcep.agree(9001, 2, '{no_debit,freeze}');
SELECT count(*) FROM dcep.agreement WHERE supervisor = 9001;
SET ROLE regress_bank2;
SELECT dcep.agree(9001, 2, '{freeze}');
SELECT dcep.agree(9001, 2, '{freeze,no_debit,freeze}');
SELECT supervisor, operator, kinds, shows_wallets, shows_transfers, valid_from, valid_until FROM dcep.agreement WHERE supervisor = 9001;
RESET ROLE;
SELECT t.impose('outside', format('%L, %L, %L', 'no_credit', t.wallet('olga'), 'C-1'));
SELECT t.impose('elsewhere', format('%L, %L, %L', 'freeze', t.wallet('owen'), 'C-1'));

-- One side alone changes nothing; new terms replace the old when both have signed.
SET ROLE regress_supervisor;
SELECT dcep.agree(9001, 2, dcep.order_kinds(), '{transfers}');
RESET ROLE;
SELECT kinds FROM dcep.agreement WHERE supervisor = 9001;
SET ROLE regress_bank2;
SELECT dcep.agree(9001, 2, dcep.order_kinds(), '{transfers}');
RESET ROLE;
SELECT cardinality(kinds), shows_wallets, shows_transfers FROM dcep.agreement WHERE supervisor = 9001;
SET ROLE regress_supervisor2;
SELECT dcep.agree(9002, 2, dcep.order_kinds(), '{wallets}');
SET ROLE regress_bank2;
SELECT dcep.agree(9002, 2, dcep.order_kinds(), '{wallets}');
RESET ROLE;

-- --- bad orders --------------------------------------------------------------

SELECT n, t.impose('bad', arguments)
FROM (VALUES (1, format('%L, %L, %L', 'jail', t.wallet('olga'), 'C')),
             (2, format('NULL, %L, %L', t.wallet('olga'), 'C')),
             (3, format('%L, %L, %L', 'freeze', '{}', 'C')),
             (4, format('%L, %L, %L', 'freeze', '[]', 'C')),
             (5, format('%L, %L, %L', 'freeze', '{"wallet": "12"}', 'C')),
             (6, format('%L, %L, %L', 'freeze', '{"wallet": "0002999999999990"}', 'C')),
             (7, format('%L, %L, %L', 'freeze', '{"wallet": null}', 'C')),
             (8, format('%L, %L, %L', 'freeze', '{"wallet": "0002999999999990", "class": 1}', 'C')),
             (9, format('%L, %L, %L', 'freeze', '{"operator": 2, "class": 77}', 'C')),
             (10, format('%L, %L, %L', 'freeze', '{"operator": 9001, "class": 1}', 'C')),
             (11, format('%L, %L, NULL', 'freeze', t.wallet('olga'))),
             (12, format('%L, %L, %L', 'freeze', t.wallet('olga'), '')),
             (13, format('%L, %L, %L, 5', 'freeze', t.wallet('olga'), 'C')),
             (14, format('%L, %L, %L', 'cap_day', t.wallet('olga'), 'C')),
             (15, format('%L, %L, %L, -1', 'cap_day', t.wallet('olga'), 'C')),
             (16, format('%L, %L, %L, 0', 'hold_amount', t.wallet('olga'), 'C')),
             (17, format('%L, %L, %L', 'bar_counterparty', t.wallet('olga'), 'C')),
             (18, format('%L, %L, %L, counterparty => %L', 'bar_counterparty', t.wallet('olga'), 'C', '0002999999999990')),
             (19, format('%L, %L, %L, daily_from => %L', 'time_window', t.wallet('olga'), 'C', '08:00')),
             (20, format('%L, %L, %L, daily_from => %L, daily_until => %L', 'time_window', t.wallet('olga'), 'C', '08:00', '08:00')),
             (21, format('%L, %L, %L', 'freeze_coins', t.wallet('olga'), 'C')),
             (22, format('%L, %L, %L', 'freeze_coins', '{"coins": []}', 'C')),
             (23, format('%L, %L, %L', 'freeze_coins', '{"coins": [5, 4611686018427387903]}', 'C')),
             (24, format('%L, %L, %L', 'freeze', '{"coins": [5]}', 'C')),
             (25, format('%L, %L, %L, valid_from => %L, valid_until => %L', 'freeze', t.wallet('olga'), 'C', '2000-01-01', '2001-01-01')),
             (26, format('%L, %L, %L, valid_from => %L, valid_until => %L', 'freeze', t.wallet('olga'), 'C', '2901-01-02', '2901-01-01')),
             (27, format('%L, %L, %L, supervisor => 2', 'freeze', t.wallet('olga'), 'C')),
             (28, format('%L, %L, %L, supervisor => 9002', 'freeze', t.wallet('olga'), 'C')),
             (29, format('%L, %L, %L', 'freeze', '{"coins": ["x"]}', 'C')),
             (30, format('%L, %L, %L', 'freeze_coins', '{"coins": 5}', 'C'))) AS v (n, arguments)
ORDER BY n;
SELECT t.impose('bad', format('%L, %L, %L', 'freeze', t.wallet('olga'), 'C'), role) FROM (VALUES ('regress_bank2'), ('regress_central'), ('regress_auditor')) AS r (role);
-- A superuser acts for both supervisors and must say for which.
SELECT t.try(format('SELECT dcep.impose(%L, %L, %L)', 'freeze', t.wallet('olga'), 'C'));
SELECT count(*) FROM dcep.control_order WHERE supervisor = 9001;

-- --- each kind ---------------------------------------------------------------

SELECT t.impose('debit', format('%L, %L, %L', 'no_debit', t.wallet('olga'), 'C-1'));
SELECT t.pays('olga', 'otto', 1), t.pays('otto', 'olga', 1);
SELECT dcep.balance(t.w('olga')), dcep.available(t.w('olga'));
SELECT flags FROM dcep.wallet WHERE id = t.w('olga');
SELECT t.impose('credit', format('%L, %L, %L', 'no_credit', t.wallet('olga'), 'C-2'), 'regress_supervisor2');
SELECT t.pays('otto', 'olga', 1);
-- Each lifts its own, once; the other's stays.
SELECT t.lift('debit', 'regress_supervisor2'), t.lift('debit', 'regress_bank2');
SELECT t.lift('debit'), t.lift('debit');
SELECT t.pays('olga', 'otto', 2), t.pays('otto', 'olga', 1);
SELECT t.as_role('regress_supervisor', 'SELECT dcep.lift(0, ''x'')'), t.as_role('regress_supervisor', 'SELECT dcep.lift(NULL, ''x'')'),
       t.as_role('regress_supervisor', format('SELECT dcep.lift(%s, '''')', (SELECT id FROM t.order_name WHERE name = 'debit')));
SELECT t.lift('credit', 'regress_supervisor2');
SELECT t.pays('otto', 'olga', 1);
SELECT flags FROM dcep.wallet WHERE id = t.w('olga');

SELECT t.impose('freeze', format('%L, %L, %L', 'freeze', t.wallet('olga'), 'C-3'));
SELECT t.pays('olga', 'otto', 1), t.pays('otto', 'olga', 1);
SELECT (SELECT dcep.coin_state(c) FROM dcep.coins(t.w('olga')) AS c LIMIT 1);
SELECT t.lift('freeze');

-- Holds add up; what is not held can be paid.
SELECT dcep.balance(t.w('olga')) AS held_by_olga;
SELECT t.impose('hold1', format('%L, %L, %L, 4000', 'hold_amount', t.wallet('olga'), 'C-4')),
       t.impose('hold2', format('%L, %L, %L, 5000', 'hold_amount', t.wallet('olga'), 'C-4'), 'regress_supervisor2');
SELECT dcep.available(t.w('olga'));
SELECT t.pays('olga', 'otto', dcep.available(t.w('olga')) + 1);
SELECT t.pays('olga', 'otto', dcep.available(t.w('olga')));
SELECT t.pays('olga', 'otto', 1), dcep.available(t.w('olga')), dcep.balance(t.w('olga'));
SELECT t.lift('hold1');
SELECT dcep.available(t.w('olga'));
SELECT t.impose('hold3', format('%L, %L, %L, 9223372036854775807', 'hold_amount', t.wallet('olga'), 'C-4'));
SELECT dcep.available(t.w('olga')), t.pays('olga', 'otto', 1);
SELECT t.lift('hold2', 'regress_supervisor2'), t.lift('hold3');

-- Frozen coins: the others can be paid with, one at a time, together, and in a consolidation.
SELECT t.open('frosty', 2, 1);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('otto'), t.w('frosty'), a FROM unnest(ARRAY[10, 20, 30, 40]) AS a;
SELECT t.impose('coins1', format('%L, %L, %L', 'freeze_coins', jsonb_build_object('coins', (SELECT jsonb_agg(id) FROM dcep.coin WHERE owner = t.w('frosty') AND amount IN (20, 40))), 'C-5'));
SELECT dcep.balance(t.w('frosty')), dcep.available(t.w('frosty'));
SELECT dcep.amount(c), dcep.coin_state(c) FROM dcep.coins(t.w('frosty')) AS c ORDER BY 1;
SELECT t.pays('frosty', 'otto', 41);
-- The coin of 20 would fit best.
SELECT t.pays('frosty', 'otto', 15);
SELECT * FROM t.purse('frosty');
SELECT t.pays('frosty', 'otto', 25);
SELECT * FROM t.purse('frosty');
SELECT t.pays('frosty', 'otto', 1);
-- A hold comes on top of what is frozen.
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('otto'), t.w('frosty'), 100), (t.w('otto'), t.w('frosty'), 7);
SELECT t.impose('hold4', format('%L, %L, %L, 50', 'hold_amount', t.wallet('frosty'), 'C-5'));
SELECT dcep.available(t.w('frosty')), t.pays('frosty', 'otto', 58), t.pays('frosty', 'otto', 57);
SELECT t.lift('hold4');
INSERT INTO dcep.transfer (payer, payee, amount) VALUES (t.w('otto'), t.w('frosty'), 3);
SELECT dcep.consolidate(t.w('frosty'));
SELECT * FROM t.purse('frosty');
-- Frozen twice: the first lifting leaves the second.
SELECT t.impose('coins2', format('%L, %L, %L', 'freeze_coins', jsonb_build_object('coins', (SELECT jsonb_agg(id) FROM dcep.coin WHERE owner = t.w('frosty') AND amount = 40)), 'C-5'), 'regress_supervisor2');
SELECT t.lift('coins1'), dcep.available(t.w('frosty'));
SELECT t.lift('coins2', 'regress_supervisor2'), dcep.available(t.w('frosty'));

-- Caps, counts: both sides of each. Otto has paid today already, which counts.
SELECT t.open('capped', 2, 1, 1000);
SELECT t.impose('cap', format('%L, %L, %L, 100', 'cap_payment', t.wallet('capped'), 'C-6')), t.pays('capped', 'otto', 101), t.pays('capped', 'otto', 100);
SELECT t.impose('day', format('%L, %L, %L, 150', 'cap_day', t.wallet('capped'), 'C-6')), t.pays('capped', 'otto', 51), t.pays('capped', 'otto', 101), t.pays('capped', 'otto', 50);
SELECT t.impose('day0', format('%L, %L, %L, 0', 'cap_day', t.wallet('capped'), 'C-6'), 'regress_supervisor2'), t.pays('capped', 'otto', 1);
SELECT t.lift('day0', 'regress_supervisor2'), t.lift('day'), t.lift('cap');
SELECT t.impose('count', format('%L, %L, %L, 3', 'count_day', t.wallet('capped'), 'C-6')), t.pays('capped', 'otto', 1), t.pays('capped', 'otto', 1);
SELECT t.lift('count'), t.pays('capped', 'otto', 1);

-- A bar works in both directions, and for these two alone.
SELECT t.impose('bar', format('%L, %L, %L, counterparty => %L', 'bar_counterparty', t.wallet('olga'), 'C-7', t.w('owen')));
SELECT t.pays('olga', 'owen', 1), t.pays('owen', 'olga', 1), t.pays('olga', 'otto', 1);
SELECT t.lift('bar'), t.pays('olga', 'owen', 1);

-- Time windows, in the ledger's time zone: around now and not, over midnight and not.
SELECT (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::time AS now \gset
SELECT t.impose('window1', format('%L, %L, %L, daily_from => %L, daily_until => %L', 'time_window', t.wallet('olga'), 'C-8', :'now'::time - interval '1 hour', :'now'::time + interval '1 hour')), t.pays('olga', 'otto', 1);
SELECT t.impose('window2', format('%L, %L, %L, daily_from => %L, daily_until => %L', 'time_window', t.wallet('olga'), 'C-8', :'now'::time + interval '1 hour', :'now'::time - interval '1 hour')), regexp_replace(t.pays('olga', 'otto', 1), '[0-9]{2}:[0-9]{2}:[0-9]{2}', '(time)', 'g');
SELECT t.lift('window1'), t.lift('window2');

-- No redemption: out of the wallet into the bank's vault.
SELECT t.impose('redeem', format('%L, %L, %L', 'no_redeem', t.wallet('olga'), 'C-9')), t.pays('olga', 'otto', 1);
SELECT regexp_replace(t.try(format('INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (''exchange_out'', %L, dcep.vault(2), 1)', t.w('olga'))), 'rder [0-9]+', 'rder (id)');
SELECT t.lift('redeem');
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('olga'), dcep.vault(2), 1);

-- --- targets -----------------------------------------------------------------

-- All wallets of a class of an operator, those opened later too; others not.
SELECT t.impose('class', format('%L, %L, %L', 'no_debit', '{"operator": 2, "class": 4}', 'C-10'));
SELECT t.open('late', 2, 4, 10);
SELECT t.pays('oona', 'otto', 1), t.pays('late', 'otto', 1), t.pays('otto', 'oona', 1), dcep.available(t.w('oona'));
SELECT t.lift('class'), t.pays('oona', 'otto', 1);
SELECT count(*) FROM dcep.controlled_class;
-- A wallet and its family: the vault's is itself and its tills, if any.
SELECT t.impose('holder', format('%L, %L, %L', 'cap_payment', format('{"holder": "%s"}', t.w('olga')), 'C-11') || ', 5'), t.pays('olga', 'otto', 6);
SELECT wallets = ARRAY[t.w('olga')] FROM dcep.control_order ORDER BY id DESC LIMIT 1;
SELECT t.lift('holder');

-- --- time --------------------------------------------------------------------

-- An order that is not yet in force, and one that has expired, without any job.
SELECT t.impose('future', format('%L, %L, %L, valid_from => %L', 'freeze', t.wallet('olga'), 'C-12', clock_timestamp() + interval '1 day')), t.pays('olga', 'otto', 1);
SELECT t.impose('brief', format('%L, %L, %L, valid_until => %L', 'freeze', t.wallet('olga'), 'C-12', clock_timestamp() + interval '0.5 s')), t.pays('olga', 'otto', 1);
SELECT pg_sleep(0.6);
SELECT t.pays('olga', 'otto', 1);
SELECT n.name, s.kind, s.status, s.case_no, s.lift_reason FROM dcep.order_status AS s JOIN t.order_name AS n ON n.id = s.id
WHERE n.name IN ('debit', 'future', 'brief') ORDER BY 1;

-- --- who sees orders ---------------------------------------------------------

SET ROLE regress_supervisor;
SELECT count(DISTINCT supervisor), bool_and(supervisor = 9001) FROM dcep.order_status;
SET ROLE regress_bank2;
SELECT count(DISTINCT supervisor) FROM dcep.order_status WHERE supervisor IN (9001, 9002);
SET ROLE regress_bank3;
SELECT count(*) FROM dcep.order_status;
SET ROLE regress_central;
SELECT count(DISTINCT supervisor) FROM dcep.order_status WHERE supervisor IN (9001, 9002);
SET ROLE regress_auditor;
SELECT count(*) FROM dcep.order_status;
RESET ROLE;

-- In one statement with others, a payment against an order sinks it; in a payment file its line alone.
SELECT t.impose('file', format('%L, %L, %L', 'no_debit', t.wallet('olga'), 'C-13'));
SELECT line, transfer IS NOT NULL AS paid, sqlstate, message FROM dcep.submit(ARRAY[
    ROW(t.w('otto'), t.w('owen'), 1, NULL, NULL)::dcep.instruction, ROW(t.w('olga'), t.w('owen'), 1, NULL, NULL)::dcep.instruction]);
SELECT t.lift('file');

-- --- nothing is altered unnoticed ---------------------------------------------

SELECT * FROM dcep.verify_acts();
SELECT * FROM t.audit();
SELECT kind, count(*) FROM dcep.act WHERE institution = 9001 GROUP BY 1 ORDER BY 1;
SELECT t.try($$UPDATE dcep.act SET body = '{}'$$), t.try('DELETE FROM dcep.control_order'), t.try('TRUNCATE dcep.control_lift');
-- The owner's way around each guard, and what the auditor says.
CREATE FUNCTION t.break_order(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    ALTER TABLE dcep.act DISABLE TRIGGER USER;
    ALTER TABLE dcep.control_order DISABLE TRIGGER USER;
    ALTER TABLE dcep.control_lift DISABLE TRIGGER USER;
    EXECUTE statement;
    RETURN QUERY SELECT DISTINCT a.check_name || ': ' || regexp_replace(a.detail, '(rder|act) [0-9]+', '\1 (id)', 'g') FROM t.audit() AS a ORDER BY 1;
    RAISE EXCEPTION SQLSTATE 'XX999';
EXCEPTION WHEN SQLSTATE 'XX999' THEN
END
$$;
SELECT * FROM t.break_order($$UPDATE dcep.act SET body = replace(body, 'C-1"', 'C-0"') WHERE id = (SELECT id FROM t.order_name WHERE name = 'debit')$$);
SELECT * FROM t.break_order($$UPDATE dcep.act SET case_no = 'C-0' WHERE id = (SELECT id FROM t.order_name WHERE name = 'debit')$$);
SELECT * FROM t.break_order($$DELETE FROM dcep.act WHERE id = (SELECT id FROM t.order_name WHERE name = 'debit')$$);
SELECT * FROM t.break_order($$UPDATE dcep.act_chain SET seq = seq - 1 WHERE institution = 9002$$);
SELECT * FROM t.break_order($$UPDATE dcep.control_order SET valid_until = '2030-01-01' WHERE id = (SELECT id FROM t.order_name WHERE name = 'future')$$);
SELECT * FROM t.break_order($$DELETE FROM dcep.control_order WHERE id = (SELECT id FROM t.order_name WHERE name = 'future')$$);
SELECT * FROM t.break_order($$DELETE FROM dcep.control_effect$$);
SELECT * FROM t.break_order($$UPDATE dcep.wallet SET flags = flags & ~4$$);
SELECT * FROM t.break_order($$UPDATE dcep.control_lift SET act = 0 WHERE order_id = (SELECT id FROM t.order_name WHERE name = 'debit')$$);
-- A payment against an order: the order was put out of effect meanwhile.
SELECT t.impose('violated', format('%L, %L, %L', 'freeze', t.wallet('olga'), 'C-14'));
SELECT * FROM t.break_order(format($$UPDATE dcep.wallet SET flags = 0 WHERE id = %L; SET LOCAL session_replication_role = origin; SELECT t.pay('olga', 'otto', 1); UPDATE dcep.wallet SET flags = 4 WHERE id = %1$L$$, t.w('olga')));
SELECT t.lift('violated');
-- Recoveries are not for statements of anybody's own.
SELECT t.as_role('regress_bank2', format('INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (''recover'', %L, %L, 1)', t.w('olga'), t.w('otto')));
SELECT t.as_role('regress_central', format('INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (''recover'', %L, %L, 1)', t.w('olga'), t.w('otto')));
SELECT * FROM t.break_order(format($$SET LOCAL session_replication_role = origin; INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('recover', %L, %L, 1)$$, t.w('olga'), t.w('otto')));
SELECT * FROM t.audit();
