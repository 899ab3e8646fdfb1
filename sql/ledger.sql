-- Setting up: what each call takes and refuses.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

CREATE FUNCTION t.calls(VARIADIC calls text[]) RETURNS TABLE (call text, answer text) LANGUAGE sql AS $$
    SELECT c, t.try('SELECT dcep.' || c) FROM unnest(calls) WITH ORDINALITY AS u (c, o) ORDER BY o
$$;

-- --- the ledger ----------------------------------------------------------------------

-- One database has one; NULL is told apart from that.
SELECT * FROM t.calls($$create_ledger('EUR', 2, 'Europe/Berlin', 'Other')$$, $$create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank')$$, $$create_ledger(NULL, 2, 'Asia/Shanghai', 'x')$$,
    $$create_ledger('CNY', NULL, 'Asia/Shanghai', 'x')$$, $$create_ledger('CNY', 2, NULL, 'x')$$, $$create_ledger('CNY', 2, 'Asia/Shanghai', NULL)$$);
-- What it is made of, in a database of its own: that is this one, emptied for a moment.
BEGIN;
DO $$
DECLARE
    tab text;
BEGIN
    FOR tab IN SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', tab);
        EXECUTE format('DELETE FROM %s', tab);
    END LOOP;
    FOR tab IN SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER ALL', tab);
    END LOOP;
END
$$;
SELECT * FROM t.calls($$create_ledger('cny', 2, 'Asia/Shanghai', 'x')$$, $$create_ledger('CN', 2, 'Asia/Shanghai', 'x')$$, $$create_ledger('CNYY', 2, 'Asia/Shanghai', 'x')$$, $$create_ledger('', 2, 'Asia/Shanghai', 'x')$$,
    $$create_ledger('CNY', -1, 'Asia/Shanghai', 'x')$$, $$create_ledger('CNY', 13, 'Asia/Shanghai', 'x')$$, $$create_ledger('CNY', 2, 'Asia/Atlantis', 'x')$$, $$create_ledger('CNY', 2, '', 'x')$$,
    $$create_ledger('CNY', 2, '+08', 'x')$$, $$create_ledger('CNY', 2, 'Asia/Shanghai', '')$$);
SELECT count(*) FROM dcep.ledger;
SAVEPOINT empty;
SELECT dcep.create_ledger('JPY', 0, 'Asia/Tokyo', 'Nippon');
SELECT currency, exponent, timezone, institution FROM dcep.ledger;
SELECT class, max_balance, max_payment, max_day, max_year FROM dcep.wallet_class ORDER BY class;
SELECT code, name, kind FROM dcep.institution;
ROLLBACK TO SAVEPOINT empty;
SELECT dcep.create_ledger('XXX', 12, 'UTC', 'The most digits');
SELECT class, max_balance, max_payment, max_day, max_year FROM dcep.wallet_class ORDER BY class;
SELECT dcep.generate_key(1, 'ed25519'), dcep.enroll_institution(2, 'Two', 'operator');
SELECT dcep.generate_key(2, 'sm2'), dcep.deposit_reserve(2, 9223372036854775807);
SELECT (dcep.issue(2, 9223372036854775807)).amount;
SELECT dcep.currency(c), dcep.amount(c), dcep.check(c) = c AS check FROM dcep.coins(dcep.vault(2)) AS c;
SELECT dcep.deposit_reserve(2, 1);
-- A second issue would make more than a bigint of what the central bank has paid out.
SELECT t.try('SELECT dcep.issue(2, 1)');
SELECT institution, reserve, issued, outstanding, held FROM dcep.supply;
ROLLBACK;
SELECT currency, exponent FROM dcep.ledger;
SELECT t.pay('alice', 'bob', 1) LIKE 'alice#%' AS paid;

-- --- institutions ----------------------------------------------------------------------

SELECT * FROM t.calls($$enroll_institution(NULL, 'x', 'operator')$$, $$enroll_institution(71, NULL, 'operator')$$, $$enroll_institution(71, 'x', NULL)$$, $$enroll_institution(0, 'x', 'operator')$$,
    $$enroll_institution(-1, 'x', 'operator')$$, $$enroll_institution(10000, 'x', 'operator')$$, $$enroll_institution(71, '', 'operator')$$, $$enroll_institution(71, 'x', 'bank')$$,
    $$enroll_institution(71, 'x', '')$$, $$enroll_institution(71, 'x', 'central_bank')$$, $$enroll_institution(2, 'x', 'operator')$$, $$enroll_institution(9001, 'x', 'operator')$$, $$enroll_institution(1, 'x', 'operator')$$,
    $$enroll_institution(9999, 'The last', 'operator')$$, $$enroll_institution(9999, 'The last', 'operator')$$, $$enroll_institution(9998, 'Watch', 'supervisor')$$);
