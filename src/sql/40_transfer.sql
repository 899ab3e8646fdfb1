-- Paying: the triggers of the journal and the functions around it.

CREATE FUNCTION dcep.transfer_begin() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_transfer_begin';
COMMENT ON FUNCTION dcep.transfer_begin() IS 'Trigger: a paying statement begins';
CREATE FUNCTION dcep.transfer_execute() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_transfer_execute';
COMMENT ON FUNCTION dcep.transfer_execute() IS
'Trigger: executes the payment of a row and fills in what is computed; verifies a row that a dump brings back';
CREATE FUNCTION dcep.transfer_settle() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_transfer_settle';
COMMENT ON FUNCTION dcep.transfer_settle() IS
'Trigger: every executed payment has its row in the journal, and coins and chains are written';
CREATE FUNCTION dcep.append_only() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_append_only';
COMMENT ON FUNCTION dcep.append_only() IS 'Trigger: refuses what would change history (LG401)';

CREATE TRIGGER transfer_begin BEFORE INSERT ON dcep.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION dcep.transfer_begin();
CREATE TRIGGER transfer_execute BEFORE INSERT ON dcep.transfer
    FOR EACH ROW EXECUTE FUNCTION dcep.transfer_execute();
CREATE TRIGGER transfer_settle AFTER INSERT ON dcep.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION dcep.transfer_settle();

-- Append-only tables: refused for statements, even of no rows, and for single
-- rows, which is how logical replication would apply a change.
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['transfer', 'signed_batch', 'reserve_entry', 'wallet_event', 'wallet_limit', 'opening', 'act', 'control_order',
                             'control_lift', 'recovery', 'refusal', 'ledger_secret', 'identity_key', 'identity', 'wallet_identifier',
                             'disclosure_order', 'log_key', 'checkpoint', 'cosignature', 'witness_key', 'witnessed', 'split_view', 'message', 'evidence', 'claim_hold'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dcep.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION dcep.append_only()', tab);
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ALWAYS TRIGGER append_only', tab);
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON dcep.%I '
            'FOR EACH ROW EXECUTE FUNCTION dcep.append_only()', tab);
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ALWAYS TRIGGER append_only_row', tab);
    END LOOP;
    -- What payments write is not for statements either, but replication must
    -- carry its updates, and a dump its rows: statements alone are refused.
    FOREACH tab IN ARRAY ARRAY['coin', 'wallet_chain', 'reserve_account', 'log_state', 'log_tile', 'log_total'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER payments_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dcep.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION dcep.append_only(''payments'')', tab);
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ALWAYS TRIGGER payments_only', tab);
    END LOOP;
END
$$;

CREATE TYPE dcep.receipt AS (
    transfer   bigint,
    kind       dcep.transfer_kind,
    payer      dcep.wallet_id,
    payee      dcep.wallet_id,
    amount     bigint,
    key        text,
    created_at timestamptz,
    seq        bigint,
    issuer     smallint,
    key_number integer,
    hash       bytea,
    signature  bytea,
    batch_index integer,
    batch_size integer,
    path       bytea
);
COMMENT ON TYPE dcep.receipt IS
'What a payment leaves with the payer: the facts, the hash that covers them, and the signature of the payer''s institution over it. batch_index, batch_size and path (docs/format.md) lead from the hash to the root that was signed: 0, 1 and empty where that is the hash itself';

CREATE FUNCTION dcep.transfer(payer dcep.wallet_id, payee dcep.wallet_id, amount bigint,
                              key text DEFAULT NULL, memo text DEFAULT NULL, device_signature bytea DEFAULT NULL)
    RETURNS dcep.receipt
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_transfer';
COMMENT ON FUNCTION dcep.transfer(dcep.wallet_id, dcep.wallet_id, bigint, text, text, bytea) IS
'Pays an amount (minor units). With a key, a repetition returns the first receipt; other content under the same key is refused (LG302). A wallet with a device key pays only with a key and the device''s signature of dcep.instruction_bytes(), raw (64 bytes) or DER. Errors: 42501, 22004, 22001, 55000, LG305, LG306, LG304, LG303, LG302, LG104, LG201-LG206, LG301, LG101-LG103';

CREATE FUNCTION dcep.receipt_of(transfer bigint) RETURNS dcep.receipt
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_receipt_of';
COMMENT ON FUNCTION dcep.receipt_of(bigint) IS
'The receipt of a transfer, to whoever may see one of its parties; NULL where there is none';

CREATE TYPE dcep.instruction AS (
    payer  text,
    payee  text,
    amount text,
    key    text,
    memo   text
);
COMMENT ON TYPE dcep.instruction IS
'A line of a payment file: all text, so that a line that cannot be read is refused alone. ROW(payer, payee, amount, key, memo)::dcep.instruction converts typed columns';

CREATE FUNCTION dcep.submit(instructions dcep.instruction[], device_signatures bytea[] DEFAULT NULL)
    RETURNS TABLE (line integer, transfer bigint, receipt dcep.receipt, sqlstate text, message text, detail text, hint text)
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_submit';
COMMENT ON FUNCTION dcep.submit(dcep.instruction[], bytea[]) IS
'Plays a payment file: executes the lines in order and returns one row a line, with the receipt, or with the SQLSTATE and message of its refusal. All in one transaction; a refused line changes nothing and sinks no other. device_signatures has, where it is given, one element a line: the signature of the payer''s device, raw (64 bytes) or DER, or NULL. Errors, of the whole: 22004, 22023 (as many signatures as lines), 55000';

CREATE FUNCTION dcep.balance(wallet dcep.wallet_id) RETURNS bigint
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_balance';
COMMENT ON FUNCTION dcep.balance(dcep.wallet_id) IS 'Sum of a wallet''s live coins, minor units. Errors: 42501, LG305';

CREATE FUNCTION dcep.available(wallet dcep.wallet_id) RETURNS bigint
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_available';
COMMENT ON FUNCTION dcep.available(dcep.wallet_id) IS
'What a wallet may pay: its balance, or 0 while it is frozen for debit. Errors: 42501, LG305';

CREATE FUNCTION dcep.coins(wallet dcep.wallet_id) RETURNS SETOF dcep.signed_coin
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_coins';
COMMENT ON FUNCTION dcep.coins(dcep.wallet_id) IS
'A wallet''s live coins, signed, the smallest first; each is verified before it is given out. Errors: 42501, LG305, LG101-LG103';

CREATE FUNCTION dcep.verify(coin dcep.signed_coin) RETURNS boolean
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_verify_coin';
COMMENT ON FUNCTION dcep.verify(dcep.signed_coin) IS
'Does the coin''s signature hold? Says nothing of whether it was spent. Errors: LG102 key unknown, LG103 key revoked or not valid when it signed';

CREATE FUNCTION dcep.check(coin dcep.signed_coin) RETURNS dcep.signed_coin
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_check_coin';
COMMENT ON FUNCTION dcep.check(dcep.signed_coin) IS
'The coin itself, if it is of this ledger''s currency and its signature holds; else an error that says why not: 22023, LG101, LG102, LG103';

CREATE FUNCTION dcep.coin_state(coin dcep.signed_coin) RETURNS text
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_coin_state';
COMMENT ON FUNCTION dcep.coin_state(dcep.signed_coin) IS
'live, spent, frozen (live, but its owner may not pay), unknown (not minted by this ledger) or forged (no trustworthy signature)';
