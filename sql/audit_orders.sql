-- What the auditor finds of orders: every payment that one in force forbade, to the microsecond and the unit, and no other.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';
-- The day of caps and counts is Shanghai's: a test that begins right before midnight waits for the next one.
SELECT count(pg_sleep(120)) >= 0 AS ready FROM (SELECT WHERE (now() AT TIME ZONE 'Asia/Shanghai')::time > '23:58:00') AS late;

SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_warden;
RESET client_min_messages;
CREATE ROLE regress_warden;
SELECT dcep.enroll_institution(9007, 'Warden', 'supervisor'), dcep.generate_key(9007, 'ed25519');
SELECT dcep.grant_institution('regress_warden', 9007);
SET ROLE regress_warden;
SELECT dcep.agree(9007, 2, dcep.order_kinds());
SET ROLE regress_bank2;
SELECT dcep.agree(9007, 2, dcep.order_kinds());
RESET ROLE;
SELECT t.open('anna', 2, 3, 10000), t.open('bert', 2, 1, 10000), t.open('cora', 3, 1, 10000), t.open('dora', 2, 1, 500);
-- Two payments of today, before any order.
SELECT t.pay('anna', 'bert', 60), t.pay('anna', 'cora', 40);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('bert'), t.w('dora'), a FROM unnest(ARRAY[10, 20, 30]) AS a;
SELECT * FROM t.purse('anna', 'bert', 'cora', 'dora');

-- Orders by the wallet's name; the last order is order "2", the one before it "1", in what is shown.
CREATE FUNCTION t.warden(arguments text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    imposed bigint;
BEGIN
    SET LOCAL ROLE regress_warden;
    EXECUTE format('SELECT dcep.impose(%s)', arguments) INTO STRICT imposed;
    RESET ROLE;
    RETURN imposed;
END
$$;
CREATE FUNCTION t.on_wallet(name text) RETURNS text LANGUAGE sql AS $$ SELECT quote_literal(jsonb_build_object('wallet', t.w(name))) $$;
CREATE FUNCTION t.on_coin(name text, amount bigint) RETURNS text LANGUAGE sql AS $$
    SELECT quote_literal(jsonb_build_object('coins', jsonb_agg(c.id))) FROM dcep.coin AS c WHERE c.owner = t.w(name) AND c.amount = on_coin.amount
$$;
CREATE FUNCTION t.moves(kind dcep.transfer_kind, payer text, payee text, amount bigint) RETURNS text LANGUAGE sql AS $$
    INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (kind, t.w(payer), t.w(payee), amount) RETURNING t.transfer(id)
$$;
-- What the checks of payments against orders find.
CREATE VIEW t.violation AS
    SELECT a.check_name, t.name(a.wallet) AS wallet, t.transfer(a.transfer) AS transfer, t.mask(a.detail) AS detail
      FROM (SELECT * FROM dcep.audit_obedience() UNION ALL SELECT * FROM dcep.audit_day_orders()
            UNION ALL SELECT * FROM dcep.audit_holds()) AS a;
-- Imposes orders; says what becomes of some statements, first with the orders in effect, and then what is found where they were
-- carried out behind the orders' back; undoes all of it.
CREATE FUNCTION t.behind(orders text[], VARIADIC statements text[]) RETURNS TABLE (check_name text, wallet text, transfer text, detail text)
    LANGUAGE plpgsql AS $$
DECLARE
    imposed bigint[] := ARRAY[]::bigint[];
    answers text[] := ARRAY[]::text[];
    found jsonb;
    arguments text;
    statement text;
BEGIN
    BEGIN
        FOREACH arguments IN ARRAY orders LOOP
            imposed := imposed || t.warden(arguments);
        END LOOP;
        BEGIN
            FOREACH statement IN ARRAY statements LOOP
                answers := array_append(answers, left(t.try(statement), 5));
            END LOOP;
            RAISE EXCEPTION SQLSTATE 'UNDO1';
        EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
            NULL;
        END;
        CREATE TEMPORARY TABLE aside AS SELECT * FROM dcep.control_effect;
        SET LOCAL session_replication_role = replica;
        DELETE FROM dcep.control_effect;
        SET LOCAL session_replication_role = origin;
        FOREACH statement IN ARRAY statements LOOP
            EXECUTE statement;
        END LOOP;
        SET LOCAL session_replication_role = replica;
        INSERT INTO dcep.control_effect SELECT * FROM aside;
        found := (SELECT jsonb_agg(v ORDER BY v.check_name, v.wallet, v.transfer, v.detail) FROM t.violation AS v);
        RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN QUERY SELECT 'with it: ' || array_to_string(answers, ' '), NULL, NULL, NULL
    UNION ALL
    SELECT r.check_name, r.wallet, r.transfer,
           regexp_replace(regexp_replace(r.detail, 'order ' || imposed[1] || '\y', 'order (1)'), 'order ' || COALESCE(imposed[2], 0) || '\y', 'order (2)')
      FROM jsonb_to_recordset(found) AS r (check_name text, wallet text, transfer text, detail text);
END
$$;
CREATE FUNCTION t.order(kind text, target text, terms text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('%L, %s, %L %s', kind, target, 'W-1', terms)
$$;

-- --- each kind, and what it does not concern ------------------------------------

SELECT * FROM t.behind(ARRAY[t.order('no_debit', t.on_wallet('anna'))], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('no_credit', t.on_wallet('anna'))], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('freeze', t.on_wallet('anna'))], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 1)$$, $$SELECT t.pay('bert', 'cora', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('no_redeem', t.on_wallet('anna'))], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.moves('exchange_out', 'anna', 'vault2', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('cap_payment', t.on_wallet('anna'), ', 100')], $$SELECT t.pay('anna', 'bert', 100)$$, $$SELECT t.pay('anna', 'bert', 101)$$, $$SELECT t.pay('bert', 'anna', 101)$$);
-- What was paid before the order counts: 100, by two payments.
SELECT * FROM t.behind(ARRAY[t.order('cap_day', t.on_wallet('anna'), ', 150')], $$SELECT t.pay('anna', 'bert', 50)$$, $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 151)$$);
SELECT * FROM t.behind(ARRAY[t.order('cap_day', t.on_wallet('anna'), ', 0')], $$SELECT t.pay('anna', 'bert', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('count_day', t.on_wallet('anna'), ', 3')], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('anna', 'bert', 2)$$);
SELECT * FROM t.behind(ARRAY[t.order('count_day', t.on_wallet('anna'), ', 2')], $$SELECT t.pay('anna', 'bert', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('bar_counterparty', t.on_wallet('anna'), format(', counterparty => %L', t.w('cora')))],
    $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('anna', 'cora', 1)$$, $$SELECT t.pay('cora', 'anna', 1)$$, $$SELECT t.pay('cora', 'bert', 1)$$);
