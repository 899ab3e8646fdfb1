-- dcep.audit(since): what came since a checkpoint is audited as all is, and of what was before nothing is said. All in one
-- transaction that is rolled back, so that the log stays empty for the other tests.
\set SHOW_CONTEXT never
BEGIN;
SELECT t.open('s1', 2, 1, 1000), t.open('s2', 3, 1, 500), t.open('s3', 2, 4, 800), t.open('s4', 2, 1, 70), t.open('s5', 2, 1);
SELECT t.pay('s1', 's2', 100), t.pay('s1', 's3', 200), t.pay('s3', 's1', 50), t.pay('s4', 's5', 30);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('s2'), t.w('s5'), 1 FROM generate_series(1, 70) AS n;
SELECT dcep.deposit_reserve(2, 700), (dcep.issue(2, 300, 'old')).amount AS issued;
CREATE ROLE regress_sheriff;
SELECT dcep.enroll_institution(9010, 'Sheriff', 'supervisor'), dcep.generate_key(9010, 'ed25519');
SELECT dcep.grant_institution('regress_sheriff', 9010);
SET LOCAL ROLE regress_sheriff;
SELECT dcep.agree(9010, 2, dcep.order_kinds());
SET LOCAL ROLE regress_bank2;
SELECT dcep.agree(9010, 2, dcep.order_kinds());
RESET ROLE;
-- Two checkpoints, and something after each; the last payments are not in the log.
SELECT dcep.seal() > 0 AS sealed, dcep.checkpoint() IS NOT NULL AS checkpoint;
SELECT max(size) AS since FROM dcep.checkpoint \gset
SELECT t.pay('s1', 's2', 7), t.pay('s3', 's2', 11), t.pay('s2', 's3', 13);
SELECT (dcep.issue(2, 40, 'new')).amount AS issued, (dcep.redeem(2, 20, 'new')).amount AS redeemed;
SELECT dcep.seal() AS sealed, dcep.checkpoint() IS NOT NULL AS checkpoint;
SELECT t.pay('s1', 's2', 8), t.pay('s3', 's1', 9);

-- What it is about.
SELECT count(*) AS since, count(*) FILTER (WHERE t.id IS NULL) AS strangers FROM dcep.transfers_since(:since) AS n (id) LEFT JOIN dcep.transfer AS t USING (id);
SELECT count(*) AS unsealed FROM dcep.transfers_since((SELECT max(size) FROM dcep.checkpoint)) AS n (id);
SELECT count(*) = (SELECT count(*) FROM dcep.transfer) AS everything FROM dcep.transfers_since(0);
SELECT string_agg(t.name(w.id), ' ' ORDER BY t.name(w.id)) AS touched FROM dcep.touched(:since) AS w;
SELECT string_agg(t.name(w.id), ' ' ORDER BY t.name(w.id)) AS watched FROM dcep.watched(:since) AS w;
SELECT * FROM dcep.audit(:since);
SELECT * FROM dcep.audit((SELECT max(size) FROM dcep.checkpoint));
SELECT * FROM dcep.audit();
SELECT * FROM dcep.verify_log(:since);
SELECT count(*) AS begun, count(*) FILTER (WHERE EXISTS (SELECT FROM dcep.verify_log(c.size))) AS unsound FROM dcep.checkpoint AS c;
SAVEPOINT refused;
SELECT * FROM dcep.audit(1);
ROLLBACK TO refused;
SELECT * FROM dcep.verify_log(-1);
ROLLBACK TO refused;
SELECT * FROM dcep.verify_log(9223372036854775807);
ROLLBACK TO refused;
SET LOCAL ROLE regress_bank2;
SELECT * FROM dcep.audit(1);
ROLLBACK TO refused;
SET LOCAL ROLE regress_auditor;
SELECT * FROM dcep.audit(:since);
RESET ROLE;

