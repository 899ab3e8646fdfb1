-- Signing keys: made, changed, revoked.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT dcep.enroll_institution(61, 'Bank of Keys', 'operator');
INSERT INTO t.wallet VALUES ('vault61', dcep.vault(61));
SELECT dcep.deposit_reserve(61, 10000), (dcep.issue(61, 10000)).amount;
CREATE VIEW t.key AS
    SELECT k.institution, k.number, k.suite, octet_length(k.public_key) AS bytes, octet_length(k.public_key) = 65 AND get_byte(k.public_key, 0) = 4 AS point, k.valid_from <= clock_timestamp() AS valid, k.valid_until,
           k.revoked_at <= clock_timestamp() AS revoked, k.revocation_reason
      FROM dcep.signing_key AS k WHERE k.institution = 61;

-- Without a key nothing is paid, and everything can be read.
SELECT t.open('key1', 61, 1);
SELECT t.try($$SELECT t.pay('vault61', 'key1', 100)$$);
SELECT * FROM t.purse('vault61', 'key1');
SELECT count(*), sum(dcep.amount(c)), bool_and(dcep.verify(c)) FROM dcep.coins(t.w('vault61')) AS c;
SELECT * FROM t.defects('vault61');

-- Numbers count from one an institution; every suite; what is not one.
SELECT dcep.generate_key(61, 'ed25519');
SELECT t.pay('vault61', 'key1', 100);
SELECT c, t.try('SELECT dcep.generate_key(' || c || ')') FROM unnest(ARRAY[$$61, 'rsa'$$, $$61, 'Ed25519'$$, $$61, ''$$, $$9990, 'ed25519'$$, $$0, 'ed25519'$$, $$-1, 'sm2'$$, $$65597, 'sm2'$$]) AS c;
SELECT dcep.generate_key(NULL, 'ed25519');
SELECT dcep.generate_key(61, NULL);
-- Of other kinds there is none without the file that names the token or the process.
SELECT dcep.generate_key(61, 'p256', NULL);
SELECT t.try($$SELECT dcep.generate_key(61, 'p256', 'hsm')$$);
SELECT t.try($$SELECT dcep.generate_key(61, 'p256', 'pkcs11')$$), t.try($$SELECT dcep.generate_key(61, 'p256', 'process')$$);
SELECT * FROM dcep.signer_status() WHERE institution = 61;
SELECT * FROM t.key ORDER BY number;

-- Change of key: the next payment is signed with the new one; coins of the old one verify and are spent.
SELECT dcep.generate_key(61, 'p256');
SELECT t.pay('key1', 'vault61', 10);
SELECT t.pay('vault61', 'key1', 7);
SELECT dcep.generate_key(61, 'sm2');
SELECT t.pay('key1', 'vault61', 6);
SELECT transfer, amount, change, inputs, suite, key_number, chained FROM t.journal WHERE payer IN ('key1', 'vault61') ORDER BY id;
SELECT dcep.amount(c), dcep.suite(c), dcep.key_number(c), dcep.verify(c), dcep.coin_state(c) FROM dcep.coins(t.w('key1')) AS c;
SELECT t.pay('key1', 'vault61', 91);
SELECT * FROM t.purse('key1');
SELECT * FROM t.defects('key1') UNION ALL SELECT * FROM t.defects('vault61');
SELECT * FROM t.key ORDER BY number;
-- A key whose making was rolled back is not there, and its number is free.
BEGIN;
SELECT dcep.generate_key(61, 'ed25519');
SELECT t.pay('vault61', 'key1', 1);
ROLLBACK;
SELECT dcep.generate_key(61, 'ed25519');
SELECT t.pay('vault61', 'key1', 2);
SELECT suite, key_number FROM t.journal WHERE payer = 'vault61' ORDER BY id DESC LIMIT 1;
-- In one transaction, in the middle of payments.
BEGIN;
SELECT t.pay('vault61', 'key1', 3);
SELECT dcep.generate_key(61, 'p256');
SELECT t.pay('vault61', 'key1', 4);
SELECT key_number, suite FROM t.journal WHERE payer = 'vault61' ORDER BY id DESC LIMIT 2;
ROLLBACK;

