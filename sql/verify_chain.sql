-- dcep.verify_chain(): every way of altering history, and what betrays it.  What is done here by a superuser with
-- triggers disabled, a holder of the disk can do with an editor.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT t.open('v1', 2, 1, 1000), t.open('v2', 3, 1), t.open('v3', 4, 1), t.open('v4', 2, 1, 100), t.open('v5', 2, 1), t.open('v6', 2, 1);
SELECT t.pay('v1', 'v2', 100, 'key', 'memo');
SELECT t.pay('v1', 'v2', 200);
SELECT t.pay('v1', 'v3', 300);
SELECT t.pay('v2', 'v3', 50, 'key');
SELECT t.pay('v3', 'v1', 25, NULL, 'memo');
SELECT t.pay('v1', 'v2', 10);
SELECT t.pay('v4', 'v5', 40);
SELECT t.pay('v5', 'v6', 40);
-- Of the payments of one statement the first is signed alone, the others have one signature together.
SELECT t.open('b1', 2, 1, 100), t.open('b2', 2, 1);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('b1'), t.w('b2'), n FROM generate_series(1, 4) AS n;
SELECT transfer, j.amount, t.transfer(j.batch) AS batch, batch_index, octet_length(b.leaves) AS leaves, j.signature IS NULL AS unsigned, octet_length(b.signature) AS signature
FROM t.journal JOIN dcep.transfer AS j USING (id) LEFT JOIN dcep.signed_batch AS b ON b.id = j.batch WHERE j.payer = t.w('b1') ORDER BY j.id;
SELECT transfer, payee, amount, change, inputs, key, memo, suite, chained FROM t.journal WHERE payer LIKE 'v_' ORDER BY id;
SELECT * FROM t.purse('v1', 'v2', 'v3', 'v4', 'v5', 'v6');

-- Sound: all chains, one, a wallet that has never paid, one that does not exist; with and without signatures.
SELECT * FROM dcep.verify_chain();
SELECT * FROM dcep.verify_chain(signatures => false);
SELECT * FROM dcep.verify_chain(NULL, NULL);
SELECT * FROM dcep.verify_chain(t.w('v1'));
SELECT * FROM dcep.verify_chain(t.w('v6'), false);
SELECT * FROM dcep.verify_chain('0002999999999990');

CREATE OR REPLACE FUNCTION t.id(transfer text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT j.id FROM dcep.transfer AS j WHERE j.payer = t.w(split_part(transfer, '#', 1)) AND j.seq = split_part(transfer, '#', 2)::bigint
$$;
-- Does something with all triggers disabled, says which defects that leaves, and undoes it.
CREATE FUNCTION t.tampered(statements text, wallet text DEFAULT NULL, signatures boolean DEFAULT false)
    RETURNS TABLE (defect text, wallet_name text, seq bigint, transfer text, detail text) LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    BEGIN
        ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
        ALTER TABLE dcep.wallet_chain DISABLE TRIGGER ALL;
        ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
        ALTER TABLE dcep.signed_batch DISABLE TRIGGER ALL;
        EXECUTE statements;
        found := (SELECT jsonb_agg(d ORDER BY d.wallet_name, d.ordinality) FROM t.defects(wallet, signatures) WITH ORDINALITY AS d);
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN QUERY SELECT r.* FROM jsonb_to_recordset(found) AS r (defect text, wallet_name text, seq bigint, transfer text, detail text);
END
$$;

-- --- a column that the hash covers ----------------------------------------------

SELECT c AS changed, d.* FROM (VALUES
    ('amount', 'amount + 1'), ('payee', $$t.w('v4')$$), ('memo', $$'other'$$), ('memo', 'NULL'), ('memo', $$''$$), ('key', $$'other'$$), ('key', 'NULL'),
    ('created_at', $$created_at + interval '1 microsecond'$$), ('kind', $$'exchange_out'$$), ('change', 'change - 1'), ('change', '0'),
    ('inputs', $$'{}'$$), ('inputs', 'inputs || inputs'), ('inputs', 'array_append(inputs, 2::bigint)'),
    ('suite', '2'), ('suite', '3'), ('id', '4000000000000000000'),
    ('hash', $$sha256('other')$$), ('prev_hash', $$sha256('other')$$)) AS v (c, value),
    LATERAL t.tampered(format('UPDATE dcep.transfer SET %I = %s WHERE id = t.id(''v1#1'')', c, value)) AS d;
-- NULL and the empty text, the inputs' order, and where one field ends and the next begins, are all told apart.
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET memo = '' WHERE id = t.id('v1#2')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET key = '' WHERE id = t.id('v1#2')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET key = 'keymemo', memo = '' WHERE id = t.id('v1#1')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET key = 'keym', memo = 'emo' WHERE id = t.id('v1#1')$$) AS d;
-- In the other suites.
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET amount = 51 WHERE id = t.id('v2#1')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET memo = 'Memo' WHERE id = t.id('v3#1')$$) AS d;
-- Moved to another payer, or to another place in the chain.
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET payer = t.w('v6') WHERE id = t.id('v1#2')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET seq = 9 WHERE id = t.id('v1#2')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET seq = 9 WHERE id = t.id('v1#4')$$) AS d;

