-- The types wallet_id, otp_token and signed_coin.

-- --- wallet_id ---------------------------------------------------------------

CREATE TYPE dcep.wallet_id;

CREATE FUNCTION dcep.wallet_id_in(cstring) RETURNS dcep.wallet_id
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_out(dcep.wallet_id) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_recv(internal) RETURNS dcep.wallet_id
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_send(dcep.wallet_id) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE dcep.wallet_id (
    INPUT = dcep.wallet_id_in,
    OUTPUT = dcep.wallet_id_out,
    RECEIVE = dcep.wallet_id_recv,
    SEND = dcep.wallet_id_send,
    LIKE = pg_catalog.int8
);
COMMENT ON TYPE dcep.wallet_id IS
'Wallet number: 16 digits, of which 4 are the institution''s code and the last is a check digit (ISO/IEC 7064 MOD 11,10). Input allows a space or hyphen between groups of four';

-- The stored form is that of an int8, and so are order, equality and hash.
CREATE FUNCTION dcep.wallet_id_eq(dcep.wallet_id, dcep.wallet_id) RETURNS boolean
    AS 'int8eq' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_ne(dcep.wallet_id, dcep.wallet_id) RETURNS boolean
    AS 'int8ne' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_lt(dcep.wallet_id, dcep.wallet_id) RETURNS boolean
    AS 'int8lt' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_le(dcep.wallet_id, dcep.wallet_id) RETURNS boolean
    AS 'int8le' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_gt(dcep.wallet_id, dcep.wallet_id) RETURNS boolean
    AS 'int8gt' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_ge(dcep.wallet_id, dcep.wallet_id) RETURNS boolean
    AS 'int8ge' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_cmp(dcep.wallet_id, dcep.wallet_id) RETURNS integer
    AS 'btint8cmp' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_sortsupport(internal) RETURNS void
    AS 'btint8sortsupport' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_hash(dcep.wallet_id) RETURNS integer
    AS 'hashint8' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION dcep.wallet_id_hash_extended(dcep.wallet_id, bigint) RETURNS bigint
    AS 'hashint8extended' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;

