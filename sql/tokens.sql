-- Payment tokens: drawn, computed in step, paid to once; guesses, and what each side sees.
\set SHOW_CONTEXT never
SELECT t.open('tok_payer', 2, 1, 10000), t.open('tok_payee', 3), t.open('tok_poor', 2), t.open('tok_small', 3, 4);

-- The secret that a wallet's tokens come from, and the same arithmetic in SQL.
CREATE FUNCTION t.hmac(key bytea, message bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    result bytea;
BEGIN
    EXECUTE format('SELECT %I.hmac($1, $2, ''sha256'')',
        (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto'))
        INTO result USING message, key;
    RETURN result;
END
$$;
CREATE FUNCTION t.token_of_step(secret bytea, step bigint) RETURNS dcep.otp_token LANGUAGE sql AS $$
    SELECT (280000000000000000 + mod(('x' || encode(substr(h, 1, 8), 'hex'))::bit(64)::bigint::numeric
            + CASE WHEN get_byte(h, 0) > 127 THEN 18446744073709551616 ELSE 0 END, 10000000000000000))::text::dcep.otp_token
      FROM t.hmac(secret, 'dcep token v1'::bytea || int8send(step)) AS h
$$;
SELECT t.token_of_step('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 29736000) AS published;

-- A drawn token: by the wallet's operator, 18 digits; what is stored does not have them.
SELECT t.as_role('regress_bank2', format($$SELECT dcep.issue_token(%L)$$, t.w('tok_payee')));
SELECT t.as_role('regress_bank3', format($$SELECT dcep.issue_token(%L)$$, t.w('tok_payee')));
SELECT t.try($$SELECT dcep.issue_token(NULL)$$);
SELECT t.try($$SELECT dcep.issue_token(t.w('nobody'))$$);
SELECT t.try($$SELECT dcep.issue_token(t.w('tok_payee'), '0 s')$$);
SELECT t.try($$SELECT dcep.issue_token(t.w('tok_payee'), '1 hour 1 us')$$);
SELECT t.try($$SELECT dcep.issue_token(t.w('tok_payee'), '1 day')$$);
SELECT dcep.issue_token(t.w('tok_payee'), '1 hour') AS token \gset
SELECT :'token' ~ '^28[0-9]{16}$' AS form,
       (SELECT count(*) FROM dcep.token WHERE wallet = t.w('tok_payee')) AS one,
       (SELECT row_to_json(k)::text !~ substr(:'token', 3) FROM dcep.token k WHERE wallet = t.w('tok_payee')) AS not_stored,
       (SELECT valid_until - valid_from FROM dcep.token WHERE wallet = t.w('tok_payee')) AS lifetime;

-- Paying to it: the receipt names a pseudonym, and so do both statements; the journal has the truth.
CREATE TABLE t.receipt AS SELECT (r).* FROM dcep.pay_token(t.w('tok_payer'), :'token', 2500, 'tok1', 'tea') AS r;
SELECT kind, t.name(payer) AS payer, dcep.institution(payee) AS payee_of, amount, key, seq, octet_length(signature) FROM t.receipt;
SELECT t.name(j.payee) AS payee, j.kind, octet_length(j.token) AS proof, substr(j.token, 1, 8) = int8send(:token::bigint) AS of_token
FROM dcep.transfer AS j JOIN t.receipt AS r ON r.transfer = j.id;
SELECT s.kind, dcep.institution(s.counterparty) AS other, s.counterparty = r.payee AS pseudonym, s.amount, s.balance, s.key, s.memo
FROM dcep.statement(t.w('tok_payer')) AS s, t.receipt AS r;
SELECT s.kind, dcep.institution(s.counterparty) AS other, s.counterparty <> r.payee AS another, s.amount, s.balance, s.key, s.memo
FROM dcep.statement(t.w('tok_payee')) AS s, t.receipt AS r;
SELECT count(*) FROM dcep.statement(t.w('tok_payee'), now() - interval '1 hour', now() - interval '30 minutes');
SELECT (dcep.receipt_of(transfer)).payee = payee AS same, dcep.receipt_of(transfer) IS NULL AS hidden FROM t.receipt;

-- A second time: the first receipt with the same key; without it, or with another payment under it, an error.
SELECT (dcep.pay_token(t.w('tok_payer'), :'token', 2500, 'tok1', 'tea')).transfer = transfer AS same FROM t.receipt;
SELECT regexp_replace(t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 2501, 'tok1', 'tea')$$, :'token')), 'transfer \S+\.', 'transfer (id).');
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 2500)$$, :'token'));
SELECT * FROM t.purse('tok_payer', 'tok_payee');

