-- dcep.audit(): one corruption a check, and what is found; a sound ledger gives no rows.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';

SELECT t.open('a1', 2, 1, 1000), t.open('a2', 3, 1), t.open('a3', 2, 4), t.open('a4', 2, 1), t.open('a5', 2, 4, 500);
SELECT t.pay('a1', 'a2', 100), t.pay('a1', 'a3', 200), t.pay('a3', 'a1', 50), t.pay('a3', 'a2', 20);
SELECT dcep.deposit_reserve(2, 70, 'audit'), dcep.withdraw_reserve(2, 30);
SELECT t.name((dcep.issue(2, 40, 'audit')).payee), t.name((dcep.redeem(2, 40, 'audit')).payee);
SELECT * FROM t.purse('a1', 'a2', 'a3');
SELECT * FROM dcep.audit();
SELECT * FROM dcep.verify_reserves();

CREATE FUNCTION t.id(transfer text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT j.id FROM dcep.transfer AS j WHERE j.payer = t.w(split_part(transfer, '#', 1)) AND j.seq = split_part(transfer, '#', 2)::bigint
$$;
-- Does something with all triggers disabled, says what that leaves to be found, and undoes it. Sums of the whole
-- ledger depend on the tests before; of them the differences are shown.
CREATE FUNCTION t.corrupt(statements text) RETURNS TABLE (check_name text, institution smallint, wallet_name text, transfer text, detail text)
    LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
    tab text;
BEGIN
    BEGIN
        FOREACH tab IN ARRAY '{transfer,wallet,wallet_chain,coin,reserve_account,reserve_entry,institution}'::text[] LOOP
            EXECUTE format('ALTER TABLE dcep.%I DISABLE TRIGGER ALL', tab);
        END LOOP;
        EXECUTE statements;
        found := (SELECT jsonb_agg(a ORDER BY a.check_name, a.institution, a.wallet_name, a.ordinality) FROM t.audit() WITH ORDINALITY AS a);
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN QUERY SELECT r.check_name, r.institution, r.wallet_name, r.transfer, t.differences(r.check_name, r.detail)
      FROM jsonb_to_recordset(found) AS r (check_name text, institution smallint, wallet_name text, transfer text, detail text);
END
$$;
CREATE FUNCTION t.differences(check_name text, detail text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN check_name LIKE 'conservation%' THEN
        (SELECT CASE check_name
                WHEN 'conservation by count' THEN format('live coins %s', n[3] - (n[1] - n[2]))
                WHEN 'conservation' THEN format('live coins %s, reserve debits %s', n[3] - (n[1] - n[2]), n[4] - (n[1] - n[2]))
                ELSE format('hold %s, reserve debits %s', n[2] - n[1], n[4] - n[3]) END
           FROM (SELECT array_agg(m[1]::numeric) AS n FROM regexp_matches(detail, '-?[0-9]+', 'g') AS m) AS numbers)
    ELSE regexp_replace(detail, '[0-9]{4}-[0-9]{2}-[0-9]{2}', '(day)', 'g') END
$$;

-- --- coins ---------------------------------------------------------------------------

-- One removed, one added, one worth more, one in other hands, one alive that was spent.
SELECT * FROM t.corrupt($$DELETE FROM dcep.coin WHERE id = 2 * t.id('a1#1')$$);
SELECT * FROM t.corrupt($$INSERT INTO dcep.coin (owner, amount, id) VALUES (t.w('a1'), 5, 4000000000000000000)$$);
SELECT * FROM t.corrupt($$UPDATE dcep.coin SET amount = amount + 1 WHERE id = 2 * t.id('a1#1')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.coin SET owner = t.w('a4') WHERE id = 2 * t.id('a3#1')$$);
SELECT * FROM t.corrupt($$INSERT INTO dcep.coin (owner, amount, id) VALUES (t.w('a1'), 900, 2 * t.id('a1#1') + 1)$$);
-- A coin for a redemption's payee, who gets none.
SELECT * FROM t.corrupt($$INSERT INTO dcep.coin (owner, amount, id)
    SELECT j.payee, j.amount, 2 * j.id FROM dcep.transfer AS j WHERE j.payer = dcep.vault(2) AND j.key = 'audit'$$);
-- Two coins exchange their worth: the sums are right, the coins are not.
SELECT * FROM t.corrupt($$UPDATE dcep.coin SET amount = CASE id WHEN 2 * t.id('a1#1') THEN 20 ELSE 100 END
    WHERE id IN (2 * t.id('a1#1'), 2 * t.id('a3#2'))$$);

-- --- inputs ----------------------------------------------------------------------------

-- A coin consumed twice.
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET inputs = (SELECT inputs FROM dcep.transfer WHERE id = t.id('a1#2')) WHERE id = t.id('a3#2')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET inputs = inputs || inputs WHERE id = t.id('a3#2')$$);
-- Another's coin, and one that was never minted.
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET inputs = ARRAY[2 * t.id('a1#1')] WHERE id = t.id('a3#2')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET inputs = '{4000000000000000000}' WHERE id = t.id('a3#2')$$);
-- Amount and change that do not add up to the inputs.
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET change = change + 1 WHERE id = t.id('a3#2')$$);
SELECT check_name, wallet_name, transfer FROM t.corrupt($$UPDATE dcep.transfer SET amount = 9223372036854775807 WHERE id = t.id('a3#2')$$);
SELECT check_name, wallet_name, transfer FROM t.corrupt($$UPDATE dcep.transfer SET amount = -9223372036854775808 WHERE id = t.id('a3#2')$$);
SELECT check_name, wallet_name, transfer FROM t.corrupt($$UPDATE dcep.transfer SET id = 9223372036854775807 WHERE id = t.id('a3#2')$$);
SELECT check_name, wallet_name, transfer FROM t.corrupt($$UPDATE dcep.transfer SET created_at = 'infinity' WHERE id = t.id('a3#2')$$);
-- An issue with inputs.
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET inputs = ARRAY[2 * t.id('a1#1')] WHERE payer = dcep.vault(1) AND key = 'audit'$$);