-- What is altered, and which checks find it: those since the checkpoint, and all.
CREATE FUNCTION pg_temp.id(transfer text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT j.id FROM dcep.transfer AS j WHERE j.payer = t.w(split_part(transfer, '#', 1)) AND j.seq = split_part(transfer, '#', 2)::bigint
$$;
CREATE FUNCTION pg_temp.found(since bigint, change text, OUT finds_since text, OUT finds_all text) LANGUAGE plpgsql AS $$
DECLARE
    tab text;
BEGIN
    FOR tab IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r' AND c.relname <> 'transfer' LOOP
        EXECUTE format('ALTER TABLE dcep.%I DISABLE TRIGGER USER', tab);
    END LOOP;
    -- A change that pays does so as ever.
    IF change !~ 't\.pay' THEN
        ALTER TABLE dcep.transfer DISABLE TRIGGER USER;
    END IF;
    EXECUTE change;
    SELECT string_agg(DISTINCT a.check_name, ', ' ORDER BY a.check_name) INTO finds_since FROM dcep.audit(since) AS a;
    SELECT string_agg(DISTINCT a.check_name, ', ' ORDER BY a.check_name) INTO finds_all FROM dcep.audit() AS a;
    RAISE EXCEPTION 'undone' USING DETAIL = COALESCE(finds_since, '-'), HINT = COALESCE(finds_all, '-');
EXCEPTION WHEN raise_exception THEN
    GET STACKED DIAGNOSTICS finds_since = PG_EXCEPTION_DETAIL, finds_all = PG_EXCEPTION_HINT;
END $$;
CREATE TEMP TABLE change (n integer GENERATED ALWAYS AS IDENTITY, what text, change text);
-- What came since.
INSERT INTO change (what, change) VALUES
    ('a memo', $$UPDATE dcep.transfer SET memo = 'other' WHERE id = pg_temp.id('s1#3')$$),
    ('a signature', $$UPDATE dcep.transfer SET signature = set_byte(signature, 63, get_byte(signature, 63) # 1) WHERE id = pg_temp.id('s1#3')$$),
    ('a hash and what follows it', $$UPDATE dcep.transfer SET hash = sha256(hash) WHERE id = pg_temp.id('s1#3')$$),
    ('a row is gone', $$DELETE FROM dcep.transfer WHERE id = pg_temp.id('s1#3')$$),
    ('the last row is gone, which was not in the log', $$DELETE FROM dcep.transfer WHERE id = pg_temp.id('s1#4')$$),
    ('the end of a chain', $$UPDATE dcep.wallet_chain SET head = sha256(head) WHERE wallet = t.w('s1')$$),
    ('a coin is gone', $$DELETE FROM dcep.coin WHERE id = 2 * pg_temp.id('s1#4')$$),
    ('a coin is worth more', $$UPDATE dcep.coin SET amount = amount + 1 WHERE id = 2 * pg_temp.id('s1#4')$$),
    ('a coin in other hands', $$UPDATE dcep.coin SET owner = t.w('s5') WHERE id = 2 * pg_temp.id('s1#4')$$),
    ('a coin is back that was consumed', $$INSERT INTO dcep.coin (owner, amount, id) SELECT t.w('s1'), j.change, 2 * j.id + 1 FROM dcep.transfer AS j WHERE j.id = pg_temp.id('s1#3')$$),
    ('a coin is back that was consumed before, and paid with', $$INSERT INTO dcep.coin (owner, amount, id) SELECT t.w('s1'), j.amount, 2 * j.id FROM dcep.transfer AS j WHERE j.payee = t.w('s1') AND j.kind = 'exchange_in';
        SELECT t.pay('s1', 's5', 1000)$$),
    ('another''s coin', $$UPDATE dcep.transfer SET inputs = ARRAY[2 * pg_temp.id('s4#1')] WHERE id = pg_temp.id('s1#4')$$),
    ('a coin that nobody minted', $$UPDATE dcep.transfer SET inputs = '{4000000000000000000}' WHERE id = pg_temp.id('s1#4')$$),
    ('more change than there was', $$UPDATE dcep.transfer SET change = change + 1 WHERE id = pg_temp.id('s1#4')$$),
    ('a key that had been revoked', $$UPDATE dcep.signing_key SET revoked_at = '2020-01-01', revocation_reason = 'stolen' WHERE institution = 3$$),
    ('a key that was not valid any more', $$UPDATE dcep.signing_key SET valid_from = '2020-01-01', valid_until = '2020-01-02' WHERE institution = 3$$),
    ('an issue without reserve', $$DELETE FROM dcep.reserve_entry WHERE reference = 'new' AND amount < 0$$),
    ('limits in hindsight', $$UPDATE dcep.wallet_class SET max_payment = 10 WHERE class = 4$$),
    ('a cap in hindsight', $$UPDATE dcep.wallet_class SET max_balance = 500 WHERE class = 4$$),
    ('usage', $$UPDATE dcep.wallet_chain SET day_spent = day_spent - 1 WHERE wallet = t.w('s3')$$),
    ('a restriction lifted', $$INSERT INTO dcep.wallet_event (wallet, event, direction, reason, class) VALUES (t.w('s3'), 'freeze', 'debit', 'case', 4)$$),
    ('a restriction imposed', $$UPDATE dcep.wallet SET flags = flags | 2 WHERE id = t.w('s3')$$),
    ('a payment against an order', $$SELECT set_config('role', 'regress_sheriff', true); SELECT dcep.impose('no_debit', jsonb_build_object('wallet', t.w('s1')), 'case'); SELECT set_config('role', 'none', true);
        CREATE TEMP TABLE aside AS SELECT * FROM dcep.control_effect; DELETE FROM dcep.control_effect;
        SELECT t.pay('s1', 's5', 1); INSERT INTO dcep.control_effect SELECT * FROM aside$$),
    ('a payee that is no wallet', $$DELETE FROM dcep.wallet WHERE id = t.w('s2')$$),
    ('a leaf of the log', $$UPDATE dcep.log_tile SET hashes = set_byte(hashes, octet_length(hashes) - 1, get_byte(hashes, octet_length(hashes) - 1) # 1) WHERE level = 0 AND index = (SELECT max(index) FROM dcep.log_tile WHERE level = 0)$$),
    ('the totals', $$UPDATE dcep.log_total SET redeemed = redeemed + 1 WHERE institution = 2$$),
    ('the newest checkpoint', $$UPDATE dcep.checkpoint SET note = replace(note, 'supply CNY 2 ', 'supply CNY 2 1') WHERE size = (SELECT max(size) FROM dcep.checkpoint)$$),
    ('the root of the checkpoint', $$UPDATE dcep.checkpoint SET root = sha256(root) WHERE size = (SELECT min(size) FROM dcep.checkpoint)$$),
    ('the log before the checkpoint', $$UPDATE dcep.log_tile SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 1 AND index = 0$$),
    ('a reserve entry of before', $$UPDATE dcep.reserve_entry SET amount = amount + 1 WHERE reference = 'old'$$),
-- What was before.
    ('a memo of before', $$UPDATE dcep.transfer SET memo = 'other' WHERE id = pg_temp.id('s1#1')$$),
    ('a row of before is gone', $$DELETE FROM dcep.transfer WHERE id = pg_temp.id('s4#1')$$),
    ('a coin of before is worth more', $$UPDATE dcep.coin SET amount = amount + 1 WHERE id = 2 * pg_temp.id('s4#1')$$),
    ('a wallet of before is restricted', $$UPDATE dcep.wallet SET flags = flags | 1 WHERE id = t.w('s5')$$),
    ('tokens of no wallet', $$INSERT INTO dcep.token SELECT n, '0002999999999990', n, now(), now() + interval '1 minute', false, n = 1 FROM generate_series(1, 3) AS n$$),
    ('the totals of a checkpoint of before, signed anew', $$UPDATE dcep.checkpoint AS c SET note = dcep.sign_note(replace(left(c.note, strpos(c.note, E'\n\n')),
        format('%s %s', split_part(substring(c.note FROM 'supply [^\n]*'), ' ', 4), split_part(substring(c.note FROM 'supply [^\n]*'), ' ', 5)), '1 2'), dcep.log_origin(), 1, (SELECT public_key FROM dcep.log_key WHERE number = 1))
        WHERE c.size = (SELECT min(size) FROM dcep.checkpoint)$$);
SELECT c.n, c.what, f.finds_since, f.finds_all FROM change AS c, pg_temp.found(:since, c.change) AS f ORDER BY 1;
-- Nothing of this remained.
SELECT * FROM dcep.audit(:since);
ROLLBACK;
SELECT size FROM dcep.log_state;
