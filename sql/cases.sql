-- What supervisors and the central bank see: nothing of wallets and payments without a case on record, and
-- within one what agreements show, from the next transaction on.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_watch, regress_peek;
RESET client_min_messages;
SELECT dcep.enroll_institution(9005, 'Watch', 'supervisor'), dcep.enroll_institution(9006, 'Peek', 'supervisor');
SELECT dcep.generate_key(9005, 'ed25519'), dcep.generate_key(9006, 'sm2');
CREATE ROLE regress_watch;
CREATE ROLE regress_peek;
SELECT dcep.grant_institution('regress_watch', 9005), dcep.grant_institution('regress_peek', 9006);
SET ROLE regress_watch;
SELECT dcep.agree(9005, 2, '{}', '{transfers}');
SET ROLE regress_peek;
SELECT dcep.agree(9006, 2, '{}', '{wallets}');
SET ROLE regress_bank2;
SELECT dcep.agree(9005, 2, '{}', '{transfers}'), dcep.agree(9006, 2, '{}', '{wallets}');
RESET ROLE;
SELECT t.open('case_two', 2, 1, 100), t.open('case_three', 3, 1, 100);
SELECT t.pay('case_two', 'case_three', 7);

-- Which of the two wallets, their coins and their payments a role sees.
CREATE VIEW t.sight WITH (security_invoker = true) AS
    SELECT (SELECT count(*) FROM dcep.wallet WHERE id IN (t.w('case_two'), t.w('case_three'))) AS wallets,
           (SELECT count(*) FROM dcep.wallet_chain WHERE wallet IN (t.w('case_two'), t.w('case_three'))) AS chains,
           (SELECT count(*) FROM dcep.coin WHERE owner IN (t.w('case_two'), t.w('case_three'))) AS coins,
           (SELECT count(*) FROM dcep.transfer WHERE payer = t.w('case_two')) AS paid,
           (SELECT count(*) FROM dcep.transfer WHERE payer = t.w('case_three') OR payee = t.w('case_three')) AS of_three;
GRANT SELECT ON t.sight TO PUBLIC;

SET ROLE regress_watch;
SELECT * FROM t.sight;
SELECT t.try(format('SELECT dcep.balance(%L)', t.w('case_two')));
-- Not within the transaction that opens it, which could still be rolled back.
BEGIN;
SELECT dcep.open_case('V-1', 'test') > 0 AS opened;
SELECT * FROM t.sight;
ROLLBACK;
SELECT * FROM t.sight;
SELECT dcep.current_case();
SELECT t.try($$SELECT dcep.open_case('', 'test')$$), t.try($$SELECT dcep.open_case('V-1', NULL)$$), t.try('SELECT dcep.close_case()');
SELECT t.try($$SET dcep.session_case = '1/V-9'$$);
SELECT dcep.open_case('V-1', 'test') > 0 AS opened;
SELECT dcep.current_case();
-- All of institution 2, and of 3 what it paid and was paid by 2.
SELECT * FROM t.sight;
SELECT dcep.balance(t.w('case_two')), t.try(format('SELECT dcep.balance(%L)', t.w('case_three')));
-- Parallel workers see the same.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT * FROM t.sight;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- Seeing is not acting.
SELECT t.try(format('INSERT INTO dcep.transfer (payer, payee, amount) VALUES (%L, %L, 1)', t.w('case_two'), t.w('case_three')));
SELECT dcep.close_case();
SELECT * FROM t.sight;

-- Wallets alone.
SET ROLE regress_peek;
SELECT dcep.open_case('V-2', 'test') > 0 AS opened;
SELECT * FROM t.sight;
SELECT t.try(format('SELECT dcep.balance(%L)', t.w('case_two')));

-- A connection that is handed on does not hand the case on, and a case belongs to the session.
RESET ROLE;
SET ROLE regress_watch;
SELECT dcep.current_case();
DISCARD ALL;
\set SHOW_CONTEXT never
SET ROLE regress_watch;
SELECT dcep.current_case();
SELECT * FROM t.sight;

-- The central bank sees all, within a case.
SET ROLE regress_central;
SELECT * FROM t.sight;
SELECT dcep.open_case('V-3', 'test') > 0 AS opened;
SELECT * FROM t.sight;
SELECT dcep.close_case();
RESET ROLE;
-- Neither operators nor auditors have cases.
SELECT t.try('SET LOCAL ROLE regress_bank2; SELECT dcep.open_case(''V-4'', ''test'')'), t.try('SET LOCAL ROLE regress_auditor; SELECT dcep.open_case(''V-4'', ''test'')');

-- An agreement that has ended shows nothing more, though the case is open.
SET ROLE regress_bank2;
SELECT dcep.agree(9005, 2, '{}');
SET ROLE regress_watch;
SELECT dcep.open_case('V-5', 'test') > 0 AS opened;
SELECT wallets, paid FROM t.sight;
SELECT dcep.agree(9005, 2, '{}');
SELECT wallets, paid FROM t.sight;
SELECT dcep.close_case();
RESET ROLE;

-- On record, and signed.
SELECT institution, seq, kind, case_no, body FROM dcep.act WHERE institution IN (9005, 9006) ORDER BY institution, seq;
SELECT * FROM dcep.verify_acts();
