-- Reserves, issuance, redemption: what is issued was paid in.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO';

SELECT dcep.enroll_institution(51, 'Bank of Reserves', 'operator'), dcep.enroll_institution(52, 'Other Bank', 'operator');
SELECT dcep.generate_key(51, 'ed25519'), dcep.generate_key(52, 'ed25519');
INSERT INTO t.wallet VALUES ('vault51', dcep.vault(51)), ('vault52', dcep.vault(52));
CREATE VIEW t.entry AS
    SELECT e.institution, e.seq, e.amount, e.balance, t.transfer(e.transfer) AS transfer, e.reference, e.issuer, e.suite, octet_length(e.signature) AS signature,
           e.prev_hash = COALESCE((SELECT p.hash FROM dcep.reserve_entry AS p WHERE p.institution = e.institution AND p.seq = e.seq - 1),
                                  decode(repeat('00', 32), 'hex')) AS chained,
           e.hash = (SELECT a.head FROM dcep.reserve_account AS a WHERE a.institution = e.institution) AS is_head
      FROM dcep.reserve_entry AS e WHERE e.institution IN (51, 52);

-- --- deposits and withdrawals --------------------------------------------------------

SELECT dcep.deposit_reserve(51, 1000, 'first'), dcep.deposit_reserve(51, 1), dcep.deposit_reserve(52, 500, '');
SELECT dcep.withdraw_reserve(51, 101, 'second');
SELECT * FROM t.entry ORDER BY institution, seq;
-- To the unit.
SELECT t.try('SELECT dcep.withdraw_reserve(51, 901)');
SELECT dcep.withdraw_reserve(51, 900);
SELECT t.try('SELECT dcep.withdraw_reserve(51, 1)');
SELECT dcep.deposit_reserve(51, 1000);
-- Amounts, institutions, NULLs.
SELECT c, t.try('SELECT dcep.' || c) FROM unnest(ARRAY['deposit_reserve(51, 0)', 'deposit_reserve(51, -1)', 'withdraw_reserve(51, 0)', 'withdraw_reserve(51, -1)',
    'deposit_reserve(NULL, 1)', 'deposit_reserve(51, NULL)', 'withdraw_reserve(NULL, 1)', 'withdraw_reserve(51, NULL)', 'deposit_reserve(NULL, NULL, NULL)',
    'deposit_reserve(1, 1)', 'deposit_reserve(9001, 1)', 'deposit_reserve(9990, 1)', 'deposit_reserve(0, 1)', 'deposit_reserve(-1, 1)', 'deposit_reserve(65587, 1)', 'withdraw_reserve(9990, 1)',
    'deposit_reserve(51, -9223372036854775808)', 'withdraw_reserve(51, 9223372036854775807)', 'withdraw_reserve(51, -9223372036854775808)',
    'deposit_reserve(51, 9223372036854775807)', 'deposit_reserve(51, 9223372036854774808)']) AS c;
-- The most that fits: the balance is then the largest bigint.
BEGIN;
SELECT dcep.deposit_reserve(51, 9223372036854774807);
SELECT balance FROM dcep.reserve_entry WHERE institution = 51 ORDER BY seq DESC LIMIT 1;
SELECT t.try('SELECT dcep.deposit_reserve(51, 1)');
SELECT dcep.withdraw_reserve(51, 9223372036854775807);
SELECT * FROM dcep.verify_reserves();
ROLLBACK;
-- A long reference is kept whole.
BEGIN;
SELECT dcep.deposit_reserve(51, 1, repeat('reference ', 1000));
SELECT length(reference) FROM dcep.reserve_entry WHERE institution = 51 ORDER BY seq DESC LIMIT 1;
SELECT * FROM dcep.verify_reserves();
ROLLBACK;
-- Rolled back to a savepoint, the chain goes on from where it was.
BEGIN;
SELECT dcep.deposit_reserve(51, 1, 'kept');
SAVEPOINT s;
SELECT dcep.deposit_reserve(51, 2, 'undone');
ROLLBACK TO SAVEPOINT s;
SELECT dcep.withdraw_reserve(51, 1, 'kept too');
COMMIT;
SELECT seq, amount, balance, reference, chained, is_head FROM t.entry WHERE institution = 51 ORDER BY seq;

-- --- issuance ------------------------------------------------------------------------

-- The whole reserve and one more; then the reserve exactly; then nothing.
SELECT t.try('SELECT dcep.issue(51, 1001)');
SELECT r.kind, t.name(r.payer) AS payer, t.name(r.payee) AS payee, r.amount, r.key, r.issuer FROM dcep.issue(51, 999, 'most of it') AS r;
SELECT t.try('SELECT dcep.issue(51, 2)');
SELECT (dcep.issue(51, 1)).amount;
SELECT t.try('SELECT dcep.issue(51, 1)');
SELECT institution, reserve, issued, redeemed, outstanding, held FROM dcep.supply WHERE institution IN (51, 52) ORDER BY 1;
-- Each issue has its entry, which names it and carries its key; the central bank signed both.
SELECT e.seq, e.amount, e.balance, e.transfer, e.reference, j.kind, j.amount AS issued, j.key, j.change, j.inputs, e.issuer, j.issuer AS signer, chained, is_head
FROM t.entry AS e JOIN dcep.reserve_entry AS r USING (institution, seq) JOIN dcep.transfer AS j ON j.id = r.transfer WHERE institution = 51 ORDER BY seq;
SELECT * FROM t.purse('vault51', 'central');
SELECT t.try('SELECT dcep.withdraw_reserve(51, 1)');
-- What cannot be issued.
SELECT c, t.try('SELECT dcep.' || c) FROM unnest(ARRAY['issue(52, 0)', 'issue(52, -1)', 'issue(NULL, 1)', 'issue(52, NULL)', 'issue(NULL, NULL, NULL)', 'issue(1, 1)', 'issue(9001, 1)',
    'issue(9990, 1)', $$issue(52, 1, repeat('k', 201))$$, 'issue(52, 9223372036854775807)']) AS c;