-- Windows from an hour ago to an hour from now, and the other way round: one of the two goes over midnight where the clock says so.
SELECT date_trunc('second', clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::time AS now \gset
SELECT format(', daily_from => %L, daily_until => %L', :'now'::time - interval '1 hour', :'now'::time + interval '1 hour') AS within,
       format(', daily_from => %L, daily_until => %L', :'now'::time + interval '1 hour', :'now'::time - interval '1 hour') AS without \gset
SELECT * FROM t.behind(ARRAY[t.order('time_window', t.on_wallet('anna'), :'within')], $$SELECT t.pay('anna', 'bert', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('time_window', t.on_wallet('anna'), :'without')], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('time_window', t.on_wallet('anna'), :'within'), t.order('time_window', t.on_wallet('anna'), :'without')], $$SELECT t.pay('anna', 'bert', 1)$$);
-- Holds add up; credits count at once; what others are paid back does too.
SELECT * FROM t.behind(ARRAY[t.order('hold_amount', t.on_wallet('anna'), ', 9000'), t.order('hold_amount', t.on_wallet('anna'), ', 850')],
    $$SELECT t.pay('anna', 'bert', 50)$$, $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 3)$$, $$SELECT t.pay('anna', 'bert', 2)$$, $$SELECT t.pay('anna', 'bert', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('hold_amount', t.on_wallet('anna'), ', 9223372036854775807'), t.order('hold_amount', t.on_wallet('anna'), ', 9223372036854775807')],
    $$SELECT t.pay('anna', 'bert', 1)$$);
-- Dora has 500, 10, 20 and 30. Frozen coins are apart from what is held; the smallest coin that fits is what a payment takes.
SELECT * FROM t.behind(ARRAY[t.order('freeze_coins', t.on_coin('dora', 20))], $$SELECT t.pay('dora', 'bert', 30)$$, $$SELECT t.pay('dora', 'bert', 20)$$);
SELECT * FROM t.behind(ARRAY[t.order('freeze_coins', t.on_coin('dora', 500)), t.order('hold_amount', t.on_wallet('dora'), ', 40')],
    $$SELECT t.pay('dora', 'bert', 20)$$, $$SELECT t.pay('dora', 'bert', 10)$$);
