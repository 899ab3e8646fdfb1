-- The type wallet_id.
SET search_path = dcep, public;
\set SHOW_CONTEXT never

-- One number, in every form that is one.
SELECT text, text::wallet_id
FROM (VALUES ('0002999999999990'), ('0002 9999 9999 9990'), ('0002-9999-9999-9990'), ('0002 9999-99999990')) forms(text);

-- Its neighbours, and what is no number; once in words, then by code.
SELECT '0002999999999991'::wallet_id;
SELECT '0002-9999-9999-999'::wallet_id;
SELECT ' 0002999999999990'::wallet_id;
SELECT '0000000000000001'::wallet_id;
\set VERBOSITY sqlstate
SELECT '0002999999999989'::wallet_id;
SELECT ''::wallet_id;
SELECT '00029999999999900'::wallet_id;
SELECT '0002999999999990 '::wallet_id;
SELECT '0002  9999 9999 9990'::wallet_id;
SELECT '00029 999 9999 9990'::wallet_id;
SELECT '000299999999999O'::wallet_id;
SELECT '-002999999999990'::wallet_id;
SELECT E'0002\t9999 9999 9990'::wallet_id;
SELECT U&'\FF10\FF10\FF10\FF12999999999990'::wallet_id;
\set VERBOSITY default

-- Integers.
SELECT '0002999999999990'::wallet_id::bigint, 2999999999990::wallet_id;
SELECT 2999999999991::wallet_id;
\set VERBOSITY sqlstate
SELECT (-1)::bigint::wallet_id;
SELECT 9223372036854775807::wallet_id;
SELECT 0::bigint::wallet_id;
-- Casts are explicit.
SELECT '0002999999999990'::wallet_id + 1;
\set VERBOSITY default

SELECT institution('0002999999999990'::wallet_id), institution(NULL::wallet_id);
SELECT wallet_id_send('0002999999999990');

-- Numbers with the check digit worked out once more, from ISO/IEC 7064.
CREATE FUNCTION pg_temp.wallet(institution integer, number bigint) RETURNS dcep.wallet_id LANGUAGE plpgsql AS $$
DECLARE
    stem text := lpad(institution::text, 4, '0') || lpad(number::text, 11, '0');
    digit text;
    product integer := 10;
BEGIN
    FOREACH digit IN ARRAY string_to_array(stem, NULL) LOOP
        product := coalesce(nullif((product + digit::integer) % 10, 0), 10) * 2 % 11;
    END LOOP;
    RETURN (stem || ((11 - product) % 10)::text)::dcep.wallet_id;
END
$$;
SELECT pg_temp.wallet(1, 0), pg_temp.wallet(2, 99999999999), pg_temp.wallet(9999, 99999999999);

CREATE TEMPORARY TABLE wallets AS
    SELECT pg_temp.wallet(1 + i % 3, (i::bigint * 7919 * 104729) % 100000000000) AS id, i FROM generate_series(1, 3000) i;
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id::text::wallet_id = id AND id::bigint::wallet_id = id) AS sound,
       count(*) FILTER (WHERE institution(id) = 1 + i % 3) AS kept FROM wallets;
SELECT count(*) FILTER (WHERE a.id < b.id) AS lt, count(*) FILTER (WHERE a.id <= b.id) AS le,
       count(*) FILTER (WHERE a.id = b.id) AS eq, count(*) FILTER (WHERE a.id <> b.id) AS ne,
       count(*) FILTER (WHERE a.id >= b.id) AS ge, count(*) FILTER (WHERE a.id > b.id) AS gt
FROM wallets a, wallets b WHERE a.i IN (1, 2, 3) AND b.i IN (1, 2, 3);
-- Order is that of the digits.
SELECT array_agg(id ORDER BY id) = array_agg(id ORDER BY id::text COLLATE "C") AS same FROM wallets;

-- Indexes and plans.
CREATE INDEX wallets_btree ON wallets (id);
ANALYZE wallets;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT i FROM wallets WHERE id = '0002999999999990';
EXPLAIN (COSTS OFF) SELECT i FROM wallets WHERE id > '0002999999999990' ORDER BY id LIMIT 1;
SELECT count(*) FROM wallets a WHERE i = (SELECT i FROM wallets b WHERE b.id = a.id);
DROP INDEX wallets_btree;
CREATE INDEX wallets_hash ON wallets USING hash (id);
EXPLAIN (COSTS OFF) SELECT i FROM wallets WHERE id = '0002999999999990';
SELECT count(*) FROM wallets a WHERE i = (SELECT i FROM wallets b WHERE b.id = a.id);
RESET enable_seqscan;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM wallets a JOIN wallets b USING (id);
SELECT count(*) FROM wallets a JOIN wallets b USING (id);
RESET enable_mergejoin;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM wallets a JOIN wallets b USING (id);
SELECT count(*) FROM wallets a JOIN wallets b USING (id);
RESET enable_hashjoin;
RESET enable_nestloop;
-- Hash partitioning uses the extended hash.
CREATE TEMPORARY TABLE parts (id wallet_id) PARTITION BY HASH (id);
CREATE TEMPORARY TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMPORARY TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT id FROM wallets;
SELECT count(*) AS all_found FROM wallets w WHERE EXISTS (SELECT FROM parts p WHERE p.id = w.id);
SELECT (SELECT count(*) FROM parts_0) BETWEEN 1000 AND 2000 AS even;

-- Every operator class of the schema is valid.
SELECT a.amname, c.opcname, c.opcintype::regtype, amvalidate(c.oid)
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE c.opcnamespace = 'dcep'::regnamespace
ORDER BY 1, 2, 3;

-- What a policy may evaluate early.
SELECT proname, proleakproof, provolatile, proparallel, proisstrict FROM pg_proc
WHERE pronamespace = 'dcep'::regnamespace AND (proname LIKE 'wallet\_id\_%' OR proname = 'institution')
ORDER BY proname COLLATE "C";

-- Binary input is as strict as text.
-- The server writes and reads it, as a user of its own: only its data directory will do.
SELECT current_setting('data_directory') || '/dcep_wallet_id.data' AS file \gset
-- A file of COPY with one row of one field.
CREATE PROCEDURE pg_temp.write_binary(field bytea, path text) LANGUAGE plpgsql AS $$
DECLARE
    file oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea
                                 || int4send(length(field)) || field || '\xffff'::bytea);
BEGIN
    PERFORM lo_export(file, path), lo_unlink(file);
END
$$;
CREATE TEMPORARY TABLE binary_copy (id wallet_id);
CALL pg_temp.write_binary(wallet_id_send('0002999999999990'), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
SELECT * FROM binary_copy;
CALL pg_temp.write_binary(int8send(2999999999991), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
CALL pg_temp.write_binary('\x000002ba7def2f', :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
\set VERBOSITY sqlstate
CALL pg_temp.write_binary('\x000002ba7def2ff600', :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
CALL pg_temp.write_binary(int8send(-1), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
CALL pg_temp.write_binary('', :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
\set VERBOSITY default
COPY (SELECT) TO PROGRAM 'rm dcep_wallet_id.data';
