-- Coins as their holders see them.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT t.open('h1', 2, 1, 1000), t.open('h2', 3, 1, 100), t.open('h3', 4, 1, 100), t.open('h4', 2, 1);
SELECT t.pay('h1', 'h2', 250), t.pay('h2', 'h3', 30), t.pay('h3', 'h1', 5);
SELECT * FROM t.purse('h1', 'h2', 'h3', 'h4');

-- dcep.coins(): the live coins, the smallest first; what they say is what the tables say.
SELECT w, dcep.amount(c), t.name(dcep.owner(c)) AS owner, t.coin(dcep.coin_id(c)) AS coin, t.transfer(dcep.transfer_id(c)) AS transfer, dcep.issuer(c), dcep.key_number(c), dcep.suite(c), dcep.currency(c),
       dcep.verify(c), dcep.coin_state(c), octet_length(dcep.signed_coin_send(c)) AS bytes, length(c::text) AS letters
FROM unnest('{h1,h2,h3,h4}'::text[]) WITH ORDINALITY AS u (w, o), LATERAL dcep.coins(t.w(w)) WITH ORDINALITY AS c (c, n) ORDER BY o, n;
SELECT count(*), count(*) FILTER (WHERE (l.owner, l.amount, l.id) = (dcep.owner(c), dcep.amount(c), dcep.coin_id(c))) AS live,
       count(*) FILTER (WHERE (j.issuer, j.key_number, j.created_at) = (dcep.issuer(c), dcep.key_number(c), dcep.minted_at(c))) AS minted
FROM unnest('{h1,h2,h3}'::text[]) AS w, LATERAL dcep.coins(t.w(w)) AS c JOIN dcep.coin AS l ON l.id = dcep.coin_id(c) JOIN dcep.transfer AS j ON j.id = dcep.transfer_id(c);
SELECT sum(dcep.amount(c)) = dcep.balance(t.w('h1')) AS adds_up FROM dcep.coins(t.w('h1')) AS c;
-- The bytes where the format has them: version, suite, issuer, key, currency, exponent, id, amount, owner, time, index and size of the batch.
SELECT get_byte(b, 0) AS version, get_byte(b, 1) AS suite, substr(b, 3, 2) AS issuer, substr(b, 5, 4) AS key, convert_from(substr(b, 9, 3), 'SQL_ASCII') AS currency, get_byte(b, 11) AS exponent,
       substr(b, 13, 8) = int8send(l.id) AS id, substr(b, 21, 8) = int8send(l.amount) AS amount, substr(b, 29, 8) = int8send(l.owner::bigint) AS owner,
       substr(b, 37, 8) = int8send((extract(epoch FROM j.created_at) * 1000000)::bigint) AS minted, substr(b, 125, 8) AS batch, substr(b, 133) = j.signature AS signature
FROM dcep.coins(t.w('h1')) AS c JOIN dcep.coin AS l ON l.id = dcep.coin_id(c) JOIN dcep.transfer AS j ON j.id = dcep.transfer_id(c), LATERAL (SELECT dcep.signed_coin_send(c)) AS s (b) ORDER BY l.amount;
-- A transfer's hash is that of its two coins and its context; recomputed here from what a holder has.
SELECT t.coin(dcep.coin_id(c)) AS coin,
       sha256('\x02'::bytea || CASE dcep.coin_id(c) & 1 WHEN 0 THEN sha256('\x00'::bytea || substr(b, 1, 60)) || substr(b, 61, 32) ELSE substr(b, 61, 32) || sha256('\x00'::bytea || substr(b, 1, 60)) END
              || substr(b, 93, 32)) = j.hash AS hash
FROM unnest('{h1,h2}'::text[]) AS w, LATERAL dcep.coins(t.w(w)) AS c JOIN dcep.transfer AS j ON j.id = dcep.transfer_id(c), LATERAL (SELECT dcep.signed_coin_send(c)) AS s (b)
WHERE dcep.suite(c) <> 'sm2' ORDER BY dcep.coin_id(c);

