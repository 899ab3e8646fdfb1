-- Tracing: where a coin's value went, by three methods, and where it came from.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

-- Coins and transfers by name. Out of vaults money comes by tills too, if a test before has opened some.
CREATE FUNCTION t.step(id bigint) RETURNS text LANGUAGE sql STRICT AS $$
    SELECT CASE WHEN j.kind = 'exchange_in' THEN 'exchange_in>' || t.name(j.payee) ELSE t.transfer(j.id) END
      FROM dcep.transfer AS j WHERE j.id = $1
$$;
CREATE FUNCTION t.traced(id bigint) RETURNS text LANGUAGE sql STRICT AS $$
    SELECT t.step(id >> 1) || CASE id & 1 WHEN 1 THEN ' change' ELSE '' END
$$;
-- And back: the transfer of a payer's name and its place in the payer's chain.
CREATE FUNCTION t.id(name text) RETURNS bigint LANGUAGE sql STABLE STRICT AS $$
    SELECT j.id FROM dcep.transfer AS j WHERE j.payer = t.w(split_part(name, '#', 1)) AND j.seq = split_part(name, '#', 2)::bigint
$$;
CREATE FUNCTION t.forward(start text, method text DEFAULT 'haircut', max_depth integer DEFAULT NULL, max_rows integer DEFAULT 1000)
    RETURNS TABLE (depth integer, coin text, kind dcep.transfer_kind, wallet text, amount bigint, tainted bigint, state text, consumed_by text)
    LANGUAGE sql AS $$
    SELECT f.depth, t.traced(f.coin), f.kind, t.name(f.wallet), f.amount, f.tainted, f.state, t.step(f.consumed_by)
      FROM dcep.trace_forward(t.id(start), method, max_depth, max_rows) AS f
$$;
CREATE FUNCTION t.back(start text, max_depth integer DEFAULT NULL, max_rows integer DEFAULT 100000)
    RETURNS TABLE (depth integer, coin text, kind dcep.transfer_kind, wallet text, amount bigint, state text, consumed_by text)
    LANGUAGE sql AS $$
    SELECT b.depth, t.traced(b.coin), b.kind, CASE WHEN b.kind = 'exchange_in' AND b.coin & 1 = 1 THEN 'vault or till' ELSE t.name(b.wallet) END, b.amount, b.state, t.step(b.consumed_by)
      FROM dcep.trace_back(t.id(start), max_depth, max_rows) AS b
$$;
-- What the end points have: with haircut and fifo, always what the first coin was worth.
CREATE FUNCTION t.sums(start text, max_depth integer DEFAULT NULL, max_rows integer DEFAULT 1000)
    RETURNS TABLE (method text, rows bigint, live numeric, redeemed numeric, cut numeric, total numeric) LANGUAGE sql AS $$
    SELECT m, count(*), sum(f.tainted) FILTER (WHERE f.state = 'live'), sum(f.tainted) FILTER (WHERE f.state = 'redeemed'),
           sum(f.tainted) FILTER (WHERE f.state = 'cut'), sum(f.tainted) FILTER (WHERE f.state <> 'consumed')
      FROM unnest(ARRAY['poison', 'haircut', 'fifo']) WITH ORDINALITY AS u (m, o), t.forward(start, m, max_depth, max_rows) AS f GROUP BY m, o ORDER BY o
$$;

-- --- a fraud --------------------------------------------------------------------

SELECT t.open('victim', 2, 1, 10000), t.open('crook', 2, 1, 4000), t.open('mule', 3, 1), t.open('fence', 4, 1), t.open('shop', 2, 1);
SELECT t.pay('victim', 'crook', 1000);
-- Nothing has happened to it yet.
SELECT * FROM t.forward('victim#1');
-- The crook adds money of his own, splits, gets some of it back, makes one coin of what he has, and buys.
SELECT t.pay('crook', 'mule', 4500), t.pay('mule', 'fence', 3000), t.pay('mule', 'crook', 700);
SELECT dcep.consolidate(t.w('crook'));
SELECT t.pay('crook', 'shop', 100);
-- The fence brings it to its bank, which redeems.
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('fence'), t.w('vault4'), 3000);
SELECT (dcep.redeem(4, 2990, 'traced')).amount;
SELECT transfer, kind, payer, payee, amount, change, ARRAY(SELECT t.traced(i) FROM unnest((SELECT x.inputs FROM dcep.transfer AS x WHERE x.id = j.id)) WITH ORDINALITY AS u (i, o) ORDER BY o) AS inputs
FROM t.journal AS j WHERE id > t.id('victim#1') ORDER BY id;