-- Whatever the reason, one error.
CREATE FUNCTION t.pay_token(payer text, payee text, amount bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    token dcep.otp_token := dcep.issue_token(t.w(payee));
BEGIN
    RETURN t.try(format('SELECT dcep.pay_token(%L, %L, %s)', t.w(payer), token, amount));
END
$$;
DELETE FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT t.try($$SELECT dcep.pay_token(t.w('tok_payer'), '280000000000000000', 1)$$) AS unknown;
SELECT t.pay_token('tok_payer', 'tok_payer', 1) AS own;
SELECT dcep.freeze(t.w('tok_payee'), 'credit', 'test');
SELECT t.pay_token('tok_payer', 'tok_payee', 1) AS frozen;
SELECT dcep.unfreeze(t.w('tok_payee'), 'credit', 'test');
SELECT dcep.issue_token(t.w('tok_small')) AS small \gset
UPDATE dcep.wallet_class SET max_balance = 100 WHERE class = 4;
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 101)$$, :'small')) AS over_its_cap;
UPDATE dcep.wallet_class SET max_balance = 1000000 WHERE class = 4;
UPDATE dcep.token SET valid_from = now() - interval '2 s', valid_until = now() - interval '1 s' WHERE wallet = t.w('tok_small');
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'small')) AS expired;
SELECT t.name(payer) AS payer, failures, locked_until = last_failure AS free FROM dcep.token_guess WHERE payer = t.w('tok_payer');

-- After five it locks, for one minute, then two, up to a day; a day without a failure ends it. A valid token is refused, too.
SELECT t.try($$SELECT dcep.pay_token(t.w('tok_payer'), '280000000000000000', 1)$$);
SELECT failures, locked_until - last_failure AS locked FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT regexp_replace(t.pay_token('tok_payer', 'tok_payee', 1), 'from .* on\.', 'from (time) on.') AS locked;
SELECT (dcep.pay_token(t.w('tok_payer'), :'token', 2500, 'tok1', 'tea')).transfer = transfer AS same FROM t.receipt;
CREATE FUNCTION t.fail_after(before integer, since interval) RETURNS TABLE (failures integer, locked interval) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE dcep.token_guess AS g SET failures = before, last_failure = now() - since, locked_until = now() - since
     WHERE g.payer = t.w('tok_payer');
END
$$;
SELECT t.fail_after(6, '1 minute');
SELECT t.try($$SELECT dcep.pay_token(t.w('tok_payer'), '280000000000000000', 1)$$) AS seventh;
SELECT failures, locked_until - last_failure AS locked FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT t.fail_after(1000, '1 minute');
SELECT t.try($$SELECT dcep.pay_token(t.w('tok_payer'), '280000000000000000', 1)$$) AS many;
SELECT failures, locked_until - last_failure AS locked FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT t.fail_after(1000, '1 day 1 second');
SELECT t.try($$SELECT dcep.pay_token(t.w('tok_payer'), '280000000000000000', 1)$$) AS after_a_quiet_day;
SELECT failures, locked_until - last_failure AS locked FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT t.pay_token('tok_payer', 'tok_payee', 1) AS again;