-- --- chains --------------------------------------------------------------------------------

SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET memo = 'other' WHERE id = t.id('a1#1')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET signature = set_byte(signature, 63, get_byte(signature, 63) # 1) WHERE id = t.id('a1#1')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.wallet_chain SET head = sha256('other') WHERE wallet = t.w('a1')$$);
SELECT * FROM t.corrupt($$DELETE FROM dcep.transfer WHERE id = t.id('a3#2')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.transfer SET amount = -1 WHERE id = t.id('a3#2')$$);

-- --- reserves --------------------------------------------------------------------------------

SELECT seq AS last FROM dcep.reserve_account WHERE institution = 2 \gset
-- The last four entries: deposit, withdrawal, issue, redemption.
CREATE VIEW t.entries AS
    SELECT e.institution, e.seq - :last AS place, e.amount, e.transfer IS NOT NULL AS transfer, e.reference,
           e.prev_hash = (SELECT p.hash FROM dcep.reserve_entry AS p WHERE p.institution = e.institution AND p.seq = e.seq - 1) AS chained
      FROM dcep.reserve_entry AS e WHERE e.institution = 2 AND e.seq > :last - 4;
SELECT * FROM t.entries ORDER BY place;
CREATE FUNCTION t.corrupt_entry(place integer, change text) RETURNS TABLE (check_name text, institution smallint, entry bigint, transfer text, detail text)
    LANGUAGE sql AS $$
    SELECT c.check_name, c.institution, NULL::bigint, c.transfer, regexp_replace(c.detail, 'from [0-9]+ to [0-9]+', 'from (n) to (m)')
      FROM t.corrupt(format('UPDATE dcep.reserve_entry SET %s WHERE institution = 2 AND seq = (SELECT seq FROM dcep.reserve_account WHERE institution = 2) + %s',
                            change, place)) AS c
$$;
SELECT c AS changed, e.check_name, e.institution, e.transfer, e.detail
FROM (VALUES (-3, 'amount = amount + 1'), (-3, 'balance = balance + 1'), (-3, 'amount = amount + 1, balance = balance + 1'),
             (-3, $$reference = 'other'$$), (-3, 'reference = NULL'), (-2, $$reference = ''$$), (-3, $$created_at = created_at + interval '1 microsecond'$$), (-3, 'seq = seq + 100'),
             (-3, $$hash = sha256('other')$$), (-3, $$prev_hash = sha256('other')$$), (-3, 'signature = set_byte(signature, 0, get_byte(signature, 0) # 1)'),
             (-3, 'issuer = 2'), (-3, 'key_number = 99'), (-3, 'suite = 2'), (-3, 'suite = 9'), (-1, 'amount = amount - 1'), (-1, 'transfer = NULL'), (-1, 'transfer = 4000000000000000000'),
             (-3, 'institution = 3, seq = 1000000')) AS v (place, c),
     LATERAL t.corrupt_entry(place, c) AS e;
SELECT * FROM t.corrupt($$DELETE FROM dcep.reserve_entry WHERE institution = 2 AND seq = (SELECT seq - 2 FROM dcep.reserve_account WHERE institution = 2)$$);
SELECT check_name, institution, transfer FROM t.corrupt($$DELETE FROM dcep.reserve_entry WHERE institution = 2 AND seq = (SELECT seq FROM dcep.reserve_account WHERE institution = 2)$$);
SELECT * FROM t.corrupt($$UPDATE dcep.reserve_account SET head = sha256('other') WHERE institution = 2$$);
SELECT * FROM t.corrupt($$UPDATE dcep.reserve_account SET seq = seq + 1 WHERE institution = 2$$);
-- An account that is gone, with all its entries in place.
SELECT * FROM t.corrupt($$DELETE FROM dcep.reserve_account WHERE institution = 2$$);
-- An issue that has no entry, and an entry of another amount.
SELECT check_name, institution, transfer FROM t.corrupt($$DELETE FROM dcep.reserve_entry WHERE reference = 'audit' AND transfer IS NOT NULL AND amount < 0$$);

-- --- limits --------------------------------------------------------------------------------------

-- In hindsight: had the limits been smaller, these payments would have been over them.
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_class SET max_payment = 49 WHERE class = 4$$);
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_class SET max_day = 69 WHERE class = 4$$);
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_class SET max_year = 69 WHERE class = 4$$);
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_class SET max_balance = 499 WHERE class = 4$$);
SELECT check_name FROM t.corrupt($$UPDATE dcep.wallet_class SET max_payment = 50, max_day = 70, max_year = 70, max_balance = 500 WHERE class = 4$$);
-- Usage set back, so that more could be paid.
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_chain SET day_spent = 0 WHERE wallet = t.w('a3')$$);
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_chain SET year_spent = year_spent - 1 WHERE wallet = t.w('a3')$$);
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_chain SET day_count = 1 WHERE wallet = t.w('a3')$$);
SELECT check_name, institution, wallet_name, transfer FROM t.corrupt($$UPDATE dcep.wallet_chain SET day = day - 1 WHERE wallet = t.w('a3')$$);
-- Usage of a wallet that has never paid.
SELECT check_name, institution, wallet_name, transfer, detail FROM t.corrupt($$UPDATE dcep.wallet_chain SET day_count = 3 WHERE wallet = t.w('a4')$$);

