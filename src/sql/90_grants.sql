-- Rights.  Nothing for PUBLIC; each group gets what its work needs.

REVOKE ALL ON SCHEMA dcep FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA dcep FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA dcep FROM PUBLIC;

GRANT USAGE ON SCHEMA dcep TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor;

-- The types' own functions, and what concerns nobody in particular.
DO $$
DECLARE
    fn pg_catalog.regprocedure;
BEGIN
    FOR fn IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace = 'dcep'::pg_catalog.regnamespace
           AND (p.proname ~ '^(wallet_id|otp_token|signed_coin)_'
                OR p.proname IN ('amount', 'owner', 'coin_id', 'issuer', 'currency', 'minted_at', 'suite', 'key_number',
                                 'transfer_id', 'institution', 'wallet_id', 'sees', 'sees_institution', 'acts_for',
                                 'require_institution', 'vault', 'verify', 'check', 'coin_state'))
    LOOP
        EXECUTE pg_catalog.format(
            'GRANT EXECUTE ON FUNCTION %s TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor', fn);
    END LOOP;
END
$$;
GRANT SELECT ON dcep.ledger, dcep.institution, dcep.signing_key, dcep.wallet_class, dcep.institution_role
    TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor;

-- Operators: their wallets, and payments from them.
GRANT SELECT ON dcep.wallet, dcep.till, dcep.wallet_chain, dcep.wallet_event, dcep.coin, dcep.transfer, dcep.reserve_account,
    dcep.reserve_entry TO dcep_operator, dcep_central_bank;
GRANT INSERT (kind, payer, payee, amount, key, memo) ON dcep.transfer TO dcep_operator, dcep_central_bank;
GRANT EXECUTE ON FUNCTION
    dcep.transfer(dcep.wallet_id, dcep.wallet_id, bigint, text, text),
    dcep.pay_kind(dcep.transfer_kind, dcep.wallet_id, dcep.wallet_id, bigint, text),
    dcep.receipt_of(bigint), dcep.balance(dcep.wallet_id), dcep.available(dcep.wallet_id), dcep.coins(dcep.wallet_id),
    dcep.consolidate(dcep.wallet_id, integer, boolean), dcep.crowded_wallets(integer, integer),
    dcep.crowded_sample(integer, integer),
    dcep.generate_key(integer, text), dcep.open_tills(integer, integer), dcep.verify_chain(dcep.wallet_id, boolean)
    TO dcep_operator, dcep_central_bank;
GRANT EXECUTE ON PROCEDURE dcep.consolidate_all(integer, integer, bigint) TO dcep_operator, dcep_central_bank;
GRANT EXECUTE ON FUNCTION
    dcep.submit(dcep.instruction[]), dcep.redeem(integer, bigint, text), dcep.open_wallet(integer, jsonb),
    dcep.close_wallet(dcep.wallet_id), dcep.stock_tills(integer)
    TO dcep_operator;

-- The central bank: reserves, issuance, keys, limits, restrictions, totals.
GRANT EXECUTE ON FUNCTION
    dcep.enroll_institution(integer, text, text), dcep.suspend_institution(integer, boolean),
    dcep.revoke_key(integer, integer, text, timestamptz),
    dcep.deposit_reserve(integer, bigint, text), dcep.withdraw_reserve(integer, bigint, text),
    dcep.issue(integer, bigint, text),
    dcep.freeze(dcep.wallet_id, text, text), dcep.unfreeze(dcep.wallet_id, text, text),
    dcep.verify_reserves(), dcep.audit(), dcep.upkeep_notes()
    TO dcep_central_bank;
GRANT INSERT (class, valid_from, name, max_balance, max_payment, max_day, max_year) ON dcep.wallet_class
    TO dcep_central_bank;
GRANT SELECT ON dcep.supply, dcep.proof, dcep.frozen, dcep.upkeep TO dcep_central_bank;

-- Auditors: proofs, not parties.
GRANT SELECT ON dcep.proof, dcep.supply TO dcep_auditor;
GRANT EXECUTE ON FUNCTION dcep.verify_chain(dcep.wallet_id, boolean), dcep.verify_reserves(), dcep.audit()
    TO dcep_auditor;
