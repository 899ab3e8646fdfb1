-- Rows that are sought by a number without a scan are those that a scan finds, whatever was done to the index:
-- split, emptied, vacuumed, rebuilt; as payments see it, and as serializable transactions do, which scan.
\set SHOW_CONTEXT never
CREATE FUNCTION t.missed() RETURNS TABLE (transfers bigint, missed bigint, wallets bigint, unknown bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM dcep.transfer),
           (SELECT count(*) FROM dcep.transfer AS j WHERE (dcep.receipt_of(j.id)).hash IS DISTINCT FROM j.hash),
           (SELECT count(*) FROM dcep.wallet),
           (SELECT count(*) FROM dcep.wallet AS w WHERE dcep.balance(w.id) IS NULL)
$$;
CREATE FUNCTION t.invented() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(dcep.receipt_of(n.id)) FROM (
        SELECT max(id) + g AS id FROM dcep.transfer, generate_series(1, 4000) AS g GROUP BY g
        UNION ALL SELECT unnest('{0,-1,-9223372036854775808,9223372036854775807,4611686018427387904}'::bigint[])) AS n
$$;
SELECT missed, unknown, t.invented() FROM t.missed();

-- Five thousand payments in one statement: the journal's indexes grow by pages, and by a level.
BEGIN;
SELECT t.open('seek', 2, 1, 1000000);
SELECT t.open('seek2', 2, 1, 0);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('seek'), t.w('seek2'), 1 FROM generate_series(1, 5000);
SELECT transfers > 5000 AS grown, missed, unknown, t.invented() FROM t.missed();
-- Those that were rolled back are not there, while their entries still are.
ROLLBACK;
SELECT missed, unknown, t.invented() FROM t.missed();
-- Nor when they have been removed and pages deleted with them.
VACUUM dcep.transfer;
SELECT missed, unknown, t.invented() FROM t.missed();
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT missed, unknown, t.invented() FROM t.missed();
COMMIT;
REINDEX TABLE dcep.transfer;
REINDEX TABLE dcep.wallet;
SELECT missed, unknown, t.invented() FROM t.missed();

-- Many versions of one row under one number: more than are gathered.
BEGIN;
SELECT t.open('seek', 2, 1, 100);
SELECT t.open('seek2', 2, 1, 0);
CREATE INDEX seek_seq ON dcep.wallet_chain (seq);
DO $$ BEGIN FOR i IN 1 .. 60 LOOP PERFORM dcep.transfer(t.w('seek'), t.w('seek2'), 1); END LOOP; END $$;
SELECT seq FROM dcep.wallet_chain WHERE wallet = t.w('seek');
SELECT dcep.balance(t.w('seek')) AS seek, dcep.balance(t.w('seek2')) AS seek2;
ROLLBACK;
DROP FUNCTION t.missed, t.invented;
