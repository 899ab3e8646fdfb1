-- Identity: keyed hashes, encryption to the authentication centre's key, orders and disclosures.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_officer, regress_officer2;
RESET client_min_messages;
CREATE ROLE regress_officer;
CREATE ROLE regress_officer2;
SELECT dcep.grant_institution('regress_officer', 1), dcep.grant_institution('regress_officer2', 1);
GRANT dcep_identity_officer TO regress_officer;
GRANT dcep_identity_officer TO regress_officer2;
SELECT t.open('ida', 2, 1, 100), t.open('ivo', 2, 1, 100), t.open('ines', 3, 1, 100), t.open('ilse', 2, 4, 100);

-- --- the secret ---------------------------------------------------------------

SELECT octet_length(dcep.secret_mac('test', '\x00')), dcep.secret_mac('test', '\x00') = dcep.secret_mac('test', '\x00') AS same,
       dcep.secret_mac('test', '\x00') = dcep.secret_mac('tes', '\x740000') AS other;
SELECT count(*), min(octet_length(check_value)) FROM dcep.ledger_secret;
SELECT t.try('SELECT dcep.generate_secret()');
SELECT t.try('UPDATE dcep.ledger_secret SET made_at = now()'), t.try('DELETE FROM dcep.ledger_secret');
SELECT t.as_role('regress_bank2', $$SELECT dcep.secret_mac('a', 'b')$$), t.as_role('regress_bank2', 'SELECT dcep.generate_secret()');

-- --- identifiers --------------------------------------------------------------

SELECT kind, value, dcep.normal_identifier(kind, value) AS normal
FROM (VALUES ('phone', '+86 (138) 0013-8000'), ('phone', '0086 138 0013 8000'), ('phone', '13800138000'), ('email', ' Li.Na@Example.ORG '),
             ('id_document', ' 11010519491231002x '), ('bank_account', 'de89 3704-0044'), ('user_id', ' u-1 ')) AS v (kind, value);
SELECT kind, t.try(format('SELECT dcep.normal_identifier(%L, %L)', kind, value))
FROM (VALUES ('phone', ''), ('phone', '12'), ('phone', '+12345678901234567'), ('phone', 'call me'), ('email', 'nobody'), ('email', 'a@b@c'),
             ('id_document', ' '), ('user_id', ''), ('fax', '1'), (NULL, '1'), ('phone', NULL)) AS v (kind, value);
SELECT octet_length(dcep.identifier_hash(2, 'phone', '+8613800138000')),
       dcep.identifier_hash(2, 'phone', '+8613800138000') = dcep.identifier_hash(2, 'phone', '0086-138 0013 8000') AS same,
       dcep.identifier_hash(2, 'phone', '+8613800138000') = dcep.identifier_hash(3, 'phone', '+8613800138000') AS other_operator,
       dcep.identifier_hash(2, 'user_id', '1234') = dcep.identifier_hash(2, 'bank_account', '1234') AS other_kind;

-- --- without the authentication centre's key ----------------------------------

SELECT count(*) FROM dcep.identity_key;
BEGIN;
SELECT t.try(format('SELECT dcep.record_identity(%L, %L)', t.w('ida'), '{"name": "Ida"}'));
SELECT t.try(format('SELECT dcep.record_identity(%L, %L)', t.w('ida'), '{"id_document": "X1", "phone": "+861"}'));
SELECT t.try(format('SELECT dcep.record_identity(%L, %L)', t.w('ida'), '{"class": 1}')), t.try('SELECT dcep.record_identity(NULL, NULL)');
SELECT t.try(format('SELECT dcep.record_identity(%L, %L)', t.w('ida'), '{"phone": "x"}'));
SELECT dcep.record_identity(t.w('ilse'), '{"class": 4, "phone": "+86 138 0013 8001"}');
SELECT t.name(wallet), institution, kind, hash = dcep.identifier_hash(2, 'phone', '+8613800138001') AS hashed FROM dcep.wallet_identifier WHERE wallet = t.w('ilse');
SELECT count(*) FROM dcep.identity WHERE wallet = t.w('ilse');
ROLLBACK;

-- --- the key ------------------------------------------------------------------

-- Made for this test; nobody has its private half.
SELECT $key$-----BEGIN PGP PUBLIC KEY BLOCK-----

