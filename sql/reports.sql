-- Reports: a constructed journal at times of our choosing, with both sides of each threshold. All of it is rolled back.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';

-- What the ledger says as it is: nothing is created or lost, spent twice or missing.
SELECT sound, outstanding = reserve_debits AS debited, outstanding = live_coins AS alive FROM dcep.conservation;
SELECT * FROM dcep.double_spends();
SELECT * FROM dcep.chain_gaps();
SELECT bool_and(q.quota = q.used + q.remaining) AS adds_up, bool_and(q.used = s.outstanding) AS used, bool_and(q.remaining = s.reserve) AS remaining FROM dcep.quota AS q JOIN dcep.supply AS s USING (institution);
SELECT * FROM dcep.reporting_threshold ORDER BY amount;
SELECT dcep.day_start('2130-01-15'), dcep.day_start(NULL) IS NULL AS null_day, dcep.today() = (now() AT TIME ZONE 'Asia/Shanghai')::date AS today;
SELECT * FROM dcep.client_threshold(NULL, NULL) ORDER BY type;
SELECT * FROM dcep.client_threshold(7, 9) ORDER BY type;

BEGIN;
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY '{transfer,wallet,coin,reserve_entry}'::text[] LOOP
        EXECUTE format('ALTER TABLE dcep.%I DISABLE TRIGGER ALL', tab);
    END LOOP;
END
$$;
DELETE FROM dcep.transfer;
DELETE FROM dcep.coin;
DELETE FROM dcep.reserve_entry;
CREATE SEQUENCE t.row_id START 1000000;
-- A wallet by name, which need not be open.
CREATE FUNCTION t.known(wanted text, institution integer DEFAULT 2) RETURNS dcep.wallet_id LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.wallet SELECT wanted, dcep.allot_number(institution, abs(hashtext(wanted)), decode(repeat('77', 32), 'hex'))
     WHERE NOT EXISTS (SELECT FROM t.wallet AS w WHERE w.name = wanted);
    RETURN t.w(wanted);
END
$$;
-- A row of the journal, as it would be had it been paid then.
CREATE FUNCTION t.paid(payer text, payee text, amount bigint, at timestamptz, kind dcep.transfer_kind DEFAULT 'transfer') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    from_id dcep.wallet_id := t.known(payer);
    to_id dcep.wallet_id := t.known(payee);
BEGIN
    INSERT INTO dcep.transfer (id, payer, payee, amount, change, created_at, seq, kind, key_number, issuer, suite, inputs, prev_hash, hash)
    VALUES (nextval('t.row_id'), from_id, to_id, amount, 0, at, nextval('t.row_id'), kind, 1, dcep.institution(from_id), 1, '{}', '', '');
END
$$;
-- Names in order.
CREATE FUNCTION t.names(ids dcep.wallet_id[]) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(t.name(i) ORDER BY t.name(i)) FROM unnest(ids) AS i
$$;

-- --- large values: the day is Shanghai's, thresholds are inclusive -----------------------------------------------

SAVEPOINT large;
SELECT t.paid('one', 'other', 50000000, '2130-01-15 00:00:00');        -- single, at the first moment of the day
SELECT t.paid('below', 'other2', 49999999, '2130-01-15 12:00:00');     -- a fen less
SELECT t.paid('sum', 'x' || i, 25000000, '2130-01-15 23:59:59.999999') FROM generate_series(1, 2) AS i;
SELECT t.paid('short', 'y' || i, 24999999 + i, '2130-01-15 10:00') FROM generate_series(0, 0) AS i;
SELECT t.paid('early', 'z', 50000000, '2130-01-14 23:59:59.999999');
SELECT t.paid('late', 'z', 50000000, '2130-01-16 00:00:00');
SELECT t.paid('vault2', 'cash', 5000000, '2130-01-15 09:00', 'exchange_in');
SELECT t.paid('vault2', 'coins', 4999999, '2130-01-15 09:00', 'exchange_in');
SELECT t.paid('cashout', 'vault2', 3000000, '2130-01-15 09:00', 'exchange_out'), t.paid('cashout', 'vault2', 2000000, '2130-01-15 09:00', 'exchange_out');
SELECT t.paid('vault2', 'vault3', 900000000, '2130-01-15 09:00');      -- institutions among themselves
SELECT t.paid('one', 'one', 900000000, '2130-01-15 09:00', 'consolidate');
SELECT t.name(wallet), institution, direction, type, threshold, rule, movements, largest, total FROM dcep.large_values('2130-01-15') ORDER BY 1, 3;
SELECT t.name(wallet), rule, total FROM dcep.large_values('2130-01-14') ORDER BY 1;
SELECT t.name(wallet), direction, type, threshold FROM dcep.large_values('2130-01-15', cash => 4999999, transfer => 50000001) ORDER BY 1, 2;
SELECT count(*) FROM dcep.large_values(NULL);
SELECT count(*) FROM dcep.large_values();

