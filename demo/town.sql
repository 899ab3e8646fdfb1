-- A town from a seed: reserves, issuance, wallets, wages and rent, and the orders of its day.

SELECT setseed(:seed % 1000000 / 1000000.0) \g /dev/null

\echo :bold'The operators pay in reserves; the central bank issues against them':off
SELECT dcep.deposit_reserve(code, 1000000000, 'morning deposit'),
       dcep.issue(code, 900000000, 'issue-' || code)
FROM generate_series(2, 4) AS code \g /dev/null
SELECT i.name AS operator, demo.yuan(sum(r.amount) FILTER (WHERE r.amount > 0)) AS deposited,
       demo.yuan(-sum(r.amount) FILTER (WHERE r.amount < 0)) AS issued, demo.yuan(dcep.balance(dcep.vault(i.code))) AS vault
FROM dcep.institution i
JOIN dcep.reserve_entry r ON r.institution = i.code
GROUP BY i.code, i.name
ORDER BY i.code;
SELECT demo.refusal('SELECT dcep.issue(2, 100000001, ''too much'')') AS refused \gset
\echo '  one fen more than the reserve:' :bad:refused:off

\echo
\echo :bold'Wallets for 3,000 people and 90 shops':off '(seed' :seed')'
CREATE TABLE demo.wallet (
    number int PRIMARY KEY,
    kind text NOT NULL,
    operator int NOT NULL,
    wallet dcep.wallet_id NOT NULL UNIQUE,
    wage bigint
);
SELECT clock_timestamp() AS since \gset
INSERT INTO demo.wallet
SELECT n, CASE WHEN n <= 3000 THEN 'person' ELSE 'shop' END, 2 + n % 3, dcep.open_wallet(2 + n % 3, '{"class": 1}'),
       CASE WHEN n <= 3000 THEN 200000 + (random() * 6000)::int * 100 END
FROM generate_series(1, 3090) AS n;
SELECT demo.pace(:ROW_COUNT, :'since', 'wallets opened') AS line \gset
\echo '  ':line

\echo
\echo :bold'Wages: one statement for all':off
\echo '  INSERT INTO dcep.transfer (payer, payee, amount, kind, memo)'
\echo '  SELECT dcep.vault(operator), wallet, wage, ''exchange_in'', ''wage'' FROM demo.wallet ...'
SELECT clock_timestamp() AS since \gset
INSERT INTO dcep.transfer (payer, payee, amount, kind, memo)
SELECT dcep.vault(operator), wallet, wage, 'exchange_in', 'wage' FROM demo.wallet WHERE kind = 'person';
SELECT demo.pace(:ROW_COUNT, :'since', 'payments') AS line \gset
\echo '  ':good:line:off

\echo
\echo :bold'Rent: a third of it moves on, to ten shops that let flats':off
SELECT clock_timestamp() AS since \gset
INSERT INTO dcep.transfer (payer, payee, amount, key, memo)
SELECT p.wallet, s.wallet, p.wage / 3, 'rent-' || p.number, 'rent'
FROM demo.wallet p
JOIN demo.wallet s ON s.number = 3001 + p.number % 10
WHERE p.kind = 'person';
SELECT demo.pace(:ROW_COUNT, :'since', 'payments') AS line \gset
\echo '  ':good:line:off

\echo
\echo :bold'One payment by hand':off
SELECT wallet AS a FROM demo.wallet WHERE number = 1 \gset
SELECT wallet AS b FROM demo.wallet WHERE number = 3050 \gset
SELECT format('SELECT * FROM dcep.transfer(%L, %L, 1250, ''lunch'', ''noodles'');', :'a', :'b') AS line \gset
\echo '  ':line
\x on
SELECT * FROM dcep.transfer(:'a', :'b', 1250, 'lunch', 'noodles');
\x off

-- The orders of the day: many small amounts and few large ones, and mistakes such as people make.
CREATE TABLE demo.orders (
    number int PRIMARY KEY,
    operator int NOT NULL,
    instruction dcep.instruction NOT NULL
);
CREATE TABLE demo.outcome (
    number int NOT NULL,
    transfer bigint,
    sqlstate text,
    message text,
    detail text
);
CREATE TABLE demo.pace_of (operator int, orders bigint, seconds numeric);

INSERT INTO demo.orders
SELECT n, p.operator,
       ROW(p.wallet,
           CASE mistake WHEN 1 THEN p.wallet::text WHEN 2 THEN overlay(r.wallet::text PLACING '7' FROM 9) ELSE r.wallet::text END,
           CASE mistake WHEN 3 THEN -amount WHEN 4 THEN amount + 100000000 ELSE amount END,
           CASE mistake WHEN 5 THEN 'rent-' || payer ELSE 'order-' || n END, NULL)::dcep.instruction
FROM (
    SELECT n,
           1 + floor(random() * 3090)::int AS payer,
           CASE WHEN random() < 0.75 THEN 3001 + floor(random() * 90)::int ELSE 1 + floor(random() * 3000)::int END AS payee,
           (100 * exp(random() * 6))::bigint AS amount,
           floor(random() * 1500)::int AS mistake
    FROM generate_series(1, 20000) AS n
) AS drawn
JOIN demo.wallet p ON p.number = payer
JOIN demo.wallet r ON r.number = payee;

-- Somebody lost a phone.
SELECT dcep.freeze(wallet, 'debit', 'reported as lost') FROM demo.wallet WHERE number % 750 = 1 \g /dev/null

GRANT USAGE ON SCHEMA demo TO PUBLIC;
GRANT SELECT ON demo.orders TO PUBLIC;
GRANT INSERT ON demo.outcome, demo.pace_of TO PUBLIC;

\echo :bold'The day: 20,000 orders, handed in by three operators at once':off
\echo '  SELECT ... FROM dcep.submit(ARRAY[...]): a bad line does not sink the rest'
