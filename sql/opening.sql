-- Opening wallets: what a class demands, verdicts, policies, classes that change, sub-wallets and their limits.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set ON_ERROR_ROLLBACK on
SET datestyle = 'ISO';
-- The classes as a new ledger has them, under numbers of their own; real names need the authentication centre's key, so
-- user_id stands for the document in the classes that are opened here.
BEGIN;
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands, max_wallets, is_real_name)
SELECT c.class + 20, '2020-01-01', c.name, c.max_balance, c.max_payment, c.max_day, c.max_year,
       array_replace(array_remove(c.demands, 'bank_account'), 'id_document', 'user_id'), c.max_wallets, c.class < 4
FROM dcep.wallet_class AS c WHERE c.class > 0 AND c.valid_from = '2020-01-01';
SELECT class, demands, services, is_real_name, max_wallets FROM dcep.wallet_class WHERE class BETWEEN 1 AND 24 AND valid_from = '2020-01-01' ORDER BY class;
-- What is not said of a class stays as it was.
INSERT INTO dcep.wallet_class (class, valid_from, name, max_day) VALUES (24, CURRENT_DATE + 30, 'next month', 7);
SELECT demands, services, is_real_name, max_wallets FROM dcep.wallet_class WHERE class = 24 AND max_day = 7;
SAVEPOINT s;
INSERT INTO dcep.wallet_class (class, valid_from, name, demands) VALUES (29, '2020-01-01', 'odd', '{phone|fax}');
ROLLBACK TO s;
INSERT INTO dcep.wallet_class (class, valid_from, name, services) VALUES (29, '2020-01-01', 'odd', '{fly}');
ROLLBACK TO s;

-- --- requests ------------------------------------------------------------------

CREATE FUNCTION t.opens(request jsonb, institution integer DEFAULT 2) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text := t.try(format('SELECT dcep.open_wallet(%s, %L)', institution, request));
BEGIN
    RETURN CASE answer WHEN 'ok' THEN 'class ' || (SELECT o.class FROM dcep.opening AS o ORDER BY o.id DESC LIMIT 1) ELSE answer END;
END
$$;
SELECT r, t.opens(r) FROM unnest(ARRAY[
    '{"class": 21}', '{"class": 22, "phone": "+86 13800138001"}', '{"class": 23, "user_id": "u1"}', '{"class": 24}', '{"class": 21, "on_site": false, "user_id": "u1", "phone": "13800138001"}',
    '{"class": 24, "holder": "organisation", "phone": "13800138001"}', '{"class": 24, "requested_class": 23}', '{"class": 24, "phone": 7}', '{"class": 24, "phone": ""}', '{"class": 24, "holder": "robot"}',
    '{"class": 24, "on_site": "yes"}', '{"class": 24, "fax": "1"}', '{"class": 24, "phone": "noise"}', '{"class": 24, "limits": 5}', '{"class": 24, "parent": "x"}']::jsonb[]) AS r;
SELECT * FROM dcep.assess_opening(2, '{"phone": "+86 13800138001", "user_id": "u1"}') WHERE class > 20;
SELECT t.try($$SELECT dcep.assess_opening(2, NULL)$$), t.try($$SELECT dcep.assess_opening(1, '{}')$$);
-- Each class with what it demands; what is kept has no identity in it.
SELECT r, t.opens(r) FROM unnest(ARRAY['{"class": 21, "on_site": true, "user_id": "u1", "phone": "13800138001"}', '{"class": 22, "user_id": "u2", "phone": "13800138002"}',
    '{"class": 23, "user_id": "u3", "phone": "13800138003", "form": "hardware"}', '{"requested_class": 24, "email": "a@example.org"}', '{"class": 22, "user_id": "firm", "phone": "13800138009", "holder": "organisation"}']::jsonb[]) AS r;
SELECT o.requested_class, o.class, o.brought, o.authentication -> '21' AS a21, o.behaviour -> '21' AS b21, o.policies, w.holder, w.form, w.flags
FROM dcep.opening AS o JOIN dcep.wallet AS w ON w.id = o.wallet WHERE o.class > 20 ORDER BY o.id;
SELECT count(*) FROM dcep.opening AS o WHERE o::text ~ '13800|example';
-- One real-name wallet a person, one anonymous wallet a phone or e-mail, at each operator; an organisation has any number.
SELECT r, t.opens(r) FROM unnest(ARRAY['{"class": 23, "user_id": "u1", "phone": "13800138004"}', '{"class": 24, "email": "A@example.org"}', '{"class": 24, "phone": "13800138001"}', '{"class": 24, "phone": "138-0013-8001"}',
    '{"class": 22, "user_id": "firm", "phone": "13800138009", "holder": "organisation"}']::jsonb[]) AS r;