-- The client's side of the journal: one row a client, none for the vault.
SELECT t.name(wallet), direction, t.name(counterparty) AS counterparty, kind, amount FROM dcep.movement WHERE kind <> 'transfer' ORDER BY 1, amount;

-- Between operators; what stays within one does not count, nor issues.
SELECT t.known('three', 3) IS NOT NULL AS known;
SELECT t.paid('one', 'three', 700, '2130-01-15 12:00'), t.paid('three', 'one', 200, '2130-01-15 12:00'), t.paid('three', 'sum', 300, '2130-01-17 12:00');
SELECT t.paid('central', 'vault2', 5000, '2130-01-15 12:00', 'issue');
SELECT * FROM dcep.net_positions('2130-01-15', '2130-01-16') WHERE paid <> 900000000;
SELECT institution, counterparty, payments, paid, receipts, received, net FROM dcep.net_positions('2130-01-15 12:00', NULL);
SELECT * FROM dcep.net_positions('2130-01-18', NULL);
ROLLBACK TO large;

-- --- structuring: three or more at 80 to 100 % within three days --------------------------------------------------

SAVEPOINT structuring;
SELECT t.paid('yes', 'p' || i, 40000000, timestamptz '2130-01-10 00:00' + i * interval '36 hours') FROM generate_series(0, 2) AS i;          -- 3 days exactly, 80 % exactly
SELECT t.paid('slow', 'q' || i, 40000000, timestamptz '2130-01-10 00:00' + i * interval '36 hours 1 second') FROM generate_series(0, 2) AS i;
SELECT t.paid('low', 'r' || i, 39999999, timestamptz '2130-01-10 00:00' + i * interval '1 hour') FROM generate_series(0, 2) AS i;
SELECT t.paid('open', 's' || i, 50000000, timestamptz '2130-01-10 00:00' + i * interval '1 hour') FROM generate_series(0, 2) AS i;           -- reported as large
SELECT t.paid('two', 'u' || i, 49999999, timestamptz '2130-01-10 00:00' + i * interval '1 hour') FROM generate_series(0, 1) AS i;
SELECT t.paid('pair', 'partner', 49999999, timestamptz '2130-01-10 00:00' + i * interval '1 hour') FROM generate_series(0, 3) AS i;
SELECT t.paid('pair', 'partner', 49999999, '2130-01-20 00:00');                                                                              -- later, and no part of it
SELECT t.paid('vault2', 'teller', 4500000, timestamptz '2130-01-10 00:00' + i * interval '1 day', 'exchange_in') FROM generate_series(0, 2) AS i;
SELECT t.name(wallet), institution, direction, type, threshold, movements, counterparties, total, first_at, last_at FROM dcep.structuring('2130-01-01', '2130-02-01') ORDER BY 1;
SELECT t.name(wallet), movements FROM dcep.structuring('2130-01-01', NULL, min_count => 2) WHERE t.name(wallet) IN ('slow', 'two', 'yes') ORDER BY 1;
SELECT t.name(wallet), movements FROM dcep.structuring('2130-01-01', NULL, floor => 0.79) WHERE t.name(wallet) = 'low';
SELECT t.name(wallet), threshold, movements FROM dcep.structuring('2130-01-01', NULL, transfer => 50000001) WHERE t.name(wallet) = 'open';
SELECT t.name(wallet), movements FROM dcep.structuring('2130-01-01', NULL, within => '3 days 2 seconds') WHERE t.name(wallet) = 'slow';
SELECT count(*) FROM dcep.structuring('2130-01-10 00:00:01', '2130-01-10 03:00');
SELECT count(*) FROM dcep.structuring();
ROLLBACK TO structuring;

-- --- fan-in, fan-out, pass-through --------------------------------------------------------------------------------

