-- A ledger for the bench: one operator, wallets with consecutive numbers (a
-- client computes them, as a bank's application knows the numbers that it
-- serves), and an ordinary role that pays.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION dcep CASCADE;
DO $$ BEGIN CREATE ROLE bench_bank LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank'),
       dcep.enroll_institution(2, 'Bank', 'operator'), dcep.generate_key(1, :'suite') \g /dev/null
SELECT dcep.generate_key(2, :'suite'), dcep.grant_institution('bench_bank', 2),
       dcep.deposit_reserve(2, 1000000000000000, 'bench') \g /dev/null
SELECT dcep.issue(2, 1000000000000000) \g /dev/null

-- The check digit of ISO/IEC 7064 MOD 11,10, in SQL: wallet numbers 0002 00000 NNNNNN c.
CREATE FUNCTION bench_wallet(n bigint) RETURNS dcep.wallet_id LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    digits text := '0002' || lpad(n::text, 11, '0');
    p integer := 10;
    s integer;
BEGIN
    FOR i IN 1..15 LOOP
        s := (p + substr(digits, i, 1)::integer) % 10;
        p := (CASE s WHEN 0 THEN 10 ELSE s END * 2) % 11;
    END LOOP;
    RETURN (digits || ((11 - p) % 10)::text)::dcep.wallet_id;
END
$$;
CREATE TABLE bench (n bigint PRIMARY KEY, id dcep.wallet_id NOT NULL);
INSERT INTO bench SELECT n, bench_wallet(n) FROM generate_series(0, :wallets - 1) AS n;
INSERT INTO dcep.wallet (id, institution, class) SELECT id, 2, 1 FROM bench;
INSERT INTO dcep.wallet_chain (wallet) SELECT id FROM bench;
GRANT SELECT ON bench TO bench_bank;
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault(2), id, 1000000000 FROM bench;
-- Payouts of the vault go through tills.
SELECT dcep.open_tills(2, 32), dcep.stock_tills(2) \g /dev/null
VACUUM ANALYZE;
