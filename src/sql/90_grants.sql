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
                                 'transfer_id', 'institution', 'is_here', 'wallet_id', 'sees', 'sees_institution', 'acts_for',
                                 'require_institution', 'identification', 'vault', 'sees_payments', 'sees_parties', 'order_kinds', 'verify', 'check', 'coin_state'))
    LOOP
        EXECUTE pg_catalog.format(
            'GRANT EXECUTE ON FUNCTION %s TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor', fn);
    END LOOP;
END
$$;
-- One-time passwords: nothing but arithmetic.
GRANT EXECUTE ON FUNCTION
    dcep.hotp(bytea, bigint, integer), dcep.totp(bytea, timestamptz, text, integer, integer),
    dcep.sm3_otp(bytea, bigint, integer, text, integer), dcep.otp_uri(bytea, text, text, text, integer, integer)
    TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor;
-- Tokens: by the operators of the wallets.
GRANT EXECUTE ON FUNCTION
    dcep.issue_token(dcep.wallet_id, interval), dcep.enroll_token(dcep.wallet_id), dcep.arm_tokens(dcep.wallet_id, interval),
    dcep.disarm_tokens(dcep.wallet_id),
    dcep.pay_token(dcep.wallet_id, dcep.otp_token, bigint, text, text, bytea),
    dcep.statement(dcep.wallet_id, timestamptz, timestamptz)
    TO dcep_operator;
GRANT EXECUTE ON FUNCTION dcep.statement(dcep.wallet_id, timestamptz, timestamptz), dcep.remove_expired_tokens(bigint)
    TO dcep_central_bank;
GRANT SELECT ON dcep.ledger, dcep.institution, dcep.signing_key, dcep.wallet_class, dcep.institution_role
    TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor;

-- Operators: their wallets, and payments from them.
GRANT SELECT ON dcep.wallet, dcep.till, dcep.wallet_chain, dcep.wallet_event, dcep.coin, dcep.transfer, dcep.reserve_account,
    dcep.reserve_entry TO dcep_operator, dcep_central_bank;
GRANT INSERT (kind, payer, payee, amount, key, memo, device_signature) ON dcep.transfer TO dcep_operator, dcep_central_bank;
GRANT EXECUTE ON FUNCTION
    dcep.transfer(dcep.wallet_id, dcep.wallet_id, bigint, text, text, bytea),
    dcep.pay_kind(dcep.transfer_kind, dcep.wallet_id, dcep.wallet_id, bigint, text),
    dcep.receipt_of(bigint), dcep.balance(dcep.wallet_id), dcep.available(dcep.wallet_id), dcep.coins(dcep.wallet_id),
    dcep.consolidate(dcep.wallet_id, integer, boolean), dcep.crowded_wallets(integer, integer),
    dcep.crowded_sample(integer, integer),
    dcep.open_tills(integer, integer), dcep.verify_chain(dcep.wallet_id, boolean)
    TO dcep_operator, dcep_central_bank;
GRANT SELECT ON dcep.device_key TO dcep_operator, dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.instruction_bytes(dcep.wallet_id, dcep.wallet_id, bigint, text, text, dcep.transfer_kind, bytea),
    dcep.device_key_message(dcep.wallet_id, text)
    TO dcep_operator, dcep_central_bank, dcep_auditor;
GRANT EXECUTE ON FUNCTION dcep.add_device_key(dcep.wallet_id, text, bytea), dcep.revoke_device_key(dcep.wallet_id, integer, text)
    TO dcep_operator;
GRANT SELECT ON dcep.wallet_limit, dcep.opening TO dcep_operator, dcep_central_bank;
GRANT SELECT ON dcep.opening_policy TO dcep_operator;
GRANT EXECUTE ON FUNCTION dcep.limits(dcep.wallet_id) TO dcep_operator, dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.explain_transfer(dcep.wallet_id, dcep.wallet_id, bigint, dcep.transfer_kind, text, text, bytea)
    TO dcep_operator, dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.generate_key(integer, text, text), dcep.signer_status() TO dcep_operator, dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON PROCEDURE dcep.consolidate_all(integer, integer, bigint) TO dcep_operator, dcep_central_bank;