SAVEPOINT fans;
SELECT t.paid('f' || i, 'ten', 100 + i, timestamptz '2130-01-10 00:00' + i * interval '1 minute') FROM generate_series(1, 10) AS i;
SELECT t.paid('f1', 'ten', 5, '2130-01-10 01:00');
SELECT t.paid('f' || i, 'nine', 100, '2130-01-10 00:00') FROM generate_series(1, 9) AS i;
SELECT t.paid('f1', 'nine', 100, '2130-01-10 00:01');                     -- again, from one of the nine
SELECT t.paid('vault2', 'nine', 100, '2130-01-10 00:02');                 -- a vault is no client
SELECT t.paid('ten', 'sink', 1000, '2130-01-10 02:00');
SELECT t.paid('spread', 'g' || i, 10, '2130-01-10 03:00') FROM generate_series(1, 10) AS i;
SELECT t.paid('nearly', 'g' || i, 10, '2130-01-10 03:00') FROM generate_series(1, 9) AS i;
SELECT t.paid('sink', 'spread', 100, '2130-01-10 02:30');
SELECT t.name(wallet), institution, payers, receipts, received, first_at, last_at, payees, paid FROM dcep.fan_in('2130-01-10', '2130-01-11');
SELECT t.name(wallet), institution, payees, payments, paid, first_at, last_at, payers, received FROM dcep.fan_out('2130-01-10', '2130-01-11');
SELECT t.name(wallet), payers FROM dcep.fan_in('2130-01-10', '2130-01-11', 9) ORDER BY 1;
SELECT count(*) FROM dcep.fan_in('2130-01-10 00:01:01', '2130-01-11') AS a;
SELECT count(*) FROM dcep.fan_in('2130-01-10', '2130-01-10 00:10:00') AS a;
SELECT count(*) FROM dcep.fan_in();
SELECT count(*) FROM dcep.fan_out('2130-01-10', '2130-01-10 03:00');

SELECT t.paid('source', 'through', 10000000, '2130-01-12 00:00'), t.paid('through', 'target', 9000000, '2130-01-13 00:00');   -- 90 % after 24 hours
SELECT t.paid('source', 'keeps', 10000000, '2130-01-12 00:00'), t.paid('keeps', 'target', 8999999, '2130-01-12 12:00');
SELECT t.paid('source', 'waits', 10000000, '2130-01-12 00:00'), t.paid('waits', 'target', 10000000, '2130-01-13 00:00:01');
SELECT t.paid('source', 'before', 10000000, '2130-01-12 00:00'), t.paid('before', 'target', 10000000, '2130-01-11 23:59');
SELECT t.paid('source', 'small', 4999999, '2130-01-12 00:00'), t.paid('small', 'target', 4999999, '2130-01-12 01:00');
SELECT t.paid('source', 'twice', 5000000, '2130-01-12 00:00'), t.paid('source', 'twice', 6000000, '2130-01-12 05:00'), t.paid('twice', 'target', 10000000, '2130-01-12 06:00');
SELECT t.name(wallet), institution, received, paid, receipts, payments, first_at, last_at FROM dcep.pass_through('2130-01-01', '2130-02-01');
SELECT t.name(wallet) FROM dcep.pass_through('2130-01-01', NULL, share => 0.89) ORDER BY 1;
SELECT t.name(wallet) FROM dcep.pass_through('2130-01-01', NULL, within => '24 hours 1 second') ORDER BY 1;
SELECT t.name(wallet), received FROM dcep.pass_through('2130-01-01', NULL, min_received => 4999999) WHERE t.name(wallet) = 'small';
SELECT count(*) FROM dcep.pass_through('2130-01-01', '2130-01-12 06:00');
SELECT count(*) FROM dcep.pass_through();
ROLLBACK TO fans;

-- --- cycles -------------------------------------------------------------------------------------------------------

