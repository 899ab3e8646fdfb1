-- Stolen money is held wherever it is, other money stays free, and two authorities give it back.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SELECT dcep.enroll_institution(9003, 'Fraud Desk', 'supervisor'), dcep.enroll_institution(9004, 'Fraud Court', 'supervisor');
SELECT dcep.generate_key(9003, 'ed25519'), dcep.generate_key(9004, 'p256');
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_desk, regress_court;
RESET client_min_messages;
CREATE ROLE regress_desk;
CREATE ROLE regress_court;
SELECT dcep.grant_institution('regress_desk', 9003), dcep.grant_institution('regress_court', 9004);
SET ROLE regress_desk;
SELECT dcep.agree(9003, 2, '{hold_amount,freeze_coins,no_debit}', '{transfers}');
SET ROLE regress_court;
SELECT dcep.agree(9004, 2, '{hold_amount}', '{transfers}');
SET ROLE regress_bank2;
SELECT dcep.agree(9003, 2, '{hold_amount,freeze_coins,no_debit}', '{transfers}'), dcep.agree(9004, 2, '{hold_amount}', '{transfers}');
RESET ROLE;

-- What orders hold, by wallet.
CREATE VIEW t.held AS
    SELECT t.name(e.target::dcep.wallet_id) AS wallet, e.amount AS held, dcep.balance(e.target::dcep.wallet_id) AS balance,
           dcep.available(e.target::dcep.wallet_id) AS available
      FROM dcep.control_effect AS e WHERE e.kind = 4 AND e.target > 0 AND t.name(e.target::dcep.wallet_id) LIKE 'f\_%';

-- A victim pays 1,000 to a crook, who has 500 of his own, and passes money on: to a mule, a shop, a wallet at another bank, and out.
SELECT t.open('f_victim', 2, 1, 1000), t.open('f_crook', 2, 1, 500), t.open('f_mule', 2, 1, 200), t.open('f_shop', 2, 1), t.open('f_far', 3, 1);
SELECT (dcep.transfer(t.w('f_victim'), t.w('f_crook'), 1000)).transfer AS theft \gset
SELECT t.pay('f_crook', 'f_mule', 1200), t.pay('f_mule', 'f_shop', 300), t.pay('f_mule', 'f_far', 250);
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', t.w('f_mule'), dcep.vault(2), 210);
SELECT t.name(wallet) AS wallet, institution, fate, sum(tainted) AS tainted FROM dcep.stolen_value(:theft, 0, 1000, 'haircut', 9003) GROUP BY 1, 2, 3 ORDER BY 1;
SELECT t.name(wallet) AS wallet, institution, fate, sum(tainted) AS tainted FROM dcep.stolen_value(:theft, 0, 1000, 'fifo', 9003) GROUP BY 1, 2, 3 ORDER BY 1;
SELECT sum(tainted) FROM dcep.stolen_value(:theft, 0, 1000, 'poison', 9003);
-- Of a part no more than that is found; the parts of fifo are those of the whole, and add up to it.
SELECT method, sum(tainted) FROM unnest(ARRAY['poison', 'haircut', 'fifo']) AS method, dcep.stolen_value(:theft, 100, 77, method, NULL) GROUP BY 1 ORDER BY 1;
SELECT t.name(wallet) AS wallet, fate, sum(tainted) AS tainted
  FROM (VALUES (0, 250), (250, 500), (750, 250)) AS p (part_from, part), dcep.stolen_value(:theft, p.part_from, p.part, 'fifo', 9003) GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM dcep.trace_ends(:theft, 1, 1000, 'fifo');
SELECT * FROM dcep.trace_ends(:theft, 0, -1, 'fifo');

