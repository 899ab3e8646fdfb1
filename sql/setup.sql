-- The ledger that the other tests use, and the helpers that make their output repeatable: wallets by
-- name, transfers as payer#seq, hashes compared and not shown.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_central, regress_bank2, regress_bank3, regress_supervisor, regress_auditor;
RESET client_min_messages;

CREATE EXTENSION dcep CASCADE;
SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension WHERE extname IN ('dcep', 'pgcrypto') ORDER BY 1;

-- Compiling the auditor's queries would take longer than running them on a ledger of this size.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END $$;

-- Nothing works before there is a ledger, and what is missing is said.
SELECT dcep.deposit_reserve(2, 100);
SELECT dcep.enroll_institution(2, 'Bank', 'operator');
SELECT dcep.generate_key(2, 'ed25519');
SELECT * FROM dcep.submit('{}');
INSERT INTO dcep.transfer (payer, payee, amount) VALUES ('0002999999999990', '0002999999999990', 1);
SELECT * FROM dcep.verify_chain();
SELECT * FROM dcep.verify_reserves();
SELECT count(*) FROM dcep.supply;

SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank');
SELECT currency, exponent, timezone, institution FROM dcep.ledger;
SELECT class, valid_from, name, max_balance, max_payment, max_day, max_year FROM dcep.wallet_class ORDER BY class;
-- Wallets here are opened by the hundred, by class alone: the central bank demands nothing from the second day on.
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
SELECT dcep.enroll_institution(2, 'Bank of Two', 'operator');
SELECT dcep.enroll_institution(3, 'Bank of Three', 'operator');
SELECT dcep.enroll_institution(4, 'Payments Four', 'operator');
SELECT dcep.enroll_institution(9001, 'Supervisor', 'supervisor');
SELECT code, name, kind, status, dcep.institution(vault) AS vault_of FROM dcep.institution ORDER BY code;
SELECT institution, class, flags, status, form, parent FROM dcep.wallet ORDER BY institution;
SELECT institution, seq, head FROM dcep.reserve_account ORDER BY institution;

-- Without a key nothing can be signed; with one, the reserve grows.
SELECT dcep.deposit_reserve(2, 100);
SELECT dcep.generate_key(1, 'ed25519') AS central, dcep.generate_key(2, 'ed25519') AS two,
       dcep.generate_key(3, 'p256') AS three, dcep.generate_key(4, 'sm2') AS four;
SELECT institution, number, suite, octet_length(public_key), valid_from <= now() AS valid, valid_until, revoked_at
FROM dcep.signing_key ORDER BY institution, number;

CREATE ROLE regress_central;
CREATE ROLE regress_bank2;
CREATE ROLE regress_bank3;
CREATE ROLE regress_supervisor;
CREATE ROLE regress_auditor;
SELECT dcep.grant_institution('regress_central', 1);
SELECT dcep.grant_institution('regress_bank2', 2);
SELECT dcep.grant_institution('regress_bank3', 3);
SELECT dcep.grant_institution('regress_supervisor', 9001);
GRANT dcep_auditor TO regress_auditor;
SELECT role, institution FROM dcep.institution_role ORDER BY role;
SELECT m.rolname AS member, g.rolname AS "group"
FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
WHERE m.rolname LIKE 'regress%' ORDER BY 1, 2;

SELECT dcep.deposit_reserve(2, 10000000000, 'first'), dcep.deposit_reserve(3, 10000000000), dcep.deposit_reserve(4, 10000000000);

-- --- helpers -------------------------------------------------------------------

CREATE SCHEMA t;
CREATE TABLE t.wallet (name text PRIMARY KEY, id dcep.wallet_id UNIQUE NOT NULL);
INSERT INTO t.wallet SELECT CASE code WHEN 1 THEN 'central' ELSE 'vault' || code END, vault
FROM dcep.institution WHERE vault IS NOT NULL;
INSERT INTO t.wallet VALUES ('nobody', '0002999999999990');

-- A wallet by name, and the name of a wallet.
CREATE FUNCTION t.w(wanted text) RETURNS dcep.wallet_id LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_id dcep.wallet_id;
BEGIN
    SELECT w.id INTO STRICT found_id FROM t.wallet AS w WHERE w.name = wanted;
    RETURN found_id;
END
$$;
CREATE FUNCTION t.name(id dcep.wallet_id) RETURNS text LANGUAGE sql STABLE STRICT AS $$
    SELECT COALESCE((SELECT w.name FROM t.wallet AS w WHERE w.id = $1), 'unnamed')
$$;

-- A transfer is named by its payer and its place in the payer's chain; those with the central bank and out
-- of vaults, whose place depends on the tests before, by their parties. A coin, by the transfer that minted it.
CREATE FUNCTION t.transfer(id bigint) RETURNS text LANGUAGE sql STRICT AS $$
    SELECT COALESCE((SELECT t.name(j.payer) || CASE WHEN j.kind IN ('transfer', 'exchange_out', 'consolidate') THEN '#' || j.seq ELSE '>' || t.name(j.payee) END FROM dcep.transfer AS j WHERE j.id = $1), '?')
$$;
CREATE FUNCTION t.coin(id bigint) RETURNS text LANGUAGE sql STRICT AS $$
    SELECT t.transfer(id >> 1) || CASE id & 1 WHEN 1 THEN ' change' ELSE '' END
$$;

-- What varies from run to run, by name.
CREATE FUNCTION t.mask(line text) RETURNS text LANGUAGE plpgsql STRICT AS $$
DECLARE
    m text[];