SAVEPOINT cycles;
SELECT t.paid('a', 'b', 1000, '2130-01-01'), t.paid('b', 'c', 900, '2130-01-02'), t.paid('c', 'a', 810, '2130-01-31');          -- 90 % each time, 30 days
SELECT t.paid('d', 'e', 1000, '2130-01-01'), t.paid('e', 'f', 899, '2130-01-02'), t.paid('f', 'd', 899, '2130-01-03');          -- a fen less than 90 %
SELECT t.paid('g', 'h', 1000, '2130-01-01'), t.paid('h', 'i', 1001, '2130-01-02'), t.paid('i', 'g', 1000, '2130-01-03');        -- more than what came
SELECT t.paid('k', 'l', 1000, '2130-01-01'), t.paid('l', 'k', 1000, '2130-01-02');                                              -- two are no ring
SELECT t.paid('n', 'o', 1000, '2130-01-02'), t.paid('m', 'n', 1000, '2130-01-03'), t.paid('o', 'm', 1000, '2130-01-01');        -- in no order of time
SELECT t.paid('r' || i, 'r' || (i + 1) % 6, 500, timestamptz '2130-01-05' + i * interval '1 hour') FROM generate_series(0, 5) AS i;
SELECT t.paid('s' || i, 's' || (i + 1) % 7, 500, timestamptz '2130-01-05' + i * interval '1 hour') FROM generate_series(0, 6) AS i;   -- seven
SELECT t.paid('v', 'vault2', 500, '2130-01-05'), t.paid('vault2', 'w', 500, '2130-01-06'), t.paid('w', 'v', 500, '2130-01-07');       -- over the counter
SELECT ARRAY(SELECT t.name(m) FROM unnest(members) WITH ORDINALITY AS u (m, o) ORDER BY o) AS members, cardinality(transfers) AS transfers, amount, returned, first_at, last_at
FROM dcep.cycles('2130-01-01', '2130-03-01');
SELECT t.name(members[1]) FROM dcep.cycles('2130-01-01', NULL, within => '29 days 23 hours');
SELECT t.name(members[1]) FROM dcep.cycles('2130-01-01', NULL, min_members => 2, max_members => 2);
SELECT t.name(members[1]) FROM dcep.cycles('2130-01-01', NULL, max_members => 7, min_members => 7);
SELECT t.name(members[1]) FROM dcep.cycles('2130-01-01', NULL, share => 0.89) ORDER BY 1;
SELECT t.name(members[1]) FROM dcep.cycles('2130-01-01', NULL, min_amount => 811);
SELECT count(*) FROM dcep.cycles('2130-01-01 00:00:01', NULL) WHERE cardinality(members) = 3;
ROLLBACK TO cycles;

-- --- dormant, surging, short-lived --------------------------------------------------------------------------------

SAVEPOINT dormant;
SELECT t.open('asleep', 2, 1), t.open('awake', 2, 1), t.open('unused', 2, 1), t.open('fresh', 2, 1), t.open('stays', 2, 1);
UPDATE dcep.wallet SET opened_at = '2129-01-01' WHERE id IN (t.w('asleep'), t.w('awake'), t.w('unused'), t.w('stays'));
UPDATE dcep.wallet SET opened_at = '2130-01-01 00:00:01' WHERE id = t.w('fresh');
SELECT t.paid('someone', 'asleep', 10, '2130-01-01 00:00'), t.paid('asleep', 'someone', 7, '2130-06-30 00:00'), t.paid('someone', 'asleep', 5, '2130-06-30 01:00');    -- 180 days
SELECT t.paid('someone', 'awake', 10, '2130-01-01 00:00:01'), t.paid('awake', 'someone', 7, '2130-06-30 00:00');
SELECT t.paid('someone', 'unused', 10, '2130-06-30 00:00'), t.paid('someone', 'fresh', 10, '2130-06-30 00:00');
SELECT t.paid('someone', 'stays', 10, '2130-01-01 00:00');
SELECT t.name(wallet), institution, last_before, reactivated_at, dormant_for, movements, received, paid FROM dcep.dormant_reactivated('2130-06-30', '2130-07-01') ORDER BY 1;
SELECT t.name(wallet) FROM dcep.dormant_reactivated('2130-06-30', NULL, dormancy => '179 days') ORDER BY 1;
SELECT t.name(wallet) FROM dcep.dormant_reactivated('2130-06-30', NULL, min_total => 11) ORDER BY 1;
SELECT count(*) FROM dcep.dormant_reactivated('2130-06-30 00:00:01', '2130-06-30 00:59');
SELECT count(*) FROM dcep.dormant_reactivated(NULL);

