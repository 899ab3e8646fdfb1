-- One-time passwords: HOTP, TOTP, the dynamic password with SM3, and the URI for authenticator apps.
\set SHOW_CONTEXT never

-- RFC 4226, appendix D.
SELECT string_agg(dcep.hotp('12345678901234567890', n), ' ' ORDER BY n) AS hotp FROM generate_series(0, 9) AS n;

-- RFC 6238, appendix B.
SELECT seconds, dcep.totp('12345678901234567890', to_timestamp(seconds), 'sha1', 8) AS sha1,
       dcep.totp('12345678901234567890123456789012', to_timestamp(seconds), 'sha256', 8) AS sha256,
       dcep.totp('1234567890123456789012345678901234567890123456789012345678901234', to_timestamp(seconds), 'sha512', 8) AS sha512
FROM unnest(ARRAY[59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000]) AS seconds;

-- GM/T 0021.
SELECT t, dcep.sm3_otp(decode(key, 'hex'), t, counter, challenge) AS password
FROM (VALUES ('1234567890abcdef1234567890abcdef', 1313998979, 1234, '5678'), ('1234567890abcdefabcdef1234567890', 1313998995, 5621, '3698'),
             ('1234567890abcdef0987654321abcdef', 1313999014, 5621, '3698'), ('1234567890abcdefabcdef0987654321', 1313999047, 2053, '6984'),
             ('87524138025adcfe2584376195abfedc', 1313999067, 2058, '3024'), ('87524138025adcfeabfedc2584376195', 1313999098, 2056, '2018'))
     AS v (key, t, counter, challenge);

-- Steps: the last instant of one and the first of the next; before the second half of 1970's first minute all is step 0.
SELECT dcep.totp('12345678901234567890', '1970-01-01 00:00:00+00') = dcep.hotp('12345678901234567890', 0) AS first,
       dcep.totp('12345678901234567890', '1970-01-01 00:00:29.999999+00') = dcep.hotp('12345678901234567890', 0) AS last,
       dcep.totp('12345678901234567890', '1970-01-01 00:00:30+00') = dcep.hotp('12345678901234567890', 1) AS next,
       dcep.totp('12345678901234567890', '1970-01-01 00:01:59+00', step => 60) = dcep.hotp('12345678901234567890', 1) AS minute,
       dcep.totp('12345678901234567890') = dcep.totp('12345678901234567890', now()) AS now;
SELECT dcep.hotp('12345678901234567890', 9, 6) AS six, dcep.hotp('12345678901234567890', 9, 7) AS seven,
       dcep.hotp('12345678901234567890', 9, 8) AS eight, dcep.hotp('12345678901234567890', 9223372036854775807) AS last;
SELECT dcep.hotp(NULL, 0) IS NULL AS hotp, dcep.totp('12345678901234567890', NULL) IS NULL AS totp,
       dcep.sm3_otp('1234567890123456', 0, NULL, '1234') IS NULL AS sm3, dcep.otp_uri('1234567890123456', NULL, 'i') IS NULL AS uri;

-- What is refused.
SELECT t.try($$SELECT dcep.hotp('123456789012345', 0)$$);
SELECT t.try($$SELECT dcep.hotp('12345678901234567890', -1)$$);
SELECT t.try($$SELECT dcep.hotp('12345678901234567890', 0, 5)$$);
SELECT t.try($$SELECT dcep.hotp('12345678901234567890', 0, 9)$$);
SELECT t.try($$SELECT dcep.totp('12345678901234567890', 'infinity')$$);
SELECT t.try($$SELECT dcep.totp('12345678901234567890', '-infinity')$$);
SELECT t.try($$SELECT dcep.totp('12345678901234567890', '1969-12-31 23:59:59.999999+00')$$);
SELECT t.try($$SELECT dcep.totp('12345678901234567890', now(), 'SHA1')$$);
SELECT t.try($$SELECT dcep.totp('12345678901234567890', now(), 'sha1', 6, 0)$$);
SELECT t.try($$SELECT dcep.totp('', now())$$);
SELECT t.try($$SELECT dcep.sm3_otp('123456789012345', 0, 0, '1234')$$);
SELECT t.try($$SELECT dcep.sm3_otp('1234567890123456', -1, 0, '1234')$$);
SELECT t.try($$SELECT dcep.sm3_otp('1234567890123456', 0, -1, '1234')$$);
SELECT t.try($$SELECT dcep.sm3_otp('1234567890123456', 0, 0, '123')$$);
SELECT t.try($$SELECT dcep.sm3_otp('1234567890123456', 0, 0, repeat('1', 65))$$);
SELECT dcep.sm3_otp('1234567890123456', 0, 0, repeat('1', 64)) ~ '^[0-9]{6}$' AS longest;

-- For authenticator apps. RFC 4648 has the base32 of foobar; what is no letter or digit is escaped.
SELECT dcep.otp_uri('12345678901234567890', 'alice@example.org', 'Bank of Two');
SELECT dcep.otp_uri('12345678901234567890123456789012', 'a:b?c&d', 'é', 'sha256', 8, 60);
SELECT dcep.otp_uri(convert_to(repeat('foobar', 3), 'UTF8'), 'a', 'b') LIKE '%?secret=MZXW6YTBOJTG633CMFZGM33PMJQXE&%' AS base32;
SELECT t.try($$SELECT dcep.otp_uri('12345678901234567890', '', 'b')$$);
SELECT t.try($$SELECT dcep.otp_uri('12345678901234567890', 'a', repeat('b', 101))$$);
SELECT t.try($$SELECT dcep.otp_uri('123456789012345', 'a', 'b')$$);