GRANT EXECUTE ON FUNCTION
    dcep.submit(dcep.instruction[], bytea[]), dcep.redeem(integer, bigint, text), dcep.open_wallet(integer, jsonb),
    dcep.assess_opening(integer, jsonb), dcep.set_opening_policy(integer, text, regprocedure),
    dcep.change_class(dcep.wallet_id, jsonb), dcep.set_limits(dcep.wallet_id, jsonb),
    dcep.close_wallet(dcep.wallet_id, boolean), dcep.stock_tills(integer)
    TO dcep_operator;

-- The central bank: reserves, issuance, keys, limits, restrictions, totals.
GRANT EXECUTE ON FUNCTION
    dcep.enroll_institution(integer, text, text, boolean), dcep.suspend_institution(integer, boolean),
    dcep.revoke_key(integer, integer, text, timestamptz), dcep.generate_secret(), dcep.set_identity_key(text, timestamptz),
    dcep.deposit_reserve(integer, bigint, text), dcep.withdraw_reserve(integer, bigint, text),
    dcep.issue(integer, bigint, text),
    dcep.freeze(dcep.wallet_id, text, text), dcep.unfreeze(dcep.wallet_id, text, text),
    dcep.verify_reserves(), dcep.audit(bigint), dcep.upkeep_notes()
    TO dcep_central_bank;
GRANT INSERT (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands, services, is_real_name, max_wallets)
    ON dcep.wallet_class
    TO dcep_central_bank;
GRANT SELECT ON dcep.supply, dcep.proof, dcep.frozen, dcep.upkeep TO dcep_central_bank;

-- Supervisors: orders within their agreements, and what they see within a case.
GRANT SELECT ON dcep.wallet, dcep.till, dcep.wallet_chain, dcep.wallet_event, dcep.wallet_limit, dcep.opening, dcep.coin, dcep.transfer
    TO dcep_supervisor;
GRANT EXECUTE ON FUNCTION dcep.balance(dcep.wallet_id), dcep.available(dcep.wallet_id), dcep.receipt_of(bigint)
    TO dcep_supervisor;
GRANT EXECUTE ON FUNCTION
    dcep.impose(text, jsonb, text, bigint, dcep.wallet_id, time, time, timestamptz, timestamptz, integer),
    dcep.lift(bigint, text)
    TO dcep_supervisor;
GRANT EXECUTE ON FUNCTION dcep.agree(integer, integer, text[], text[], tstzrange) TO dcep_supervisor, dcep_operator;
GRANT EXECUTE ON FUNCTION dcep.open_case(text, text, integer), dcep.close_case(integer), dcep.current_case(), dcep.verify_acts()
    TO dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.sees_order(bigint) TO dcep_supervisor, dcep_operator, dcep_central_bank;
GRANT SELECT ON dcep.act, dcep.agreement, dcep.control_order, dcep.control_lift, dcep.recovery, dcep.told_act, dcep.order_status
    TO dcep_supervisor, dcep_operator, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.report_fraud(bigint, text, text, integer) TO dcep_supervisor;
GRANT EXECUTE ON FUNCTION dcep.recover(bigint, dcep.wallet_id, integer) TO dcep_supervisor, dcep_central_bank;
-- Identity: an order of one, a look-up by another.
GRANT USAGE ON SCHEMA dcep TO dcep_identity_officer;
GRANT EXECUTE ON FUNCTION dcep.disclose(dcep.wallet_id, text) TO dcep_identity_officer;
GRANT EXECUTE ON FUNCTION dcep.order_disclosure(dcep.wallet_id, text, timestamptz, integer) TO dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.find_wallets(text, text) TO dcep_operator, dcep_supervisor, dcep_central_bank;
GRANT SELECT ON dcep.identity_key TO dcep_operator, dcep_supervisor, dcep_central_bank, dcep_auditor;
GRANT SELECT ON dcep.disclosure_order, dcep.disclosures TO dcep_supervisor, dcep_central_bank;