BEGIN
    FOR m IN SELECT regexp_matches(line, '\y(0[0-9]{15})\y', 'g') LOOP
        line := replace(line, m[1], t.name(m[1]::dcep.wallet_id));
    END LOOP;
    FOR m IN SELECT regexp_matches(line, '\y[Cc]oin ([0-9]+)\y', 'g') LOOP
        line := replace(line, 'oin ' || m[1], 'oin ' || t.coin(m[1]::bigint));
    END LOOP;
    FOR m IN SELECT regexp_matches(line, '\y[Tt]ransfers? ((?:[0-9]+(?:, )?)+)\y', 'g') LOOP
        line := replace(line, ' ' || m[1], ' ' || (SELECT string_agg(t.transfer(i::bigint), ', ')
                                       FROM regexp_split_to_table(m[1], ', ') AS i));
    END LOOP;
    RETURN regexp_replace(line, 'signed at [0-9-]+ [0-9:.]*[0-9]([-+][0-9:]+| ?[A-Z]+)', 'signed at (time)');
END
$$;

-- A statement's refusal in one line: SQLSTATE, message | detail | hint; 'ok' where it is accepted.
CREATE FUNCTION t.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN t.mask(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, NULLIF(detail, ''), NULLIF(hint, '')));
END
$$;

-- The same as another role, without the numbers of orders.
CREATE FUNCTION t.as_role(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    answer := t.try(statement);
    RESET ROLE;
    RETURN regexp_replace(answer, 'rder [0-9]+', 'rder (id)', 'g');
END
$$;

-- Pays, between names; the name of the transfer.
CREATE FUNCTION t.pay(payer text, payee text, amount bigint, key text DEFAULT NULL, memo text DEFAULT NULL)
    RETURNS text LANGUAGE sql AS $$
    SELECT t.transfer((dcep.transfer(t.w(payer), t.w(payee), amount, key, memo)).transfer)
$$;

-- Opens a wallet under a name, with money out of its operator's vault.
CREATE FUNCTION t.open(name text, institution integer DEFAULT 2, class integer DEFAULT 1, amount bigint DEFAULT 0)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.wallet VALUES (name, dcep.open_wallet(institution, jsonb_build_object('class', class)));
    IF amount > 0 THEN
        INSERT INTO dcep.transfer (kind, payer, payee, amount)
        VALUES ('exchange_in', dcep.vault(institution), t.w(name), amount);
    END IF;
END
$$;

-- What wallets hold: the balance, and the coins in order of amount.
CREATE FUNCTION t.purse(VARIADIC names text[]) RETURNS TABLE (wallet text, balance bigint, coins bigint[])
    LANGUAGE sql STABLE AS $$
    SELECT n, dcep.balance(t.w(n)), ARRAY(SELECT c.amount FROM dcep.coin AS c WHERE c.owner = t.w(n) ORDER BY c.amount, c.id)
      FROM unnest(names) WITH ORDINALITY AS u (n, o) ORDER BY o
$$;

-- The journal of payers, by names; whether rows are chained.
CREATE VIEW t.journal AS
    SELECT j.id, t.transfer(j.id) AS transfer, j.kind, t.name(j.payer) AS payer, t.name(j.payee) AS payee, j.amount, j.change,
           ARRAY(SELECT t.coin(i) FROM unnest(j.inputs) WITH ORDINALITY AS u (i, o) ORDER BY o) AS inputs, j.key, j.memo,
           j.seq, j.issuer, j.suite, j.key_number,
           j.prev_hash = COALESCE((SELECT p.hash FROM dcep.transfer AS p WHERE p.payer = j.payer AND p.seq = j.seq - 1),
                                  decode(repeat('00', 32), 'hex')) AS chained
      FROM dcep.transfer AS j;

CREATE FUNCTION t.defects(wallet text DEFAULT NULL, signatures boolean DEFAULT true)
    RETURNS TABLE (defect text, wallet_name text, seq bigint, transfer text, detail text) LANGUAGE sql AS $$
    SELECT d.defect, t.name(d.wallet_id), d.seq, t.transfer(d.transfer), t.mask(d.detail)
      FROM dcep.verify_chain(CASE WHEN wallet IS NOT NULL THEN t.w(wallet) END, signatures) AS d
$$;

CREATE FUNCTION t.audit() RETURNS TABLE (check_name text, institution smallint, wallet_name text, transfer text, detail text)
    LANGUAGE sql AS $$
    SELECT a.check_name, a.institution, t.name(a.wallet), t.transfer(a.transfer), t.mask(a.detail)
      FROM dcep.audit() AS a
$$;

GRANT USAGE ON SCHEMA t TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA t TO PUBLIC;

-- --- the first money -------------------------------------------------------------

SELECT (r).kind, t.name((r).payer) AS payer, t.name((r).payee) AS payee, (r).amount, (r).seq, (r).issuer
FROM (SELECT dcep.issue(code, 5000000000) AS r FROM generate_series(2, 4) AS code OFFSET 0) AS issued;
SELECT * FROM dcep.supply ORDER BY institution;

-- One wallet of every class and of every suite.
SELECT t.open('alice', 2, 1, 100000), t.open('bob', 2, 1), t.open('carol', 3, 1, 100000), t.open('dave', 4, 1, 100000);
SELECT t.open('remote', 2, 2), t.open('phone', 2, 3), t.open('anonymous', 2, 4);
SELECT w.name, d.institution, d.class, d.flags, d.status, d.form FROM t.wallet w JOIN dcep.wallet d USING (id) ORDER BY w.name;

-- The first payments, one in each suite.
SELECT t.pay('alice', 'bob', 1250), t.pay('carol', 'bob', 1), t.pay('dave', 'bob', 2);
SELECT transfer, kind, payer, payee, amount, change, inputs, issuer, suite, key_number, chained FROM t.journal ORDER BY id;
SELECT * FROM t.purse('alice', 'bob', 'carol', 'dave');
SELECT * FROM t.defects();
SELECT * FROM t.audit();