CREATE OPERATOR pg_catalog.= (
    FUNCTION = dcep.wallet_id_eq, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id,
    COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR pg_catalog.<> (
    FUNCTION = dcep.wallet_id_ne, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id,
    COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR pg_catalog.< (
    FUNCTION = dcep.wallet_id_lt, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id,
    COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR pg_catalog.<= (
    FUNCTION = dcep.wallet_id_le, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id,
    COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR pg_catalog.> (
    FUNCTION = dcep.wallet_id_gt, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id,
    COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR pg_catalog.>= (
    FUNCTION = dcep.wallet_id_ge, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id,
    COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);

CREATE OPERATOR CLASS dcep.wallet_id_ops DEFAULT FOR TYPE dcep.wallet_id USING btree AS
    OPERATOR 1 pg_catalog.<,
    OPERATOR 2 pg_catalog.<=,
    OPERATOR 3 pg_catalog.=,
    OPERATOR 4 pg_catalog.>=,
    OPERATOR 5 pg_catalog.>,
    FUNCTION 1 dcep.wallet_id_cmp(dcep.wallet_id, dcep.wallet_id),
    FUNCTION 2 dcep.wallet_id_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);

CREATE OPERATOR CLASS dcep.wallet_id_ops DEFAULT FOR TYPE dcep.wallet_id USING hash AS
    OPERATOR 1 pg_catalog.=,
    FUNCTION 1 dcep.wallet_id_hash(dcep.wallet_id),
    FUNCTION 2 dcep.wallet_id_hash_extended(dcep.wallet_id, bigint);

CREATE FUNCTION dcep.wallet_id_from_bigint(bigint) RETURNS dcep.wallet_id
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.wallet_id_from_bigint(bigint) IS 'The wallet number with these decimal digits; refused where there is none';

CREATE CAST (bigint AS dcep.wallet_id) WITH FUNCTION dcep.wallet_id_from_bigint(bigint);
CREATE CAST (dcep.wallet_id AS bigint) WITHOUT FUNCTION;

CREATE FUNCTION dcep.institution(dcep.wallet_id) RETURNS integer
    AS 'MODULE_PATHNAME', 'wallet_id_institution' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION dcep.institution(dcep.wallet_id) IS 'Code of the institution that keeps the wallet, read off its number';

-- --- otp_token ---------------------------------------------------------------

CREATE TYPE dcep.otp_token;

CREATE FUNCTION dcep.otp_token_in(cstring) RETURNS dcep.otp_token
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.otp_token_out(dcep.otp_token) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.otp_token_recv(internal) RETURNS dcep.otp_token
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.otp_token_send(dcep.otp_token) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE dcep.otp_token (
    INPUT = dcep.otp_token_in,
    OUTPUT = dcep.otp_token_out,
    RECEIVE = dcep.otp_token_recv,
    SEND = dcep.otp_token_send,
    LIKE = pg_catalog.int8
);
COMMENT ON TYPE dcep.otp_token IS
'Payment token: 18 digits, the first two 28. Compared in constant time, without order; errors do not repeat it';

CREATE FUNCTION dcep.otp_token_eq(dcep.otp_token, dcep.otp_token) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.otp_token_ne(dcep.otp_token, dcep.otp_token) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Without operator classes: an index would compare bit by bit and keep tokens in order.
CREATE OPERATOR pg_catalog.= (
    FUNCTION = dcep.otp_token_eq, LEFTARG = dcep.otp_token, RIGHTARG = dcep.otp_token,
    COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel
);
CREATE OPERATOR pg_catalog.<> (
    FUNCTION = dcep.otp_token_ne, LEFTARG = dcep.otp_token, RIGHTARG = dcep.otp_token,
    COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);

-- --- signed_coin -------------------------------------------------------------

CREATE TYPE dcep.signed_coin;

CREATE FUNCTION dcep.signed_coin_in(cstring) RETURNS dcep.signed_coin
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.signed_coin_out(dcep.signed_coin) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.signed_coin_recv(internal) RETURNS dcep.signed_coin
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.signed_coin_send(dcep.signed_coin) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Hashes and signatures do not compress, so that nothing is tried.
CREATE TYPE dcep.signed_coin (
    INPUT = dcep.signed_coin_in,
    OUTPUT = dcep.signed_coin_out,
    RECEIVE = dcep.signed_coin_recv,
    SEND = dcep.signed_coin_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE dcep.signed_coin IS
'Coin with the signature that backs it: dcep1 and base64url of the bytes that docs/format.md specifies. Input checks the form; dcep.verify() checks the signature';

CREATE FUNCTION dcep.signed_coin_eq(dcep.signed_coin, dcep.signed_coin) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dcep.signed_coin_ne(dcep.signed_coin, dcep.signed_coin) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR pg_catalog.= (
    FUNCTION = dcep.signed_coin_eq, LEFTARG = dcep.signed_coin, RIGHTARG = dcep.signed_coin,
    COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel
);
CREATE OPERATOR pg_catalog.<> (
    FUNCTION = dcep.signed_coin_ne, LEFTARG = dcep.signed_coin, RIGHTARG = dcep.signed_coin,
    COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);

CREATE FUNCTION dcep.amount(dcep.signed_coin) RETURNS bigint
    AS 'MODULE_PATHNAME', 'signed_coin_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.amount(dcep.signed_coin) IS 'What the coin is worth, in minor units';

CREATE FUNCTION dcep.owner(dcep.signed_coin) RETURNS dcep.wallet_id
    AS 'MODULE_PATHNAME', 'signed_coin_owner' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.owner(dcep.signed_coin) IS 'Wallet that the coin was minted for';

CREATE FUNCTION dcep.coin_id(dcep.signed_coin) RETURNS bigint
    AS 'MODULE_PATHNAME', 'signed_coin_coin_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.coin_id(dcep.signed_coin) IS 'Number of the coin: twice its transfer''s id, and one more for change';

CREATE FUNCTION dcep.transfer_id(dcep.signed_coin) RETURNS bigint
    AS 'MODULE_PATHNAME', 'signed_coin_transfer_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.transfer_id(dcep.signed_coin) IS 'Transfer that minted the coin';

CREATE FUNCTION dcep.issuer(dcep.signed_coin) RETURNS integer
    AS 'MODULE_PATHNAME', 'signed_coin_issuer' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.issuer(dcep.signed_coin) IS 'Code of the institution that signed';

CREATE FUNCTION dcep.key_number(dcep.signed_coin) RETURNS integer
    AS 'MODULE_PATHNAME', 'signed_coin_key_number' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.key_number(dcep.signed_coin) IS 'Which of the issuer''s keys signed';

CREATE FUNCTION dcep.suite(dcep.signed_coin) RETURNS text
    AS 'MODULE_PATHNAME', 'signed_coin_suite' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.suite(dcep.signed_coin) IS 'Signature suite: ed25519, sm2 or p256';

CREATE FUNCTION dcep.currency(dcep.signed_coin) RETURNS text
    AS 'MODULE_PATHNAME', 'signed_coin_currency' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.currency(dcep.signed_coin) IS 'Currency, as ISO 4217 letters';

CREATE FUNCTION dcep.minted_at(dcep.signed_coin) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'signed_coin_minted_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION dcep.minted_at(dcep.signed_coin) IS 'When the coin was minted';
