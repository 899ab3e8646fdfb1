-- Device keys: wallets that pay on signed instructions alone.  Signatures are made by a TAP test with
-- other programs; here are what needs none, and the vectors' fixed ones.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SELECT t.open('delia', 2, 1, 1000), t.open('dirk', 2, 1, 1000), t.open('dina', 3, 1, 1000);
-- Public halves of the keys of docs/format.md.
\set ed25519 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
\set p256 0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299
\set sm2 0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13

-- --- keys ----------------------------------------------------------------------

SELECT (dcep.parse_device_key(given)).suite, encode((dcep.parse_device_key(given)).public_key, 'hex') IN (:'ed25519', :'p256', :'sm2') AS read
FROM unnest(ARRAY[:'ed25519', upper(:'p256'), ' ' || :'sm2' || ' ', encode(decode(:'ed25519', 'hex'), 'base64'), replace(encode(decode(:'sm2', 'hex'), 'base64'), E'\n', ''),
    format(E'-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n', encode(decode('302a300506032b6570032100' || :'ed25519', 'hex'), 'base64'))]) AS given;
SELECT left(given, 30), t.try(format('SELECT dcep.parse_device_key(%L)', given))
FROM unnest(ARRAY['', 'hello', 'd75a', repeat('00', 32), '05' || repeat('11', 64), E'-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', NULL]) AS given;

SELECT role, t.as_role(role, format('SELECT dcep.add_device_key(%L, %L)', t.w('delia'), :'ed25519')) FROM unnest(ARRAY['regress_bank3', 'regress_central', 'regress_auditor']) AS role;
SELECT t.try(format('SELECT dcep.add_device_key(%L, %L)', t.w('nobody'), :'ed25519')), t.try(format('SELECT dcep.add_device_key(%L, %L)', t.w('vault2'), :'ed25519')),
       t.try(format('SELECT dcep.add_device_key(NULL, %L)', :'ed25519'));
SET ROLE regress_bank2;
SELECT dcep.add_device_key(t.w('delia'), :'ed25519') AS number;
SELECT number, suite, encode(public_key, 'hex') = :'ed25519' AS is_it, revoked_at FROM dcep.device_key WHERE wallet = t.w('delia');
RESET ROLE;
SELECT flags FROM dcep.wallet WHERE id = t.w('delia');
-- The second one needs the first one's consent.
SELECT t.try(format('SELECT dcep.add_device_key(%L, %L)', t.w('delia'), :'p256')), t.try(format('SELECT dcep.add_device_key(%L, %L, %L)', t.w('delia'), :'p256', '\x' || repeat('00', 64)));
SELECT t.try(format('SELECT dcep.add_device_key(%L, %L)', t.w('delia'), :'ed25519'));
SELECT encode(dcep.device_key_message('0002999999999990', :'ed25519'), 'hex');

-- --- what is signed -------------------------------------------------------------

-- As docs/format.md has it.
SELECT encode(dcep.instruction_bytes('0002999999999990', '0003123456789018', 1250, 'order 1'), 'hex');
SELECT encode(dcep.instruction_bytes('0002999999999990', NULL, 1250, 'order 1', '', 'token', '\x03e7255975a6bac0'), 'hex');
SELECT t.try('SELECT dcep.instruction_bytes(' || a || ')') FROM unnest(ARRAY[$$'0002999999999990', '0003123456789018', NULL, 'k'$$, $$'0002999999999990', '0003123456789018', 1, NULL$$,
    $$NULL, '0003123456789018', 1, 'k'$$, $$'0002999999999990', NULL, 1, 'k'$$, $$'0002999999999990', '0003123456789018', 1, 'k', NULL, 'token'$$, $$'0002999999999990', NULL, 1, 'k', NULL, 'token', '\x00'$$,
    $$'0002999999999990', '0003123456789018', 1, 'k', NULL, NULL$$]) AS a;
