-- The type signed_coin; the coins are the vectors of docs/format.md.
SET search_path = dcep, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never

CREATE TEMPORARY TABLE coins (name text, coin signed_coin);
INSERT INTO coins VALUES
    ('ed25519 payee', 'dcep1AQEAAgAAAAFDTlkCAAAAAAAAB9AAAAAAAAAE4gAAAtc8iEoaAAZHSEYiIkDhwE8EU7p2VFQiArEI7LxwCRptAoAuQ3nMACka9rUHPrSMf6lAb-lL0ogeL9hOe-b2DKMkeMKXmjHYDqELmX0T67qbSUYX1ZnLr60PQV5iHQAAAAAAAAAB0L9OArOGvcUSuAwLmLYU_ZAhHgrYquPNg1Q4lWkUPcHr5HX-FMcSsztafrb1i3FjBlnMeAGm18xStkn0dP55Bw'),
    ('ed25519 change', 'dcep1AQEAAgAAAAFDTlkCAAAAAAAAB9EAAAAAAAABXgAAArp97y_2AAZHSEYiIkC7nUQUTeEeVe4V-XixtQ63GsPsi53_OSop8fWZA0TiaBXV2EShfDoAcNmwBJv3A_32DKMkeMKXmjHYDqELmX0T67qbSUYX1ZnLr60PQV5iHQAAAAAAAAAB0L9OArOGvcUSuAwLmLYU_ZAhHgrYquPNg1Q4lWkUPcHr5HX-FMcSsztafrb1i3FjBlnMeAGm18xStkn0dP55Bw'),
    ('ed25519 batch', 'dcep1AQEAAgAAAAFDTlkCAAAAAAAAB9AAAAAAAAAE4gAAAtc8iEoaAAZHSEYiIkDhwE8EU7p2VFQiArEI7LxwCRptAoAuQ3nMACka9rUHPrSMf6lAb-lL0ogeL9hOe-b2DKMkeMKXmjHYDqELmX0T67qbSUYX1ZnLr60PQV5iHQAAAAQAAAAHBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBsaB6BM8JgsJyYA1V3rBJlFDB15QrtXtepJXaeWX3S1pb-8kQS-btTkRz423uT8EtNjOhQbJvGP1wsdkikq7CaZIlmft0c9-LeSLRJ98p2fGiAf8OLkyJhdQnwcdgqGqBg'),
    ('sm2 payee', 'dcep1AQIAAgAAAAFDTlkCAAAAAAAAB9AAAAAAAAAE4gAAAtc8iEoaAAZHSEYiIkAmMdb00zqTPybtrvkTQUO02xPNQhD7-tfxumPJrkEBely2w7d8gr2PXpUolMBO2zZoYCmqedqVLUpejVGBYkf2uq2qWnFZlRIiagTsqtuiVwAAAAAAAAABqaqM86VBNU4hpA6tomuoYhmbt3WlseadIpS-n8D6mD7k68-YfKJMNkgoZmTtPzWtRzd7WLcOL2MR2zrZ0KXPKA'),
    ('p256 payee', 'dcep1AQMAAgAAAAFDTlkCAAAAAAAAB9AAAAAAAAAE4gAAAtc8iEoaAAZHSEYiIkDhwE8EU7p2VFQiArEI7Lxw9FwfKngVxq9npjsm71SPgHsgHI-yQJLMejgpVKIMmRf2DKMkeMKXmjHYDqELmX0T67qbSUYX1ZnLr60PQV5iHQAAAAAAAAAB1vJ5Tcer7klbCTT5T_pcTKPSE0jW9GHz5oXThVJHV0JBVMtHQF1yo_73VRJBhY1QhxmtAWya0eBhnCHKfyL_Zw');

SELECT name, amount(coin), owner(coin), coin_id(coin), transfer_id(coin), minted_at(coin) FROM coins;
SELECT name, issuer(coin), key_number(coin), suite(coin), currency(coin) FROM coins;
SELECT name, length(coin::text), length(signed_coin_send(coin)), pg_column_size(coin) FROM coins;
SELECT coin FROM coins WHERE name = 'ed25519 payee';
SELECT amount(NULL::signed_coin) IS NULL AS strict;

-- Equality, and no order.
SELECT a.name, count(*) FILTER (WHERE a.coin = b.coin) AS eq, count(*) FILTER (WHERE a.coin <> b.coin) AS ne
FROM coins a, coins b GROUP BY a.name ORDER BY a.name COLLATE "C";
\set VERBOSITY sqlstate
SELECT coin FROM coins ORDER BY coin;
\set VERBOSITY default