-- --- wallets -----------------------------------------------------------------------------------------

SELECT check_name, institution, detail FROM t.corrupt($$DELETE FROM dcep.wallet WHERE id = t.w('a2')$$);
SELECT * FROM t.corrupt($$DELETE FROM dcep.wallet_chain WHERE wallet = t.w('a4')$$);
SELECT * FROM t.corrupt($$UPDATE dcep.wallet SET status = 'closed', closed_at = now() WHERE id IN (t.w('a2'), t.w('a4'))$$);

-- --- keys ----------------------------------------------------------------------------------------------

-- Another public key under the number that signed: everything that it signed is in doubt.
SELECT check_name, count(*) > 5 AS many, min(detail) LIKE 'coin signature invalid: Transfer %: the signature does not match the hash.' AS words
FROM t.corrupt($$UPDATE dcep.signing_key AS k SET public_key = (SELECT o.public_key FROM dcep.signing_key AS o WHERE o.institution = 1) WHERE k.institution = 2$$) GROUP BY 1;
SELECT DISTINCT check_name, detail FROM t.corrupt($$DELETE FROM dcep.signing_key AS k WHERE k.institution = 1$$) WHERE check_name LIKE 'reserve%';

-- Nothing of this remained; the ledger is as sound as before, and goes on.
SELECT * FROM t.audit();
SELECT t.pay('a1', 'a2', 1);
-- Who may: auditors and the central bank, who are not told whose wallets.
SET ROLE regress_bank2;
SELECT * FROM dcep.audit();
SELECT * FROM dcep.verify_reserves();
SET ROLE regress_supervisor;
SELECT * FROM dcep.audit();
SET ROLE regress_auditor;
SELECT * FROM dcep.audit();
SELECT * FROM dcep.verify_reserves();
RESET ROLE;
BEGIN;
ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
UPDATE dcep.coin SET amount = amount + 1 WHERE id = 2 * t.id('a1#1');
SET LOCAL ROLE regress_auditor;
SELECT check_name, institution, wallet IS NULL AS hidden, transfer IS NOT NULL AS transfer FROM dcep.audit();
SET LOCAL ROLE regress_central;
SELECT check_name, institution, wallet IS NULL AS hidden, transfer IS NOT NULL AS transfer FROM dcep.audit();
ROLLBACK;
DROP FUNCTION t.id(text);
DROP VIEW t.entries;