-- What is the payer's own affair is said, and counts as no failure; the token is still good then.
SELECT dcep.issue_token(t.w('tok_payee')) AS token \gset
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_poor'), %L, 1)$$, :'token'));
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_poor'), %L, 0)$$, :'token'));
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_poor'), %L, NULL)$$, :'token'));
SELECT t.try(format($$SELECT dcep.pay_token(t.w('nobody'), %L, 1)$$, :'token'));
SELECT t.as_role('regress_bank3', format($$SELECT dcep.pay_token(%L, %L, 1)$$, t.w('tok_payer'), :'token'));
SELECT count(*) FROM dcep.token_guess WHERE payer IN (t.w('tok_poor'), t.w('nobody'));

-- A payment that is rolled back gives the token back; the new token ends the old one; disarming ends all.
BEGIN;
SELECT (dcep.pay_token(t.w('tok_payer'), :'token', 10)).amount;
ROLLBACK;
SELECT (dcep.pay_token(t.w('tok_payer'), :'token', 10)).amount;
SELECT dcep.issue_token(t.w('tok_payee')) AS old, dcep.issue_token(t.w('tok_payee')) AS new \gset
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'old')) AS old, t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'new')) AS new;
SELECT dcep.issue_token(t.w('tok_payee')) AS token \gset
SELECT dcep.disarm_tokens(t.w('tok_payee'));
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'token')) AS disarmed;
SELECT t.try($$SELECT dcep.disarm_tokens(NULL)$$);

-- Computed tokens: none before the wallet is enrolled and armed; each is good for its step and the next, and once.
SELECT t.try($$SELECT dcep.arm_tokens(t.w('tok_payee'), '10 minutes')$$);
SELECT dcep.enroll_token(t.w('tok_payee')) AS secret \gset
SELECT octet_length(:'secret'::bytea) AS bytes;
SELECT t.try($$SELECT dcep.enroll_token(NULL)$$), t.try($$SELECT dcep.arm_tokens(t.w('tok_payee'), NULL)$$), t.try($$SELECT dcep.arm_tokens(t.w('tok_payee'), '61 minutes')$$);
SELECT dcep.arm_tokens(t.w('tok_payee'), '10 minutes') - now() BETWEEN '10 minutes' AND '11 minutes' AS armed;
SELECT count(*) BETWEEN 10 AND 11 AS steps, count(DISTINCT valid_from) = count(*) AS distinct_steps, min(valid_until - valid_from) AS good_for,
       bool_and(mod(extract(epoch FROM valid_from), 60) = 0) AS on_the_minute
FROM dcep.token WHERE wallet = t.w('tok_payee');
CREATE FUNCTION t.step() RETURNS bigint LANGUAGE sql AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) / 60)::bigint $$;
DELETE FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT t.token_of_step(:'secret', t.step()) AS token, t.token_of_step(:'secret', t.step() + 3) AS later \gset
SELECT (dcep.pay_token(t.w('tok_payer'), :'token', 11)).amount;
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'token')) AS again, t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'later')) AS not_yet;
SELECT dcep.arm_tokens(t.w('tok_payee'), '10 minutes') IS NOT NULL AS armed_again;
SELECT count(DISTINCT valid_from) = count(*) AS distinct_steps FROM dcep.token WHERE wallet = t.w('tok_payee');
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'token')) AS still_used;
SELECT dcep.disarm_tokens(t.w('tok_payee'));
SELECT dcep.arm_tokens(t.w('tok_payee'), '1 minute') IS NOT NULL AS armed_again;
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'token')) AS still_used;
SELECT dcep.enroll_token(t.w('tok_payee')) <> :'secret' AS another_secret;
SELECT count(*) FROM dcep.token WHERE wallet = t.w('tok_payee') AND NOT used;