-- In proportion: the payee's coin rounded down, the change with the rest.
SELECT * FROM t.forward('victim#1', 'haircut');
-- First in, first out: the crook's own 4,000 went first.
SELECT * FROM t.forward('victim#1', 'fifo');
-- All that was touched.
SELECT * FROM t.forward('victim#1', 'poison');
SELECT * FROM t.sums('victim#1');
-- What can be frozen.
SELECT m, t.traced(l.coin), t.name(l.wallet) AS wallet, l.institution, l.amount, l.tainted
FROM unnest(ARRAY['poison', 'haircut', 'fifo']) WITH ORDINALITY AS u (m, o), dcep.trace_live(t.id('victim#1'), m) AS l ORDER BY o, l.coin;

-- Limits: what is not followed any more says so, and nothing gets lost.
SELECT * FROM t.forward('victim#1', 'haircut', 0);
SELECT * FROM t.forward('victim#1', 'haircut', 2);
SELECT * FROM t.forward('victim#1', 'fifo', NULL, 1);
SELECT * FROM t.forward('victim#1', 'haircut', NULL, 5);
SELECT depth_limit, s.* FROM generate_series(0, 6) AS depth_limit, t.sums('victim#1', depth_limit) AS s WHERE method <> 'poison';
SELECT row_limit, s.* FROM generate_series(1, 14, 2) AS row_limit, t.sums('victim#1', NULL, row_limit) AS s WHERE method <> 'poison';
SELECT t.try(format('SELECT count(*) FROM dcep.trace_live(%s, ''haircut'', 4)', t.id('victim#1')));

-- From a coin: by its number, or by itself. The change of the victim stayed clean and lives.
SELECT f.depth, t.traced(f.coin), f.tainted, f.state FROM dcep.trace_forward_coin(t.id('victim#1') * 2 + 1, 'fifo') AS f;
SELECT f.depth, t.traced(f.coin), f.tainted, f.state FROM dcep.coins(t.w('shop')) AS c, dcep.trace_forward(c, 'fifo') AS f;
SELECT b.depth, t.traced(b.coin), b.amount, b.state FROM dcep.coins(t.w('shop')) AS c, dcep.trace_back(c, 3) AS b;
-- A redemption is where value ends: the trace from it is that one row, without a coin.
SELECT f.depth, f.coin, t.name(f.wallet) AS wallet, f.institution, f.amount, f.tainted, f.state, f.consumed_by, f.kind FROM dcep.transfer AS j, dcep.trace_forward(j.id) AS f WHERE j.key = 'traced';
SELECT b.depth, t.traced(b.coin), t.name(b.wallet) AS wallet, b.amount, b.state, t.step(b.consumed_by) FROM dcep.transfer AS j, dcep.trace_back(j.id, 3) AS b WHERE j.key = 'traced';
-- The columns as they come.
SELECT f.minted_by = j.id AND f.coin = 2 * j.id AND f.created_at = j.created_at AND f.institution = 2 AS as_recorded FROM dcep.transfer AS j, dcep.trace_forward(j.id, max_depth => 0) AS f WHERE j.id = t.id('victim#1');

-- --- back to the issues -------------------------------------------------------------

SELECT * FROM t.back('crook#3', 3);
SELECT * FROM t.back('crook#3', NULL, 4);
SELECT * FROM t.back('crook#3', 0);
-- All of it, against the same question put in SQL.
CREATE FUNCTION t.ancestors(start text) RETURNS TABLE (coin bigint) LANGUAGE sql AS $$
    WITH RECURSIVE a (coin) AS (
        SELECT t.id(start) * 2
        UNION SELECT i FROM a JOIN dcep.transfer AS x ON x.id = a.coin >> 1, unnest(x.inputs) AS i)
    SELECT a.coin FROM a