-- The vectors' signatures hold for the bytes, of any suite, raw and as DER; and only while the key does.
INSERT INTO dcep.device_key SELECT '0002999999999990', n, s, decode(k, 'hex'), '2020-01-01', NULL, NULL, 0 FROM (VALUES (1, 'ed25519', :'ed25519'), (2, 'sm2', :'sm2'), (3, 'p256', :'p256')) AS v (n, s, k);
SELECT name, dcep.device_signed('0002999999999990', dcep.instruction_bytes('0002999999999990', '0003123456789018', 1250, 'order 1'), signature::bytea, now()) AS good,
       dcep.device_signed('0002999999999990', dcep.instruction_bytes('0002999999999990', '0003123456789018', 1251, 'order 1'), signature::bytea, now()) AS other,
       dcep.device_signed('0002999999999990', dcep.instruction_bytes('0002999999999990', '0003123456789018', 1250, 'order 1'), signature::bytea, '2019-12-31') AS before
FROM (VALUES ('ed25519', '\xffa1a89039fd04f08b50ee8c267c8a7b3bda9a1e04292247f294212ed6d998db132aa60a9044927338bdaaf875f1c15b03cbd6aa706c5ded3355ab64528e050c'),
             ('sm2', '\xf4904e1463a993dc01d4efc5724818cc39c70551804abdb9a3591dbc974532262d0ffbd4f6feb3b2428d2369ac24e4643f91ed0ff5fb30a1b2e492d8f8ecf827'),
             ('p256', '\x5addc43131be929696da6f14a074f6628ee3b2464248aa2c0f20df565443a1981fbdb44cec22db75a7f04c0b277098c3f7e83f7e4021927ad0db54f66621854d'),
             ('p256 DER', '\x304402205addc43131be929696da6f14a074f6628ee3b2464248aa2c0f20df565443a19802201fbdb44cec22db75a7f04c0b277098c3f7e83f7e4021927ad0db54f66621854d'),
             ('cut', '\xffa1'), ('empty', '\x')) AS v (name, signature);

-- --- paying ----------------------------------------------------------------------

\set zeros '\\x00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 1)', t.w('delia'), t.w('dirk')));
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 1, ''k1'')', t.w('delia'), t.w('dirk')));
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 1, NULL, NULL, %L)', t.w('delia'), t.w('dirk'), :'zeros'));
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 1, ''k1'', NULL, %L)', t.w('delia'), t.w('dirk'), signature)) FROM unnest(ARRAY[:'zeros', '\x00', '\x']) AS signature;
SELECT t.try(format('INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (''exchange_out'', %L, %L, 1)', t.w('delia'), t.w('vault2')));
SELECT s.sqlstate, s.detail FROM dcep.submit(ARRAY[ROW(t.w('delia'), t.w('dirk'), 1, 'k1', NULL)::dcep.instruction]) AS s;
-- Where several apply: key used for something else before, everything about kinds and restrictions after.
SELECT dcep.freeze(t.w('delia'), 'both', 'test');
SELECT left(t.try(format('SELECT dcep.transfer(%L, %L, 1)', t.w('delia'), t.w('dirk'))), 5), left(t.try(format('SELECT dcep.transfer(%L, %L, 0)', t.w('delia'), t.w('dirk'))), 5);
SELECT dcep.unfreeze(t.w('delia'), 'both', 'test');
SELECT flags FROM dcep.wallet WHERE id = t.w('delia');
-- It receives, and consolidates, without.
SELECT t.pay('dirk', 'delia', 5), t.pay('dirk', 'delia', 6), dcep.consolidate(t.w('delia'));
-- A signature beside a line of a payment file, and what dcep.explain_transfer() says of it: the vectors' wallets, for as long.
BEGIN;
INSERT INTO dcep.wallet (id, institution, class, flags) VALUES ('0002999999999990', 2, 1, 8), ('0003123456789018', 3, 1, 0);
INSERT INTO dcep.wallet_chain (wallet) VALUES ('0002999999999990'), ('0003123456789018');
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), '0002999999999990', 5000);
\set good '\\xffa1a89039fd04f08b50ee8c267c8a7b3bda9a1e04292247f294212ed6d998db132aa60a9044927338bdaaf875f1c15b03cbd6aa706c5ded3355ab64528e050c'
\set der '\\x304402205addc43131be929696da6f14a074f6628ee3b2464248aa2c0f20df565443a19802201fbdb44cec22db75a7f04c0b277098c3f7e83f7e4021927ad0db54f66621854d'
SELECT what, e.position, e.verdict, e.sqlstate, e.message, e.detail, e.hint IS NOT NULL AS hint
  FROM (VALUES ('nothing', '0003123456789018', 1250, 'transfer', NULL, NULL, NULL), ('no key', '0003123456789018', 1250, 'transfer', NULL, NULL, :'good'),
               ('no signature', '0003123456789018', 1250, 'transfer', 'order 1', NULL, NULL), ('signed', '0003123456789018', 1250, 'transfer', 'order 1', NULL, :'good'),
               ('signed, DER', '0003123456789018', 1250, 'transfer', 'order 1', NULL, :'der'), ('another memo', '0003123456789018', 1250, 'transfer', 'order 1', 'tea', :'good'),
               ('another amount', '0003123456789018', 1251, 'transfer', 'order 1', NULL, :'good'), ('cut', '0003123456789018', 1250, 'transfer', 'order 1', NULL, '\xffa1'),
               ('another kind', dcep.vault(2)::text, 1250, 'exchange_out', 'order 1', NULL, :'good')) AS v (what, payee, amount, kind, key, memo, signature),
       dcep.explain_transfer('0002999999999990', v.payee::dcep.wallet_id, v.amount, v.kind::dcep.transfer_kind, v.key, v.memo, v.signature::bytea) AS e
 WHERE e.sqlstate = 'LG104' OR e.verdict = 'refuse';