-- 90,000 in 90 days are a thousand a day; then a day of ten times as much.
SELECT t.paid('someone', 'surge', 90000, '2130-02-01'), t.paid('someone', 'surge', 10000, '2130-04-01 12:00');
SELECT t.paid('someone', 'steady', 90000, '2130-02-01'), t.paid('someone', 'steady', 9999, '2130-04-01 12:00');
SELECT t.paid('someone', 'rich', 900000, '2130-02-01'), t.paid('someone', 'rich', 100000, '2130-04-01 12:00');
SELECT t.paid('someone', 'newcomer', 10000, '2130-04-01 12:00');
SELECT t.paid('someone', 'both', 45000, '2130-02-01'), t.paid('both', 'someone', 45000, '2130-02-02'), t.paid('both', 'someone', 10000, '2130-04-01 23:00');
SELECT t.name(wallet), institution, usual, total, times, movements FROM dcep.surging('2130-04-01', '2130-04-02', min_total => 10000) WHERE t.name(wallet) <> 'someone' ORDER BY 1;
SELECT t.name(wallet), times FROM dcep.surging('2130-04-01', '2130-04-02', min_total => 9999, factor => 9.999) WHERE t.name(wallet) <> 'someone' ORDER BY 1;
SELECT t.name(wallet), times FROM dcep.surging('2130-04-01', '2130-04-02', min_total => 10001) WHERE t.name(wallet) <> 'someone';
SELECT count(*) FROM dcep.surging('2130-04-01', '2130-04-02');            -- none comes to 50,000.00
SELECT count(*) FROM dcep.surging('2130-04-01', '2130-04-02', baseline => '10 days', min_total => 1);
SELECT (SELECT count(*) FROM dcep.surging(NULL)) AS since, (SELECT count(*) FROM dcep.surging('2130-04-01', NULL)) AS until;

SELECT t.open('brief', 2, 4), t.open('longer', 2, 1), t.open('poor', 2, 1), t.open('living', 2, 1);
UPDATE dcep.wallet SET opened_at = '2130-01-01', closed_at = '2130-01-31', status = 'closed' WHERE id IN (t.w('brief'), t.w('poor'));
UPDATE dcep.wallet SET opened_at = '2130-01-01', closed_at = '2130-01-31 00:00:01', status = 'closed' WHERE id = t.w('longer');
UPDATE dcep.wallet SET opened_at = '2130-01-01' WHERE id = t.w('living');
SELECT t.paid('someone', w, 2500000, '2130-01-02'), t.paid(w, 'someone', 2500000, '2130-01-03') FROM unnest('{brief,longer,living}'::text[]) AS w;
SELECT t.paid('someone', 'poor', 2500000, '2130-01-02'), t.paid('poor', 'someone', 2499999, '2130-01-03');
SELECT t.name(wallet), institution, class, opened_at, closed_at, movements, received, paid FROM dcep.short_lived('2130-01-31', '2130-02-01');
SELECT t.name(wallet) FROM dcep.short_lived('2130-01-31', NULL, lifetime => '30 days 1 second', min_total => 4999999) ORDER BY 1;
SELECT (SELECT count(*) FROM dcep.short_lived('2130-01-01', '2130-01-31')) AS before, (SELECT count(*) FROM dcep.short_lived('2130-02-01')) AS after;
ROLLBACK TO dormant;

-- --- totals -------------------------------------------------------------------------------------------------------

SAVEPOINT totals;
DELETE FROM dcep.wallet WHERE class <> 0;
SELECT t.open('named', 2, 1), t.open('hidden', 2, 4), t.open('hidden2', 2, 4), t.open('gone', 2, 4), t.open('named3', 3, 2);
UPDATE dcep.wallet SET status = 'closed', closed_at = opened_at WHERE id = t.w('gone');
INSERT INTO dcep.coin VALUES (t.w('named'), 600, 2), (t.w('hidden'), 300, 4), (t.w('hidden2'), 100, 6), (t.w('vault2'), 5000, 8), (t.w('named3'), 50, 10);
SELECT t.paid('named', 'hidden', 60, '2130-01-15'), t.paid('hidden', 'vault2', 20, '2130-01-15', 'exchange_out'), t.paid('hidden', 'named', 1, '2130-01-16'), t.paid('vault2', 'hidden', 9, '2130-01-15', 'exchange_in');
SELECT * FROM dcep.anonymous_share('2130-01-15', '2130-01-16') WHERE institution < 5;
UPDATE dcep.wallet SET flags = 1 WHERE id IN (t.w('hidden'), t.w('hidden2'));
UPDATE dcep.wallet SET flags = 3 WHERE id = t.w('named3');
SELECT * FROM dcep.frozen_totals ORDER BY 1, 2;
-- 6,050 were made out of nothing, and chains lack their rows.
SELECT * FROM dcep.conservation;
SELECT check_name, count(*), count(wallet) AS shown FROM dcep.double_spends() GROUP BY 1;
SET ROLE regress_auditor;
SELECT check_name, count(*), count(wallet) AS shown FROM dcep.double_spends() GROUP BY 1;
RESET ROLE;
SELECT defect, count(*) > 0 AS found FROM dcep.chain_gaps() GROUP BY 1 ORDER BY 1;
ROLLBACK TO totals;

