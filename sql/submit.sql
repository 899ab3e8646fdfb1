-- dcep.submit(): a payment file, of which a bad line does not sink the rest.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT t.open('s1', 2, 1, 1000), t.open('s2', 2, 1), t.open('s3', 3, 1), t.open('s4', 2, 4), t.open('s5', 2, 1, 50), t.open('s6', 2, 1);
SELECT dcep.close_wallet(t.w('s6'));
SELECT dcep.freeze(t.w('s5'), 'both', 'case 3');
-- A line by names, where there is one of that name.
CREATE FUNCTION t.line(payer text, payee text, amount text, key text DEFAULT NULL, memo text DEFAULT NULL) RETURNS dcep.instruction LANGUAGE sql AS $$
    SELECT ROW(COALESCE((SELECT id::text FROM t.wallet WHERE name = payer), payer), COALESCE((SELECT id::text FROM t.wallet WHERE name = payee), payee),
               amount, key, memo)::dcep.instruction
$$;
CREATE FUNCTION t.submit(VARIADIC lines dcep.instruction[])
    RETURNS TABLE (line integer, transfer text, amount bigint, sqlstate text, message text, detail text, hint text) LANGUAGE sql AS $$
    SELECT s.line, t.transfer(s.transfer), (s.receipt).amount, s.sqlstate, s.message, t.mask(s.detail), s.hint FROM dcep.submit(lines) AS s
$$;

-- Good lines and every kind of refusal between them; what is refused changes nothing.
SELECT * FROM t.submit(
    t.line('s1', 's2', '100', 'f1', 'first'),
    t.line('s1', 's2', '901'),
    t.line('s1', 's3', '200'),
    t.line('s2', 's1', '101'),
    t.line('s2', 's1', '50'),
    t.line('nobody', 's1', '1'),
    t.line('s1', 'nobody', '1'),
    t.line('s6', 's1', '1'),
    t.line('s1', 's6', '1'),
    t.line('s1', 's2', '0'),
    t.line('s1', 's2', '-5'),
    t.line('s1', 's1', '5'),
    t.line('s1', 's2', '99', 'f1', 'first'),
    t.line('s1', 's2', '100', 'f1', 'first'),
    t.line('s5', 's1', '1'),
    t.line('s1', 's5', '1'),
    t.line('s4', 's1', '200001'),
    t.line('s1', 's4', '1000001'),
    t.line('s1', 'central', '1'),
    t.line('s1', 's2', '1', repeat('k', 201)),
    t.line('s1', 's2', '1', NULL, repeat('m', 1001)),
    t.line('s1', 's4', '3', 'last'));
SELECT * FROM t.purse('s1', 's2', 's3', 's4', 's5');
SELECT transfer, payee, amount, change, inputs, key, memo, chained FROM t.journal WHERE payer IN ('s1', 's2') ORDER BY id;
SELECT seq, day_spent, day_count FROM dcep.wallet_chain WHERE wallet = t.w('s1');

-- What cannot be read is refused alone too: numbers, amounts, NULL in every field, no line at all.
SELECT * FROM t.submit(
    t.line('s1', 's2', '1'),
    t.line('0002999999999991', 's2', '1'),
    t.line('', 's2', '1'),
    t.line('s1', 'account 7', '1'),
    t.line(NULL, 's2', '1'),
    t.line('s1', NULL, '1'),
    t.line('s1', 's2', NULL),
    NULL,
    t.line('s1', 's2', ''),
    t.line('s1', 's2', '1.5'),
    t.line('s1', 's2', ' 1'),
    t.line('s1', 's2', '1 '),
    t.line('s1', 's2', '1e3'),
    t.line('s1', 's2', '0x10'),
    t.line('s1', 's2', 'one'),
    t.line('s1', 's2', U&'\FF11'),
    t.line('s1', 's2', '9223372036854775807'),
    t.line('s1', 's2', '9223372036854775808'),
    t.line('s1', 's2', '-9223372036854775809'),
    t.line('s1', 's2', '+2'),
    t.line('s1', 's2', '007'),
    t.line('s1', 's2', '1'));
SELECT * FROM t.purse('s1', 's2');
-- Numbers in groups, as people write them; typed columns by conversion.
SELECT (s.receipt).amount, s.sqlstate FROM dcep.submit(ARRAY[
    ROW(regexp_replace(t.w('s1')::text, '(....)(....)(....)(....)', '\1 \2 \3 \4'), regexp_replace(t.w('s2')::text, '(....)(....)(....)(....)', '\1-\2-\3-\4'), '4', NULL, NULL)::dcep.instruction,
    ROW(t.w('s1'), t.w('s2'), 5::bigint, NULL, NULL)::dcep.instruction]) AS s;
-- Nothing in, nothing out.
SELECT * FROM dcep.submit('{}');
SELECT * FROM dcep.submit(NULL);
SELECT * FROM dcep.submit(ARRAY[NULL, NULL]::dcep.instruction[]);
SELECT * FROM dcep.submit('{"(,,,,)"}');
SELECT line, sqlstate FROM dcep.submit('{{"(,,,,)",NULL},{"(a,b,c,d,e)","(0002999999999990,0002999999999990,1,,)"}}');

-- The receipt is what dcep.transfer() gives; of a line that repeats, the first one.
SELECT (s.receipt).transfer = s.transfer AS same_id, (s.receipt)::text = dcep.transfer(t.w('s1'), t.w('s2'), 6, 'once', 'for all')::text AS same, (s.receipt).key, (s.receipt).seq
FROM dcep.submit(ARRAY[t.line('s1', 's2', '6', 'once', 'for all'), t.line('s1', 's2', '6', 'once', 'for all')]) AS s;
SELECT count(*) FROM dcep.transfer WHERE payer = t.w('s1') AND key = 'once';