mQENBGsGCKcBCADd+bvUyrBc8cbGY8uHMRLSOm3ocmyCILJmQ00FezgL0zr79cpX
BCHHvxQd3p24pZ/8QEbFGhfWifDH3j3SqElb2WFATtqtjqmicsJ/1u7dPCZ9Ntw/
BTVMzg5fC6W87oHi+wG2vno0IUVePNGEtbq8ERmjcze8T+vgOgDc1j6USOQK57YM
Vjt2WD4YTKkMimTPwPiUdisV0wT+Lb2sWaY3olw5rvd2RY12tBeQPNKvo/DREYEq
IxqQauoQ20xardQKJRf+Z6my4poB5fifxkWKbk5KaOYSx/9YAVuXltJZtNKJU1hc
Zz2jtz6clPcF+PmT28Xshd2TSYJVLFvLqcbdABEBAAG0HGRjZXAgdGVzdCA8dGVz
dEBleGFtcGxlLm9yZz6JAU4EEwEKADgWIQR1mMRFK5WyQMMfZjQL8exJE8+xBQUC
awYIpwIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRAL8exJE8+xBQXvB/4k
vXhWWyhSmcD8dLHeLI4PFPaZtJd+IdlU3AnHIcfSTjTkcX97IFNwL3lEuJBALIWB
/EDTDxW7DEbYoOikwZyqAAMH0ez99/3tbq9wMA9DXhPTNz/ORZuTJ1UZmj3pdfJD
N3WMrA74Wg1cOORAw7c1DyEm0nL6+SwFYviQZaEuu43yki1lOFPoZKnUtQHl79WY
mp06PHsTqAXGJ0UjpHKmYA8hG6kCLdzRGm6NcqelVNwv2RoDYZcqaQQmssAeTQqn
DmIGIQnHV1tTRiAbqlTw4uwdtqKFNKaaawY3OQZ9dxaULU4e39hCNOQkCopnwMgN
TFWqR6IC0Z0UcMTkOnEMuQENBGsGCKcBCADSHWmTeQJjvuw76A6cSoIjnZMd68mn
gkv9kO9ulZUL9cvQyu4Byn5ePyM6sAb+Q0mb1crIaVPLQ72vlojVcEsq1sivqkN8
kkU6SYlPUdTNPrFD1epHSZhcKK3gUqvlsPddLfPxOqkcS7agMfiBXSGAea4F6VDe
phPOS8FUN3vfPKaT75uX8o2GEOHovOEg0Ei+4QQkFTvkyBhw4UbBugwMBQCwxsAl
6txlaE7mSazixdewDbqmkqhJJ/091yJoF4uPNmmviJe8XfoVrKGGjPAjzNtHmx1Q
pW4+ev0b/Sx7zeUiukwezEo9sGD5Sc+h2B5kfzFxwf37v9DyPWVk6pDBABEBAAGJ
ATYEGAEKACAWIQR1mMRFK5WyQMMfZjQL8exJE8+xBQUCawYIpwIbDAAKCRAL8exJ
E8+xBb6eCACtl4xCXYA3iUX16D3r5OfvC0HksKnrtWMskYkjbp1KJ5gDzlvYuyo6
tpoZsXCffSfOhQPdlhWjzOJWJ+yDTnwAN35R7OUw+yFk8RWzl10grAqNvCryTKST
PaEo5olwUV3CbOgMTegMshYZ5JpeGx48OZwnF7bwHk27AWFJtvGjJcSaXKMfngyy
z8/vA1RkcwiWjd5J4uwzOiOnO0nAr0xnGoYsvV/ni3nNzExWdUDauBmwBsPjkR6O
Ud6yLSaWRZ/m0yfl0207BqqQBtNdUQ4L8oihqGDJsdfnmylM8jsyLsPgrvdJDkEL
A+wepfO4Aj7rbMdc606h5qSxEifD3/ql
=5//Q
-----END PGP PUBLIC KEY BLOCK-----
$key$ AS public_key \gset
SELECT t.as_role('regress_bank2', format('SELECT dcep.set_identity_key(%L)', :'public_key')), t.try('SELECT dcep.set_identity_key(NULL)');
SELECT t.try(format('SELECT dcep.set_identity_key(%L)', given)) FROM unnest(ARRAY['', 'hello',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----', left(:'public_key', 300)]) AS given;
SELECT left(t.try(format('SELECT dcep.set_identity_key(%L, now() - interval ''1 hour'')', :'public_key')), 45);
-- Of a secret key packet under the name of a public one.
SELECT t.try(format('SELECT dcep.set_identity_key(%L)', armor('\x9403'::bytea)));
SET ROLE regress_central;
SELECT dcep.set_identity_key(:'public_key') AS first;
SELECT dcep.set_identity_key(:'public_key', now() + interval '1 day') AS of_tomorrow;
RESET ROLE;
SELECT number, key_id ~ '^[0-9A-F]{16}$' AS id, public_key = dearmor(:'public_key') AS is_it, (dcep.current_identity_key()).number AS current FROM dcep.identity_key ORDER BY identity_key.number;
SELECT t.try('UPDATE dcep.identity_key SET key_id = key_id'), t.try('TRUNCATE dcep.identity_key');

-- --- recording -----------------------------------------------------------------

CREATE TEMPORARY TABLE contact_before AS SELECT * FROM dcep.wallets_per_contact();
SELECT dcep.record_identity(t.w('ida'), '{"class": 1, "name": "Ida", "user_id": "u-1", "phone": "+86 138 0013 8000", "id_document": "11010519491231002x", "bank_account": "62 22"}');
SELECT dcep.record_identity(t.w('ivo'), '{"class": 1, "phone": "+8613800138000", "email": "Ivo@Example.org"}');
SELECT dcep.record_identity(t.w('ines'), '{"class": 1, "phone": "+8613800138000", "name": "Ines"}');
SELECT dcep.record_identity(t.w('ida'), '{"class": 1, "name": "Ida", "phone": "+8613800138009"}');
SELECT t.name(wallet) AS wallet, version, key_number, octet_length(ciphertext) > 256 AS encrypted, position('Ida' IN encode(ciphertext, 'escape')) AS legible FROM dcep.identity
WHERE wallet IN (t.w('ida'), t.w('ivo'), t.w('ines')) ORDER BY 1, 2;
SELECT t.name(wallet) AS wallet, kind, count(*) FROM dcep.wallet_identifier WHERE wallet IN (t.w('ida'), t.w('ivo'), t.w('ines')) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT t.try('UPDATE dcep.identity SET version = version'), t.try('DELETE FROM dcep.wallet_identifier');
-- How many wallets share a contact: those of this test. A name, a document or an account is no contact; a closed wallet counts no more.
CREATE TEMPORARY VIEW contact_change AS
    SELECT institution, kind, wallets_each, COALESCE(n.contacts, 0) - COALESCE(o.contacts, 0) AS contacts,
           COALESCE(n.wallets, 0) - COALESCE(o.wallets, 0) AS wallets, COALESCE(n.anonymous_wallets, 0) - COALESCE(o.anonymous_wallets, 0) AS anonymous
      FROM contact_before AS o FULL JOIN dcep.wallets_per_contact() AS n USING (institution, kind, wallets_each)
     WHERE (n.contacts, n.wallets, n.anonymous_wallets) IS DISTINCT FROM (o.contacts, o.wallets, o.anonymous_wallets);
SELECT * FROM contact_change ORDER BY 1, 2, 3;
BEGIN;
SELECT dcep.record_identity(t.w('ilse'), '{"phone": "0086 138 0013 8000"}');
SELECT * FROM contact_change WHERE wallets_each > 1;
SELECT t.pay('ilse', 'ida', 100) IS NOT NULL AS paid;
SELECT dcep.close_wallet(t.w('ilse'));
SELECT * FROM contact_change WHERE wallets_each > 1;
ROLLBACK;
SELECT role, t.as_role(role, 'SELECT FROM dcep.wallets_per_contact() HAVING count(*) > 0') FROM unnest(ARRAY['regress_bank2', 'regress_central', 'regress_auditor', 'regress_supervisor']) AS role;
-- Nobody reads them.
SELECT role, t.as_role(role, 'SELECT * FROM dcep.identity'), t.as_role(role, 'SELECT * FROM dcep.wallet_identifier')
FROM unnest(ARRAY['regress_bank2', 'regress_central', 'regress_auditor', 'regress_supervisor', 'regress_officer']) AS role;

-- --- finding --------------------------------------------------------------------

SET ROLE regress_bank2;
SELECT t.name(w) FROM dcep.find_wallets('phone', '0086 138 0013 8000') AS w ORDER BY 1;
SELECT t.name(w) FROM dcep.find_wallets('phone', '+8613800138009') AS w;
SELECT t.name(w) FROM dcep.find_wallets('email', 'IVO@example.org') AS w;
SELECT count(*) FROM dcep.find_wallets('email', 'nobody@example.org') AS w;
SET ROLE regress_bank3;
SELECT t.name(w) FROM dcep.find_wallets('phone', '+8613800138000') AS w;
-- The central bank finds within a case, and that is on record.
SET ROLE regress_central;
SELECT count(*) FROM dcep.find_wallets('phone', '+8613800138000') AS w;
SELECT dcep.open_case('I-1', 'finding') > 0 AS opened;
SELECT t.name(w) FROM dcep.find_wallets('phone', '+8613800138000') AS w ORDER BY 1;
SELECT dcep.close_case();
RESET ROLE;
SELECT institution, by_role, case_no, body::jsonb ->> 'kind' AS kind, jsonb_array_length(body::jsonb -> 'wallets') AS found FROM dcep.act WHERE kind = 'find_wallets' AND case_no = 'I-1';
SELECT t.try($$SELECT dcep.find_wallets('fax', '1')$$), t.as_role('regress_auditor', $$SELECT dcep.find_wallets('phone', '+861')$$);

-- --- disclosing ------------------------------------------------------------------
SELECT dcep.keep_refusals() \g /dev/null
CREATE TEMPORARY TABLE began AS SELECT COALESCE(max(id), 0) AS id FROM dcep.refusal;

CREATE FUNCTION t.order_disclosure(role name, wallet text, rest text) RETURNS text LANGUAGE sql AS $$
    SELECT t.as_role(role, format('SELECT dcep.order_disclosure(%L, %s)', t.w(wallet), rest))
$$;
CREATE FUNCTION t.disclose(role name, wallet text, case_no text) RETURNS text LANGUAGE sql AS $$
    SELECT t.as_role(role, format('SELECT dcep.disclose(%L, %L)', t.w(wallet), case_no))
$$;
-- Without an order nobody is told.
SELECT role, t.disclose(role, 'ida', 'I-2') FROM unnest(ARRAY['regress_officer', 'regress_central', 'regress_bank2', 'regress_supervisor', 'regress_auditor']) AS role;
-- What an order takes, and who gives it.
SELECT rest, t.order_disclosure('regress_central', 'ida', rest) FROM unnest(ARRAY[$$'', now() + interval '1 hour'$$, $$NULL, now() + interval '1 hour'$$, $$'I-2', NULL$$, $$'I-2', 'infinity'$$]) AS rest;
SELECT left(t.order_disclosure('regress_central', 'ida', $$'I-2', now()$$), 56);
SELECT t.order_disclosure('regress_central', 'nobody', $$'I-2', now() + interval '1 hour'$$);
SELECT role, t.order_disclosure(role, 'ines', $$'I-2', now() + interval '1 hour'$$) FROM unnest(ARRAY['regress_bank3', 'regress_auditor', 'regress_supervisor']) AS role;
SELECT t.order_disclosure('regress_central', 'ida', $$'I-2', now() + interval '1 hour'$$), t.order_disclosure('regress_central', 'ilse', $$'I-2', now() + interval '1 hour'$$);
SELECT t.order_disclosure('regress_officer', 'ivo', $$'I-2', now() + interval '1 hour'$$);
-- The roles of this test share one login, so that whoever ordered is whoever looks: refused.
SELECT t.disclose('regress_officer', 'ida', 'I-2'), t.disclose('regress_officer', 'ida', 'I-3'), t.disclose('regress_officer', 'ivo', 'I-2');
SELECT t.name(wallet), authority, case_no FROM dcep.disclosure_order WHERE case_no = 'I-2' ORDER BY id;
SELECT t.try('DELETE FROM dcep.disclosure_order');
SELECT count(*) FROM dcep.disclosures WHERE case_no = 'I-2';
-- Each attempt without an order, or beyond an agreement, is on record; what was wrong for other reasons is not.
SELECT dcep.keep_refusals();
SELECT r.sqlstate, r.message, r.institution, t.mask(r.attempt) AS attempt, r.payer IS NULL AND r.kind IS NULL AND r.order_id IS NULL AS no_payment
  FROM dcep.refusal AS r WHERE r.id > (SELECT b.id FROM began AS b) ORDER BY r.id;

-- --- what the auditor finds --------------------------------------------------------

SELECT * FROM dcep.verify_acts();
SELECT check_name, t.mask(detail) FROM dcep.audit_identities();
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE dcep.identity DISABLE TRIGGER ALL;
ALTER TABLE dcep.identity_key DISABLE TRIGGER ALL;
ALTER TABLE dcep.disclosure_order DISABLE TRIGGER ALL;
DELETE FROM dcep.identity WHERE wallet = t.w('ida');
UPDATE dcep.identity SET wallet = t.w('nobody') WHERE wallet = t.w('ines');
UPDATE dcep.identity SET key_number = 99 WHERE wallet = t.w('ivo');
UPDATE dcep.identity_key SET public_key = '\x00' WHERE number = 2;
UPDATE dcep.disclosure_order SET wallet = t.w('ivo') WHERE wallet = t.w('ilse');
INSERT INTO dcep.wallet_identifier VALUES ('0002999999999990', 2, 'phone', decode(repeat('00', 32), 'hex'));
SELECT check_name, t.name(wallet) AS wallet, regexp_replace(detail, 'order [0-9]+', 'order (id)') AS detail FROM dcep.audit_identities() ORDER BY 1, 2;
ROLLBACK;
DROP FUNCTION t.order_disclosure, t.disclose;
SELECT dcep.revoke_institution('regress_officer'), dcep.revoke_institution('regress_officer2');
DROP OWNED BY regress_officer, regress_officer2;
DROP ROLE regress_officer, regress_officer2;
