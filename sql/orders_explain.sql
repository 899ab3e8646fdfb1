-- dcep.explain_transfer(): every rule's verdict without paying. Uses the supervisor, agreements and helpers of orders.sql.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';
-- The day of limits is Shanghai's: a test that begins right before midnight waits for the next one.
SELECT count(pg_sleep(60)) >= 0 AS ready FROM (SELECT WHERE (now() AT TIME ZONE 'Asia/Shanghai')::time > '23:59:00') AS late;

SELECT t.open('x-ed', 2, 1, 100000), t.open('x-eva', 2, 3, 5000), t.open('x-el', 3, 4, 900000), t.open('x-empty', 2, 4), t.open('x-gone', 2, 1);
-- The payer's rules by name, the payee's masked.
CREATE FUNCTION t.explain(payer text, payee text, amount bigint, kind dcep.transfer_kind DEFAULT 'transfer')
    RETURNS TABLE ("position" integer, rule text, sqlstate text, verdict text, reason text) LANGUAGE sql AS $$
    SELECT e.position, e.rule, e.sqlstate, e.verdict,
           regexp_replace(t.mask(concat_ws(' | ', e.message, e.detail, e.hint)), 'rder [0-9]+', 'rder (id)', 'g')
      FROM dcep.explain_transfer(t.w(payer), t.w(payee), amount, kind) AS e
$$;

-- --- all rules ---------------------------------------------------------------

SELECT * FROM t.explain('x-ed', 'x-el', 100);
SELECT * FROM t.explain('x-ed', 'nobody', 0);
SELECT * FROM t.explain('nobody', 'x-ed', 5);
SELECT * FROM t.explain('x-ed', 'x-ed', -9223372036854775808);
SELECT * FROM t.explain('x-ed', 'x-el', 9223372036854775807) WHERE verdict = 'refuse';
SELECT * FROM t.explain('x-eva', 'x-ed', 600000) WHERE verdict = 'refuse';
SELECT position, rule, sqlstate, verdict, split_part(reason, ' | ', 1) FROM t.explain('central', 'vault2', 99999999999, 'issue') WHERE position > 21;
SELECT * FROM t.explain('vault2', 'central', 100, 'redeem') WHERE position IN (8, 11, 23, 25, 26);
SELECT * FROM t.explain('x-ed', 'x-el', 100, 'redeem') WHERE verdict = 'refuse';

-- What a class may hold yields the payee's balance to whoever asks enough: not asked where another rule refuses, ...
SET ROLE regress_bank2;
SELECT verdict FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 100001) WHERE position = 23;
SELECT verdict FROM dcep.explain_transfer(t.w('x-empty'), t.w('x-el'), 100001) WHERE position = 23;
SELECT position, sqlstate FROM dcep.explain_transfer(t.w('x-empty'), t.w('x-el'), 300000) WHERE verdict = 'refuse' ORDER BY 1;
RESET ROLE;
-- ... but to whom the payee's payments are shown.
SELECT position, sqlstate FROM dcep.explain_transfer(t.w('x-empty'), t.w('x-el'), 300000) WHERE verdict = 'refuse' ORDER BY 1;

-- --- arguments and rights ------------------------------------------------------

SELECT c, t.try('SELECT * FROM dcep.explain_transfer(' || c || ')')
FROM unnest(ARRAY['NULL, t.w(''x-ed''), 1', 't.w(''x-ed''), NULL, 1', 't.w(''x-ed''), t.w(''x-el''), NULL', 't.w(''x-ed''), t.w(''x-el''), 1, NULL',
                  't.w(''x-ed''), t.w(''x-ed''), 1, ''consolidate''', 't.w(''x-ed''), t.w(''x-el''), 1, ''recover''']) AS c;
SELECT role, t.as_role(role, $$SELECT * FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 1)$$)
FROM unnest(ARRAY['regress_bank2', 'regress_bank3', 'regress_supervisor', 'regress_central', 'regress_auditor']) AS role;
-- Within a case a supervisor whose agreement shows transfers sees the verdicts, without hints; so does the central bank.
SELECT t.impose('x-debit', format('%L, %L, %L', 'no_debit', t.wallet('x-ed'), 'X-1'));
SET ROLE regress_supervisor;
SELECT dcep.open_case('X-1', 'why is it refused') > 0 AS opened;
SELECT position, sqlstate, message, detail IS NOT NULL AS detail, hint FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 1) WHERE verdict = 'refuse';
SELECT count(*) FROM dcep.explain_transfer(t.w('x-el'), t.w('x-ed'), 1);
SELECT dcep.close_case();
SELECT count(*) FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 1);
SET ROLE regress_supervisor2;
SELECT dcep.open_case('X-2', 'shows wallets alone') > 0 AS opened;
SELECT count(*) FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 1);
SELECT dcep.close_case();
SET ROLE regress_central;
SELECT dcep.open_case('X-3', 'why is it refused') > 0 AS opened;
SELECT position, sqlstate, message, hint FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 1) WHERE verdict = 'refuse';
SELECT dcep.close_case();
RESET ROLE;
SELECT * FROM t.explain('x-ed', 'x-el', 1) WHERE verdict = 'refuse';
SELECT t.lift('x-debit');