-- --- revocation ------------------------------------------------------------------

-- The youngest key revoked now: what it signed stands, and the one before signs again.
SELECT dcep.revoke_key(61, 4, 'lost');
SELECT t.pay('vault61', 'key1', 5);
SELECT suite, key_number FROM t.journal WHERE payer = 'vault61' ORDER BY id DESC LIMIT 1;
SELECT * FROM t.key ORDER BY number;
SELECT * FROM t.defects('vault61');
SELECT dcep.verify(c) FROM dcep.coins(t.w('key1')) AS c;
-- Revoked as of a time: what was signed before stands and is spent, what was signed after is refused.
SELECT t.open('before', 61, 1), t.open('after', 61, 1);
SELECT dcep.generate_key(61, 'ed25519') AS number \gset
SELECT t.pay('vault61', 'before', 20);
SELECT pg_sleep(0.01);
SELECT clock_timestamp() AS stolen \gset
SELECT pg_sleep(0.01);
SELECT t.pay('vault61', 'after', 30), t.pay('vault61', 'before', 9);
SELECT c::text AS good FROM dcep.coins(t.w('before')) AS c WHERE dcep.amount(c) = 20 \gset
SELECT c::text AS bad FROM dcep.coins(t.w('after')) AS c \gset
SELECT dcep.verify(:'good'), dcep.coin_state(:'good'), dcep.verify(:'bad'), dcep.coin_state(:'bad');
SELECT dcep.revoke_key(61, :number, 'stolen', :'stolen');
SELECT dcep.verify(:'good'), dcep.coin_state(:'good'), dcep.check(:'good') = :'good' AS check;
SELECT t.try(format('SELECT dcep.verify(%L)', :'bad'));
SELECT t.try(format('SELECT dcep.check(%L)', :'bad'));
SELECT dcep.coin_state(:'bad');
SELECT * FROM t.purse('before', 'after');
-- The next key signs what the wallets pay now; the vault's change is of the time after, too.
SELECT t.pay('before', 'key1', 15);
SELECT t.try($$SELECT t.pay('before', 'key1', 14)$$);
SELECT t.try($$SELECT t.pay('after', 'key1', 1)$$);
SELECT t.try($$SELECT count(*) FROM dcep.coins(t.w('after'))$$);
SELECT count(*) FROM dcep.coins(t.w('key1'));
SELECT d.defect, d.wallet_name, d.detail FROM t.defects('vault61') AS d;
SELECT d.defect, d.wallet_name, d.detail FROM t.defects('vault61', false) AS d;
-- In a file, that is a refused line.
SELECT s.sqlstate, s.message FROM dcep.submit(ARRAY[ROW(t.w('after'), t.w('key1'), 1, NULL, NULL)::dcep.instruction, ROW(t.w('key1'), t.w('before'), 1, NULL, NULL)::dcep.instruction]) AS s;
-- A second revocation makes it earlier, never later; the reasons add up.
SELECT revoked_at AS first FROM dcep.signing_key WHERE institution = 61 AND number = :number \gset
SELECT dcep.revoke_key(61, :number, 'again');
SELECT revoked_at = :'first' AS same, revocation_reason FROM dcep.signing_key WHERE institution = 61 AND number = :number;
BEGIN;
SELECT dcep.revoke_key(61, :number, 'earlier', :'stolen'::timestamptz - interval '1 day');
SELECT revoked_at = :'first'::timestamptz - interval '1 day' AS earlier, revocation_reason FROM dcep.signing_key WHERE institution = 61 AND number = :number;
SELECT dcep.coin_state(:'good');
ROLLBACK;
-- Of a time to come: it still signs, until then.
BEGIN;
SELECT dcep.generate_key(61, 'ed25519') AS later \gset
SELECT dcep.revoke_key(61, :later, 'planned', clock_timestamp() + interval '1 hour');
SELECT t.pay('key1', 'before', 1);
SELECT key_number = :later AS signed FROM dcep.transfer WHERE payer = t.w('key1') ORDER BY seq DESC LIMIT 1;
ROLLBACK;
-- A key's validity has an end without a revocation, too.
BEGIN;
UPDATE dcep.signing_key SET valid_until = valid_from + interval '1 microsecond' WHERE institution = 61 AND number = 3;
SELECT d.defect, d.wallet_name, d.seq, d.transfer, d.detail FROM t.defects('key1') AS d;
ROLLBACK;

