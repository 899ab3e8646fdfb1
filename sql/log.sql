-- The Merkle log: sealing, proofs, checkpoints, and that what was altered is found. All in one transaction that is
-- rolled back, so that the log stays empty for the other tests.
\set SHOW_CONTEXT never
BEGIN;

-- An empty log.
SELECT size, watermark, checkpoint_size FROM dcep.log_status;
SELECT encode(dcep.log_root(), 'hex');
SELECT dcep.checkpoint() IS NULL, dcep.latest_checkpoint() IS NULL;

CREATE FUNCTION pg_temp.pay(n integer) RETURNS bigint LANGUAGE sql AS $$
    WITH paid AS (
        INSERT INTO dcep.transfer (payer, payee, amount, kind)
        SELECT dcep.vault(2), (SELECT w.id FROM dcep.wallet AS w WHERE w.institution = 2 AND w.class = 1 AND w.status = 'open' AND w.flags = 0 ORDER BY w.opened_at LIMIT 1),
               1, 'exchange_in' FROM generate_series(1, n) RETURNING id)
    SELECT count(*) FROM paid $$;
SELECT dcep.deposit_reserve(2, 100000), (dcep.issue(2, 1000)).amount AS issued;
SELECT pg_temp.pay(80);

-- In pieces, and all: each once, in the order of ids within a call.
SELECT dcep.seal(40);
SELECT dcep.seal(25);
SELECT dcep.seal() = (SELECT count(*) FROM dcep.transfer) - 65 AS rest, dcep.seal() AS again;
SELECT s.size = (SELECT count(*) FROM dcep.transfer) AS all_of_them FROM dcep.log_state AS s;
CREATE TEMP TABLE leaf AS
    SELECT row_number() OVER (ORDER BY t.index, n) - 1 AS position, ('x' || encode(substr(t.ids, n * 8 - 7, 8), 'hex'))::bit(64)::bigint AS id
      FROM dcep.log_tile AS t, generate_series(1, octet_length(t.ids) / 8) AS n WHERE t.level = 0;
SELECT count(*) - count(DISTINCT l.id) AS twice, count(*) FILTER (WHERE t.id IS NULL) AS strangers
  FROM leaf AS l LEFT JOIN dcep.transfer AS t USING (id);
SELECT pg_temp.pay(3), dcep.seal() AS sealed;
SELECT * FROM dcep.verify_log();

-- Roots against the definition, proofs of all sizes up to 70.
CREATE FUNCTION pg_temp.root(hashes bytea[]) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    n integer := cardinality(hashes);
    k integer := 1;
BEGIN
    IF n = 0 THEN RETURN sha256(''); END IF;
    IF n = 1 THEN RETURN sha256('\x00'::bytea || hashes[1]); END IF;
    WHILE k * 2 < n LOOP k := k * 2; END LOOP;
    RETURN sha256('\x01'::bytea || pg_temp.root(hashes[:k]) || pg_temp.root(hashes[k + 1:]));
END $$;
CREATE TEMP TABLE tree AS
    SELECT s AS size, dcep.log_root(s) AS root,
           pg_temp.root(ARRAY(SELECT t.hash FROM leaf AS l JOIN dcep.transfer AS t USING (id) WHERE l.position < s ORDER BY l.position)) AS expected
      FROM generate_series(0::bigint, 70) AS s;
SELECT count(*), count(*) FILTER (WHERE root = expected) AS right FROM tree;
SELECT count(*), count(*) FILTER (WHERE p.leaf_index = l.position AND p.tree_size = r.size
         AND dcep.verify_inclusion(t.hash, p.leaf_index, p.tree_size, p.path, r.root)) AS proven,
       count(*) FILTER (WHERE dcep.verify_inclusion(t.hash, p.leaf_index, p.tree_size, p.path, sha256(r.root))
         OR dcep.verify_inclusion(sha256(t.hash), p.leaf_index, p.tree_size, p.path, r.root)
         OR dcep.verify_inclusion(t.hash, p.leaf_index, p.tree_size, p.path || r.root, r.root)
         OR dcep.verify_inclusion(t.hash, p.leaf_index, p.tree_size, substr(p.path, 33), r.root) AND p.path <> ''
         OR dcep.verify_inclusion(t.hash, p.leaf_index + 1, p.tree_size, p.path, r.root)) AS wrongly
  FROM tree AS r JOIN leaf AS l ON l.position < r.size JOIN dcep.transfer AS t USING (id), dcep.inclusion_proof(l.id, r.size) AS p;
SELECT count(*), count(*) FILTER (WHERE dcep.verify_consistency(o.size, o.root, n.size, n.root, p.path)) AS proven,
       count(*) FILTER (WHERE dcep.verify_consistency(o.size, sha256(o.root), n.size, n.root, p.path)
         OR dcep.verify_consistency(o.size, o.root, n.size, sha256(n.root), p.path) AND o.size > 0
         OR dcep.verify_consistency(o.size, o.root, n.size, n.root, p.path || n.root)) AS wrongly
  FROM tree AS o JOIN tree AS n ON n.size >= o.size, dcep.consistency_proof(o.size, n.size) AS p (path);

