-- What the worker looks for. It runs where dcep is preloaded; here it is not, and test/t/120_worker.pl has it.
\set SHOW_CONTEXT never
\set VERBOSITY terse

SELECT t.open('kiosk', 2, 1, 10000), t.open('newsstand', 3, 1, 1000);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT t.w('kiosk'), t.w('newsstand'), n FROM generate_series(1, 90) AS n;
-- The table has less pages than a sample takes: exactly those who have as many coins.
SELECT t.name(s.wallet) FROM dcep.crowded_sample(91, 1000000) AS s WHERE s.wallet IN (t.w('kiosk'), t.w('newsstand'));
SELECT t.name(s.wallet) FROM dcep.crowded_sample(92, 1000000) AS s WHERE s.wallet IN (t.w('kiosk'), t.w('newsstand'));
SELECT t.name(s.wallet) FROM dcep.crowded_sample(1, 1000000) AS s WHERE s.wallet IN (t.w('kiosk'), t.w('newsstand')) ORDER BY 1;
-- What makes no sense is the least that does.
SELECT count(*) > 100000 AS too_many FROM dcep.crowded_sample(-1, -1);
-- Of those that the caller sees; who may not pay is left out.
SET ROLE regress_bank2;
SELECT count(*) FROM dcep.crowded_sample(1, 1000000) AS s WHERE dcep.institution(s.wallet) <> 2;
RESET ROLE;
SELECT dcep.freeze(t.w('newsstand'), 'debit', 'case 75');
SELECT count(*) FROM dcep.crowded_sample(91, 1000000) AS s WHERE s.wallet = t.w('newsstand');
SELECT dcep.unfreeze(t.w('newsstand'), 'debit', 'case 75');
-- With skip_locked it is done all the same where nobody holds the wallet, and what is refused is an error.
SELECT dcep.consolidate(t.w('newsstand'), 50, true), dcep.consolidate(t.w('newsstand'), skip_locked => true), dcep.consolidate(t.w('newsstand'), skip_locked => true);
SELECT t.try($$SELECT dcep.consolidate(t.w('newsstand'), 50, NULL)$$), t.try($$SELECT dcep.consolidate('0002999999999990', 50, true)$$);
SELECT * FROM t.purse('newsstand');

-- Who may ask what the worker has done; without one there is nothing to say.
SELECT count(*) FROM dcep.upkeep;
SET ROLE regress_central;
SELECT count(*) FROM dcep.upkeep;
SET ROLE regress_bank2;
SELECT t.try('SELECT FROM dcep.upkeep'), t.try('SELECT FROM dcep.upkeep_notes()');
RESET ROLE;
SELECT * FROM t.audit();