-- Three coins, one of each suite, to look at from here on.
CREATE TEMPORARY TABLE sample AS
SELECT dcep.suite(c) AS suite, c AS coin FROM unnest('{h1,h2,h3}'::text[]) AS w, LATERAL (SELECT c FROM dcep.coins(t.w(w)) AS c WHERE dcep.coin_id(c) & 1 = 1) AS c;
SELECT suite, t.coin(dcep.coin_id(coin)), dcep.verify(coin), dcep.check(coin) = coin AS check, dcep.coin_state(coin) FROM sample ORDER BY suite;

-- Coins of a bulk statement: one signature, and a path to it in each; they verify on their own like others.
SELECT t.open('bulk', 2, 1, 1000), t.open('bulk2', 2, 1);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('bulk'), t.w('bulk2'), n FROM generate_series(1, 35) AS n;
SELECT size, min(index) AS first, max(index) AS last, count(*), count(DISTINCT signature) AS signatures, bytes, count(*) FILTER (WHERE path = bytes - 196) AS path, bool_and(verified) AS verified, bool_and(live) AS live
FROM (SELECT ('x' || encode(substr(b, 125, 4), 'hex'))::bit(32)::integer AS index, ('x' || encode(substr(b, 129, 4), 'hex'))::bit(32)::integer AS size, length(b) AS bytes, length(b) - 196 AS path, right(encode(b, 'hex'), 128) AS signature,
             dcep.verify(c) AS verified, dcep.coin_state(c) = 'live' AS live, dcep.amount(c) AS amount
        FROM dcep.coins(t.w('bulk2')) AS c, LATERAL (SELECT dcep.signed_coin_send(c)) AS s (b)) AS coins
GROUP BY size, bytes ORDER BY size;
SELECT t.pay('bulk2', 'bulk', 630);
SELECT * FROM t.purse('bulk', 'bulk2');
-- The receipt has the path too, and comes again for the asking.
SELECT DISTINCT r.batch_size, octet_length(r.signature) AS signature, j.signature IS NULL AS from_batch FROM dcep.transfer AS j, LATERAL dcep.receipt_of(j.id) AS r WHERE j.payer = t.w('bulk') ORDER BY 1;
SELECT r.batch_index, r.batch_size, r.path FROM dcep.transfer(t.w('bulk'), t.w('bulk2'), 1) AS r;
SELECT dcep.receipt_of(NULL), dcep.receipt_of(0), dcep.receipt_of(-1), dcep.receipt_of(4000000000000000000);

-- A coin's life: live, frozen, live, spent; the same string all the while.
SELECT dcep.freeze(t.w('h1'), 'debit', 'case 20');
SELECT suite, dcep.coin_state(coin), dcep.verify(coin) FROM sample ORDER BY suite;
SELECT dcep.available(t.w('h1')), dcep.balance(t.w('h1'));
SELECT dcep.unfreeze(t.w('h1'), 'debit', 'case 20');
SELECT dcep.freeze(t.w('h1'), 'credit', 'case 21');
SELECT dcep.coin_state(coin) FROM sample WHERE suite = 'ed25519';
SELECT dcep.unfreeze(t.w('h1'), 'credit', 'case 21');
BEGIN;
SELECT t.pay('h1', 'h4', 755), t.pay('h2', 'h4', 320), t.pay('h3', 'h4', 125);
SELECT suite, dcep.coin_state(coin), dcep.verify(coin) FROM sample ORDER BY suite;
ROLLBACK;
SELECT suite, dcep.coin_state(coin) FROM sample ORDER BY suite;

-- One bit changed anywhere: no coin at all, one of another ledger, of an unknown key, or a forgery. Never live.
CREATE FUNCTION t.flip(coin dcep.signed_coin, n integer) RETURNS text LANGUAGE sql AS $$
    SELECT 'dcep1' || rtrim(translate(encode(set_bit(dcep.signed_coin_send(coin), n, 1 - get_bit(dcep.signed_coin_send(coin), n)), 'base64'), E'+/\n', '-_'), '=')