-- What cannot be proven.
SELECT dcep.verify_inclusion('\x00', 0, 1, '', dcep.log_root(1)), dcep.verify_inclusion(dcep.log_root(1), -1, 1, '', dcep.log_root(1)),
       dcep.verify_inclusion(dcep.log_root(1), 0, 1, '\x00', dcep.log_root(1)), dcep.verify_inclusion(dcep.log_root(1), 5, 5, '', dcep.log_root(1)),
       dcep.verify_consistency(5, dcep.log_root(1), 4, dcep.log_root(1), ''), dcep.verify_consistency(1, '', 4, dcep.log_root(1), '');
SELECT * FROM dcep.inclusion_proof(4611686018427387903);
SAVEPOINT refused;
-- The detail has the size, which is that of all tests before.
\set VERBOSITY terse
SELECT dcep.log_root(-1);
\set VERBOSITY default
ROLLBACK TO refused;
SELECT dcep.consistency_proof(7, 6);
ROLLBACK TO refused;
SELECT dcep.consistency_proof(NULL);
ROLLBACK TO refused;
SELECT dcep.seal(0);
ROLLBACK TO refused;
SELECT dcep.seal(NULL);
ROLLBACK TO refused;
SELECT pg_temp.pay(1);
\set VERBOSITY sqlstate
SELECT * FROM dcep.inclusion_proof((SELECT max(id) FROM dcep.transfer));
ROLLBACK TO refused;
SELECT * FROM dcep.inclusion_proof((SELECT id FROM leaf WHERE position = 9), 9);
ROLLBACK TO refused;
DELETE FROM dcep.log_tile;
ROLLBACK TO refused;
UPDATE dcep.log_state SET watermark = 0;
ROLLBACK TO refused;
SELECT setval('dcep.transfer_id_seq', 1);
SELECT dcep.seal();
ROLLBACK TO refused;
SELECT setval('dcep.transfer_id_seq', (SELECT max(id) FROM dcep.transfer)) > 0;
SET ROLE regress_bank2;
SELECT dcep.seal();
ROLLBACK TO refused;
SET ROLE regress_bank2;
SELECT dcep.checkpoint();
ROLLBACK TO refused;
SET ROLE regress_bank2;
SELECT * FROM dcep.verify_log();
ROLLBACK TO refused;
-- An operator gets proofs of what touches its wallets, an auditor of all.
SELECT min(id) AS foreign_transfer FROM dcep.transfer WHERE dcep.institution(payer) NOT IN (2) AND dcep.institution(payee) NOT IN (2) \gset
SET ROLE regress_bank2;
SELECT * FROM dcep.inclusion_proof(:foreign_transfer);
RESET ROLE;
SET ROLE regress_auditor;
SELECT leaf_index IS NOT NULL AS proven FROM dcep.inclusion_proof(:foreign_transfer);
RESET ROLE;
\set VERBOSITY default

-- Checkpoints: signed, chained, and with the totals.
SELECT dcep.checkpoint() IS NOT NULL AS made;
SELECT dcep.checkpoint() = dcep.latest_checkpoint() AS same;
SELECT pg_temp.pay(1), (dcep.issue(2, 11)).amount AS issued, dcep.seal() AS sealed;
SELECT dcep.rotate_log_key();
SELECT dcep.checkpoint() IS NOT NULL AS made;
SELECT count(*), count(DISTINCT key_number) AS keys FROM dcep.checkpoint;
SELECT n, CASE WHEN n = 1 THEN regexp_replace(line, '[0-9a-f]{16}', '(key)') WHEN n = 2 THEN (line::bigint = c.size)::text
                WHEN n = 3 THEN (decode(line, 'base64') = dcep.log_root(c.size))::text
                WHEN line ~ '^—' THEN regexp_replace(regexp_replace(line, '[0-9a-f]{16}', '(key)'), ' [A-Za-z0-9+/]{91}=$', ' (signature)')
                ELSE regexp_replace(regexp_replace(line, '[A-Za-z0-9+/]{43}=', '(hash)'), '[0-9]{3,}', '(n)', 'g') END AS line
  FROM (SELECT * FROM dcep.checkpoint ORDER BY size DESC LIMIT 1) AS c, regexp_split_to_table(c.note, E'\n') WITH ORDINALITY AS l (line, n)
 WHERE line !~ '^operator' OR line ~ '^operator 0002';
SELECT n.issued - o.issued AS issued_between
  FROM (SELECT size, rank() OVER (ORDER BY size) AS r, split_part(substring(note FROM 'operator 0002 [^\n]*'), ' ', 3)::bigint AS issued FROM dcep.checkpoint) AS n
  JOIN (SELECT size, rank() OVER (ORDER BY size) AS r, split_part(substring(note FROM 'operator 0002 [^\n]*'), ' ', 3)::bigint AS issued FROM dcep.checkpoint) AS o ON o.r = n.r - 1;