$$;
SELECT start, count(*) >= 3 AS some, count(*) FILTER (WHERE b.kind = 'issue') > 0 AS issues, count(*) FILTER (WHERE b.state = 'cut') AS cut,
       array_agg(b.coin ORDER BY b.coin) = (SELECT array_agg(a.coin ORDER BY a.coin) FROM t.ancestors(start) AS a) AS complete
FROM unnest(ARRAY['crook#3', 'victim#1', 'fence#1']) AS start, dcep.trace_back(t.id(start)) AS b GROUP BY start ORDER BY start;

-- --- ids that run backwards ----------------------------------------------------------
-- As with a sequence that has a cache: what was paid later has the lower id.

CREATE FUNCTION t.pay_as(number bigint, payer text, payee text, amount bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setval('dcep.transfer_id_seq', number, false);
    RETURN t.pay(payer, payee, amount);
END
$$;
SELECT t.open('r1', 2, 1, 900), t.open('r2', 2, 1, 900), t.open('r3', 2, 1);
SELECT last_value + 100 AS base FROM dcep.transfer_id_seq \gset
SELECT t.pay_as(:base + 9, 'r1', 'r2', 600);
SELECT t.pay_as(:base + 5, 'r2', 'r3', 1200);
SELECT t.pay_as(:base + 7, 'r3', 'r1', 1100);
SELECT t.pay_as(:base + 2, 'r1', 'r2', 1300);
SELECT t.pay_as(:base + 3, 'r2', 'r1', 1400);
SELECT t.pay_as(:base + 1, 'r1', 'r3', 1350);
SELECT setval('dcep.transfer_id_seq', :base + 20) = :base + 20 AS on_again;
SELECT depth, coin, wallet, amount, tainted, state, consumed_by FROM t.forward('r1#1', 'haircut');
SELECT depth, coin, wallet, amount, tainted, state, consumed_by FROM t.forward('r1#1', 'fifo');
SELECT * FROM t.sums('r1#1');
SELECT * FROM t.sums('r1#1', 2);
SELECT * FROM t.sums('r1#1', NULL, 4);

-- --- who may ask, and what --------------------------------------------------------------

SELECT t.id('victim#1') AS v, t.id('victim#1') * 2 AS coin \gset
SELECT t.try(q) FROM unnest(ARRAY['SELECT dcep.trace_forward(:v, ''fair'')', 'SELECT dcep.trace_forward(:v, ''Haircut'')', 'SELECT dcep.trace_forward(:v, NULL)', 'SELECT dcep.trace_forward(NULL::bigint)', 'SELECT dcep.trace_forward(:v, max_rows => NULL)',
    'SELECT dcep.trace_forward(:v, max_rows => 0)', 'SELECT dcep.trace_forward(:v, max_rows => 1000001)', 'SELECT dcep.trace_forward(:v, max_depth => -1)', 'SELECT dcep.trace_forward(-1)', 'SELECT dcep.trace_forward(0)',
    'SELECT dcep.trace_forward(4611686018427387904)', 'SELECT dcep.trace_forward(4611686018427387903)', 'SELECT dcep.trace_forward_coin(1)', 'SELECT dcep.trace_forward_coin(9223372036854775807)', 'SELECT dcep.trace_forward_coin(NULL)',
    'SELECT dcep.trace_back(-1)', 'SELECT dcep.trace_back(NULL::bigint)', 'SELECT dcep.trace_back_coin(0)', 'SELECT dcep.trace_back(:v, -1)', 'SELECT dcep.trace_back(:v, 1, 0)', 'SELECT dcep.trace_forward(NULL::dcep.signed_coin)',
    'SELECT dcep.trace_live(NULL)', 'SELECT dcep.trace_live(:v, ''all'')', 'SELECT dcep.trace_live(:v, ''fifo'', 0)', 'SELECT dcep.trace_live(-5)', 'SELECT dcep.trace_svg(:v, ''haircut'', ''sideways'')', 'SELECT dcep.trace_svg(:v, max_rows => 5001)',
    'SELECT dcep.trace_dot(NULL)', 'SELECT dcep.trace_dot(-1)']) WITH ORDINALITY AS u (raw, o), replace(raw, ':v', :'v') AS q ORDER BY o;
-- A payment that fitted left no change.
SELECT t.try(format('SELECT dcep.trace_back_coin(%s)', t.id('fence#1') * 2 + 1));
-- A coin that was altered.
SELECT t.try(format('SELECT dcep.trace_forward(%L::dcep.signed_coin)', altered)), t.try(format('SELECT dcep.trace_back(%L::dcep.signed_coin)', altered))
FROM (SELECT overlay(c::text PLACING CASE substr(c::text, 150, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 150) AS altered FROM dcep.coins(t.w('shop')) AS c) AS coins;

-- Auditors and operators do not trace.
SET ROLE regress_auditor;
SELECT count(*) FROM dcep.trace_forward(1::bigint);
SELECT dcep.trace_svg(1);
SET ROLE regress_bank2;
SELECT count(*) FROM dcep.trace_back(1::bigint);
SELECT count(*) FROM dcep.trace_live(1);
RESET ROLE;
-- The central bank sees all of it.
CREATE FUNCTION t.plain(statement text, VARIADIC hidden text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, detail, hint), '\y(' || array_to_string(hidden, '|') || ')\y', '(id)', 'g');
END
$$;
SET ROLE regress_central;
SELECT t.plain(format('SELECT dcep.trace_forward(%s)', :v), :'v');
SELECT dcep.open_case('C-1', 'tracing') > 0 AS opened;
SELECT count(*), count(f.wallet), sum(f.tainted) FILTER (WHERE f.state <> 'consumed') FROM dcep.trace_forward(:v) AS f;
SELECT dcep.close_case();
-- A supervisor who sees none of the parties is not told whether there is such a transfer.
SET ROLE regress_supervisor;
SELECT t.plain(q, :'v', :'coin') FROM unnest(ARRAY[format('SELECT dcep.trace_forward(%s)', :v), format('SELECT dcep.trace_forward_coin(%s)', :coin), 'SELECT dcep.trace_forward(4611686018427387903)', 'SELECT dcep.trace_back_coin(9223372036854775807)', format('SELECT dcep.trace_svg(%s)', :v)]) AS q;
RESET ROLE;
-- One who sees the wallets of institution 2 follows the value through all, and sees others' wallets by institution alone.
BEGIN;
GRANT dcep_supervisor TO regress_bank2;
SET LOCAL ROLE regress_bank2;
SELECT f.depth, t.name(f.wallet) AS wallet, f.institution, f.amount, f.tainted, f.state FROM dcep.trace_forward(:v) AS f;
SELECT b.depth, t.name(b.wallet) AS wallet, b.institution, b.amount, b.state FROM dcep.trace_back(:v, 1) AS b;
SELECT t.name(l.wallet) AS wallet, l.institution, l.tainted FROM dcep.trace_live(:v) AS l;
SELECT regexp_count(dcep.trace_dot(:v), 'a wallet of 0003') AS mule, regexp_count(dcep.trace_dot(:v), '0003 [0-9]{4}') AS its_number;
ROLLBACK;

-- --- pictures -----------------------------------------------------------------------------

-- Wallets by name where they stand in groups of four.
CREATE FUNCTION t.picture(picture text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w record;
BEGIN
    FOR w IN SELECT name, regexp_replace(id::text, '(....)(....)(....)(....)', '\1 \2 \3 \4') AS grouped FROM t.wallet LOOP
        picture := replace(picture, w.grouped, w.name);
    END LOOP;
    RETURN t.mask(picture);
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT t.picture(dcep.trace_dot(:v, 'haircut'));
SELECT t.picture(dcep.trace_dot(:v, 'haircut', 'forward', 1));
SELECT t.picture(dcep.trace_dot(t.id('crook#3'), 'fifo', 'back', 2));
\pset tuples_only off
\pset format aligned
-- The same as SVG: so many boxes, so many flows, all amounts.
SELECT s ~ '^<svg xmlns="http://www.w3.org/2000/svg" ' AS begins, s ~ '</svg>\n$' AS ends, regexp_count(s, '<rect class="box [^>]* width="196"') AS nodes, regexp_count(s, '<path class="flow') AS flows, s ~ 'prefers-color-scheme:dark' AS dark
FROM (SELECT dcep.trace_svg(:v) AS s) AS picture;
SELECT t.picture(m[1]) FROM (SELECT regexp_matches(dcep.trace_svg(:v), '<text [^>]*>([^<]*)</text>', 'g') AS m) AS texts;
-- A crowd is drawn as one, and its value is all there.
DO $$ BEGIN PERFORM t.open('crowd' || n, 2, 1) FROM generate_series(1, 25) AS n; PERFORM t.pay('victim', 'shop', 5000); PERFORM t.pay('shop', 'crowd' || n, 10 * n) FROM generate_series(1, 25) AS n; END $$;
SELECT regexp_count(d, ' \[label=') AS nodes, regexp_count(d, ' -> ') AS edges, substring(d FROM '"([0-9]+ more[^"]*)"') AS the_rest FROM (SELECT dcep.trace_dot(t.id('victim#2')) AS d) AS picture;
SELECT * FROM t.sums('victim#2');

-- --- a journal that was altered ---------------------------------------------------------------

CREATE FUNCTION t.altered(statement text, question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    BEGIN
        ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
        ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
        EXECUTE statement;
        answer := t.try(question);
        IF answer = 'ok' THEN
            EXECUTE question INTO answer;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        NULL;
    END;
    RETURN answer;
END
$$;
CREATE FUNCTION t.states(transfer bigint, method text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(f.state || ' ' || f.tainted, ', ' ORDER BY f.state, f.tainted) FROM dcep.trace_forward(transfer, method) AS f WHERE f.state <> 'consumed'
$$;
-- A live coin that was deleted is lost; one that was put back is where the journal says first.
SELECT t.altered($$DELETE FROM dcep.coin WHERE owner = t.w('mule')$$, format('SELECT t.states(%s, ''haircut'')', :v));
-- Inputs that are worth more than what came of them; a transfer that is gone; a payment out of itself; a circle.
SELECT t.altered($$UPDATE dcep.transfer SET amount = 100 WHERE payer = t.w('mule') AND seq = 1$$, format('SELECT t.states(%s, %L)', :v, m)) FROM unnest(ARRAY['haircut', 'fifo', 'poison']) AS m;
SELECT t.altered($$DELETE FROM dcep.transfer WHERE payee = t.w('crook') AND kind = 'exchange_in'$$, format('SELECT t.states(%s, ''fifo'')', :v)) ~ '^XX001 journal cannot be traced \| Transfer .*: it is missing' AS missing;
SELECT t.altered($$DELETE FROM dcep.transfer WHERE payee = t.w('crook') AND kind = 'exchange_in'$$, format('SELECT count(*) FROM dcep.trace_back(%s)', :v + 1)) IS NOT NULL AS back;
SELECT t.id('crook#1') AS first \gset
SELECT t.id('mule#1') AS middle \gset
SELECT t.id('mule#2') AS last \gset
SELECT t.altered(format('UPDATE dcep.transfer SET inputs = ARRAY[2 * %s] || inputs, amount = amount + 100000, change = change + 100000 WHERE id = %s', :last, :first), format('SELECT t.states(%s, %L)', :last, 'haircut'));
SELECT t.altered(format('UPDATE dcep.transfer SET inputs = inputs || ARRAY[2 * %s::bigint], change = change + 700 WHERE id = %s', :last, :first), format('SELECT t.states(%s, %L)', :v, m)) FROM unnest(ARRAY['poison', 'haircut', 'fifo']) AS m;
SELECT t.altered(format('UPDATE dcep.transfer SET payee = payer, inputs = ARRAY[2 * %s] WHERE id = %s', :middle, :middle), format('SELECT t.states(%s, %L)', :middle, 'haircut'));
SELECT t.altered(format('UPDATE dcep.transfer SET inputs = ARRAY[2 * %s] WHERE id = %s', :last, :first), format('SELECT count(*) FROM dcep.trace_back(%s)', :last)) AS circle_back;
SELECT t.altered(format('UPDATE dcep.transfer SET inputs = ARRAY[2 * %s] WHERE id = %s', :last, :first), format('SELECT left(dcep.trace_svg(%s, direction => %L), 4)', :last, 'back')) AS circle_drawn;
SELECT t.altered(format('UPDATE dcep.transfer SET key_number = 0 WHERE id = %s', :last), format('SELECT t.states(%s, %L)', :v, m)) FROM unnest(ARRAY['haircut', 'fifo']) AS m;
DROP FUNCTION t.altered, t.states, t.picture, t.pay_as, t.ancestors, t.sums, t.back, t.forward, t.traced, t.step, t.plain, t.id;
SELECT * FROM t.audit();