-- --- what the signature covers -----------------------------------------------------

SELECT w AS altered, d.* FROM unnest('{v1#1,v2#1,v3#1}'::text[]) AS w,
    LATERAL t.tampered(format('UPDATE dcep.transfer SET signature = set_byte(signature, 0, get_byte(signature, 0) # 1) WHERE id = t.id(%L)', w),
                       split_part(w, '#', 1), true) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET signature = (SELECT signature FROM dcep.transfer WHERE id = t.id('v1#2')) WHERE id = t.id('v1#1')$$,
                           'v1', true) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET key_number = 2 WHERE id = t.id('v1#1')$$, 'v1', true) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET issuer = 3 WHERE id = t.id('v1#1')$$, 'v1', true) AS d;
-- A batch: its signature, its leaves, its key, its place; one that is gone, and a transfer that is put into another's.
SELECT c AS changed, d.* FROM (VALUES ('signature = set_byte(signature, 0, get_byte(signature, 0) # 1)'), ('leaves = set_byte(leaves, 0, get_byte(leaves, 0) # 1)'),
    ('leaves = substr(leaves, 1, 64)'), ('leaves = leaves || leaves'), ($$leaves = ''$$), ($$leaves = '\x00'$$), ($$signature = ''$$), ('issuer = 3'), ('key_number = 99'), ('suite = 3'), ('suite = 9'), ('id = id + 1000000')) AS v (c),
    LATERAL t.tampered(format('UPDATE dcep.signed_batch SET %s WHERE id = t.id(''b1#2'')', c), 'b1', true) AS d;
SELECT d.* FROM t.tampered($$DELETE FROM dcep.signed_batch WHERE id = t.id('b1#2')$$, 'b1', true) AS d;
SELECT c AS changed, d.* FROM (VALUES ('batch_index = 0'), ('batch_index = 3'), ('batch_index = -1'), ('batch_index = NULL'), ('batch = NULL'), ('batch = 1'), ('batch = NULL, batch_index = NULL'),
    ('signature = (SELECT signature FROM dcep.signed_batch AS b WHERE b.id = batch)'), ('batch = NULL, batch_index = NULL, signature = (SELECT signature FROM dcep.signed_batch AS b WHERE b.id = batch)')) AS v (c),
    LATERAL t.tampered(format('UPDATE dcep.transfer SET %s WHERE id = t.id(''b1#3'')', c), 'b1', true) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET memo = 'other' WHERE id = t.id('b1#3')$$, 'b1', true) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET signature = NULL, batch = t.id('b1#2'), batch_index = 1 WHERE id = t.id('v1#1')$$, 'v1', true) AS d;