-- It is not asked of payers without, nor where the payer gets money; a signature that nobody can verify is.
SELECT count(*) FROM dcep.explain_transfer(t.w('dirk'), '0002999999999990', 1) WHERE sqlstate = 'LG104';
SELECT position, verdict FROM dcep.explain_transfer(t.w('dirk'), '0002999999999990', 1, device_signature => '\x00') WHERE sqlstate = 'LG104';
SELECT count(*) FROM dcep.explain_transfer(dcep.vault(2), '0002999999999990', 1, 'exchange_in') WHERE sqlstate = 'LG104';
SELECT s.line, (s.receipt).amount, s.sqlstate, s.detail
  FROM dcep.submit(ARRAY[ROW('0002999999999990', '0003123456789018', 1250, 'order 1', NULL), ROW('0002999999999990', '0003123456789018', 1250, 'order 1', NULL),
                         ROW('0002999999999990', '0003123456789018', 1251, 'order 2', NULL), ROW('nobody', '0003123456789018', 1250, 'order 3', NULL),
                         ROW('0002999999999990', '0003123456789018', 1250, 'order 1', NULL), ROW('0003123456789018', t.w('dirk'), 50, NULL, 'unsigned')]::dcep.instruction[],
                   ARRAY[NULL, :'good', :'good', :'good', :'der', NULL]::bytea[]) AS s;
SELECT encode(device_signature, 'hex') = substr(:'good', 3) AS kept FROM dcep.transfer WHERE payer = '0002999999999990' AND key = 'order 1';
SELECT t.try(format('SELECT count(*) FROM dcep.submit(ARRAY[ROW(1, 2, 3, 4, 5), ROW(1, 2, 3, 4, 5)]::dcep.instruction[], %L)', s)) FROM unnest(ARRAY['{}', '{NULL}', '{NULL,NULL,NULL}', '{NULL,NULL}']) AS s;
SELECT check_name, detail FROM dcep.audit_devices() WHERE wallet = '0002999999999990' AND check_name ~ 'payment';
ROLLBACK;
-- A signature that nobody can verify is not stored.
SELECT t.try(format('SELECT dcep.transfer(%L, %L, 1, ''k2'', NULL, %L)', t.w('dirk'), t.w('delia'), :'zeros'));