-- A frozen coin that is gone is no longer apart.
SELECT * FROM t.behind(ARRAY[t.order('freeze_coins', t.on_coin('dora', 500)), t.order('hold_amount', t.on_wallet('dora'), ', 40')],
    $$SELECT t.pay('dora', 'bert', 490)$$, $$SELECT t.pay('dora', 'bert', 10)$$, $$SELECT t.pay('dora', 'bert', 20)$$);

-- --- targets ---------------------------------------------------------------------

-- A wallet and its family; a class of an operator, in which a wallet is that is opened later.
SELECT * FROM t.behind(ARRAY[t.order('no_debit', quote_literal(jsonb_build_object('holder', t.w('anna'))))], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('no_debit', $$'{"operator": 2, "class": 3}'$$)], $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('bert', 'anna', 1)$$,
    $$SELECT t.open('ever', 2, 3)$$, $$SELECT t.pay('bert', 'ever', 5)$$, $$SELECT t.pay('ever', 'bert', 5)$$);
SELECT * FROM t.behind(ARRAY[t.order('hold_amount', $$'{"operator": 2, "class": 3}'$$, ', 5000'), t.order('hold_amount', t.on_wallet('anna'), ', 4800')],
    $$SELECT t.pay('anna', 'bert', 100)$$, $$SELECT t.pay('anna', 'bert', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('cap_day', $$'{"operator": 2, "class": 3}'$$, ', 120')], $$SELECT t.pay('anna', 'bert', 20)$$, $$SELECT t.pay('anna', 'bert', 1)$$);
SELECT * FROM t.behind(ARRAY[t.order('bar_counterparty', $$'{"operator": 2, "class": 3}'$$, format(', counterparty => %L', t.w('cora')))],
    $$SELECT t.pay('anna', 'bert', 1)$$, $$SELECT t.pay('cora', 'anna', 1)$$);
-- Of several alike the strictest is named.
SELECT * FROM t.behind(ARRAY[t.order('cap_payment', t.on_wallet('anna'), ', 100'), t.order('cap_payment', t.on_wallet('anna'), ', 50')], $$SELECT t.pay('anna', 'bert', 51)$$);
-- A bank's own wallet: payouts, issues and redemptions obey as others do.
SELECT * FROM t.behind(ARRAY[t.order('cap_payment', quote_literal(jsonb_build_object('wallet', dcep.vault(2))), ', 7')], $$SELECT t.moves('exchange_in', 'vault2', 'anna', 8)$$);
SELECT * FROM t.behind(ARRAY[t.order('no_credit', quote_literal(jsonb_build_object('wallet', dcep.vault(2)))), t.order('no_redeem', quote_literal(jsonb_build_object('wallet', dcep.vault(2))))],
    $$SELECT dcep.issue(2, 5)$$, $$SELECT dcep.redeem(2, 5)$$);

-- --- consolidations ---------------------------------------------------------------

-- They obey what forbids paying, and leave frozen coins alone; limits, windows and holds are not asked.
SELECT * FROM t.behind(ARRAY[t.order('freeze', t.on_wallet('dora'))], $$SELECT dcep.consolidate(t.w('dora'))$$);
SELECT * FROM t.behind(ARRAY[t.order('no_credit', t.on_wallet('dora'))], $$SELECT dcep.consolidate(t.w('dora'))$$);
SELECT * FROM t.behind(ARRAY[t.order('freeze_coins', t.on_coin('dora', 20))], $$SELECT dcep.consolidate(t.w('dora'))$$);
SELECT * FROM t.behind(ARRAY[t.order('cap_day', t.on_wallet('dora'), ', 0'), t.order('count_day', t.on_wallet('dora'), ', 0')], $$SELECT dcep.consolidate(t.w('dora'))$$);
SELECT * FROM t.behind(ARRAY[t.order('hold_amount', t.on_wallet('dora'), ', 9000'), t.order('cap_payment', t.on_wallet('dora'), ', 0')], $$SELECT dcep.consolidate(t.w('dora'))$$);
SELECT * FROM t.behind(ARRAY[t.order('time_window', t.on_wallet('dora'), :'without'), t.order('bar_counterparty', t.on_wallet('dora'), format(', counterparty => %L', t.w('dora')))],
    $$SELECT dcep.consolidate(t.w('dora'))$$);

-- --- time ---------------------------------------------------------------------------