-- Without signatures these are not seen, as said.
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET signature = set_byte(signature, 0, get_byte(signature, 0) # 1) WHERE id = t.id('v1#1')$$) AS d;
-- What cannot even be read is reported, and the walk goes on.
SELECT c AS changed, d.* FROM (VALUES ('signature', $$''$$), ('hash', $$''$$), ('prev_hash', $$'\x00'$$), ('suite', '9'), ('seq', '0'),
    ('amount', '-1'), ('change', '-1'), ('issuer', '0'), ('inputs', $$'{{1,2},{3,4}}'$$), ('inputs', $$'{NULL}'$$), ('inputs', $$'{0}'$$), ('inputs', $$'{-2}'$$),
    ('amount', '0'), ('amount', '9223372036854775807'), ('change', '9223372036854775807'), ('key_number', '0'), ('created_at', $$'infinity'$$), ('created_at', $$'294000-01-01'$$),
    ('created_at', $$'4000-01-01 BC'$$), ('id', '-1'), ('id', '9223372036854775807'), ('payee', $$'0002999999999990'$$)) AS v (c, value),
    LATERAL t.tampered(format('UPDATE dcep.transfer SET %I = %s WHERE id = t.id(''v1#1'')', c, value)) AS d;

-- --- rows removed, put in, exchanged ---------------------------------------------------

SELECT w AS removed, d.* FROM unnest('{v1#1,v1#2,v1#4,v2#1,v4#1,v5#1}'::text[]) AS w,
    LATERAL t.tampered(format('DELETE FROM dcep.transfer WHERE id = t.id(%L)', w)) AS d;
SELECT d.* FROM t.tampered($$DELETE FROM dcep.transfer WHERE payer = t.w('v1')$$) AS d;
SELECT d.* FROM t.tampered($$DELETE FROM dcep.transfer WHERE payer = t.w('v5'); DELETE FROM dcep.wallet_chain WHERE wallet = t.w('v5')$$) AS d;
SELECT d.* FROM t.tampered($$DELETE FROM dcep.wallet_chain WHERE wallet = t.w('v5')$$) AS d;
-- A forged row at the end, in the middle, for a wallet that never paid; the head follows it.
CREATE FUNCTION t.forge(payer text, like_transfer text, new_seq bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO dcep.transfer
    SELECT (jsonb_populate_record(j, jsonb_build_object('id', 4000000000000000000 + new_seq, 'payer', t.w(forge.payer)::text, 'payee', t.w('v6')::text, 'amount', 77, 'change', 0,
            'seq', new_seq, 'hash', sha256('forged'), 'key', NULL, 'memo', NULL, 'prev_hash',
            COALESCE((SELECT p.hash FROM dcep.transfer AS p WHERE p.payer = t.w(forge.payer) AND p.seq = new_seq - 1), decode(repeat('00', 32), 'hex'))))).*
      FROM dcep.transfer AS j WHERE j.id = t.id(like_transfer)
$$;
SELECT d.* FROM t.tampered($$SELECT t.forge('v1', 'v1#4', 5)$$) AS d;
SELECT d.* FROM t.tampered($$SELECT t.forge('v1', 'v1#4', 5); UPDATE dcep.wallet_chain SET seq = 5, head = sha256('forged') WHERE wallet = t.w('v1')$$) AS d;
SELECT d.* FROM t.tampered($$SELECT t.forge('v6', 'v1#4', 1); UPDATE dcep.wallet_chain SET seq = 1, head = sha256('forged') WHERE wallet = t.w('v6')$$) AS d;
-- A copy of a true row under another id, in a chain of its own.
SELECT d.* FROM t.tampered($$INSERT INTO dcep.transfer SELECT (jsonb_populate_record(j, jsonb_build_object('id', 4000000000000000000, 'payer', t.w('v6')::text, 'seq', 1))).*
    FROM dcep.transfer AS j WHERE j.id = t.id('v1#1');
    UPDATE dcep.wallet_chain AS c SET seq = 1, head = j.hash FROM dcep.transfer AS j WHERE c.wallet = t.w('v6') AND j.id = t.id('v1#1')$$) AS d;
-- Without disabling triggers: replication's role inserts, and is found out.
BEGIN;
SET LOCAL session_replication_role = replica;
SELECT t.forge('v1', 'v1#4', 5);
SELECT * FROM t.defects('v1');
ROLLBACK;
-- Two rows change places; two rows change contents.
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET seq = -seq WHERE payer = t.w('v1') AND seq IN (2, 3);
                             UPDATE dcep.transfer SET seq = 5 + seq WHERE payer = t.w('v1') AND seq < 0$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer AS a SET amount = b.amount, payee = b.payee FROM dcep.transfer AS b
    WHERE a.payer = t.w('v1') AND b.payer = a.payer AND a.seq IN (2, 3) AND b.seq = 5 - a.seq$$) AS d;
-- And with the links between them mended, the signed hashes still tell.
SELECT d.* FROM t.tampered($$UPDATE dcep.transfer SET seq = -seq WHERE payer = t.w('v1') AND seq IN (2, 3);
    UPDATE dcep.transfer SET seq = 5 + seq WHERE payer = t.w('v1') AND seq < 0;
    UPDATE dcep.transfer AS a SET prev_hash = b.hash FROM dcep.transfer AS b WHERE a.payer = t.w('v1') AND b.payer = a.payer AND a.seq > 1 AND b.seq = a.seq - 1$$) AS d;

-- --- the end of the chain ------------------------------------------------------------------

SELECT d.* FROM t.tampered($$UPDATE dcep.wallet_chain SET head = sha256('other') WHERE wallet = t.w('v1')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.wallet_chain SET seq = seq + 1 WHERE wallet = t.w('v1')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.wallet_chain SET seq = 3 WHERE wallet = t.w('v1')$$) AS d;
SELECT d.* FROM t.tampered($$UPDATE dcep.wallet_chain SET head = sha256('other') WHERE wallet = t.w('v6')$$) AS d;
-- Cut short, the head set back to match: the coins of what is missing are still about.
CREATE FUNCTION t.cut(payer text, last bigint) RETURNS void LANGUAGE sql AS $$
    DELETE FROM dcep.transfer AS j WHERE j.payer = t.w(cut.payer) AND j.seq > last;
    UPDATE dcep.wallet_chain AS c SET seq = last,
           head = COALESCE((SELECT j.hash FROM dcep.transfer AS j WHERE j.payer = c.wallet AND j.seq = last), decode(repeat('00', 32), 'hex'))
     WHERE c.wallet = t.w(cut.payer);
$$;
SELECT d.* FROM t.tampered($$SELECT t.cut('v1', 3)$$) AS d;
SELECT d.* FROM t.tampered($$SELECT t.cut('v1', 2)$$) AS d;
SELECT d.* FROM t.tampered($$SELECT t.cut('v1', 0)$$) AS d;
-- A walk of one chain sees what was spent in it, not the other chains.
SELECT d.* FROM t.tampered($$SELECT t.cut('v1', 3)$$, 'v1') AS d;
SELECT d.* FROM t.tampered($$SELECT t.cut('v1', 3)$$, 'v2') AS d;
-- The coin was spent on since: then the transfer that consumed it has nothing to stand on.
SELECT d.* FROM t.tampered($$SELECT t.cut('v4', 0); DELETE FROM dcep.coin WHERE owner = t.w('v4')$$) AS d;
SELECT d.* FROM t.tampered($$SELECT t.cut('v4', 0); DELETE FROM dcep.coin WHERE owner = t.w('v4')$$, 'v5') AS d;
-- The live coins removed too: nothing hangs in the air, and yet money is gone; that is the auditor's to see.
BEGIN;
ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
ALTER TABLE dcep.wallet_chain DISABLE TRIGGER ALL;
ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
SELECT t.id('v1#4') AS cut \gset
SELECT t.cut('v1', 3);
DELETE FROM dcep.coin WHERE id >> 1 = :cut;
SELECT * FROM t.defects('v1') UNION ALL SELECT * FROM t.defects(NULL, false);
SELECT check_name, institution, wallet_name, transfer FROM t.audit();
-- Only a whole undoing of what nobody has built upon leaves nothing behind: that takes a record outside the database.
INSERT INTO dcep.coin (owner, amount, id) SELECT t.w('v1'), j.amount, 2 * j.id FROM dcep.transfer AS j WHERE j.id = t.id('v3#1');
UPDATE dcep.wallet_chain SET day_spent = 600, year_spent = 600, day_count = 3 WHERE wallet = t.w('v1');
SELECT * FROM t.audit();
SELECT * FROM t.defects('v1') UNION ALL SELECT * FROM t.defects(NULL, false);
ROLLBACK;

-- --- coins out of nothing --------------------------------------------------------------------

SELECT d.* FROM t.tampered($$INSERT INTO dcep.coin (owner, amount, id) VALUES (t.w('v6'), 1000, 4000000000000000000)$$) AS d;
SELECT d.* FROM t.tampered($$INSERT INTO dcep.coin (owner, amount, id) VALUES (t.w('v6'), 1000, 4000000000000000000)$$, 'v6') AS d;

-- --- rows that a dump brings back -----------------------------------------------------------

-- A row with its hash is verified and not executed; a wrong one is refused, and so is everybody but the owner.
BEGIN;
CREATE TEMPORARY TABLE saved ON COMMIT DROP AS SELECT * FROM dcep.transfer WHERE payer = t.w('v1');
ALTER TABLE dcep.transfer DISABLE TRIGGER append_only;
ALTER TABLE dcep.transfer DISABLE TRIGGER append_only_row;
DELETE FROM dcep.transfer WHERE payer = t.w('v1');
SELECT t.try($$INSERT INTO dcep.transfer SELECT * FROM saved$$);
SELECT * FROM t.defects('v1');
SELECT * FROM t.purse('v1', 'v2');
DELETE FROM dcep.transfer WHERE payer = t.w('v1');
SELECT c, t.try(format('INSERT INTO dcep.transfer SELECT (x).* FROM (SELECT jsonb_populate_record(s, jsonb_build_object(%L, %L)) AS x FROM saved AS s WHERE seq = 1) AS y', c, v))
FROM (VALUES ('amount', '101'), ('memo', 'other'), ('seq', '2'), ('hash', '\x00'), ('signature', NULL), ('id', NULL), ('kind', NULL)) AS given (c, v);
ROLLBACK;

-- --- who may ------------------------------------------------------------------------------------

SET ROLE regress_bank2;
SELECT * FROM dcep.verify_chain();
SELECT * FROM dcep.verify_chain((SELECT id FROM t.wallet WHERE name = 'v1'));
SELECT t.name AS wallet, c.* FROM t.wallet AS t, LATERAL dcep.verify_chain(t.id) AS c WHERE name = 'v5';
RESET ROLE;
SELECT id AS v2 FROM t.wallet WHERE name = 'v2' \gset
SET ROLE regress_bank2;
\set VERBOSITY sqlstate
SELECT * FROM dcep.verify_chain(:'v2');
SET ROLE regress_auditor;
SELECT * FROM dcep.verify_chain(signatures => false);
SELECT * FROM dcep.verify_chain(:'v2');
RESET ROLE;
\set VERBOSITY terse
-- The auditor learns which transfer is wrong, and not whose it is.
BEGIN;
ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
UPDATE dcep.transfer SET amount = 101 WHERE id = t.id('v1#1');
SET LOCAL ROLE regress_auditor;
SELECT defect, wallet_id IS NULL AS hidden, seq, transfer IS NOT NULL AS transfer, detail FROM dcep.verify_chain(signatures => false);
SET LOCAL ROLE regress_bank2;
SELECT c.defect, t.name AS wallet, c.seq, c.detail FROM t.wallet AS t, LATERAL dcep.verify_chain(t.id) AS c WHERE name = 'v1';
ROLLBACK;
SELECT * FROM t.defects(NULL, false);