-- A text is refused unless it is what signed_coin_out writes.
CREATE FUNCTION pg_temp.refusal(text text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM text::dcep.signed_coin;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || detail;
END
$$;
SELECT 'dcep1AQEA'::signed_coin;
SELECT coin::text AS good FROM coins WHERE name = 'ed25519 payee' \gset
SELECT what, pg_temp.refusal(text) FROM (VALUES
    ('as it is', :'good'),
    ('nothing', ''),
    ('prefix', 'dcep1'),
    ('other prefix', 'dcep2' || substr(:'good', 6)),
    ('capitals', 'DCEP1' || substr(:'good', 6)),
    ('space before', ' ' || :'good'),
    ('space after', :'good' || ' '),
    ('padding', :'good' || '=='),
    ('a letter less', left(:'good', -1)),
    ('a letter more', :'good' || 'A'),
    ('unused bits', left(:'good', -1) || 'x'),
    ('other alphabet', replace(:'good', '-', '+')),
    ('not ASCII', left(:'good', -1) || U&'\00E4'),
    ('far too long', 'dcep1' || repeat('A', 100000))) attempts(what, text);

-- No proper beginning of a coin is a coin.
SELECT count(*), count(*) FILTER (WHERE pg_temp.refusal(left(:'good', n)) = 'accepted') AS accepted
FROM generate_series(0, length(:'good') - 1) n;

-- Each field is checked.
CREATE FUNCTION pg_temp.with_bytes(coin dcep.signed_coin, place integer, bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT 'dcep1' || rtrim(translate(encode(overlay(dcep.signed_coin_send(coin) PLACING bytes FROM place + 1), 'base64'),
                                      E'+/\n', '-_'), '=')
$$;
SELECT field, bytes, pg_temp.refusal(pg_temp.with_bytes(coin, place, bytes)) AS answer
FROM coins, (VALUES
    (1, 'version', 0, '\x00'::bytea), (2, 'version', 0, '\x02'),
    (3, 'suite', 1, '\x00'), (4, 'suite', 1, '\x03'), (5, 'suite', 1, '\x04'),
    (6, 'issuer', 2, '\x0000'), (7, 'issuer', 2, '\x270f'), (8, 'issuer', 2, '\x2710'),
    (9, 'key', 4, '\x00000000'), (10, 'key', 4, '\x7fffffff'), (11, 'key', 4, '\x80000000'),
    (12, 'currency', 8, 'CNy'), (13, 'currency', 8, 'C Y'), (14, 'currency', 8, 'EUR'),
    (15, 'exponent', 11, '\x12'), (16, 'exponent', 11, '\x13'),
    (17, 'coin id', 12, '\x0000000000000001'), (18, 'coin id', 12, '\x0000000000000002'),
    (19, 'coin id', 12, '\x7fffffffffffffff'), (20, 'coin id', 12, '\x8000000000000000'),
    (21, 'amount', 20, '\x0000000000000000'), (22, 'amount', 20, '\x7fffffffffffffff'),
    (23, 'amount', 20, '\xffffffffffffffff'),
    (24, 'owner', 28, '\x000002ba7def2ff6'), (25, 'owner', 28, '\x000002ba7def2ff7'),
    (26, 'minted at', 36, int8send(-210866803200000000)), (27, 'minted at', 36, int8send(-210866803200000001)),
    (28, 'minted at', 36, '\x7fffffffffffffff'),
    (29, 'batch size', 128, '\x00000000'), (30, 'batch size', 128, '\x00000002'),
    (31, 'batch index', 124, '\x00000001')) changes(n, field, place, bytes)
WHERE name = 'ed25519 payee' ORDER BY n;
SELECT minted_at(pg_temp.with_bytes(coin, 36, bytes)::signed_coin)
FROM coins, (VALUES (int8send(-210866803200000000)), (int8send(0)), ('\x7fffffffffffffff')) times(bytes)
WHERE name = 'ed25519 payee';

-- Short and long headers, and out of line.
CREATE TEMPORARY TABLE stored (coin signed_coin, filler text);
ALTER TABLE stored ALTER filler SET STORAGE plain;
INSERT INTO stored SELECT coin, CASE WHEN name LIKE '%batch' THEN repeat('x', 3000) END FROM coins;
SELECT amount(s.coin), s.coin = c.coin AS same FROM stored s JOIN coins c ON c.coin = s.coin ORDER BY c.name COLLATE "C";

-- Binary input is as strict as text.
-- The server writes and reads it, as a user of its own: only its data directory will do.
SELECT current_setting('data_directory') || '/dcep_signed_coin.data' AS file \gset
-- A file of COPY with one row of one field.
CREATE PROCEDURE pg_temp.write_binary(field bytea, path text) LANGUAGE plpgsql AS $$
DECLARE
    file oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea
                                 || int4send(length(field)) || field || '\xffff'::bytea);
BEGIN
    PERFORM lo_export(file, path), lo_unlink(file);
END
$$;
CREATE TEMPORARY TABLE binary_copy (coin signed_coin);
COPY coins (coin) TO :'file' (FORMAT binary);
COPY binary_copy FROM :'file' (FORMAT binary);
SELECT count(*) FROM binary_copy b JOIN coins c ON b.coin = c.coin;
CALL pg_temp.write_binary(set_byte(signed_coin_send(:'good'), 1, 9), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
\set VERBOSITY sqlstate
CALL pg_temp.write_binary(signed_coin_send(:'good') || '\x00', :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
CALL pg_temp.write_binary(substr(signed_coin_send(:'good'), 1, 195), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
CALL pg_temp.write_binary('', :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
\set VERBOSITY default

-- Bytes that are no coin cannot come from SQL, but a damaged page may hold them: accessors say so.
CREATE CAST (bytea AS signed_coin) WITHOUT FUNCTION;
SELECT amount('\x0102'::bytea::signed_coin);
\set VERBOSITY sqlstate
SELECT owner(''::bytea::signed_coin);
SELECT minted_at(set_byte(signed_coin_send(coin), 0, 3)::signed_coin) FROM coins WHERE name = 'ed25519 batch';
SELECT suite(set_byte(signed_coin_send(coin), 1, 0)::signed_coin) FROM coins WHERE name = 'ed25519 batch';
\set VERBOSITY default
SELECT ''::bytea::signed_coin;
DROP CAST (bytea AS signed_coin);
COPY (SELECT) TO PROGRAM 'rm dcep_signed_coin.data';