-- Many by one statement; the one that the reserve does not cover takes all with it.
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'issue', dcep.vault(1), dcep.vault(52), n FROM generate_series(100, 103) AS n;
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'issue', dcep.vault(1), dcep.vault(52), n FROM generate_series(46, 48) AS n;
SELECT institution, reserve, issued, redeemed, outstanding, held FROM dcep.supply WHERE institution = 52;
SELECT * FROM t.purse('vault52');
-- To two operators in turns.
SELECT dcep.deposit_reserve(51, 10);
INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'issue', dcep.vault(1), dcep.vault(51 + n % 2), n FROM generate_series(1, 4) AS n;
SELECT institution, seq, amount, balance, chained, is_head FROM t.entry WHERE seq > 5 OR institution = 52 ORDER BY institution, seq;

-- --- redemption ------------------------------------------------------------------------

-- The coins are destroyed, change stays, the reserve is back.
SELECT r.kind, t.name(r.payer) AS payer, t.name(r.payee) AS payee, r.amount, r.issuer FROM dcep.redeem(52, 150, 'back') AS r;
SELECT * FROM t.purse('vault52', 'central');
SELECT institution, reserve, issued, redeemed, outstanding, held FROM dcep.supply WHERE institution = 52;
SELECT seq, amount, balance, transfer, reference, chained, is_head FROM t.entry WHERE institution = 52 ORDER BY seq DESC LIMIT 1;
SELECT j.amount, j.change, cardinality(j.inputs), (SELECT count(*) FROM dcep.coin AS c WHERE c.id = 2 * j.id) AS payee_coins FROM dcep.transfer AS j WHERE j.payer = dcep.vault(52);
SELECT t.try('SELECT dcep.redeem(52, 261)');
SELECT (dcep.redeem(52, 260)).amount;
SELECT t.try('SELECT dcep.redeem(52, 1)');
SELECT institution, reserve, issued, redeemed, outstanding, held FROM dcep.supply WHERE institution = 52;
SELECT c, t.try('SELECT dcep.' || c) FROM unnest(ARRAY['redeem(51, 0)', 'redeem(51, -1)', 'redeem(NULL, 1)', 'redeem(51, NULL)', 'redeem(1, 1)', 'redeem(9001, 1)', 'redeem(9990, 1)',
    'redeem(51, 9223372036854775807)']) AS c;
-- Money that has gone to another operator's customers is redeemed there.
SELECT t.open('r52', 52, 1);
SELECT t.pay('vault51', 'r52', 300);
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('r52'), dcep.vault(52), 300);
SELECT (dcep.redeem(52, 300)).amount;
SELECT institution, reserve, issued, redeemed, outstanding, held FROM dcep.supply WHERE institution IN (51, 52) ORDER BY 1;
SELECT sum(outstanding) = sum(held) AS conserved FROM dcep.supply;

-- Rolled back with its entry.
BEGIN;
SELECT (dcep.redeem(51, 1)).amount;
ROLLBACK;
SELECT (dcep.redeem(51, 2)).amount;
SELECT * FROM dcep.verify_reserves();
SELECT * FROM t.audit();

-- --- restrictions ------------------------------------------------------------------------

SELECT dcep.suspend_institution(51);
SELECT t.try('SELECT dcep.issue(51, 1)');
SELECT t.try('SELECT dcep.redeem(51, 1)');
SELECT dcep.suspend_institution(51, false);
SELECT dcep.freeze(dcep.vault(51), 'credit', 'case 4');
SELECT t.try('SELECT dcep.issue(51, 1)');
SELECT (dcep.redeem(51, 1)).amount;
SELECT dcep.unfreeze(dcep.vault(51), 'credit', 'case 4');

-- --- who may ---------------------------------------------------------------------------------

SET ROLE regress_bank2;
SELECT dcep.deposit_reserve(2, 1);
SELECT dcep.withdraw_reserve(2, 1);
SELECT dcep.issue(2, 1);
SELECT count(*) > 0 AS own, count(*) FILTER (WHERE institution <> 2) AS others FROM dcep.reserve_entry;
SELECT * FROM dcep.supply;
SELECT r.kind, r.amount FROM dcep.redeem(2, 1) AS r;
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('issue', dcep.vault(1), dcep.vault(2), 1);
\set VERBOSITY sqlstate
SELECT dcep.redeem(3, 1);
SET ROLE regress_central;
SELECT dcep.deposit_reserve(51, 1), dcep.withdraw_reserve(51, 1);
SELECT r.kind, r.amount, r.seq > 0 FROM dcep.issue(51, 1) AS r;
SELECT dcep.redeem(51, 1);
SELECT institution, outstanding = held AS whole FROM dcep.supply WHERE institution = 51;
SELECT count(DISTINCT institution) > 1 AS all_reserves FROM dcep.reserve_entry;
SET ROLE regress_auditor;
SELECT dcep.deposit_reserve(51, 1);
SELECT count(*) > 1 AS supply FROM dcep.supply;
SELECT count(*) FROM dcep.reserve_entry;
RESET ROLE;
SELECT * FROM dcep.verify_reserves();
DROP VIEW t.entry;