-- What revoking takes.
SELECT c, t.try('SELECT dcep.revoke_key(' || c || ')') FROM unnest(ARRAY[$$61, 99, 'x'$$, $$61, 0, 'x'$$, $$9990, 1, 'x'$$, $$NULL, 1, 'x'$$, $$61, NULL, 'x'$$, $$61, 1, NULL$$, $$61, 1, 'infinity', 'infinity'$$]) AS c;
-- The only keys of all: nothing is signed any more, with a way out, and everything can be read.
SELECT dcep.revoke_key(61, k.number, 'closing down') FROM dcep.signing_key AS k WHERE k.institution = 61 ORDER BY k.number;
SELECT t.try($$SELECT t.pay('key1', 'before', 1)$$);
SELECT * FROM t.purse('key1', 'before');
SELECT count(*), bool_and(dcep.verify(c)) FROM dcep.coins(t.w('key1')) AS c;
SELECT t.try($$SELECT t.pay('alice', 'key1', 1)$$);
SELECT s.sqlstate FROM dcep.submit(ARRAY[ROW(t.w('key1'), t.w('before'), 1, NULL, NULL)::dcep.instruction]) AS s;
SELECT dcep.generate_key(61, 'ed25519') > 0 AS number;
SELECT t.pay('key1', 'before', 1);

-- The central bank's own key, by which reserves are signed.
BEGIN;
SELECT dcep.revoke_key(1, 1, 'drill');
SELECT t.try('SELECT dcep.deposit_reserve(61, 1)');
SELECT t.try('SELECT dcep.issue(61, 1)');
SELECT t.pay('key1', 'before', 1);
SELECT dcep.generate_key(1, 'sm2');
SELECT dcep.deposit_reserve(61, 1), (dcep.issue(61, 1)).amount;
SELECT suite, key_number FROM dcep.reserve_entry WHERE institution = 61 ORDER BY seq DESC LIMIT 2;
SELECT * FROM dcep.verify_reserves();
ROLLBACK;

-- The private half on file must be that of the public half on record.
BEGIN;
UPDATE dcep.signing_key SET public_key = (SELECT k.public_key FROM dcep.signing_key AS k WHERE k.institution = 2 AND k.number = 1) WHERE institution = 61 AND suite = 'ed25519';
SELECT regexp_replace(t.try($$SELECT t.pay('key1', 'before', 1)$$), 'private key [0-9]+', 'private key (n)');
ROLLBACK;
BEGIN;
UPDATE dcep.signing_key SET public_key = decode('04' || repeat('00', 64), 'hex') WHERE institution = 61 AND suite = 'sm2';
SELECT left(t.try($$SELECT count(*) FROM dcep.verify_chain(t.w('key1'))$$), 46);
ROLLBACK;
SELECT t.pay('key1', 'before', 1);

-- Who may.
SET ROLE regress_bank2;
SELECT dcep.generate_key(3, 'ed25519');
SELECT dcep.revoke_key(2, 1, 'mine');
SET ROLE regress_auditor;
SELECT dcep.generate_key(2, 'ed25519');
SET ROLE regress_central;
BEGIN;
SELECT dcep.generate_key(61, 'ed25519') > 0 AS number;
SELECT dcep.revoke_key(61, 1, 'again');
ROLLBACK;
SET ROLE regress_bank2;
BEGIN;
SELECT dcep.generate_key(2, 'ed25519') > 1 AS number;
ROLLBACK;
RESET ROLE;
-- What is found of it all: the money that the stolen key signed after the theft, and nothing else.
SELECT a.check_name, a.wallet_name, a.detail FROM t.audit() AS a;
-- A later test finds a sound ledger: the revocation is taken back by hand, as no call does.
UPDATE dcep.signing_key SET revoked_at = NULL, revocation_reason = NULL WHERE institution = 61 AND number = :number;
SELECT * FROM t.audit();
DROP VIEW t.key;