-- --- revoking ----------------------------------------------------------------------

SELECT t.try(format('SELECT dcep.revoke_device_key(%L, %s)', t.w('delia'), a)) FROM unnest(ARRAY[$$1, ''$$, $$1, NULL$$, $$NULL, 'x'$$, $$2, 'x'$$]) AS a;
SELECT t.as_role('regress_bank3', format('SELECT dcep.revoke_device_key(%L, 1, ''lost'')', t.w('delia'))), t.as_role('regress_bank3', format('SELECT dcep.revoke_device_key(%L, 2, ''lost'')', t.w('delia')));
SET ROLE regress_bank2;
SELECT dcep.revoke_device_key(t.w('delia'), 1, 'lost');
RESET ROLE;
SELECT number, revoked_at IS NOT NULL AS revoked, revocation_reason FROM dcep.device_key WHERE wallet = t.w('delia');
SELECT t.try(format('SELECT dcep.revoke_device_key(%L, 1, ''again'')', t.w('delia')));
SELECT left(t.try(format('SELECT dcep.transfer(%L, %L, 1)', t.w('delia'), t.w('dirk'))), 5);
-- The operator adds the next one; a key that was revoked does not come back.
SELECT t.try(format('SELECT dcep.add_device_key(%L, %L)', t.w('delia'), :'ed25519'));
SELECT dcep.add_device_key(t.w('delia'), :'sm2') AS number;
-- Nothing else of a key ever changes.
SELECT t.try('UPDATE dcep.device_key SET number = number + 7 WHERE wallet = ' || quote_literal(t.w('delia'))), t.try('DELETE FROM dcep.device_key'), t.try('TRUNCATE dcep.device_key');
SELECT kind, body::jsonb - 'wallet' - 'valid_from' - 'revoked_at' AS body FROM dcep.act WHERE body::jsonb ->> 'wallet' = t.w('delia')::text AND kind ~ 'device' ORDER BY seq;

-- --- what the auditor finds ----------------------------------------------------------

BEGIN;
ALTER TABLE dcep.device_key DISABLE TRIGGER ALL;
DELETE FROM dcep.device_key WHERE wallet = '0002999999999990';
ALTER TABLE dcep.device_key ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE dcep.device_key ENABLE ALWAYS TRIGGER append_only_row;
ALTER TABLE dcep.device_key ENABLE ALWAYS TRIGGER revoke_only;
COMMIT;
SELECT check_name, detail FROM dcep.audit_devices();
SELECT t.pay('dirk', 'dina', 5);
BEGIN;
ALTER TABLE dcep.device_key DISABLE TRIGGER ALL;
UPDATE dcep.device_key SET public_key = decode(:'p256', 'hex'), suite = 'p256' WHERE wallet = t.w('delia') AND number = 2;
UPDATE dcep.device_key SET revoked_at = revoked_at - interval '1 day' WHERE wallet = t.w('delia') AND number = 1;
INSERT INTO dcep.device_key SELECT t.w('dirk'), 1, 'sm2', decode(:'sm2', 'hex'), '2020-01-01', NULL, NULL, 0;
UPDATE dcep.wallet SET flags = 8 WHERE id = t.w('dina');
SELECT check_name, t.name(wallet) AS wallet, t.transfer(transfer) AS transfer, detail FROM dcep.audit_devices() ORDER BY 1, 2, 3;
ROLLBACK;
BEGIN;
ALTER TABLE dcep.device_key DISABLE TRIGGER ALL;
DELETE FROM dcep.device_key WHERE wallet = t.w('delia');
SELECT check_name, t.name(wallet) AS wallet, regexp_replace(detail, 'act [0-9]+', 'act (id)') AS detail FROM dcep.audit_devices() ORDER BY 1, 2;
ROLLBACK;