-- Tracing: for the central bank, and for supervisors as far as they see.
GRANT EXECUTE ON FUNCTION
    dcep.trace_forward(bigint, text, integer, integer), dcep.trace_forward_coin(bigint, text, integer, integer),
    dcep.trace_forward(dcep.signed_coin, text, integer, integer),
    dcep.trace_back(bigint, integer, integer), dcep.trace_back_coin(bigint, integer, integer),
    dcep.trace_back(dcep.signed_coin, integer, integer), dcep.presented_coin(dcep.signed_coin),
    dcep.trace_live(bigint, text, integer), dcep.trace_dot(bigint, text, text, integer, integer),
    dcep.trace_svg(bigint, text, text, integer, integer)
    TO dcep_central_bank, dcep_supervisor;

-- Refusals: rows as row-level security shows them.
GRANT SELECT ON dcep.refusal TO dcep_operator, dcep_supervisor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.keep_refusals(), dcep.waiting_refusals() TO dcep_central_bank, dcep_auditor;

-- Auditors: proofs, not parties.
GRANT EXECUTE ON FUNCTION dcep.verify_acts() TO dcep_auditor;
GRANT SELECT ON dcep.proof, dcep.supply TO dcep_auditor;
GRANT EXECUTE ON FUNCTION dcep.verify_chain(dcep.wallet_id, boolean), dcep.verify_reserves(), dcep.audit(bigint)
    TO dcep_auditor;

-- Reports.  Totals are the same for all who read them; of wallets each reader sees what row-level security shows it.
GRANT SELECT ON dcep.wallet, dcep.till, dcep.transfer TO dcep_supervisor;
GRANT SELECT ON dcep.conservation, dcep.quota, dcep.frozen_totals, dcep.held_totals, dcep.reporting_threshold,
    dcep.house_wallet, dcep.movement TO dcep_central_bank, dcep_supervisor;
GRANT SELECT ON dcep.conservation, dcep.quota TO dcep_auditor;
GRANT EXECUTE ON FUNCTION
    dcep.today(), dcep.day_start(date), dcep.client_threshold(bigint, bigint), dcep.double_spends(), dcep.chain_gaps(),
    dcep.net_positions(timestamptz, timestamptz), dcep.anonymous_share(timestamptz, timestamptz),
    dcep.order_report(timestamptz, timestamptz), dcep.refusals_by_rule(timestamptz, timestamptz),
    dcep.refusals_by_order(timestamptz, timestamptz), dcep.wallets_per_contact(),
    dcep.large_values(date, bigint, bigint),
    dcep.structuring(timestamptz, timestamptz, bigint, bigint, numeric, integer, interval),
    dcep.dormant_reactivated(timestamptz, timestamptz, interval, bigint),
    dcep.surging(timestamptz, timestamptz, interval, numeric, bigint),
    dcep.short_lived(timestamptz, timestamptz, interval, bigint),
    dcep.pairs(timestamptz, timestamptz),
    dcep.find_rings(dcep.wallet_id[], dcep.wallet_id[], bigint[], double precision, double precision, double precision),
    dcep.alerts(timestamptz, timestamptz, double precision, double precision, double precision),
    dcep.fan_in(timestamptz, timestamptz, integer), dcep.fan_out(timestamptz, timestamptz, integer),
    dcep.pass_through(timestamptz, timestamptz, numeric, interval, bigint),
    dcep.cycles(timestamptz, timestamptz, interval, integer, integer, numeric, bigint),
    dcep.frequent_pairs(timestamptz, timestamptz, double precision),
    dcep.rings(timestamptz, timestamptz, double precision, double precision),
    dcep.suspects(timestamptz, timestamptz, double precision, double precision, double precision)
    TO dcep_central_bank, dcep_supervisor;
GRANT EXECUTE ON FUNCTION dcep.double_spends(), dcep.chain_gaps(), dcep.refusals_by_rule(timestamptz, timestamptz) TO dcep_auditor;
-- Between institutions: auditors all, an operator its own.
GRANT EXECUTE ON FUNCTION dcep.net_positions(timestamptz, timestamptz), dcep.today(), dcep.day_start(date) TO dcep_auditor, dcep_operator;

