-- Receipt bundles, witnesses of the log, checkpoints from outside, and this database as a witness of others. All in one
-- transaction that is rolled back, so that the log stays empty for the other tests.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
BEGIN;
SELECT t.open('bun_payer', 2, 1, 10000), t.open('bun_payee', 3);
CREATE TEMP TABLE paid (what text PRIMARY KEY, id bigint);
INSERT INTO paid SELECT 'payment', (dcep.transfer(t.w('bun_payer'), t.w('bun_payee'), 250, 'bun 1', 'tea')).transfer;
INSERT INTO paid SELECT 'token', (dcep.pay_token(t.w('bun_payer'), dcep.issue_token(t.w('bun_payee')), 70, 'bun 2')).transfer;
INSERT INTO paid SELECT 'redeem', (dcep.redeem(2, 500, 'bun 3')).transfer;
INSERT INTO paid SELECT 'issue', (dcep.issue(2, 700, 'bun 4')).transfer;
WITH bulk AS (INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('bun_payer'), t.w('bun_payee'), 1 FROM generate_series(1, 5) RETURNING id)
INSERT INTO paid SELECT 'bulk ' || row_number() OVER (ORDER BY id), id FROM bulk;

-- --- bundles ---------------------------------------------------------------------

CREATE FUNCTION pg_temp.mask(answer text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(answer, 'Transfer \S+', 'Transfer (id)'), '[0-9]+ in the log', '(n) in the log')
$$;
-- What a role is shown of a transfer, and whether that is sound.
CREATE FUNCTION pg_temp.shown(role name, wanted text, view text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted_id bigint := (SELECT id FROM paid WHERE what = wanted);
    bundle text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    bundle := dcep.receipt_bundle(wanted_id, view);
    RESET ROLE;
    RETURN CASE WHEN bundle IS NULL THEN 'nothing'
                ELSE substring(bundle FROM E'\n(payment|coin|hash) ') || ', ' || COALESCE(dcep.verify_bundle(bundle), 'sound') END;
END
$$;
SELECT pg_temp.mask(t.try($$SELECT dcep.receipt_bundle(id) FROM paid WHERE what = 'payment'$$)) AS before_sealing;
SELECT dcep.seal() > 0 AS sealed;
SELECT pg_temp.mask(t.try($$SELECT dcep.receipt_bundle(id) FROM paid WHERE what = 'payment'$$)) AS before_a_checkpoint;
SELECT dcep.checkpoint() IS NOT NULL AS made;
SELECT t.try($$SELECT dcep.receipt_bundle(NULL)$$);
SELECT t.try($$SELECT dcep.receipt_bundle(id, 'all') FROM paid WHERE what = 'payment'$$);
SELECT t.try($$SELECT dcep.receipt_bundle(id, 'coin') FROM paid WHERE what = 'redeem'$$);
SELECT dcep.receipt_bundle(4611686018427387903) IS NULL AS none;

-- Who is shown what: both banks, the central bank, an auditor, a supervisor.
SELECT p.what, r.role, pg_temp.shown(r.role, p.what) AS by_default, pg_temp.shown(r.role, p.what, 'payment') AS payment,
       CASE WHEN p.what <> 'redeem' THEN pg_temp.shown(r.role, p.what, 'coin') END AS coin, pg_temp.shown(r.role, p.what, 'hash') AS hash
  FROM paid AS p, (VALUES (1, 'regress_bank2'), (2, 'regress_bank3'), (3, 'regress_central'), (4, 'regress_auditor'), (5, 'regress_supervisor')) AS r (n, role)
 WHERE p.what !~ 'bulk [1345]' ORDER BY p.what COLLATE "C", r.n;

-- Line by line.
SELECT dcep.receipt_bundle(id) AS bundle FROM paid WHERE what = 'bulk 4' \gset
SELECT n, regexp_replace(regexp_replace(regexp_replace(line, '[A-Za-z0-9+/]{43,}=*', '(base64)', 'g'), 'transfer [0-9]+', 'transfer (id)'), 'index [0-9]+', 'index (n)') AS line
  FROM regexp_split_to_table(:'bundle', E'\n') WITH ORDINALITY AS l (line, n) WHERE n <= 11;
SELECT count(*) AS proofs, split_part(:'bundle', E'\n\n', 2) || E'\n' = split_part(dcep.latest_checkpoint(), E'\n\n', 1) || E'\n' AS with_the_checkpoint
  FROM regexp_split_to_table(split_part(:'bundle', 'tlog-proof@v1', 1), E'\n') AS line WHERE line ~ '^path ';

-- What is altered does not pass.
SELECT n, COALESCE(dcep.verify_bundle(altered), 'sound') AS defect
  FROM (VALUES (1, :'bundle'),
               (2, replace(:'bundle', 'dcep receipt v1', 'dcep receipt v2')),
               (3, regexp_replace(:'bundle', 'transfer ([0-9]+)', 'transfer 1\1')),
               (4, replace(:'bundle', 'currency CNY 2', 'currency CNY 3')),
               (5, replace(:'bundle', 'currency CNY 2', 'currency EUR 2')),
               (6, replace(:'bundle', 'signer 0002 1', 'signer 0002 9')),
               (7, regexp_replace(:'bundle', E'\npayment [0-9]+', E'\npayment 1')),
               (8, regexp_replace(:'bundle', E'\nindex [0-9]+', E'\nindex 0')),
               (9, regexp_replace(:'bundle', E'\nbatch ([0-9]+) ([0-9]+)', E'\nbatch 0 1')),
               (10, regexp_replace(:'bundle', E'\npath [^\n]+', E'')),
               (11, replace(:'bundle', 'supply CNY 2 ', 'supply CNY 2 1')),
               (12, left(:'bundle', -1)), (13, left(:'bundle', 100)), (14, ''), (15, :'bundle' || E'more\n'),
               (16, replace(:'bundle', E'\nsignature ', E'\nsignature  '))) AS v (n, altered);
SELECT t.try($$SELECT dcep.verify_bundle(NULL)$$);
SELECT t.try(format($$SELECT dcep.verify_bundle(%L, 'a+b+c')$$, :'bundle'));
SELECT t.try(format($$SELECT dcep.verify_bundle(%L, NULL, ARRAY[NULL::text], 1)$$, :'bundle'));
-- By a key that the verifier brings; by that of another log of the same name.
SELECT dcep.verify_bundle(:'bundle', dcep.log_verifier_key()) AS own,
       dcep.verify_bundle(:'bundle', dcep.verifier_key(dcep.log_origin(), 1, decode('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex'))) AS other_key,
       dcep.verify_bundle(:'bundle', dcep.verifier_key('another', 1, k.public_key)) AS other_name,
       dcep.verify_bundle(:'bundle', dcep.verifier_key(dcep.log_origin(), 4, k.public_key)) AS of_a_witness
  FROM dcep.log_key AS k WHERE k.number = 1;
-- A key that the log no longer signs with.
SELECT dcep.rotate_log_key() AS key;
SELECT (dcep.transfer(t.w('bun_payer'), t.w('bun_payee'), n)).amount FROM generate_series(1, 4) AS n;
SELECT dcep.seal() AS sealed;
SELECT dcep.checkpoint() IS NOT NULL AS made;
SELECT dcep.verify_bundle(:'bundle') AS by_the_old_key, dcep.verify_bundle(dcep.receipt_bundle(id)) AS by_the_new FROM paid WHERE what = 'bulk 4';

-- --- witnesses -----------------------------------------------------------------------

SELECT size AS last, note, left(note, strpos(note, E'\n\n')) AS body FROM dcep.checkpoint ORDER BY size DESC LIMIT 1 \gset
SELECT size AS first FROM dcep.checkpoint ORDER BY size LIMIT 1 \gset
SELECT dcep.rotate_witness_key('one.example') IS NOT NULL AS made;
-- Three witnesses, whose keys are all here.
CREATE TEMP TABLE outsider AS SELECT n AS number, name, dcep.make_witness_key(n) AS public_key
  FROM (VALUES (101, 'one.example'), (102, 'two.example'), (103, 'three.example'), (104, 'stranger.example')) AS v (n, name);
CREATE FUNCTION pg_temp.vkey(wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT dcep.verifier_key(o.name, 4, o.public_key) FROM outsider AS o WHERE o.name = wanted || '.example' $$;
-- A signature line over a text, by a witness; and the note that it belongs under.
CREATE FUNCTION pg_temp.line(wanted text, body text, seconds bigint DEFAULT 1767225600) RETURNS text LANGUAGE sql AS $$
    SELECT dcep.cosign_note(body, o.name, o.number, o.public_key, seconds) FROM outsider AS o WHERE o.name = wanted || '.example' $$;
SELECT dcep.register_witness(pg_temp.vkey('one')) AS one, dcep.register_witness(pg_temp.vkey('two')) AS two, dcep.register_witness(pg_temp.vkey('three')) AS three;
SELECT number, name, octet_length(public_key), registered_at IS NOT NULL AS registered, retired_at FROM dcep.witness ORDER BY number;
SELECT t.try($$SELECT dcep.register_witness(NULL)$$);
SELECT t.try($$SELECT dcep.register_witness('no key')$$);
SELECT t.try(format($$SELECT dcep.register_witness(%L)$$, replace(pg_temp.vkey('stranger'), 'stranger', 'strange')));
SELECT t.try($$SELECT dcep.register_witness(dcep.log_verifier_key())$$);
SELECT t.try($$SELECT dcep.register_witness(pg_temp.vkey('one'))$$);
SELECT t.try($$SELECT dcep.register_witness(dcep.witness_verifier_key())$$);
SELECT t.try($$SELECT dcep.retire_witness('nobody')$$);
SELECT t.as_role('regress_bank2', $$SELECT dcep.register_witness(NULL)$$);
SELECT t.as_role('regress_auditor', $$SELECT dcep.add_cosignature(NULL)$$);

-- Cosignatures, one and several; what is there already is no error.
SELECT dcep.add_cosignature(:'note' || pg_temp.line('one', :'body')) AS added;
SELECT dcep.add_cosignature(:'body' || E'\n' || pg_temp.line('two', :'body', 1767225601) || pg_temp.line('one', :'body', 1767225602)
                            || pg_temp.line('stranger', :'body')) AS added;
SELECT size = :last AS of_the_last, witness, cosigned_at FROM dcep.cosignature ORDER BY witness;
SELECT (dcep.latest_checkpoint() = :'note' || pg_temp.line('one', :'body') || pg_temp.line('two', :'body', 1767225601)) AS given_out,
       dcep.checkpoint() = dcep.latest_checkpoint() AS by_both, dcep.checkpoint_note(:last) = dcep.latest_checkpoint() AS by_size, dcep.checkpoint_note(1) AS none;
CREATE FUNCTION pg_temp.answer(note text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(t.try(format('SELECT dcep.add_cosignature(%L)', note)), 'of [0-9]+ transfers', 'of (n) transfers'),
           'with [0-9]+ transfers', 'with (n) transfers'), 'dcep/cny/[0-9a-f]{16}" \(key [0-9a-f]{8}|key [0-9a-f]{8}', '(…)', 'g') $$;
SELECT n, regexp_replace(pg_temp.answer(note), 'dcep/cny/[0-9a-f]{16}', '(log)') AS answer
  FROM (VALUES (1, :'note'), (2, :'body' || E'\n' || pg_temp.line('stranger', :'body')),
               (3, :'body' || E'\n' || pg_temp.line('three', :'body' || E'more\n')),
               (4, :'body' || E'more\n\n' || pg_temp.line('three', :'body' || E'more\n')),
               (5, :'body'), (6, 'nothing'), (7, NULL),
               -- A good one and a bad one: nothing is taken.
               (8, :'body' || E'\n' || pg_temp.line('three', :'body') || pg_temp.line('two', 'another')),
               (9, E'x\ny\n\n' || pg_temp.line('three', E'x\ny\n'))) AS v (n, note);
SELECT dcep.retire_witness('three.example') AS retired;
SELECT pg_temp.answer(:'body' || E'\n' || pg_temp.line('three', :'body')) AS retired;
SELECT t.try($$SELECT dcep.register_witness(pg_temp.vkey('three'))$$);
SELECT dcep.register_witness(dcep.verifier_key('three.example', 4, o.public_key)) AS another_key FROM outsider AS o WHERE o.name = 'stranger.example';

-- The quorum.
SELECT size = :last AS last, witnesses, missing, quorum, witnessed, age >= '0' AS age FROM dcep.checkpoint_status ORDER BY size;
SET LOCAL dcep.checkpoint_quorum = 2;
SELECT size = :last AS last, witnessed FROM dcep.checkpoint_status ORDER BY size;
SELECT (dcep.transfer(t.w('bun_payer'), t.w('bun_payee'), 1)).amount, dcep.seal() AS sealed, dcep.checkpoint() IS NOT NULL AS made;
SELECT split_part(dcep.latest_checkpoint(), E'\n', 2)::bigint - :last AS newest, split_part(dcep.latest_checkpoint(true), E'\n', 2)::bigint - :last AS witnessed,
       split_part(dcep.latest_checkpoint(NULL), E'\n', 2)::bigint - :last AS unasked;
SET LOCAL dcep.checkpoint_quorum = 3;
SELECT dcep.latest_checkpoint(true) IS NULL AS none;
SELECT t.try('SET LOCAL dcep.checkpoint_quorum = -1');
SET LOCAL dcep.checkpoint_quorum = 2;
-- A bundle has the newest checkpoint that is witnessed, and with it the cosignatures.
SELECT dcep.receipt_bundle(id) AS bundle FROM paid WHERE what = 'payment' \gset
SELECT split_part(split_part(:'bundle', E'\n\n', 2), E'\n', 2)::bigint - :last AS checkpoint,
       dcep.verify_bundle(:'bundle', quorum => 2) AS by_two, dcep.verify_bundle(:'bundle', quorum => 3) AS by_three,
       dcep.verify_bundle(:'bundle', dcep.verifier_key(dcep.log_origin(), 1, k.public_key), ARRAY[pg_temp.vkey('two')], 1) AS by_one,
       dcep.verify_bundle(:'bundle', NULL, ARRAY[pg_temp.vkey('two'), pg_temp.vkey('two')], 2) AS one_twice,
       dcep.verify_bundle(:'bundle', NULL, ARRAY[pg_temp.vkey('stranger')], 1) AS by_a_stranger
  FROM dcep.log_key AS k WHERE k.number = 2;
RESET dcep.checkpoint_quorum;

-- --- checkpoints from outside, and altered cosignatures -----------------------------------

SELECT * FROM dcep.audit_log();
SELECT * FROM dcep.check_checkpoint(:'note');
SELECT * FROM dcep.check_checkpoint(dcep.checkpoint_note(:first));
-- Signed by the log, and yet not what the log is: such a note tells of a history that is gone.
CREATE FUNCTION pg_temp.signed(body text) RETURNS text LANGUAGE sql AS $$
    SELECT dcep.sign_note(body, dcep.log_origin(), k.number, k.public_key) FROM dcep.log_key AS k WHERE k.number = 2 $$;
SELECT n, c.defect, regexp_replace(regexp_replace(c.detail, '[0-9a-f]{16}', '(key)', 'g'), '(, operator.*)|[0-9]{2,}', '(n)', 'g') AS detail
  FROM (VALUES (1, :'body'), (2, replace(:'body', encode(dcep.log_root(:last), 'base64'), encode(sha256('x'), 'base64'))),
               (3, regexp_replace(:'body', E'\n[0-9]+\n', E'\n999999999\n')), (4, replace(:'body', 'supply CNY 2 ', 'supply CNY 2 1')),
               (5, regexp_replace(:'body', E'\ntime [0-9]+', E'\ntime 1')),
               (6, regexp_replace(:'body', 'dcep/cny/[0-9a-f]{16}', 'dcep/cny/0123456789abcdef'))) AS v (n, text),
       dcep.check_checkpoint(pg_temp.signed(text)) AS c ORDER BY 1, 2;
SELECT * FROM dcep.check_checkpoint(:'body' || E'\n' || pg_temp.line('one', :'body'));
SELECT t.try($$SELECT dcep.check_checkpoint(NULL)$$);
SELECT t.try($$SELECT dcep.check_checkpoint('nothing')$$);
SELECT t.as_role('regress_bank2', $$SELECT dcep.check_checkpoint(NULL)$$);
SELECT t.as_role('regress_auditor', $$SELECT dcep.check_checkpoint(dcep.latest_checkpoint())$$);
CREATE FUNCTION pg_temp.altered(change text, note text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SET LOCAL session_replication_role = replica;
    ALTER TABLE dcep.cosignature DISABLE TRIGGER USER;
    ALTER TABLE dcep.checkpoint DISABLE TRIGGER USER;
    ALTER TABLE dcep.transfer DISABLE TRIGGER USER;
    EXECUTE change;
    SELECT concat_ws(', ', (SELECT string_agg(DISTINCT a.check_name || ': ' || regexp_replace(a.detail, '[0-9]{2,}', '(n)', 'g'), ', ') FROM dcep.audit_log() AS a WHERE a.check_name = 'cosignature'),
                     (SELECT string_agg(c.defect, ', ') FROM dcep.check_checkpoint(note) AS c)) INTO found;
    RAISE EXCEPTION 'undone' USING DETAIL = COALESCE(NULLIF(found, ''), 'nothing');
EXCEPTION WHEN raise_exception THEN
    GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL;
    RETURN NEXT found;
END $$;
SELECT n, a FROM (VALUES
    (1, $$UPDATE dcep.cosignature SET line = replace(line, 'one', 'two') WHERE witness = 1$$),
    (2, $$UPDATE dcep.cosignature SET cosigned_at = cosigned_at + interval '1 s' WHERE witness = 1$$),
    (3, $$UPDATE dcep.cosignature SET size = 1 WHERE witness = 1$$),
    (4, $$UPDATE dcep.cosignature SET witness = 99 WHERE witness = 1$$),
    (5, $$UPDATE dcep.cosignature SET line = 'nothing' WHERE witness = 2$$),
    (6, $$DELETE FROM dcep.checkpoint WHERE size = (SELECT max(size) FROM dcep.cosignature)$$),
    (7, $$UPDATE dcep.transfer SET amount = amount + 1 WHERE id = (SELECT id FROM paid WHERE what = 'issue')$$),
    (8, $$DELETE FROM dcep.transfer WHERE id = (SELECT id FROM paid WHERE what = 'redeem')$$)) AS v (n, change), pg_temp.altered(change, :'note') AS a;
SAVEPOINT refused;
\set VERBOSITY sqlstate
DELETE FROM dcep.cosignature;
ROLLBACK TO refused;
UPDATE dcep.witnessed SET size = 1;
ROLLBACK TO refused;
TRUNCATE dcep.split_view;
ROLLBACK TO refused;
UPDATE dcep.witness_key SET name = 'x';
ROLLBACK TO refused;
\set VERBOSITY default

-- --- as a witness ---------------------------------------------------------------------------

SELECT dcep.witness_verifier_key() ~ '^one\.example\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$' AS verifier_key, count(*) AS keys FROM dcep.witness_key;
SELECT t.try($$SELECT dcep.rotate_witness_key('two.example')$$);
SELECT split_part(dcep.rotate_witness_key(), '+', 1) AS rotated;
SELECT number, name FROM dcep.witness_key ORDER BY 1;
SELECT t.try($$SELECT dcep.watch_log(NULL)$$), t.try($$SELECT dcep.watch_log(dcep.witness_verifier_key())$$);
CREATE FUNCTION pg_temp.examine(old bigint, note text, proof bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer record;
    problem text;
BEGIN
    SELECT * INTO answer FROM dcep.witness_record(old, note, proof);
    RETURN COALESCE(answer.contradiction || ' (evidence)', 'taken');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS problem = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || ' | ' || regexp_replace(regexp_replace(problem, '[0-9a-f]{16}', '(key)'), '[0-9]{2,}', '(n)', 'g');
END
$$;
SELECT dcep.checkpoint_note(:first) AS first_note \gset
SELECT pg_temp.examine(0, :'first_note', '') AS not_watched;
-- The first key of the log; the checkpoint after that is signed with the second.
SELECT dcep.watch_log(dcep.log_verifier_key(1)) = dcep.log_origin() AS watched, dcep.watch_log(dcep.log_verifier_key(1)) = dcep.log_origin() AS again;
SELECT cardinality(keys) AS keys, size, root = sha256('') AS empty, cosigned_at FROM dcep.watched_log;
SELECT pg_temp.examine(NULL, :'first_note', '') AS null_old, pg_temp.examine(0, NULL, '') AS null_note, pg_temp.examine(0, :'first_note', NULL) AS null_proof,
       pg_temp.examine(0, 'nothing', '') AS nothing;
SELECT pg_temp.examine(1, :'first_note', '') AS begins_elsewhere;
SELECT pg_temp.examine(0, :'first_note', '\x00') AS no_proof_needed;
SELECT pg_temp.examine(0, :'first_note', '') AS first, pg_temp.examine(0, :'first_note', '') AS again, pg_temp.examine(7, :'first_note', '\x00') AS whatever_proof;
SELECT pg_temp.examine(:first, :'note', dcep.consistency_proof(:first, :last)) AS by_an_unknown_key;
SELECT dcep.watch_log(dcep.log_verifier_key(2)) = dcep.log_origin() AS watched;
SELECT cardinality(keys) AS keys FROM dcep.watched_log;
SELECT pg_temp.examine(:first, :'note', '') AS no_proof;
SELECT unproven, contradictions FROM dcep.witness_status;
SELECT pg_temp.examine(:first, :'note', dcep.consistency_proof(:first, :last)) AS taken;
SELECT w.size = :last AS size, w.unproven, w.contradictions, w.age < interval '1 hour' AS age FROM dcep.witness_status AS w;
-- Older, of the same size with another root, with another text, smaller but later, longer without a proof.
SELECT replace(:'body', encode(dcep.log_root(:last), 'base64'), encode(sha256('x'), 'base64')) AS fork \gset
SELECT n, pg_temp.examine(:last, pg_temp.signed(text), dcep.consistency_proof(:last)) AS answer
  FROM (VALUES (1, split_part(:'first_note', E'\n\n', 1) || E'\n'), (2, :'fork'), (3, replace(:'body', 'supply CNY 2 ', 'supply CNY 2 1')),
               (4, regexp_replace(:'body', E'\n[0-9]+\n', format(E'\n%s\n', :last - 1))),
               (5, regexp_replace(regexp_replace(:'body', E'\n[0-9]+\n', format(E'\n%s\n', :last - 1)), E'\ntime ', E'\ntime 9')),
               (6, regexp_replace(:'fork', E'\n[0-9]+\n', format(E'\n%s\n', :last + 5))),
               (7, regexp_replace(:'body', E'\n[0-9]+\n', E'\n0\n')), (8, :'body')) AS v (n, text);
SELECT s.size - :last AS size, s.kind, CASE WHEN s.against_size > 0 THEN s.against_size - :last END AS against, dcep.note_signed_at(s.note, dcep.log_verifier_key(2)) AS signed FROM dcep.split_view AS s ORDER BY 1, 2;
SELECT pg_temp.examine(:last, pg_temp.signed(:'fork'), '') AS again, count(*) FROM dcep.split_view;
SELECT w.unproven, w.contradictions FROM dcep.witness_status AS w;
-- What was cosigned goes on, also after that.
SELECT pg_temp.examine(:last, dcep.latest_checkpoint(), dcep.consistency_proof(:last)) AS next;
-- A row that was altered: nothing is cosigned.
SAVEPOINT altered;
UPDATE dcep.watched_log SET size = 0, root = sha256('');
SELECT pg_temp.examine(0, pg_temp.signed(:'fork'), '');
ROLLBACK TO altered;
-- Signing comes after the commit.
SELECT t.try($$SELECT dcep.witness_sign(dcep.log_origin(), 1)$$);
CALL dcep.witness_cosign(:last, :'note', '');
ROLLBACK;

-- Outside of a transaction.
SELECT t.try($$SELECT dcep.witness_sign('nobody', 1)$$);
CALL dcep.witness_cosign(0, NULL, '');
CALL dcep.witness_cosign(0, 'nothing', '');
SET ROLE regress_bank2;
CALL dcep.witness_cosign(0, 'nothing', '');
RESET ROLE;
SELECT count(*) FROM dcep.watched_log;
SELECT size FROM dcep.log_state;