-- An order from one day in the far future until the next, one that has expired, one that has been lifted within the day.
SELECT t.warden(t.order('no_debit', t.on_wallet('anna'), $$, valid_from => '2131-05-01 00:00+00', valid_until => '2131-05-02 00:00+00'$$)) AS future \gset
SELECT t.warden(t.order('no_credit', t.on_wallet('anna'), $$, valid_until => clock_timestamp() + interval '1 s'$$)) AS expired \gset
SELECT t.warden(t.order('cap_payment', t.on_wallet('anna'), ', 1')) AS lifted \gset
SET ROLE regress_warden;
SELECT dcep.lift(:lifted, 'over');
RESET ROLE;
SELECT pg_sleep(GREATEST(0, EXTRACT(epoch FROM valid_until - clock_timestamp()))) IS NOT NULL AS expired FROM dcep.control_order WHERE id = :expired;
SELECT t.pay('anna', 'bert', 2), t.pay('bert', 'anna', 2);
SELECT * FROM t.violation;
-- Anna's last payment and the one that she got last, at another time.
CREATE FUNCTION t.moved_to(payer text, at timestamptz) RETURNS TABLE (check_name text, wallet text) LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    BEGIN
        ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
        UPDATE dcep.transfer SET created_at = at WHERE id = (SELECT max(j.id) FROM dcep.transfer AS j WHERE j.payer = t.w(moved_to.payer));
        found := (SELECT jsonb_agg(v) FROM t.violation AS v);
        RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN QUERY SELECT r.check_name, r.wallet FROM jsonb_to_recordset(found) AS r (check_name text, wallet text);
END
$$;
CREATE TABLE t.moment (n integer PRIMARY KEY, payer text, name text, at timestamptz);
INSERT INTO t.moment
SELECT 1, 'anna', 'future order begins', timestamptz '2131-05-01 00:00+00' UNION ALL SELECT 2, 'anna', 'future order ends', '2131-05-02 00:00+00'
UNION ALL SELECT 3, 'bert', 'expired order entered', entered_at FROM dcep.act WHERE id = :expired
UNION ALL SELECT 4, 'bert', 'expired order ends', valid_until FROM dcep.control_order WHERE id = :expired
UNION ALL SELECT 5, 'anna', 'lifted order entered', entered_at FROM dcep.act WHERE id = :lifted
UNION ALL SELECT 6, 'anna', 'act of lifting', a.entered_at FROM dcep.control_lift AS l JOIN dcep.act AS a ON a.id = l.act WHERE l.order_id = :lifted;
SELECT m.name, d AS microseconds_later, v.check_name, v.wallet FROM t.moment AS m CROSS JOIN unnest(ARRAY[-1, 0]) AS d
CROSS JOIN LATERAL (SELECT count(*), min(f.check_name) AS check_name, min(f.wallet) AS wallet FROM t.moved_to(m.payer, m.at + d * interval '1 microsecond') AS f) AS v ORDER BY m.n, d;
-- Windows count whole seconds, in the ledger's time zone.
SELECT t.warden(t.order('time_window', t.on_wallet('bert'), $$, daily_from => '22:00', daily_until => '06:00', valid_from => '2131-01-01', valid_until => '2132-01-01'$$)) AS night \gset
SELECT c AS local_time, v.count FROM unnest(ARRAY['21:59:59.999999', '22:00:00', '23:59:59.999999', '00:00:00', '05:59:59.999999', '06:00:00']::time[]) AS c
CROSS JOIN LATERAL (SELECT count(*) FROM t.moved_to('bert', ('2131-06-15'::date + c) AT TIME ZONE 'Asia/Shanghai')) AS v;

-- --- in the audit ----------------------------------------------------------------------

-- What is found so is in the audit, and whose wallet it is, is shown to those who may see it.
BEGIN;
SELECT t.warden(t.order('no_debit', t.on_wallet('dora'))) AS standing \gset
SET LOCAL session_replication_role = replica;
CREATE TEMPORARY TABLE aside AS SELECT * FROM dcep.control_effect;
DELETE FROM dcep.control_effect;
SET LOCAL session_replication_role = origin;
SELECT t.pay('dora', 'bert', 1);
SET LOCAL session_replication_role = replica;
INSERT INTO dcep.control_effect SELECT * FROM aside;
SELECT check_name, institution, wallet_name, transfer, replace(detail, :'standing', '(id)') AS detail FROM t.audit();
SET LOCAL ROLE regress_auditor;
SELECT check_name, institution, wallet IS NULL AS hidden, transfer IS NOT NULL AS transfer FROM dcep.audit();
ROLLBACK;

