-- One-time passwords, for confirming a payment over an amount that the wallet's holder sets.

CREATE FUNCTION dcep.hotp(secret bytea, counter bigint, digits integer DEFAULT 6) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_hotp';
COMMENT ON FUNCTION dcep.hotp(bytea, bigint, integer) IS
'One-time password of a counter (RFC 4226): digits (6 to 8) decimal digits. secret: at least 16 bytes, counter: 0 and up. Microseconds. Errors: 22023';

CREATE FUNCTION dcep.totp(secret bytea, at timestamptz DEFAULT pg_catalog.now(), algorithm text DEFAULT 'sha1',
                          digits integer DEFAULT 6, step integer DEFAULT 30) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_totp';
COMMENT ON FUNCTION dcep.totp(bytea, timestamptz, text, integer, integer) IS
'One-time password of a time, from 1970 on (RFC 6238): digits (6 to 8) decimal digits. secret: at least 16 bytes; algorithm: sha1, sha256 or sha512; step: seconds, 1 and up. Microseconds. Errors: 22023';

CREATE FUNCTION dcep.sm3_otp(key bytea, t bigint, counter integer, challenge text, digits integer DEFAULT 6) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_sm3_otp';
COMMENT ON FUNCTION dcep.sm3_otp(bytea, bigint, integer, text, integer) IS
'Dynamic password of GM/T 0021 with SM3: digits (6 to 8) decimal digits. key: at least 16 bytes; t: the time, or the number of its step, used as it stands, 0 and up; counter: 0 and up; challenge: 4 to 64 bytes. Microseconds. Errors: 22023';

CREATE FUNCTION dcep.otp_uri(secret bytea, account text, issuer text, algorithm text DEFAULT 'sha1',
                             digits integer DEFAULT 6, step integer DEFAULT 30) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_otp_uri';
COMMENT ON FUNCTION dcep.otp_uri(bytea, text, text, text, integer, integer) IS
'The otpauth:// URI that puts a secret into an authenticator app, as a QR code for instance; it contains the secret. account and issuer: 1 to 100 bytes each; the rest as for dcep.totp(). Microseconds. Errors: 22023';