-- --- rings --------------------------------------------------------------------------------------------------------

-- A thousand pairs of wallets that have nothing to do with each other.
SELECT count(t.paid('from' || i, 'to' || i, 100, '2130-01-10')) FROM generate_series(1, 1000) AS i;
SELECT (SELECT count(*) FROM dcep.suspects('2130-01-01')) AS suspects, (SELECT count(*) FROM dcep.rings('2130-01-01')) AS rings;
-- An organiser and four others, three of whom pay the fourth. It paid six in all.
SELECT t.paid('boss', m, 200, '2130-01-11') FROM unnest('{m1,m2,m3,main,to1,to2}'::text[]) AS m;
SELECT t.paid('m' || i, 'main', 50, timestamptz '2130-01-12' + i * interval '1 hour') FROM generate_series(1, 3) AS i;
SELECT kind, t.name(organiser) AS organiser, t.names(members) AS members, pairs, cardinality(transfers) AS transfers, amount, first_at, last_at, payees, round(score::numeric, 6) AS score FROM dcep.rings('2130-01-01');
SELECT bool_and(t.name(j.payee) = 'main') AS to_main, count(*) FROM dcep.rings('2130-01-01') AS r, unnest(r.transfers) AS i (id) JOIN dcep.transfer AS j USING (id);
SELECT count(*) AS pairs, round((3 * log(count(*) / (1 * 4.0)) - 4 * log(6))::numeric, 6) AS expected FROM dcep.pairs('2130-01-01');
SELECT t.name(wallet), institution, reason, round(score::numeric, 6) AS score FROM dcep.suspects('2130-01-01') ORDER BY 1;
-- The threshold, from both sides.
SELECT count(*) FROM dcep.rings('2130-01-01', min_score => (SELECT score FROM dcep.rings('2130-01-01')));
SELECT count(*) FROM dcep.rings('2130-01-01', min_score => (SELECT score + 1e-9 FROM dcep.rings('2130-01-01')));
-- With five more payees it and they are twelve, of whom four are a third; with one more they are not.
SAVEPOINT payees;
SELECT t.paid('boss', 'to' || i, 200, '2130-01-11') FROM generate_series(3, 7) AS i;
SELECT t.name(wallet) FROM dcep.suspects('2130-01-01', ring_score => 1) WHERE reason = 'organiser';
SELECT t.paid('boss', 'to8', 200, '2130-01-11');
SELECT t.name(wallet) FROM dcep.suspects('2130-01-01', ring_score => 1) WHERE reason = 'organiser';
ROLLBACK TO payees;
-- One of them pays the organiser: it takes part, and the ring is no fan-in any more.
SAVEPOINT back;
SELECT t.paid('main', 'boss', 20, '2130-01-13');
SELECT kind, t.name(organiser), t.names(members), pairs, cardinality(transfers) AS transfers, amount FROM dcep.rings('2130-01-01') WHERE t.name(organiser) = 'boss';
ROLLBACK TO back;
-- Two of the payers pay each other: no fan-in either.
SAVEPOINT others;
SELECT t.paid('m1', 'm2', 20, '2130-01-13');
SELECT kind, t.names(members), pairs FROM dcep.rings('2130-01-01') WHERE t.name(organiser) = 'boss';
ROLLBACK TO others;