-- Liftings as their acts have them, and acts as liftings.
CREATE FUNCTION t.falsify(statement text) RETURNS TABLE (check_name text, institution smallint, detail text) LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        ALTER TABLE dcep.control_lift DISABLE TRIGGER USER;
        EXECUTE statement;
        found := (SELECT jsonb_agg(a ORDER BY a.check_name) FROM dcep.audit_orders() AS a);
        RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN QUERY SELECT r.check_name, r.institution, regexp_replace(r.detail, '(rder|act) [0-9]+', '\1 (id)', 'g')
      FROM jsonb_to_recordset(found) AS r (check_name text, institution smallint, detail text);
END
$$;
SELECT c AS change, f.* FROM unnest(ARRAY[$$SET lifted_at = lifted_at + interval '1 day'$$, $$SET reason = 'other'$$, 'SET act = ' || :lifted, $$SET order_id = order_id$$]) AS c
LEFT JOIN LATERAL t.falsify(format('UPDATE dcep.control_lift %s WHERE order_id = %s', c, :lifted)) AS f ON true ORDER BY 1, 2;
SELECT * FROM t.falsify(format('DELETE FROM dcep.control_lift WHERE order_id = %s', :lifted)) ORDER BY 1;

-- --- tills ------------------------------------------------------------------------------

-- A till on which an order bears does not pay in its vault's stead, only where it is named; and a payee whom an order bars from a till is not paid by it.
BEGIN;
CREATE ROLE regress_bank82;
SELECT dcep.enroll_institution(82, 'Bank of Controlled Tills', 'operator'), dcep.generate_key(82, 'ed25519'), dcep.deposit_reserve(82, 10000);
SELECT dcep.grant_institution('regress_bank82', 82);
SET LOCAL ROLE regress_warden;
SELECT dcep.agree(9007, 82, dcep.order_kinds());
SET LOCAL ROLE regress_bank82;
SELECT dcep.agree(9007, 82, dcep.order_kinds());
RESET ROLE;
INSERT INTO t.wallet VALUES ('vault82', dcep.vault(82));
SELECT (dcep.issue(82, 9000)).amount, dcep.open_tills(82, 2);
INSERT INTO t.wallet SELECT 'ao_till' || row_number() OVER (ORDER BY wallet), wallet FROM dcep.till WHERE institution = 82;
SELECT dcep.stock_tills(82), t.open('fred', 82);
SELECT t.warden(t.order('cap_payment', t.on_wallet('ao_till1'), ', 5')) IS NOT NULL AS capped;
WITH paid AS (INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', t.w('vault82'), t.w('fred'), 10 FROM generate_series(1, 20) RETURNING payer)
SELECT count(*), count(*) FILTER (WHERE payer = t.w('ao_till1')) AS by_capped FROM paid;
SELECT t.try($$SELECT t.moves('exchange_in', 'ao_till1', 'fred', 6)$$) LIKE 'LG203 %' AS refused, t.moves('exchange_in', 'ao_till1', 'fred', 5);
-- The vault empties itself into the other till, which alone can pay then.
SELECT t.pay('vault82', 'ao_till2', dcep.balance(t.w('vault82'))) IS NOT NULL AS moved;
SELECT t.warden(t.order('bar_counterparty', t.on_wallet('fred'), format(', counterparty => %L', t.w('ao_till2')))) IS NOT NULL AS barred;
SELECT t.try($$SELECT t.moves('exchange_in', 'vault82', 'fred', 10)$$) LIKE 'LG208 counterparty is barred | Payee fred%' AS refused;
SELECT position, rule, verdict FROM dcep.explain_transfer(t.w('vault82'), t.w('fred'), 10, 'exchange_in') WHERE verdict = 'refuse';
SELECT * FROM t.audit();
-- An order on the vault concerns its tills only where it names them.
SELECT t.warden(t.order('no_debit', t.on_wallet('vault82'))) IS NOT NULL AS vault;
SELECT t.try($$SELECT t.moves('exchange_in', 'vault82', 'fred', 1)$$) LIKE 'LG201 %' AS refused, t.pay('ao_till2', 'ao_till1', 1) IS NOT NULL AS paid;
SELECT t.warden(t.order('no_debit', quote_literal(jsonb_build_object('holder', t.w('ao_till1'))))) IS NOT NULL AS family;
SELECT t.try($$SELECT t.pay('ao_till2', 'ao_till1', 1)$$) LIKE 'LG201 %' AS refused;
SELECT * FROM t.audit();
ROLLBACK;

-- Nothing of this remained; the orders of the far future go.
SELECT t.as_role('regress_warden', format('SELECT dcep.lift(%s, ''over'')', o)) FROM unnest(ARRAY[:future, :night]::bigint[]) AS o;
SELECT * FROM t.audit();
SELECT * FROM dcep.verify_acts();