-- The lines are played in their order: each sees what the ones before it did.
SELECT t.open('o1', 2, 1, 10), t.open('o2', 2, 1), t.open('o3', 3, 1);
SELECT line, transfer, amount, sqlstate FROM t.submit(
    t.line('o2', 'o1', '10'), t.line('o1', 'o2', '10'), t.line('o2', 'o3', '10'), t.line('o3', 'o1', '10'), t.line('o1', 'o2', '11'), t.line('o1', 'o2', '10', 'k'),
    t.line('o1', 'o2', '10', 'k'), t.line('o1', 'o2', '1'));
SELECT * FROM t.purse('o1', 'o2', 'o3');

-- One transaction: what is rolled back was never paid, and the lines can be given again.
BEGIN;
SELECT line, sqlstate FROM t.submit(t.line('o2', 'o1', '10', 'undone'), t.line('o2', 'o1', '1'));
ROLLBACK;
SELECT * FROM t.purse('o1', 'o2');
SELECT line, transfer, sqlstate FROM t.submit(t.line('o2', 'o1', '10', 'undone'), t.line('o2', 'o1', '1'));
BEGIN;
SELECT t.pay('o1', 'o2', 1);
SAVEPOINT s;
SELECT line, transfer, sqlstate FROM t.submit(t.line('o1', 'o2', '9'), t.line('o1', 'o2', '1'));
ROLLBACK TO SAVEPOINT s;
SELECT line, transfer, sqlstate FROM t.submit(t.line('o1', 'o2', '8'), t.line('o1', 'o2', '2'));
COMMIT;
SELECT * FROM t.purse('o1', 'o2');
-- An error that is not a line's refusal ends the whole; the next batch finds no trace of it.
CREATE FUNCTION t.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.memo = 'fail' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
CREATE TRIGGER zzz BEFORE INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION t.fail();
SELECT line, transfer, sqlstate FROM t.submit(t.line('o2', 'o1', '1'), t.line('o2', 'o1', '1', NULL, 'fail'));
SELECT line, transfer, sqlstate FROM t.submit(t.line('o2', 'o1', '1'), t.line('o2', 'o1', '1', NULL, 'pass'));
DROP TRIGGER zzz ON dcep.transfer;
-- With a trigger that drops a line before it is executed nobody could tell whose answer is whose: nothing is paid.
CREATE FUNCTION t.skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.memo = 'skip' THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER aaa BEFORE INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION t.skip();
SELECT line, transfer, amount, sqlstate FROM t.submit(t.line('s1', 's2', '1'), t.line('s1', 's2', '2', NULL, 'skip'), t.line('s1', 's2', '3'), t.line('s1', 's2', '0'));
SELECT line, transfer, amount, sqlstate FROM t.submit(t.line('s1', 's2', '2', NULL, 'skip'));
SELECT line, amount, sqlstate FROM t.submit(t.line('s1', 's2', '1'), t.line('s1', 's2', '0'));
DROP TRIGGER aaa ON dcep.transfer;
SELECT t.pay('s1', 's2', 1);

-- By an operator: a payer of another institution's is a refused line.
SELECT ARRAY[t.line('s1', 's3', '1'), t.line('s3', 's1', '1'), t.line('s1', 's2', '1')] AS lines \gset
SET ROLE regress_bank2;
SELECT line, (receipt).amount, sqlstate, message FROM dcep.submit(:'lines');
SET ROLE regress_central;
SELECT * FROM dcep.submit('{}');
SET ROLE regress_auditor;
SELECT * FROM dcep.submit('{}');
RESET ROLE;

-- 5,000 lines, every tenth of them bad.
SELECT t.open('many', 2, 1, 100000);
INSERT INTO t.wallet SELECT 'lot' || n, dcep.open_wallet(2, '{"class": 3}') FROM generate_series(0, 99) AS n;
CREATE TEMPORARY TABLE answers AS
SELECT s.* FROM dcep.submit((SELECT array_agg(ROW(m.id, l.id, CASE WHEN n % 10 = 0 THEN CASE WHEN n % 20 = 0 THEN '0' ELSE 'x' END ELSE '2' END, 'line ' || n, NULL)::dcep.instruction ORDER BY n)
                              FROM generate_series(1, 5000) AS n JOIN t.wallet AS l ON l.name = 'lot' || n % 100, t.wallet AS m WHERE m.name = 'many')) AS s;
SELECT sqlstate, count(*), sum((receipt).amount) FROM answers GROUP BY sqlstate ORDER BY sqlstate;
SELECT count(*) AS wrong FROM (SELECT line, row_number() OVER () AS place, sqlstate, receipt FROM answers) AS a
WHERE line <> place OR (line % 10 = 0) <> (sqlstate IS NOT NULL) OR (receipt).key <> 'line ' || line;
SELECT dcep.balance(t.w('many')), count(*) FILTER (WHERE dcep.balance(id) = 100), count(*) FILTER (WHERE dcep.balance(id) = 0) FROM t.wallet WHERE name LIKE 'lot%';
SELECT seq, day_spent, day_count FROM dcep.wallet_chain WHERE wallet = t.w('many');
SELECT dcep.unfreeze(t.w('s5'), 'both', 'case 3');
SELECT * FROM t.audit();
DROP FUNCTION t.submit, t.line;