-- Frequent: twice or more, and at most one pair in fifty. 1009 pairs: at most 20.
SELECT t.paid('from' || i, 'to' || i, 1, '2130-01-14') FROM generate_series(1, 20) AS i;
SELECT count(*), min(payments), max(payments), min(amount), min(first_at), max(last_at), round(min(score)::numeric, 6) AS score FROM dcep.frequent_pairs('2130-01-01');
SELECT reason, count(*) FROM dcep.suspects('2130-01-01') GROUP BY 1 ORDER BY 1;
SAVEPOINT usual;
SELECT t.paid('from21', 'to21', 1, '2130-01-14');
SELECT count(*) FROM dcep.frequent_pairs('2130-01-01');
SELECT count(*) FROM dcep.frequent_pairs('2130-01-01', rarity => 21 / 1009.0);
-- Where paying twice is usual, thrice is not.
SELECT t.paid('from21', 'to21', 1, '2130-01-14');
SELECT t.name(payer), payments FROM dcep.frequent_pairs('2130-01-01');
ROLLBACK TO usual;
-- Linked: pays a wallet of a frequent pair, and was paid by the same as the other; the same without the one or the other.
SELECT t.paid('patron', w, 100, '2130-01-14') FROM unnest('{from1,friend,idler}'::text[]) AS w;
SELECT t.paid('friend', 'to1', 100, '2130-01-14'), t.paid('loner', 'to1', 100, '2130-01-14');
SELECT t.name(wallet), round(score::numeric, 6) AS score FROM dcep.suspects('2130-01-01', ring_score => 100, link_score => 0.5) WHERE reason = 'linked';
SELECT p.n AS pairs, w.n AS wallets, round((log(p.n / (1 * 4.0)) - log(w.n) + log(p.n / (3 * 1.0)) - (log(w.n) - log(p.n / (3 * 1.0))))::numeric, 6) AS expected
FROM (SELECT count(*) AS n FROM dcep.pairs('2130-01-01')) AS p, (SELECT count(*) AS n FROM (SELECT payer FROM dcep.pairs('2130-01-01') UNION SELECT payee FROM dcep.pairs('2130-01-01')) AS u) AS w;
SELECT t.name(wallet), round(score::numeric, 6) AS score FROM dcep.suspects('2130-01-01', ring_score => 100, link_score => -1) WHERE reason = 'linked' ORDER BY 1;
SELECT count(*) FROM dcep.suspects('2130-01-01', ring_score => 100) WHERE reason = 'linked';

-- What find_rings() refuses, and its limits.
SELECT t.try('SELECT * FROM dcep.find_rings(' || c || ', 2, 1, 0.02)') FROM unnest(ARRAY[
    $$'{}', '{}', '{}'$$, $$'{0002999999999990}', '{}', '{}'$$, $$'{0002999999999990}', '{0002999999999990}', '{}'$$, $$'{NULL}', '{0002999999999990}', '{1}'$$,
    $$'{0002999999999990}', '{0002999999999990}', '{NULL}'$$, $$'{{0002999999999990}}', '{{0002999999999990}}', '{{1}}'$$]) AS c;
SELECT count(*) FROM dcep.find_rings(NULL, '{}', '{}', 2, 1, 0.02);
SELECT (SELECT count(*) FROM dcep.suspects('2131-01-01')) AS suspects, (SELECT count(*) FROM dcep.rings('2131-01-01')) AS rings;

-- --- who may -------------------------------------------------------------------------------------------------------

-- The central bank and supervisors may ask, and see no wallet of an institution that is not theirs.
SET ROLE regress_supervisor;
SELECT count(*) FROM dcep.suspects('2130-01-01');
SELECT count(*) FROM dcep.rings('2130-01-01');
SELECT count(*) FROM dcep.large_values('2130-01-10', 1, 1);
SELECT count(*) FROM dcep.fan_in('2130-01-01', min_payers => 1);
SELECT count(*) FROM dcep.conservation;
SELECT count(*) > 0 AS defects, count(wallet) FROM dcep.double_spends();
SET ROLE regress_central;
SELECT count(*) FROM dcep.structuring('2130-01-01', NULL, 101, 101);
SELECT count(*) FROM dcep.quota WHERE institution < 5;
SET ROLE regress_auditor;
SELECT sound FROM dcep.conservation;
SELECT count(*) FROM dcep.quota WHERE institution < 5;
SELECT count(*) > 0 AS defects, count(wallet) FROM dcep.double_spends();
SAVEPOINT refused;
SELECT * FROM dcep.suspects();
ROLLBACK TO refused;
SET ROLE regress_bank2;
SELECT * FROM dcep.suspects();
ROLLBACK TO refused;
SET ROLE regress_bank2;
SELECT * FROM dcep.conservation;
ROLLBACK;
SELECT count(*) FROM dcep.double_spends();
