-- One coin followed back to its issuance, the books proved right, and a forger caught.

\echo :bold'A coin carries its own proof':off
SELECT c.owner AS wallet, c.id AS coin
FROM dcep.coin c
JOIN dcep.transfer t ON t.id = c.id / 2
WHERE t.kind = 'transfer' AND c.id % 2 = 0
ORDER BY t.id DESC
LIMIT 1 \gset
SELECT coin AS text, left(coin::text, 60) || '...' AS short, dcep.amount(coin) AS fen, dcep.verify(coin) AS verified, dcep.coin_state(coin) AS state
FROM dcep.coins(:'wallet') AS coin
WHERE dcep.coin_id(coin) = :coin \gset
\echo '  ':short
\echo '   worth' :fen 'fen; signature valid:' :verified'; state:' :state

\echo
\echo :bold'Back to its issuance, along the coins that came from another wallet where there are any':off
CREATE TABLE demo.path AS
WITH RECURSIVE path (step, id) AS (
    SELECT 1, :coin::bigint / 2
    UNION ALL
    SELECT step + 1, origin.id
    FROM path
    JOIN dcep.transfer t ON t.id = path.id
    CROSS JOIN LATERAL (
        SELECT m.id
        FROM unnest(t.inputs) AS input
        JOIN dcep.transfer m ON m.id = input / 2
        ORDER BY input % 2, CASE input % 2 WHEN 0 THEN m.amount ELSE m.change END DESC
        LIMIT 1
    ) AS origin
)
SELECT step, id FROM path;
SELECT step, t.kind, t.payer, t.payee, demo.yuan(t.amount) AS amount, demo.yuan(t.change) AS change, cardinality(t.inputs) AS coins,
       left(encode(t.hash, 'hex'), 12) || '...' AS hash
FROM demo.path
JOIN dcep.transfer t USING (id)
CROSS JOIN (SELECT max(step) AS last FROM demo.path) AS length
WHERE step <= 5 OR step > last - 3
ORDER BY step;

\echo :bold'Every chain verified, every coin accounted for':off
SELECT count(*) AS transfers, clock_timestamp() AS since FROM dcep.transfer \gset
SELECT count(*) AS defects FROM dcep.verify_chain() \gset
SELECT demo.pace(:transfers, :'since', 'transfers verified, with their signatures') AS line \gset
\echo '  ':line', defects:' :good:defects:off
SELECT clock_timestamp() AS since \gset
SELECT count(*) AS defects FROM dcep.audit() \gset
SELECT round(extract(epoch FROM clock_timestamp() - :'since'), 2) AS seconds \gset
\echo '   audited from the journal in' :seconds's, defects:' :good:defects:off

\echo
\echo :bold'Supply is equal to reserves':off
SELECT demo.yuan(issued - redeemed) AS "issued less redeemed", demo.yuan(coins) AS "sum of live coins", demo.yuan(reserves) AS "reserves debited",
       issued - redeemed = coins AND coins = reserves AS equal
FROM (
    SELECT (SELECT coalesce(sum(amount), 0) FROM dcep.transfer WHERE kind = 'issue') AS issued,
           (SELECT coalesce(sum(amount), 0) FROM dcep.transfer WHERE kind = 'redeem') AS redeemed,
           (SELECT sum(amount) FROM dcep.coin) AS coins,
           (SELECT -sum(amount) FROM dcep.reserve_entry WHERE transfer IS NOT NULL) AS reserves
) AS books;

\echo :bold'A forger with the keys to the database':off
SELECT id, demo.yuan(amount) AS was, demo.yuan(amount + 100000) AS becomes
FROM dcep.transfer WHERE kind = 'transfer' ORDER BY id LIMIT 1 OFFSET 1000 \gset
SELECT demo.refusal(format('UPDATE dcep.transfer SET amount = amount + 100000 WHERE id = %s', :id)) AS refused \gset
\echo '   UPDATE dcep.transfer SET amount ...:' :bad:refused:off
\echo '   So the forger, a superuser, disables the guards and makes' :was 'in transfer' :id 'to' :becomes':'
-- Rolled back in the end, which also sets the guards as they were.
BEGIN;
ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
UPDATE dcep.transfer SET amount = amount + 100000 WHERE id = :id;
SELECT * FROM dcep.verify_chain();
ROLLBACK;
SELECT count(*) AS defects FROM dcep.verify_chain() \gset
\echo '   ':bad'caught.':off 'Undone, defects:' :good:defects:off