$$;
CREATE FUNCTION t.state(coin text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN dcep.coin_state(coin::dcep.signed_coin);
EXCEPTION WHEN invalid_text_representation THEN
    RETURN 'malformed';
END
$$;
-- (Which numbers of coins and owners are malformed depends on the numbers, so these are counted together.)
SELECT field, CASE WHEN field IN ('12 id', '28 owner') AND state IN ('malformed', 'forged') THEN 'malformed or forged' ELSE state END AS state, count(*)
FROM (SELECT CASE WHEN byte < 1 THEN '00 version' WHEN byte < 2 THEN '01 suite' WHEN byte < 4 THEN '02 issuer' WHEN byte < 8 THEN '04 key' WHEN byte < 11 THEN '08 currency' WHEN byte < 12 THEN '11 exponent'
                  WHEN byte < 20 THEN '12 id' WHEN byte < 28 THEN '20 amount' WHEN byte < 36 THEN '28 owner' WHEN byte < 44 THEN '36 time' WHEN byte < 60 THEN '44 blinding' WHEN byte < 92 THEN '60 sibling'
                  WHEN byte < 124 THEN '92 context' WHEN byte < 132 THEN 'a batch' ELSE 'b signature' END AS field,
             t.state(t.flip(coin, byte * 8 + n)) AS state
      FROM sample, generate_series(0, 195) AS byte, generate_series(0, 7) AS n WHERE suite = 'ed25519') AS flipped
GROUP BY 1, 2 ORDER BY field COLLATE "C", 2;
SELECT suite, state, count(*) FROM (SELECT suite, t.state(t.flip(coin, n)) AS state FROM sample, generate_series(1056, 1567, 8) AS n) AS flipped GROUP BY suite, state ORDER BY suite;

-- In words: each kind of refusal.
CREATE FUNCTION t.verdict(coin text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN dcep.verify(coin::dcep.signed_coin);
EXCEPTION WHEN SQLSTATE 'LG102' OR SQLSTATE 'LG103' THEN
    RETURN SQLSTATE;
END
$$;
CREATE FUNCTION t.with_bytes(coin dcep.signed_coin, place integer, bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT 'dcep1' || rtrim(translate(encode(overlay(dcep.signed_coin_send(coin) PLACING bytes FROM place + 1), 'base64'), E'+/\n', '-_'), '=')
$$;
SELECT what, t.verdict(x) AS verify, t.try(format('SELECT dcep.check(%L)', x)) AS check, t.state(x)
FROM (SELECT v.what, t.with_bytes(s.coin, v.place, v.bytes) AS x, v.n FROM sample AS s, (VALUES (1, 'as it is', 8, 'CNY'::bytea), (2, 'currency', 8, 'EUR'), (3, 'exponent', 11, '\x03'), (4, 'issuer', 2, '\x0003'), (5, 'no issuer', 2, '\x0063'),
      (6, 'key', 4, '\x00000063'), (7, 'suite', 1, '\x03'), (8, 'amount', 20, int8send(1000000)), (9, 'time', 36, int8send(0))) AS v (n, what, place, bytes) WHERE s.suite = 'ed25519') AS x ORDER BY n;
SELECT dcep.verify(t.with_bytes(coin, 20, int8send(1000000))::dcep.signed_coin) FROM sample ORDER BY suite;
-- Cut, lengthened, mistyped.
SELECT what, t.try(format('SELECT dcep.verify(%L)', x)) FROM (SELECT coin::text AS good FROM sample WHERE suite = 'ed25519') AS s,
    LATERAL (VALUES ('cut', left(good, 105)), ('one less', left(good, -1)), ('one more', good || 'A'), ('empty', ''), ('prefix', substr(good, 6)), ('not base64', overlay(good PLACING '!' FROM 50))) AS v (what, x);
-- A coin of another ledger with the same currency and key numbers: its signature is not ours.
SELECT what, t.state(c), t.try(format('SELECT dcep.check(%L)', c)) FROM (VALUES
    ('ed25519 of docs/format.md', 'dcep1AQEAAgAAAAFDTlkCAAAAAAAAB9AAAAAAAAAE4gAAAtc8iEoaAAZHSEYiIkDhwE8EU7p2VFQiArEI7LxwCRptAoAuQ3nMACka9rUHPrSMf6lAb-lL0ogeL9hOe-b2DKMkeMKXmjHYDqELmX0T67qbSUYX1ZnLr60PQV5iHQAAAAAAAAAB0L9OArOGvcUSuAwLmLYU_ZAhHgrYquPNg1Q4lWkUPcHr5HX-FMcSsztafrb1i3FjBlnMeAGm18xStkn0dP55Bw')) AS v (what, c);
-- Signed by us and not in the journal: a transfer that was rolled back after its coin had been shown.
BEGIN;
SELECT t.pay('h1', 'h4', 1);
SELECT c::text AS ghost FROM dcep.coins(t.w('h4')) AS c \gset
SELECT dcep.coin_state(:'ghost');
ROLLBACK;
SELECT dcep.verify(:'ghost'), dcep.coin_state(:'ghost');

-- NULL, and wallets that are not there.
SELECT dcep.verify(NULL), dcep.check(NULL), dcep.coin_state(NULL), dcep.balance(NULL), dcep.available(NULL), (SELECT count(*) FROM dcep.coins(NULL));
SELECT c, t.try('SELECT dcep.' || c || $$('0002999999999990')$$) FROM unnest('{balance,available,coins}'::text[]) AS c;
SELECT dcep.balance('0002999999999991');

-- A coin that was altered on disk is not given out, nor spent.
BEGIN;
ALTER TABLE dcep.transfer DISABLE TRIGGER append_only, DISABLE TRIGGER append_only_row;
UPDATE dcep.transfer SET amount = 251 WHERE payer = t.w('h1') AND seq = 1;
SELECT t.try($$SELECT count(*) FROM dcep.coins(t.w('h1'))$$);
SELECT t.try($$SELECT t.pay('h1', 'h4', 700)$$);
SELECT t.pay('h1', 'h4', 5);
SELECT dcep.balance(t.w('h1'));
ROLLBACK;
BEGIN;
ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
UPDATE dcep.coin SET amount = 5000 WHERE owner = t.w('h1') AND amount = 750;
SELECT t.try($$SELECT t.pay('h1', 'h4', 700)$$);
UPDATE dcep.coin SET owner = t.w('h4') WHERE owner = t.w('h1') AND amount = 5;
SELECT t.try($$SELECT t.pay('h4', 'h1', 1)$$);
INSERT INTO dcep.coin VALUES (t.w('h4'), 7, 4000000000000000000), (t.w('h4'), 8, 0), (t.w('h4'), 9, -1);
SELECT t.try($$SELECT t.pay('h4', 'h1', 7)$$), t.try($$SELECT t.pay('h4', 'h1', 8)$$), t.try($$SELECT t.pay('h4', 'h1', 9)$$);
SELECT t.try($$SELECT count(*) FROM dcep.coins(t.w('h4'))$$);
ROLLBACK;

-- Who may see: an operator its own, nobody's coins the others.
SELECT t.w('h1') AS h1, t.w('h2') AS h2, dcep.allot_number(3, 1, decode(repeat('5a', 32), 'hex')) AS none \gset
SELECT coin::text AS mine FROM sample WHERE suite = 'ed25519' \gset
SELECT coin::text AS theirs FROM sample WHERE suite = 'p256' \gset
SET ROLE regress_bank2;
SELECT dcep.balance(:'h1'), dcep.available(:'h1'), count(*) FROM dcep.coins(:'h1');
\set VERBOSITY sqlstate
SELECT dcep.balance(:'h2');
SELECT dcep.available(:'h2');
SELECT dcep.coins(:'h2');
SELECT dcep.balance(:'none');
SELECT dcep.verify(:'mine'), dcep.coin_state(:'mine'), dcep.verify(:'theirs');
SELECT count(*) FILTER (WHERE dcep.institution(owner) <> 2) AS others FROM dcep.coin;
SET ROLE regress_auditor;
SELECT dcep.verify(:'mine');
SELECT dcep.balance(:'h1');
SELECT count(*) FROM dcep.coin;
RESET ROLE;
SELECT * FROM t.audit();
DROP FUNCTION t.flip, t.state, t.verdict, t.with_bytes;