SELECT i.code, i.name, i.kind, i.status, i.vault IS NOT NULL AS vault, a.seq AS reserve FROM dcep.institution AS i LEFT JOIN dcep.reserve_account AS a ON a.institution = i.code WHERE i.code > 9990 ORDER BY 1;
SELECT dcep.vault(9999)::text LIKE '9999%' AS number, dcep.institution(dcep.vault(9999)), dcep.balance(dcep.vault(9999));
SELECT w.class, w.form, e.event FROM dcep.wallet AS w JOIN dcep.wallet_event AS e ON e.wallet = w.id WHERE w.institution = 9999;
SELECT * FROM t.calls('vault(NULL)', 'vault(9998)', 'vault(71)', 'vault(0)', 'vault(-5)', 'vault(70000)');
SELECT dcep.vault(2) = i.vault AS same FROM dcep.institution AS i WHERE code = 2;
SELECT * FROM t.calls('suspend_institution(NULL)', 'suspend_institution(71)', 'suspend_institution(9998)', 'suspend_institution(1)', 'suspend_institution(9999, NULL)', 'suspend_institution(9999)', 'suspend_institution(9999)',
    'suspend_institution(9999, false)', 'suspend_institution(9999, false)');
SELECT * FROM t.calls($$require_institution(NULL)$$, $$require_institution(9998, 'operator')$$, $$require_institution(9998, 'supervisor')$$, $$require_institution(71)$$);

-- --- roles ---------------------------------------------------------------------------------

CREATE ROLE regress_new;
SET client_min_messages = warning;
SELECT * FROM t.calls($$grant_institution('regress_new', NULL)$$, $$grant_institution(NULL, 2)$$, $$grant_institution('regress_nobody', 2)$$, $$grant_institution('regress_new', 71)$$,
    $$grant_institution('regress_new', 9999)$$, $$grant_institution('regress_new', 9999)$$, $$grant_institution('regress_new', 2)$$);
RESET client_min_messages;
SELECT pg_has_role('regress_new', 'dcep_operator', 'member') AS operator, (SELECT institution FROM dcep.institution_role WHERE role = 'regress_new');
SET ROLE regress_new;
SELECT dcep.institution(dcep.open_wallet(9999, '{"class": 1}')) AS opened;
SELECT count(*) FROM dcep.wallet;
RESET ROLE;
SELECT * FROM t.calls($$revoke_institution('regress_nobody')$$, $$revoke_institution(NULL)$$, $$revoke_institution('regress_new')$$, $$revoke_institution('regress_new')$$);
SELECT pg_has_role('regress_new', 'dcep_operator', 'member') AS operator, (SELECT institution FROM dcep.institution_role WHERE role = 'regress_new');
SET ROLE regress_new;
SELECT count(*) FROM dcep.wallet;
RESET ROLE;
SELECT dcep.grant_institution('regress_new', 9998);
SELECT pg_has_role('regress_new', 'dcep_supervisor', 'member') AS supervisor;
SELECT dcep.revoke_institution('regress_new');
-- Odd names are quoted; a role of a role acts for its institution too.
CREATE ROLE "regress ""odd"" name";
SELECT dcep.grant_institution('regress "odd" name', 9999);
GRANT "regress ""odd"" name" TO regress_new;
SET ROLE regress_new;
SELECT count(*) FROM dcep.wallet;
RESET ROLE;
SELECT dcep.revoke_institution('regress "odd" name');
DROP ROLE regress_new, "regress ""odd"" name";

-- Who may set up: a superuser the ledger and the bindings, the central bank institutions.
SET ROLE regress_central;
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'x');
SELECT dcep.grant_institution('regress_bank2', 3);
SELECT dcep.revoke_institution('regress_bank2');
SELECT dcep.enroll_institution(9997, 'By the central bank', 'supervisor');
SELECT dcep.suspend_institution(9999), dcep.suspend_institution(9999, false);
INSERT INTO dcep.wallet_class VALUES (1, '2020-02-01', 'by the central bank', NULL, NULL, NULL, NULL);
SELECT dcep.vault(2) IS NOT NULL AS vault;
SET ROLE regress_bank2;
SELECT dcep.enroll_institution(9996, 'x', 'operator');
SELECT dcep.suspend_institution(3);
SELECT dcep.grant_institution('regress_bank2', 1);
INSERT INTO dcep.wallet_class VALUES (4, '2020-02-01', 'mine', NULL, NULL, NULL, NULL);
INSERT INTO dcep.institution_role VALUES ('regress_bank2', 3);
SELECT * FROM dcep.institution_secret;
RESET ROLE;
-- Wallet classes have limits that make sense.
INSERT INTO dcep.wallet_class VALUES (-1, '2020-01-01', 'x', NULL, NULL, NULL, NULL);
INSERT INTO dcep.wallet_class VALUES (8, '2020-01-01', 'x', 0, NULL, NULL, NULL);
INSERT INTO dcep.wallet_class VALUES (1, '2020-01-01', 'x', NULL, NULL, NULL, NULL);
SELECT * FROM t.audit();
DROP FUNCTION t.calls;