SELECT t.opens('{"class": 23, "user_id": "u1", "phone": "13800138004"}', 3);

-- --- policies --------------------------------------------------------------------

CREATE ROLE regress_policy;
GRANT regress_policy TO regress_bank2;
CREATE SCHEMA regress_policies AUTHORIZATION regress_policy;
SET LOCAL ROLE regress_policy;
CREATE FUNCTION regress_policies.says(institution integer, request jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('22', '["low_score"]'::jsonb, '23', '[]'::jsonb, '24', '[]'::jsonb)
$$;
-- What a hostile one tries: all is well with every class, and to act with the caller's rights.
CREATE FUNCTION regress_policies.hostile(institution integer, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM dcep.close_wallet((request ->> 'bank_account')::dcep.wallet_id);
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE '% as %: %', SQLSTATE, current_user, regexp_replace(SQLERRM, '[0-9]{16}', '(number)');
    END;
    BEGIN
        SET LOCAL ROLE NONE;
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE '%', SQLERRM;
    END;
    BEGIN
        PERFORM set_config('dcep.session_case', '1', true);
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE '%', SQLERRM;
    END;
    RETURN '{"21": [], "22": [], "23": [], "24": []}';
END
$$;
CREATE FUNCTION regress_policies.garbage(institution integer, request jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('22', request -> 'phone') $$;
GRANT USAGE ON SCHEMA regress_policies TO regress_bank2, regress_bank3;
RESET ROLE;
GRANT dcep_operator TO regress_policy;
SET LOCAL ROLE regress_bank2;
SELECT dcep.set_opening_policy(2, 'behaviour', 'regress_policies.says(integer, jsonb)');
RESET ROLE;
SELECT r, t.opens(r) FROM unnest(ARRAY['{"class": 22, "user_id": "u5", "phone": "13800138005"}', '{"class": 21, "on_site": true, "user_id": "u5", "phone": "13800138005"}', '{"user_id": "u5", "phone": "13800138005", "class": 23}']::jsonb[]) AS r;
SELECT o.behaviour -> '22' AS b22, o.policies FROM dcep.opening AS o ORDER BY o.id DESC LIMIT 1;
SELECT dcep.set_opening_policy(2, 'behaviour', NULL);
SELECT dcep.set_opening_policy(2, 'authentication', 'regress_policies.hostile(integer, jsonb)');
SELECT t.open('other', 3);
SELECT t.opens(jsonb_build_object('class', 21, 'phone', '13800138006', 'bank_account', t.w('other')));
SELECT status FROM dcep.wallet WHERE id = t.w('other');
SELECT dcep.set_opening_policy(2, 'authentication', 'regress_policies.garbage(integer, jsonb)');
SELECT t.opens('{"class": 24, "phone": "13800138006"}');
ALTER FUNCTION regress_policies.garbage OWNER TO CURRENT_USER;
SELECT t.opens('{"class": 24, "phone": "13800138006"}') LIKE '55000 opening policy regress_policies.garbage is gone, or has another owner%' AS gone;
SELECT dcep.set_opening_policy(2, 'authentication', NULL);
SELECT c, t.as_role('regress_bank3', 'SELECT dcep.set_opening_policy(' || c || ')') FROM unnest(ARRAY[$$NULL, 'behaviour', NULL$$, $$2, 'behaviour', NULL$$, $$3, 'weather', NULL$$, $$3, NULL, NULL$$,
    $$3, 'behaviour', 'regress_policies.says(integer, jsonb)'$$, $$3, 'behaviour', 'pg_catalog.lower(text)'$$, $$1, 'behaviour', NULL$$]) AS c;

-- --- another class ---------------------------------------------------------------

INSERT INTO t.wallet VALUES ('climb', dcep.open_wallet(2, '{"class": 24, "phone": "13800138007"}'));
SELECT t.open('giver', 2, 1, 100000000);
SELECT t.pay('giver', 'climb', 1000000);
CREATE FUNCTION t.becomes(wallet text, request jsonb) RETURNS text LANGUAGE sql AS $$ SELECT t.try(format('SELECT dcep.change_class(%L, %L)', t.w(wallet), request)) $$;
SELECT r, t.becomes('climb', r) FROM unnest(ARRAY['{}', '{"class": 24}', '{"class": 23}', '{"class": 23, "user_id": "u1"}', '{"class": 9999}', '{"class": 23, "form": "hardware"}', '{"class": 23, "user_id": "u7"}', '{"class": 22}']::jsonb[]) AS r;
SELECT t.pay('giver', 'climb', 40000000);
SELECT t.becomes('climb', '{"class": 24}');
SELECT t.pay('climb', 'giver', 5000000);
SELECT class FROM dcep.wallet WHERE id = t.w('climb');
SELECT event, class FROM dcep.wallet_event WHERE wallet = t.w('climb') ORDER BY id;
SELECT requested_class, class, brought FROM dcep.opening WHERE wallet = t.w('climb') ORDER BY id;
SELECT t.try('SELECT dcep.change_class(dcep.vault(2), ''{"class": 22}'')'), t.try('SELECT dcep.change_class(NULL, ''{"class": 22}'')'), t.try('SELECT dcep.change_class(t.w(''nobody''), ''{"class": 22}'')');
-- A phone whose wallet got another class may open an anonymous one again.
SELECT t.opens('{"class": 24, "phone": "13800138007"}');

-- --- services ----------------------------------------------------------------------

INSERT INTO dcep.wallet_class (class, valid_from, name, services) VALUES (31, '2020-01-01', 'pays', '{pay}'), (32, '2020-01-01', 'receives', '{receive,exchange}');
SELECT t.open('payer', 2, 31), t.open('taker', 2, 32, 50);
SELECT t.try($$SELECT t.pay('giver', 'payer', 1)$$), t.try($$SELECT t.pay('taker', 'giver', 1)$$);
SELECT t.pay('giver', 'taker', 1);
SELECT c, t.try(format('INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (%s, 1)', c)) FROM unnest(ARRAY[$$'exchange_in', dcep.vault(2), t.w('payer')$$, $$'exchange_out', t.w('taker'), dcep.vault(2)$$]) AS c;
SELECT t.try(format('SELECT dcep.open_wallet(2, %L)', jsonb_build_object('parent', t.w('taker'))));
SELECT rule, verdict, sqlstate FROM dcep.explain_transfer(t.w('taker'), t.w('payer'), 1, 'transfer') WHERE verdict = 'refuse';

-- --- limits and sub-wallets ----------------------------------------------------------

INSERT INTO t.wallet VALUES ('parent', dcep.open_wallet(2, '{"class": 23, "user_id": "p", "phone": "13800138010"}'));
SELECT t.pay('giver', 'parent', 900000);
CREATE FUNCTION t.child(name text, parent text, more jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    request jsonb := jsonb_build_object('parent', t.w(parent)) || more;
    answer text;
BEGIN
    answer := t.try(format('INSERT INTO t.wallet VALUES (%L, dcep.open_wallet(2, %L))', name, request));
    RETURN answer;
END
$$;
-- Class 23: 5,000.00 a payment, 10,000.00 a day, 20,000.00 held.
SELECT m, t.child('child', 'parent', m) FROM unnest(ARRAY['{}', '{"limits": {"max_day": 5}}', '{"limits": {"max_day": 1000001, "max_balance": 5}}', '{"limits": {"max_day": 5, "max_balance": 1100001}}',
    '{"limits": {"max_payment": 500001, "max_day": 5, "max_balance": 5}}', '{"limits": {"max_week": 5}}', '{"limits": {"max_day": 0}}', '{"limits": {"max_day": "5"}}', '{"phone": "13800138010"}', '{"class": 24}',
    '{"holder": "person"}', '{"limits": {"max_payment": 100, "max_day": 400000, "max_balance": 100000}}']::jsonb[]) AS m;
SELECT n, w.class, w.flags, t.name(w.parent) AS parent, l.* FROM unnest('{parent,child}'::text[]) AS n JOIN dcep.wallet AS w ON w.id = t.w(n) CROSS JOIN LATERAL dcep.limits(w.id) AS l;
SELECT t.child('grandchild', 'child', '{}'), t.child('x', 'vault2', '{}'), t.child('x', 'nobody', '{}'), t.child('x', 'other', '{}');
-- Together they pay no more in a day than the class allows, and hold no more.
SELECT t.try($$SELECT t.pay('giver', 'child', 100001)$$);
SELECT t.pay('giver', 'child', 100000);
SELECT t.try($$SELECT t.pay('child', 'giver', 101)$$);
SELECT t.pay('child', 'giver', 100);
SELECT t.pay('parent', 'giver', 400000), t.pay('parent', 'giver', 200000);
SELECT t.try($$SELECT t.pay('parent', 'giver', 1)$$), t.try($$SELECT t.pay('giver', 'parent', 1600001)$$);
SELECT sqlstate FROM dcep.explain_transfer(t.w('parent'), t.w('giver'), 1, 'transfer') WHERE verdict = 'refuse';
-- What the child may, less; the parent has it at once, but for what the child has used.
CREATE FUNCTION t.limit(wallet text, limits jsonb) RETURNS text LANGUAGE sql AS $$ SELECT t.try(format('SELECT dcep.set_limits(%L, %L)', t.w(wallet), limits)) $$;
SELECT m, t.limit('child', m) FROM unnest(ARRAY['{"max_day": 400001}', '{"max_day": null}', '{"max_balance": 5}', '{"max_day": 60}']::jsonb[]) AS m;
SELECT n, l.max_day FROM unnest('{parent,child}'::text[]) AS n CROSS JOIN LATERAL dcep.limits(t.w(n)) AS l;
SELECT valid_from - dcep.today() AS days, given_day FROM dcep.wallet_limit WHERE wallet = t.w('parent') AND valid_from < dcep.today() + 2 AND given_day < 400000 ORDER BY 1;
-- Limits of a wallet that has no parent.
SELECT m, t.limit('parent', m) FROM unnest(ARRAY['{"max_payment": 500001}', '{"max_day": 50}', '{"max_payment": 50}', '{"max_payment": 100}']::jsonb[]) AS m;
SELECT t.try($$SELECT t.pay('parent', 'giver', 101)$$);
SELECT t.try('SELECT dcep.set_limits(dcep.vault(2), ''{}'')'), t.try('SELECT dcep.set_limits(t.w(''child''), NULL)'), t.as_role('regress_bank3', format('SELECT dcep.set_limits(%L, ''{}'')', t.w('child')));
-- Another class takes the family along; the child keeps its parent from closing.
SELECT t.becomes('child', '{"class": 22}'), t.becomes('parent', '{"class": 24}'), t.becomes('parent', '{"class": 22}');
SELECT class FROM dcep.wallet WHERE id IN (t.w('parent'), t.w('child'));
SELECT t.try($$SELECT dcep.close_wallet(t.w('parent'))$$);
SELECT t.try($$SELECT dcep.close_wallet(t.w('child'))$$), t.try($$SELECT dcep.close_wallet(t.w('child'), true)$$), t.try($$SELECT dcep.close_wallet(t.w('child'), NULL)$$);
SELECT t.limit('child', '{"max_payment": 200000}'), t.limit('parent', '{"max_payment": null}'), t.limit('child', '{"max_payment": 200000, "max_day": 200000}');
SELECT dcep.close_wallet(t.w('child'), true);
SELECT dcep.balance(t.w('child')), w.status FROM dcep.wallet AS w WHERE w.id = t.w('child');
SELECT max_day FROM dcep.limits(t.w('parent'));
-- An organisation's balance has no cap, and its sub-wallets need none where nothing is limited.
INSERT INTO t.wallet VALUES ('firm', dcep.open_wallet(2, '{"class": 23, "user_id": "f", "phone": "13800138011", "holder": "organisation"}')), ('shop', dcep.open_wallet(2, '{"class": 1, "holder": "organisation"}'));
SELECT t.pay('giver', 'firm', 2000001);
SELECT max_balance, max_payment, max_day, max_year FROM dcep.limits(t.w('firm'));
SELECT t.child('branch', 'shop', '{}'), t.child('kiosk', 'shop', '{"limits": {"max_balance": 10}}');
SELECT t.try($$SELECT t.pay('giver', 'kiosk', 11)$$);
SELECT n, w.holder, w.flags FROM unnest('{branch,kiosk,shop}'::text[]) AS n JOIN dcep.wallet AS w ON w.id = t.w(n);
-- Closing gives the person's place back.
SELECT t.opens('{"class": 23, "user_id": "u9", "phone": "13800138012"}');
SELECT dcep.close_wallet((SELECT wallet FROM dcep.opening ORDER BY id DESC LIMIT 1));
SELECT t.opens('{"class": 23, "user_id": "u9", "phone": "13800138012"}');
-- What was entered stays.
SELECT t.try('UPDATE dcep.opening SET class = 1'), t.try('DELETE FROM dcep.wallet_limit');
SELECT check_name, wallet_name, detail FROM t.audit();
-- Altered, it is found.
ALTER TABLE dcep.wallet_limit DISABLE TRIGGER append_only, DISABLE TRIGGER append_only_row;
UPDATE dcep.wallet_limit SET max_payment = 99 WHERE wallet = t.w('child');
UPDATE dcep.wallet SET class = 22 WHERE id = t.w('giver');
UPDATE dcep.wallet SET flags = flags & ~16 WHERE id = t.w('kiosk');
SELECT DISTINCT check_name, wallet_name FROM t.audit() WHERE check_name IN ('limit exceeded', 'class', 'limits not looked at') ORDER BY 1, 2;
ROLLBACK;
