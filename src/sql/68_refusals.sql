-- Refusals on record: noted in memory when they happen (src/kept.c), since the refused transaction leaves no row, and
-- written into dcep.refusal a moment later.

CREATE FUNCTION dcep.take_refusals(OUT refused_at timestamptz, OUT sqlstate text, OUT message text, OUT kind dcep.transfer_kind,
                                   OUT payer dcep.wallet_id, OUT payee dcep.wallet_id, OUT amount bigint, OUT class smallint,
                                   OUT order_id bigint, OUT attempt text, OUT institution smallint, OUT by_role text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_take_refusals';
COMMENT ON FUNCTION dcep.take_refusals() IS
'Internal: the refusals of this ledger that wait in memory, which leave it when this transaction commits. Until then another who takes them waits';

CREATE FUNCTION dcep.keep_refusal(sqlstate text, message text, institution integer, attempt text) RETURNS void
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_keep_refusal';
COMMENT ON FUNCTION dcep.keep_refusal(text, text, integer, text) IS
'Internal: notes that an institution''s attempt is about to be refused; 199 bytes of what it was are kept';

CREATE FUNCTION dcep.waiting_refusals(OUT waiting bigint, OUT lost bigint, OUT shared boolean)
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_waiting_refusals';
COMMENT ON FUNCTION dcep.waiting_refusals() IS
'How many refusals of this ledger wait to be written into dcep.refusal, how many were lost for want of room since the server started, and whether that is of all sessions: false where dcep is not in shared_preload_libraries, and each session counts its own. For the central bank and auditors';

CREATE FUNCTION dcep.keep_refusals() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept bigint;
BEGIN
    INSERT INTO dcep.refusal (refused_at, sqlstate, message, kind, payer, payee, amount, class, order_id, attempt, institution, by_role)
    SELECT r.refused_at, r.sqlstate, r.message, r.kind, r.payer, r.payee, r.amount, r.class, r.order_id, r.attempt, r.institution, r.by_role
      FROM dcep.take_refusals() AS r;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION dcep.keep_refusals() IS
'Writes the refusals that wait in memory into dcep.refusal and returns how many. The worker does it every second; where there is none, this does, and where dcep is not preloaded for the session''s own refusals only. If the transaction is rolled back they go on waiting. Waits for a transaction that is writing them. For the central bank and auditors';

ALTER TABLE dcep.refusal ENABLE ROW LEVEL SECURITY;
CREATE POLICY see_own ON dcep.refusal FOR SELECT
    USING (dcep.sees_payments(payer) OR dcep.sees_institution(institution) OR (attempt IS NOT NULL AND dcep.sees_institution(1)));
