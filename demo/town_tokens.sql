-- Payments to tokens: a customer of one operator, a shop of another, and what each side gets to see.

\echo :bold'Paying to a token: neither side learns the other':off
SELECT wallet AS customer FROM demo.wallet WHERE kind = 'person' AND operator = 4 ORDER BY dcep.available(wallet) DESC LIMIT 1 \gset
SELECT wallet AS shop FROM demo.wallet WHERE kind = 'shop' AND operator = 2 LIMIT 1 \gset
SET ROLE operator_2;
SELECT dcep.issue_token(:'shop') AS token \gset
SET ROLE operator_4;
SELECT format('SELECT * FROM dcep.pay_token(%L, %L, 1000, ''tea'');', :'customer', :'token') AS line \gset
\echo '  ':line
SELECT 'the payer''s receipt' AS "what is shown", payer, payee, amount FROM dcep.pay_token(:'customer', :'token', 1000, 'tea');
SELECT 'the payer''s statement' AS "what is shown", counterparty, amount FROM dcep.statement(:'customer') WHERE kind = 'token';
SELECT demo.refusal(format('SELECT dcep.pay_token(%L, %L, 1000)', :'customer', :'token')) AS refused \gset
SET ROLE operator_2;
SELECT 'the shop''s statement' AS "what is shown", counterparty, amount FROM dcep.statement(:'shop') WHERE kind = 'token';
RESET ROLE;
\echo '  the same token again:' :bad:refused:off

CREATE TEMPORARY TABLE sale AS
SELECT p.wallet AS payer, s.wallet AS shop
FROM demo.wallet p
JOIN demo.wallet s ON s.number = 3001 + p.number % 90
WHERE p.kind = 'person' AND dcep.available(p.wallet) >= 100
LIMIT 1000;
SELECT clock_timestamp() AS since, count(*) AS sales FROM sale \gset
DO $$
DECLARE
    s sale;
BEGIN
    FOR s IN SELECT * FROM sale LOOP
        PERFORM dcep.pay_token(s.payer, dcep.issue_token(s.shop), 100);
    END LOOP;
END
$$;
SELECT demo.pace(:sales, :'since', 'tokens issued and paid to') AS line \gset
\echo '  ':good:line:off
\echo