-- The log: proofs and checkpoints for all; sealing for the central bank.
GRANT EXECUTE ON FUNCTION
    dcep.log_root(bigint), dcep.inclusion_proof(bigint, bigint), dcep.consistency_proof(bigint, bigint),
    dcep.verify_inclusion(bytea, bigint, bigint, bytea, bytea), dcep.verify_consistency(bigint, bytea, bigint, bytea, bytea),
    dcep.latest_checkpoint(boolean), dcep.checkpoint_note(bigint), dcep.checkpoint_quorum(), dcep.count_witnesses(bigint),
    dcep.note_hash(text), dcep.log_origin(), dcep.log_verifier_key(integer), dcep.witness_verifier_key(),
    dcep.read_checkpoint(text), dcep.note_signatures(text), dcep.note_signed_at(text, text), dcep.read_verifier_key(text),
    dcep.receipt_bundle(bigint, text), dcep.bundle_place(bigint, text), dcep.make_bundle(bigint, text, bigint, text),
    dcep.covering_checkpoint(bigint), dcep.verify_bundle(text, text, text[], integer)
    TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor;
GRANT SELECT ON dcep.checkpoint, dcep.log_key, dcep.witness, dcep.cosignature, dcep.checkpoint_status TO dcep_central_bank, dcep_operator, dcep_supervisor, dcep_auditor;
GRANT EXECUTE ON FUNCTION dcep.seal(integer), dcep.checkpoint(), dcep.rotate_log_key(), dcep.verify_log(bigint) TO dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.verify_log(bigint) TO dcep_auditor;
GRANT SELECT ON dcep.log_status TO dcep_central_bank, dcep_auditor;
-- Witnesses of the log, and this database as one.
GRANT EXECUTE ON FUNCTION dcep.register_witness(text), dcep.retire_witness(text), dcep.add_cosignature(text),
    dcep.rotate_witness_key(text), dcep.watch_log(text) TO dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.check_checkpoint(text), dcep.witness_record(bigint, text, bytea), dcep.witness_sign(text, bigint)
    TO dcep_central_bank, dcep_auditor;
GRANT EXECUTE ON PROCEDURE dcep.witness_cosign(bigint, text, bytea, text) TO dcep_central_bank, dcep_auditor;
GRANT SELECT ON dcep.witness_key, dcep.watched_log, dcep.witnessed, dcep.split_view, dcep.witness_status
    TO dcep_central_bank, dcep_auditor;

-- Monitors: numbers, and nothing behind them.
GRANT USAGE ON SCHEMA dcep TO dcep_monitor;
GRANT SELECT ON dcep.metrics, dcep.metrics_operator, dcep.metrics_refused, dcep.metrics_task
    TO dcep_monitor, dcep_auditor, dcep_central_bank;
GRANT EXECUTE ON FUNCTION dcep.refused_counts(), dcep.task_counts(), dcep.paying_transactions(), dcep.rows_estimate(regclass),
    dcep.waiting_refusals()
    TO dcep_monitor, dcep_auditor, dcep_central_bank;

-- Nodes.
GRANT EXECUTE ON FUNCTION dcep.transfer_status(bigint) TO dcep_central_bank, dcep_operator;
GRANT EXECUTE ON FUNCTION dcep.work_messages(integer) TO dcep_central_bank, dcep_operator;
GRANT EXECUTE ON FUNCTION dcep.reads_messages(integer), dcep.own_institution(), dcep.publication_name(integer, integer) TO dcep_central_bank, dcep_auditor;
GRANT EXECUTE ON FUNCTION dcep.report_payment(integer, bigint, text, text, integer) TO dcep_supervisor;
GRANT EXECUTE ON FUNCTION dcep.fraud_status(bigint), dcep.trace_payment(integer, bigint), dcep.trace_origins(bigint), dcep.crossing_of(bigint)
    TO dcep_supervisor, dcep_central_bank;
GRANT SELECT ON dcep.fraud_case, dcep.fraud_share, dcep.claim_account, dcep.claim_hold, dcep.claim_recovery, dcep.claim_payment
    TO dcep_central_bank, dcep_auditor;
GRANT SELECT ON dcep.instructions, dcep.peers, dcep.line, dcep.message, dcep.evidence, dcep.crossing, dcep.holding TO dcep_central_bank, dcep_auditor;
