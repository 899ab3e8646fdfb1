-- A ledger for the bench: one operator, wallets with consecutive numbers (a
-- client computes them, as a bank's application knows the numbers that it
-- serves), and an ordinary role that pays.
--   suite, wallets, bulk: as in test/bench/run
--   code: the operator's, above 999, so that a client's integer is the number's text
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION dcep CASCADE;
DO $$ BEGIN CREATE ROLE bench_bank LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank'),
       dcep.enroll_institution(:code, 'Bank', 'operator'), dcep.generate_key(1, :'suite') \g /dev/null
-- Wallets are opened by class alone.
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
SELECT dcep.generate_key(:code, :'suite'), dcep.grant_institution('bench_bank', :code),
       dcep.deposit_reserve(:code, 1000000000000000, 'bench') \g /dev/null
SELECT dcep.issue(:code, 1000000000000000) \g /dev/null

-- The check digit of ISO/IEC 7064 MOD 11,10, in SQL: wallet numbers CCCC 000000 NNNNN c.
CREATE FUNCTION bench_wallet(code integer, n bigint) RETURNS dcep.wallet_id LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    digits text := lpad(code::text, 4, '0') || lpad(n::text, 11, '0');
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
INSERT INTO bench SELECT n, bench_wallet(:code, n) FROM generate_series(0, :wallets - 1) AS n;
INSERT INTO dcep.wallet (id, institution, class) SELECT id, :code, 1 FROM bench;
INSERT INTO dcep.wallet_chain (wallet) SELECT id FROM bench;
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault(:code), id, 1000000000 FROM bench;
-- Payouts of the vault go through tills.
SELECT dcep.open_tills(:code, 32), dcep.stock_tills(:code) \g /dev/null

-- Payment files as a bank has them: each wallet pays in turn, within all of them or within one half.
CREATE FUNCTION bench_file(first bigint, past bigint, payments bigint)
    RETURNS TABLE (payer dcep.wallet_id, payee dcep.wallet_id, amount bigint) LANGUAGE sql AS $$
    SELECT p.id, q.id, 1::bigint FROM generate_series(0, payments - 1) AS i
      JOIN bench AS p ON p.n = first + i % (past - first)
      JOIN bench AS q ON q.n = first + (i + 1 + i / (past - first)) % (past - first)
     ORDER BY i
$$;
CREATE TABLE file AS SELECT * FROM bench_file(0, :wallets, :bulk);
CREATE TABLE file_1 AS SELECT * FROM bench_file(0, :wallets / 2, :bulk);
CREATE TABLE file_2 AS SELECT * FROM bench_file(:wallets / 2, :wallets, :bulk);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO bench_bank;
VACUUM ANALYZE;