-- Two wallets that came by the same digits: neither is paid while both are good, the other one is afterwards.
SELECT dcep.issue_token(t.w('tok_payee')) AS token \gset
CREATE FUNCTION t.place(id bigint, place bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT (place << 56) | (id & ((1::bigint << 56) - 1)) $$;
SELECT id >> 56 AS place FROM dcep.token WHERE wallet = t.w('tok_payee') AND NOT computed;
INSERT INTO dcep.token
SELECT t.place(k.id, 1 + t.step() % 255), t.w('tok_small'), k.proof, now() - interval '1 second', now() + interval '10 minutes', false, true
  FROM dcep.token AS k WHERE k.wallet = t.w('tok_payee') AND NOT k.computed;
DELETE FROM dcep.token_guess WHERE payer = t.w('tok_payer');
SELECT t.try(format($$SELECT dcep.pay_token(t.w('tok_payer'), %L, 1)$$, :'token')) AS of_two;
SELECT count(*) FILTER (WHERE used) AS used FROM dcep.token WHERE wallet = t.w('tok_small');
UPDATE dcep.token SET valid_until = now() WHERE wallet = t.w('tok_small');
SELECT (dcep.pay_token(t.w('tok_payer'), :'token', 1)).amount AS of_one;
DELETE FROM dcep.token WHERE wallet = t.w('tok_small');
DROP FUNCTION t.place;

-- What has expired is removed: by whoever touches the wallet next, and in bulk.
INSERT INTO dcep.token SELECT -i, t.w('tok_payee'), i, now() - interval '1 hour', now() - interval '50 minutes', false, true FROM generate_series(1, 3) AS i;
INSERT INTO dcep.token SELECT -i, t.w('tok_poor'), i, now() - interval '1 hour', now() - interval '50 minutes', false, true FROM generate_series(4, 6) AS i;
SELECT dcep.disarm_tokens(t.w('tok_payee'));
SELECT count(*) FROM dcep.token WHERE id BETWEEN -3 AND -1;
SELECT t.try($$SELECT dcep.remove_expired_tokens(0)$$);
SELECT dcep.remove_expired_tokens(4194304) AS beyond, dcep.remove_expired_tokens() >= 3 AS removed, dcep.token_pieces() AS piece;
SELECT count(*) FROM dcep.token WHERE wallet = t.w('tok_poor');

-- The kind is not inserted by hand, and not explained. A pseudonym is no wallet.
SELECT t.try($$INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('token', t.w('tok_payer'), t.w('tok_payee'), 1)$$);
SELECT t.try($$SELECT * FROM dcep.explain_transfer(t.w('tok_payer'), t.w('tok_payee'), 1, 'token')$$);
SELECT t.mask(replace(t.try(format($$SELECT dcep.transfer(t.w('tok_payer'), %L, 1)$$, payee)), payee::text, '(pseudonym)')) FROM t.receipt;
SELECT t.try($$SELECT * FROM dcep.statement(NULL)$$), t.try($$SELECT * FROM dcep.statement(t.w('nobody'))$$);
SELECT t.as_role('regress_bank3', format($$SELECT * FROM dcep.statement(%L)$$, t.w('tok_payer')));

-- An operator sees neither side in the journal, even of its own wallets; a payee's operator has no receipt.
SELECT t.as_role('regress_bank2', format($$SELECT 1 / count(*) FROM dcep.transfer WHERE payer = %L AND kind = 'token'$$, t.w('tok_payer'))) AS payers,
       t.as_role('regress_bank3', format($$SELECT 1 / count(*) FROM dcep.transfer WHERE payee = %L AND kind = 'token'$$, t.w('tok_payee'))) AS payees,
       t.as_role('regress_bank2', format($$SELECT 1 / (dcep.receipt_of(%s)).amount$$, transfer)) AS payers_receipt,
       t.as_role('regress_bank3', format($$SELECT 1 / (CASE WHEN dcep.receipt_of(%s) IS NULL THEN 0 ELSE 1 END)$$, transfer)) AS payees_receipt
FROM t.receipt;
SELECT t.as_role('regress_bank2', $$SELECT FROM dcep.token$$), t.as_role('regress_bank2', $$SELECT FROM dcep.token_guess$$),
       t.as_role('regress_bank2', $$SELECT dcep.pseudonym(1, true)$$);

SELECT * FROM t.defects('tok_payer');
SELECT * FROM t.audit() WHERE wallet_name LIKE 'tok%';
DROP FUNCTION t.pay_token, t.fail_after, t.step, t.hmac, t.token_of_step;
DROP TABLE t.receipt;
