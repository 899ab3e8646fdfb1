-- The accounts and payments of a data set: nodes.csv and transactions.csv in the folder :data.
-- :funding says what each wallet starts with:
--   init_balance   what nodes.csv says
--   drawdown       as much as the wallet will ever be short of, so that every payment can be made

CREATE TABLE demo.account (
    id int PRIMARY KEY,
    fraud int,
    init_balance numeric,
    fraud_step int
);
CREATE TABLE demo.payment (
    line int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source int NOT NULL,
    target int NOT NULL,
    value numeric NOT NULL,
    day int NOT NULL
);
\set nodes :data /nodes.csv
\set transactions :data /transactions.csv
COPY demo.account FROM :'nodes' (FORMAT csv, HEADER);
COPY demo.payment (source, target, value, day) FROM :'transactions' (FORMAT csv, HEADER);
ANALYZE demo.account, demo.payment;

-- A drawdown is the lowest point that a wallet's running sum would reach, had it begun with nothing.
CREATE TABLE demo.funding AS
SELECT a.id, (CASE :'funding' WHEN 'init_balance' THEN 100 * a.init_balance ELSE coalesce(100 * d.largest, 0) END)::bigint AS amount
FROM demo.account a
LEFT JOIN (
    SELECT id, greatest(0, -min(running)) AS largest
    FROM (
        SELECT id, sum(value) OVER (PARTITION BY id ORDER BY line) AS running
        FROM (
            SELECT line, source AS id, -value AS value FROM demo.payment WHERE source <> target
            UNION ALL
            SELECT line, target, value FROM demo.payment WHERE source <> target
        ) AS moves
    ) AS sums
    GROUP BY id
) AS d ON d.id = a.id;

\echo
SELECT format('%s wallets, %s of them funded by %s', to_char(count(*), 'FM999,999'),
              to_char(count(*) FILTER (WHERE amount > 0), 'FM999,999'),
              CASE :'funding' WHEN 'drawdown' THEN 'their largest drawdown' ELSE 'their opening balance' END) AS line,
       demo.yuan(sum(amount)) AS total
FROM demo.funding \gset
\echo :bold:line:off
CREATE TABLE demo.wallet (
    id int PRIMARY KEY,
    operator int NOT NULL,
    wallet dcep.wallet_id NOT NULL UNIQUE
);
SELECT clock_timestamp() AS since \gset
INSERT INTO demo.wallet SELECT id, 2 + id % 3, dcep.open_wallet(2 + id % 3, '{"class": 1}') FROM demo.account ORDER BY id;
SELECT demo.pace(:ROW_COUNT, :'since', 'wallets opened') AS line \gset
\echo '  ':line

SELECT dcep.deposit_reserve(operator, total, 'opening'), dcep.issue(operator, total, 'opening-' || operator)
FROM (
    SELECT operator, sum(amount)::bigint AS total FROM demo.wallet JOIN demo.funding USING (id) GROUP BY operator
) AS operators \g /dev/null
SELECT clock_timestamp() AS since \gset
INSERT INTO dcep.transfer (payer, payee, amount, kind, memo)
SELECT dcep.vault(operator), wallet, amount, 'exchange_in', 'opening balance'
FROM demo.wallet
JOIN demo.funding USING (id)
WHERE amount > 0;
SELECT demo.pace(:ROW_COUNT, :'since', 'wallets funded in one statement') AS line \gset
\echo '  ':line
\echo '  issued and paid out:' :total

-- The payments in the order of the file, 10,000 at a time.
CREATE TABLE demo.outcome (
    line int PRIMARY KEY,
    transfer bigint,
    sqlstate text,
    message text,
    detail text
);
SELECT count(*) AS payments, clock_timestamp() AS since FROM demo.payment \gset
DO $$
DECLARE
    batch record;
BEGIN
    FOR batch IN
        SELECT min(p.line) AS first,
               array_agg(ROW(payer.wallet, payee.wallet, (100 * p.value)::bigint, 'line-' || p.line, 'day ' || p.day)::dcep.instruction
                         ORDER BY p.line) AS instructions
        FROM demo.payment p
        JOIN demo.wallet payer ON payer.id = p.source
        JOIN demo.wallet payee ON payee.id = p.target
        GROUP BY (p.line - 1) / 10000
        ORDER BY 1
    LOOP
        INSERT INTO demo.outcome
        SELECT batch.first + s.line - 1, s.transfer, s.sqlstate, s.message, s.detail FROM dcep.submit(batch.instructions) AS s;
    END LOOP;
END
$$;
SELECT demo.pace(:payments, :'since', 'payments handed in') AS line \gset
\echo '  ':good:line:off

-- The counts, which the data alone decide.
CREATE VIEW demo.counts AS
SELECT count(o.transfer) AS executed,
       count(*) FILTER (WHERE o.sqlstate = 'LG303') AS payer_is_payee,
       count(*) FILTER (WHERE o.sqlstate = 'LG301') AS insufficient_funds,
       count(*) FILTER (WHERE o.transfer IS NULL AND o.sqlstate NOT IN ('LG301', 'LG303')) AS other,
       (SELECT sum(amount) FROM dcep.transfer WHERE kind = 'transfer') AS moved,
       (SELECT sum(amount) FROM dcep.transfer WHERE kind = 'issue') AS issued
FROM demo.outcome o;
SELECT executed, payer_is_payee AS "payer is payee", insufficient_funds AS "insufficient funds", other AS "refused otherwise",
       to_char(moved, 'FM999,999,999,999') AS "moved, fen", to_char(issued, 'FM999,999,999,999') AS "issued, fen"
FROM demo.counts;