SELECT t.institution, t.issued = j.issued AS issued, t.redeemed = j.redeemed AS redeemed
  FROM dcep.log_total AS t JOIN (SELECT r.institution, r.issued, r.redeemed FROM dcep.supply AS r) AS j USING (institution) ORDER BY 1;
SELECT dcep.log_verifier_key() ~ ('^' || dcep.log_origin() || '\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$') AS verifier_key;
SELECT * FROM dcep.audit_log();
SAVEPOINT refused;
\set VERBOSITY sqlstate
DELETE FROM dcep.checkpoint;
ROLLBACK TO refused;
UPDATE dcep.log_key SET number = 9;
ROLLBACK TO refused;

-- What whoever owns the tables alters is found.
CREATE FUNCTION pg_temp.altered(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SET LOCAL session_replication_role = replica;
    ALTER TABLE dcep.log_tile DISABLE TRIGGER USER;
    ALTER TABLE dcep.log_state DISABLE TRIGGER USER;
    ALTER TABLE dcep.log_total DISABLE TRIGGER USER;
    ALTER TABLE dcep.checkpoint DISABLE TRIGGER USER;
    ALTER TABLE dcep.transfer DISABLE TRIGGER USER;
    EXECUTE change;
    SELECT string_agg(DISTINCT a.check_name, ', ') INTO found FROM dcep.audit_log() AS a;
    RAISE EXCEPTION 'undone' USING DETAIL = COALESCE(found, 'nothing');
EXCEPTION WHEN raise_exception THEN
    GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL;
    RETURN NEXT found;
END $$;
CREATE TEMP TABLE change (n integer, what text, change text);
INSERT INTO change VALUES
    (1, 'a leaf', $$UPDATE dcep.log_tile SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) WHERE level = 0 AND index = 0$$),
    (2, 'an upper hash', $$UPDATE dcep.log_tile SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 1 AND index = 0$$),
    (3, 'an id, twice', $$UPDATE dcep.log_tile SET ids = substr(ids, 1, 8) || substr(ids, 1, 8) || substr(ids, 17) WHERE level = 0 AND index = 0$$),
    (4, 'a transfer gone', $$DELETE FROM dcep.transfer WHERE id = (SELECT id FROM leaf WHERE position = 20)$$),
    (5, 'a transfer''s hash', $$UPDATE dcep.transfer SET hash = sha256(hash) WHERE id = (SELECT id FROM leaf WHERE position = 20)$$),
    (6, 'a transfer slipped in', $$UPDATE dcep.log_state SET watermark = (SELECT max(id) FROM leaf);
        INSERT INTO dcep.transfer SELECT (SELECT min(n) FROM generate_series(1, 100000) AS n WHERE NOT EXISTS (SELECT FROM dcep.transfer AS o WHERE o.id = n)),
        payer, payee, amount, change, created_at, 1000000, kind, key_number, issuer, suite, batch_index, batch, inputs, prev_hash, hash, signature
        FROM dcep.transfer WHERE id = (SELECT id FROM leaf WHERE position = 20)$$),
    (7, 'a tile cut', $$UPDATE dcep.log_tile SET ids = substr(ids, 1, 8), hashes = substr(hashes, 1, 32) WHERE level = 0 AND index = (SELECT max(index) FROM dcep.log_tile WHERE level = 0)$$),
    (8, 'a tile gone', $$DELETE FROM dcep.log_tile WHERE level = 0 AND index = 0$$),
    (9, 'a tile spoilt', $$UPDATE dcep.log_tile SET hashes = hashes || '\x00' WHERE level = 0 AND index = 0$$),
    (10, 'bounds', $$UPDATE dcep.log_tile SET floor = top WHERE level = 0 AND index = 1$$),
    (11, 'the size', $$UPDATE dcep.log_state SET size = size - 1$$),
    (12, 'the totals', $$UPDATE dcep.log_total SET issued = issued + 1$$),
    (13, 'a root', $$UPDATE dcep.checkpoint SET root = sha256(root) WHERE key_number = 1$$),
    (14, 'a note', $$UPDATE dcep.checkpoint SET note = replace(note, 'supply CNY 2 ', 'supply CNY 2 1') WHERE key_number = 2$$),
    (15, 'a note earlier', $$UPDATE dcep.checkpoint SET note = replace(note, 'supply CNY 2 ', 'supply CNY 2 1') WHERE key_number = 1$$),
    (16, 'a checkpoint gone', $$DELETE FROM dcep.checkpoint WHERE key_number = 1$$),
    (17, 'a key', $$UPDATE dcep.checkpoint SET key_number = 1$$),
    (18, 'upper tile gone', $$DELETE FROM dcep.log_tile WHERE level = 1$$);
SELECT c.n, c.what, a FROM change AS c, pg_temp.altered(c.change) AS a ORDER BY 1;
ROLLBACK;
SELECT size FROM dcep.log_state;
