-- The plainest competitor: accounts with balances, two updates and two entries
-- a payment.  None of dcep's guarantees: no coins, no chain, no signatures, no
-- limits, no keys, no row-level security.  It is paid in two ways: by the six
-- statements of a transaction, as applications do it, and by one function call.
\set ON_ERROR_STOP on
CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 50);
CREATE TABLE entry (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account bigint NOT NULL,
    other   bigint NOT NULL,
    amount  bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON entry (account);
INSERT INTO account SELECT n, 1000000000 FROM generate_series(0, :wallets - 1) AS n;

-- Accounts are locked in the order of their ids, so that payments do not deadlock.
CREATE FUNCTION pay(payer bigint, payee bigint, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF payer < payee THEN
        UPDATE account SET balance = balance - amount WHERE id = payer;
        UPDATE account SET balance = balance + amount WHERE id = payee;
    ELSE
        UPDATE account SET balance = balance + amount WHERE id = payee;
        UPDATE account SET balance = balance - amount WHERE id = payer;
    END IF;
    INSERT INTO entry (account, other, amount) VALUES (payer, payee, -amount), (payee, payer, amount);
END
$$;

-- A table of the journal's size of row and indexes, without anything of dcep: what
-- PostgreSQL itself does with a bulk, and how far two at a time get on the machine.
CREATE SEQUENCE shape_id;
CREATE TABLE shape (id bigint PRIMARY KEY, payer bigint NOT NULL, payee bigint NOT NULL, seq bigint NOT NULL, rest bytea NOT NULL);
CREATE UNIQUE INDEX ON shape (payer, seq);
CREATE INDEX ON shape (payee);
CREATE TABLE shape_file AS
SELECT (random() * :wallets)::bigint AS payer, (random() * :wallets)::bigint AS payee FROM generate_series(1, :bulk);
CREATE FUNCTION fill_shape() RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO shape
    SELECT nextval('shape_id'), payer, payee, nextval('shape_id'), decode(repeat('ab', 140), 'hex') FROM shape_file
$$;
VACUUM ANALYZE;
-- Paid by the bench's ordinary role, which is made later.
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
