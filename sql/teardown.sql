-- The extension goes, and says what goes with it; it comes back, and goes.
\set SHOW_CONTEXT never
\set VERBOSITY terse

-- Something of a user's depends on it: nothing goes without CASCADE.
CREATE VIEW mine AS SELECT count(*) AS payments FROM dcep.transfer;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
RESET client_min_messages;
-- The figures vary with the tests that have run; they follow below, of a ledger of three payments.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || ' | ' || detail;
END
$$;
SELECT attempt('DROP EXTENSION dcep');
SELECT attempt('DROP EXTENSION pgcrypto');
SELECT attempt('DROP TABLE dcep.coin');
SELECT attempt('DROP SCHEMA dcep');
SELECT payments > 0 AS still_there FROM mine;
BEGIN;
DROP EXTENSION dcep CASCADE;
SELECT to_regclass('dcep.transfer') IS NULL AS gone, to_regclass('mine') IS NULL AS view_gone;
ROLLBACK;
SELECT payments > 0 AS still_there FROM mine;
SELECT count(*) FROM dcep.verify_chain(signatures => false);
-- Another extension's end is none of its business.
CREATE EXTENSION seg;
DROP EXTENSION seg;

DROP EXTENSION dcep CASCADE;
-- Its schema stays, as PostgreSQL has it, with nothing in it; the roles, which are the cluster's, stay too.
SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid) AS relations, (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid) AS functions,
       (SELECT count(*) FROM pg_type WHERE typnamespace = n.oid) AS types FROM pg_namespace AS n WHERE nspname = 'dcep';
SELECT count(*) AS event_triggers FROM pg_event_trigger;
SELECT rolname FROM pg_roles WHERE rolname LIKE 'dcep%' ORDER BY 1;
SELECT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oid >= 16384;

-- It comes back in the same session, as an empty one, and works.
CREATE EXTENSION dcep;
SELECT count(*) FROM dcep.ledger;
SELECT * FROM dcep.verify_chain();
SELECT dcep.create_ledger('EUR', 2, 'Europe/Berlin', 'Central Bank'), dcep.enroll_institution(7, 'Bank', 'operator');
SELECT dcep.generate_key(1, 'p256'), dcep.generate_key(7, 'ed25519');
SELECT dcep.deposit_reserve(7, 100), (dcep.issue(7, 100)).amount;
SELECT dcep.open_wallet(7, '{"class": 4, "phone": "+49 151 0000000"}') AS w \gset
SELECT (dcep.transfer(dcep.vault(7), :'w', 60)).seq, (dcep.transfer(:'w', dcep.vault(7), 15)).seq;
SELECT s.line, (s.receipt).amount, s.sqlstate FROM dcep.submit(ARRAY[ROW(:'w', dcep.vault(7), 5, NULL, NULL)::dcep.instruction, ROW(:'w', dcep.vault(7), 50, NULL, NULL)::dcep.instruction]) AS s;
SELECT dcep.balance(:'w'), (SELECT sum(dcep.amount(c)) FROM dcep.coins(:'w') AS c), (SELECT string_agg(dcep.currency(c), ' ') FROM dcep.coins(:'w') AS c);
SELECT * FROM dcep.audit();
-- The figures, exact; without a ledger there is nothing to warn of.
\set VERBOSITY default
BEGIN;
DROP SCHEMA dcep CASCADE;
ROLLBACK;
DROP EXTENSION dcep;
CREATE EXTENSION dcep;
DROP EXTENSION dcep;
DROP SCHEMA dcep;
DROP EXTENSION pgcrypto;
DROP FUNCTION attempt;
DROP ROLE regress_central, regress_bank2, regress_bank3, regress_supervisor, regress_auditor;