-- --- nothing is locked or written -----------------------------------------------

SELECT last_value AS before FROM dcep.transfer_id_seq \gset
BEGIN READ ONLY;
SELECT count(*) FROM dcep.explain_transfer(t.w('x-ed'), t.w('x-el'), 100);
SELECT count(*) FROM dcep.explain_transfer(t.w('central'), t.w('vault2'), 100, 'issue');
SELECT pg_current_xact_id_if_assigned() IS NULL AS unwritten,
       (SELECT bool_and(l.mode = 'AccessShareLock') FROM pg_locks AS l
         WHERE l.pid = pg_backend_pid() AND l.relation IN (SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace)) AS unlocked;
COMMIT;
SELECT last_value = :before AS same FROM dcep.transfer_id_seq;

-- --- the first refusal is the payment's -------------------------------------------

-- What a payment is refused with, and undoes what is not refused.
CREATE FUNCTION t.attempt(kind dcep.transfer_kind, payer dcep.wallet_id, payee dcep.wallet_id, amount bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (kind, payer, payee, amount);
    RAISE EXCEPTION SQLSTATE 'XX999';
EXCEPTION
    WHEN SQLSTATE 'XX999' THEN RETURN 'paid';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(' | ', SQLSTATE, SQLERRM, NULLIF(detail, ''), NULLIF(hint, ''));
END
$$;
CREATE FUNCTION t.foretold(kind dcep.transfer_kind, payer dcep.wallet_id, payee dcep.wallet_id, amount bigint) RETURNS text LANGUAGE sql AS $$
    SELECT COALESCE((SELECT concat_ws(' | ', e.sqlstate, e.message, e.detail, e.hint)
                       FROM dcep.explain_transfer(payer, payee, amount, kind) AS e
                      WHERE e.verdict = 'refuse' ORDER BY e.position LIMIT 1), 'paid')
$$;
CREATE TABLE t.met (outcome text PRIMARY KEY);
-- Tries every pair of these wallets with every amount and kind: the attempts that differ, and a note of what was met.
CREATE FUNCTION t.compare(names text[], amounts bigint[]) RETURNS TABLE (kind dcep.transfer_kind, payer text, payee text, amount bigint, foretold text, met text)
    LANGUAGE plpgsql AS $$
BEGIN
    FOR kind, payer, payee, amount IN
        SELECT k, p, q, a FROM unnest(names) AS p, unnest(names) AS q, unnest(amounts) AS a,
               unnest('{transfer,exchange_in,exchange_out,issue,redeem}'::dcep.transfer_kind[]) AS k
         WHERE k = 'transfer' OR p ~ '^(vault|central)' OR q ~ '^(vault|central)'
    LOOP
        foretold := t.foretold(kind, t.w(payer), t.w(payee), amount);
        met := t.attempt(kind, t.w(payer), t.w(payee), amount);
        INSERT INTO t.met VALUES (left(met, 5)) ON CONFLICT DO NOTHING;
        IF foretold <> met THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Wallets under orders of each kind, and of several; a closed, a frozen, a poor, a capped one; a vault with tills.
SELECT dcep.close_wallet(t.w('x-gone')), dcep.freeze(t.w('x-empty'), 'both', 'test');
SELECT t.open(name, 2, class, amount)
FROM (VALUES ('x-credit', 1, 900), ('x-hold', 1, 900), ('x-coins', 1, 900), ('x-cap', 1, 900), ('x-capday', 1, 900), ('x-count', 1, 900),
             ('x-bar', 1, 900), ('x-window', 1, 900), ('x-noredeem', 1, 900), ('x-many', 3, 900), ('x-full', 4, 999000)) AS v (name, class, amount);
SELECT t.pay('x-count', 'x-ed', 1), t.pay('x-capday', 'x-ed', 100), t.pay('x-many', 'x-ed', 10);
SELECT count(*), max(said) FROM (
    SELECT t.impose(name, format('%L, %L, %L%s', kind, t.wallet(target), 'X-9', rest)) AS said
    FROM (VALUES ('o1', 'no_credit', 'x-credit', ''), ('o2', 'hold_amount', 'x-hold', ', 500'), ('o3', 'cap_payment', 'x-cap', ', 300'),
                 ('o4', 'cap_day', 'x-capday', ', 500'), ('o5', 'count_day', 'x-count', ', 1'),
                 ('o6', 'bar_counterparty', 'x-bar', format(', counterparty => %L', t.w('x-ed'))),
                 ('o7', 'time_window', 'x-window', ', daily_from => ''01:00'', daily_until => ''02:00'''),
                 ('o8', 'time_window', 'x-window', ', daily_from => ''03:00'', daily_until => ''04:00'''),
                 ('o9', 'no_redeem', 'x-noredeem', ''), ('o10', 'cap_payment', 'x-many', ', 800'), ('o11', 'hold_amount', 'x-many', ', 700'),
                 ('o12', 'bar_counterparty', 'x-many', format(', counterparty => %L', t.w('x-bar'))),
                 ('o13', 'cap_day', 'x-many', ', 820'), ('o14', 'count_day', 'x-many', ', 3')) AS v (name, kind, target, rest) OFFSET 0) AS s;
SELECT t.impose('o15', format('%L, %L, %L', 'freeze_coins', jsonb_build_object('coins', (SELECT jsonb_agg(c.id) FROM dcep.coin AS c WHERE c.owner = t.w('x-coins'))), 'X-9'));
SELECT * FROM t.compare('{x-ed,x-eva,x-el,x-empty,x-gone,nobody,x-credit,x-hold,x-coins,x-cap,x-capday,x-count,x-bar,x-window,x-noredeem,x-many,x-full,vault2,vault3,central}',
                        '{-9223372036854775808,0,1,400,401,890,1000,500001,5000000000000,9223372036854775807}');
SELECT array_agg(outcome ORDER BY outcome COLLATE "C") FROM t.met;
-- Twice over: more than one order, more than one rule of a wallet.
SELECT verdict, count(*), array_agg(sqlstate ORDER BY position) FROM t.explain('x-many', 'x-bar', 1000) GROUP BY 1;

-- A suspended institution.
SELECT dcep.suspend_institution(3);
SELECT * FROM t.compare('{x-ed,x-el,x-noredeem,vault2,vault3,central}', '{1,400}');
SELECT dcep.suspend_institution(3, false);

-- A vault with tills: one of them pays, or none suffices and the vault is refused; one that is frozen is passed over.
BEGIN;
SELECT dcep.enroll_institution(8, 'Bank of Explained Tills', 'operator'), dcep.generate_key(8, 'ed25519'), dcep.deposit_reserve(8, 1000);
INSERT INTO t.wallet VALUES ('vault8', dcep.vault(8));
SELECT (dcep.issue(8, 900)).amount, dcep.open_tills(8, 3);
INSERT INTO t.wallet SELECT 'till' || row_number() OVER (ORDER BY wallet), wallet FROM dcep.till WHERE institution = 8;
SELECT dcep.stock_tills(8) > 0 AS stocked, t.open('x-e8', 8, 4);
SELECT dcep.freeze(t.w('till1'), 'debit', 'test');
SELECT * FROM t.compare('{vault8,till1,till2,x-e8,x-ed,central}', '{0,1,200,250,900,901}');
SELECT position, rule, verdict FROM t.explain('vault8', 'x-e8', 100, 'exchange_in') WHERE position = 14;
ROLLBACK;

-- Coins that do not verify.
BEGIN;
ALTER TABLE dcep.transfer DISABLE TRIGGER append_only, DISABLE TRIGGER append_only_row;
UPDATE dcep.transfer SET memo = 'altered' WHERE payee = t.w('x-cap');
SELECT * FROM t.compare('{x-cap,x-ed}', '{1}');
SELECT position, sqlstate, verdict, reason FROM t.explain('x-cap', 'x-ed', 1) WHERE verdict = 'refuse';
ROLLBACK;

-- A year that is nearly used up.
BEGIN;
ALTER TABLE dcep.wallet_chain DISABLE TRIGGER payments_only;
UPDATE dcep.wallet_chain SET year_spent = 4999900, day = (now() AT TIME ZONE 'Asia/Shanghai')::date WHERE wallet = t.w('x-el');
SELECT * FROM t.compare('{x-el,x-ed}', '{100,101}');
SELECT position, sqlstate, verdict, reason FROM t.explain('x-el', 'x-ed', 101) WHERE verdict = 'refuse';
ROLLBACK;

SELECT dcep.unfreeze(t.w('x-empty'), 'both', 'test');
SELECT * FROM t.audit();