-- Who may not, and what is not understood.
SELECT t.as_role(role, statement)
FROM (VALUES ('regress_bank2', format('SELECT dcep.report_fraud(%s, ''F-1'')', :theft)),
             ('regress_central', format('SELECT dcep.report_fraud(%s, ''F-1'')', :theft)),
             ('regress_desk', 'SELECT dcep.report_fraud(NULL, ''F-1'')'),
             ('regress_desk', format('SELECT dcep.report_fraud(%s, '''')', :theft)),
             ('regress_desk', format('SELECT dcep.report_fraud(%s, ''F-1'', ''guess'')', :theft)),
             ('regress_desk', 'SELECT dcep.report_fraud(4611686018427387903, ''F-1'')')) AS v (role, statement);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT t.as_role('regress_desk', format('SELECT dcep.report_fraud(%s, ''F-1'')', :theft));
ROLLBACK;

-- Held: what is within the agreements; the rest is named.
SET ROLE regress_desk;
SELECT dcep.report_fraud(:theft, 'F-1') AS hold \gset
RESET ROLE;
SELECT * FROM t.held ORDER BY wallet;
SELECT kind, case_no, status, fraud = :theft AS of_this_theft FROM dcep.order_status WHERE id = :hold;
SELECT t.as_role('regress_desk', format('SELECT dcep.report_fraud(%s, ''F-1'')', :theft));
-- Their other money is free, what is held is not, and what comes later is free, too.
SELECT t.as_role('regress_bank2', format('SELECT dcep.transfer(%L, %L, %s)', t.w('f_mule'), t.w('f_shop'), dcep.available(t.w('f_mule')) + 1));
SELECT t.pay('f_mule', 'f_victim', dcep.available(t.w('f_mule')));
SELECT * FROM t.held ORDER BY wallet;

-- Recovery: by two different authorities, one of them the one who holds it, for the same wallet.
SELECT t.as_role(role, statement)
FROM (VALUES ('regress_bank2', format('SELECT dcep.recover(%s, %L)', :hold, t.w('f_victim'))),
             ('regress_desk', format('SELECT dcep.recover(NULL, %L)', t.w('f_victim'))),
             ('regress_desk', format('SELECT dcep.recover(%s, NULL)', :hold)),
             ('regress_desk', format('SELECT dcep.recover(0, %L)', t.w('f_victim'))),
             ('regress_desk', format('SELECT dcep.recover(%s, %L)', :hold, '0002999999999990'))) AS v (role, statement);
SET ROLE regress_desk;
SELECT dcep.recover(:hold, t.w('f_victim'));
RESET ROLE;
SELECT t.as_role('regress_desk', format('SELECT dcep.recover(%s, %L)', :hold, t.w('f_victim')));
SELECT t.as_role('regress_central', format('SELECT dcep.recover(%s, %L)', :hold, t.w('f_shop')));
SELECT * FROM t.held ORDER BY wallet;
SET ROLE regress_central;
SELECT dcep.recover(:hold, t.w('f_victim'));
RESET ROLE;
SELECT t.as_role('regress_central', format('SELECT dcep.recover(%s, %L)', :hold, t.w('f_victim')));
SELECT kind, t.name(payer) AS payer, t.name(payee) AS payee, amount FROM dcep.transfer WHERE kind = 'recover' AND payee = t.w('f_victim') ORDER BY 2;
SELECT * FROM t.held;
SELECT status, lift_reason FROM dcep.order_status WHERE id = :hold;
SELECT institution, kind, case_no FROM dcep.act WHERE kind = 'recover' ORDER BY id;
SELECT * FROM t.purse('f_victim', 'f_crook', 'f_mule', 'f_shop', 'f_far');

-- Two authorities neither of whom imposed the order; coins that are frozen; a limit and a freeze that do not stand against it.
SELECT t.open('f_small', 2, 4, 900), t.open('f_poor', 2, 4, 999990);
SELECT (dcep.transfer(t.w('f_poor'), t.w('f_small'), 60)).transfer AS theft2 \gset
SET ROLE regress_desk;
SELECT dcep.impose('freeze_coins', jsonb_build_object('coins', ARRAY[:theft2 * 2::bigint]), 'F-2') AS hold2 \gset
SELECT dcep.impose('no_debit', jsonb_build_object('wallet', t.w('f_small')), 'F-2') AS block \gset
SELECT dcep.impose('hold_amount', jsonb_build_object('wallet', t.w('f_small')), 'F-2', 5, valid_from => '2098-01-01') AS later \gset
SELECT dcep.report_fraud(:theft2, 'F-2', 'fifo') AS hold3 \gset
RESET ROLE;
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), t.w('f_poor'), 60);
SET ROLE regress_court;
SELECT dcep.recover(:hold3, t.w('f_poor'));
RESET ROLE;
SELECT t.as_role('regress_central', format('SELECT dcep.recover(%s, %L)', :hold3, t.w('f_poor')));
SET ROLE regress_desk;
SELECT dcep.recover(:hold2, t.w('f_poor'));
SELECT dcep.recover(:block, t.w('f_poor'));
SET ROLE regress_court;
SELECT dcep.recover(:hold2, t.w('f_poor'));
SET ROLE regress_central;
SELECT dcep.recover(:hold2, t.w('f_poor'));
RESET ROLE;
SELECT t.as_role('regress_desk', format('SELECT dcep.recover(%s, %L)', :later, t.w('f_poor')));
SELECT t.as_role('regress_desk', format('SELECT dcep.lift(%s, ''not needed'')', :later));
SELECT * FROM t.purse('f_small', 'f_poor');

-- All is gone: into a vault, or redeemed.
SELECT t.open('f_gone', 2, 1, 10), t.open('f_away', 3, 1);
SELECT (dcep.transfer(t.w('f_gone'), t.w('f_away'), 5)).transfer AS theft3 \gset
SELECT t.as_role('regress_desk', format('SELECT dcep.report_fraud(%s, ''F-3'')', :theft3));
SELECT * FROM t.audit();
SELECT * FROM dcep.verify_acts();
