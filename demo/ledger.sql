-- The institutions of the currency, and what the other scripts use to tell of it.

CREATE EXTENSION dcep CASCADE;
CREATE SCHEMA demo;

-- 1234567 fen as 12,345.67
CREATE FUNCTION demo.yuan(fen numeric) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT to_char(fen / 100, 'FM999,999,999,990.00') $$;

-- How many of something were done since a time, and how fast.
CREATE FUNCTION demo.pace(done bigint, since timestamptz, what text) RETURNS text LANGUAGE sql AS
$$
    SELECT format('%s %s in %s s: %s a second', to_char(done, 'FM999,999,990'), what, round(seconds, 2),
                  to_char(done / seconds, 'FM999,999,990'))
    FROM (SELECT greatest(extract(epoch FROM clock_timestamp() - since), 0.001)) AS taken (seconds)
$$;

-- Runs a statement that is going to be refused, and tells how.
CREATE FUNCTION demo.refusal(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
    code text;
    message text;
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'this was not refused, which is a defect';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN format('%s: %s. %s', code, message, detail);
END
$$;

\echo
\echo :bold'A central bank and three operators, each with a key of its own':off
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank') \g /dev/null
-- Thousands of wallets are opened by class alone: the central bank demands nothing from the second day on.
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0 \g /dev/null
SELECT dcep.enroll_institution(code, name, 'operator')
FROM (VALUES (2, 'Harbour Bank'), (3, 'Mountain Bank'), (4, 'Swift Pay')) AS operators (code, name) \g /dev/null
SELECT dcep.generate_key(code, suite)
FROM (VALUES (1, 'ed25519'), (2, 'ed25519'), (3, 'sm2'), (4, 'p256')) AS keys (code, suite) \g /dev/null

DO $$
BEGIN
    FOR code IN 2 .. 4 LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'operator_' || code) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'operator_' || code);
        END IF;
        PERFORM dcep.grant_institution(('operator_' || code)::name, code);
    END LOOP;
END
$$;

SELECT to_char(i.code, 'FM0000') AS code, i.name, i.kind, k.suite, left(encode(k.public_key, 'hex'), 16) || '...' AS "public key"
FROM dcep.institution i
JOIN dcep.signing_key k ON k.institution = i.code
ORDER BY i.code;
