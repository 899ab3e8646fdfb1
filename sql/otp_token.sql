-- The type otp_token.
SET search_path = dcep, public;
\set SHOW_CONTEXT never

SELECT '280000000000000000'::otp_token AS first, '289999999999999999'::otp_token AS last;

-- What is refused is not repeated; it comes from a table, so that psql has no line to show it from either.
CREATE TEMPORARY TABLE attempts (n integer, attempt text);
INSERT INTO attempts VALUES (1, '279999999999999999'), (2, '290000000000000000'), (3, '28000000000000000'),
    (4, '2800000000000000000'), (5, ' 28000000000000000'), (6, '28000000000000000a'), (7, '2800 0000 0000 0000'), (8, ''),
    (9, U&'\FF12\FF18' || '0000000000000000');
SELECT attempt::otp_token FROM attempts WHERE n = 1;
SELECT attempt::otp_token FROM attempts WHERE n = 6;
CREATE FUNCTION pg_temp.refusal(attempt text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM attempt::dcep.otp_token;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || CASE WHEN attempt <> '' AND (SQLERRM || detail) LIKE '%' || attempt || '%' THEN ' repeated' ELSE '' END;
END
$$;
SELECT n, pg_temp.refusal(attempt) FROM attempts ORDER BY n;

-- Equality, and nothing else.
SELECT a, b, a::otp_token = b::otp_token AS eq, a::otp_token <> b::otp_token AS ne
FROM (VALUES ('280000000000000001', '280000000000000001'), ('280000000000000001', '280000000000000002'),
             ('280000000000000001', '281000000000000001')) pairs(a, b);
SELECT count(*) FROM pg_opclass WHERE opcintype = 'dcep.otp_token'::regtype;
SELECT oprname, oprcanhash, oprcanmerge FROM pg_operator WHERE oprleft = 'dcep.otp_token'::regtype ORDER BY 1;
\set VERBOSITY sqlstate
SELECT '280000000000000001'::otp_token < '280000000000000002'::otp_token;
SELECT token FROM (VALUES ('280000000000000001'::otp_token)) t(token) ORDER BY token;
SELECT DISTINCT token FROM (VALUES ('280000000000000001'::otp_token)) t(token);
CREATE TEMPORARY TABLE tokens (token otp_token PRIMARY KEY);
SELECT '280000000000000001'::otp_token::bigint;
\set VERBOSITY default

SELECT otp_token_send('280000000000000001') = int8send(280000000000000001) AS same;

-- Binary input is as strict as text.
-- The server writes and reads it, as a user of its own: only its data directory will do.
SELECT current_setting('data_directory') || '/dcep_otp_token.data' AS file \gset
-- A file of COPY with one row of one field.
CREATE PROCEDURE pg_temp.write_binary(field bytea, path text) LANGUAGE plpgsql AS $$
DECLARE
    file oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea
                                 || int4send(length(field)) || field || '\xffff'::bytea);
BEGIN
    PERFORM lo_export(file, path), lo_unlink(file);
END
$$;
CREATE TEMPORARY TABLE binary_copy (token otp_token);
CALL pg_temp.write_binary(int8send(280000000000000001), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
SELECT * FROM binary_copy;
CALL pg_temp.write_binary(int8send(279999999999999999), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
\set VERBOSITY sqlstate
CALL pg_temp.write_binary(int8send(290000000000000000), :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
CALL pg_temp.write_binary('\x03', :'file');
COPY binary_copy FROM :'file' (FORMAT binary);
\set VERBOSITY default
COPY (SELECT) TO PROGRAM 'rm dcep_otp_token.data';
