-- Who may see what.  An institution is the first four digits of a wallet
-- number, so that no policy needs a join.

CREATE FUNCTION dcep.sees(wallet dcep.wallet_id) RETURNS boolean
    LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'dcep_sees';
COMMENT ON FUNCTION dcep.sees(dcep.wallet_id) IS
'May the current role see this wallet? Its operator; a supervisor whose agreement shows wallets, and the central bank, while they have a case open';

CREATE FUNCTION dcep.sees_payments(wallet dcep.wallet_id) RETURNS boolean
    LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'dcep_sees_payments';
COMMENT ON FUNCTION dcep.sees_payments(dcep.wallet_id) IS
'May the current role see the coins of this wallet and the transfers that touch it? Its operator; a supervisor whose agreement shows transfers, and the central bank, while they have a case open';

CREATE FUNCTION dcep.sees_parties(wallet dcep.wallet_id) RETURNS boolean
    LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'dcep_sees_parties';
COMMENT ON FUNCTION dcep.sees_parties(dcep.wallet_id) IS
'May the current role see who the parties of this wallet''s payments to tokens are? The registration centre alone: the central bank, and a supervisor whose agreement shows transfers, while they have a case open; no operator';

CREATE FUNCTION dcep.sees_institution(institution integer) RETURNS boolean
    LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'dcep_sees_institution';
COMMENT ON FUNCTION dcep.sees_institution(integer) IS 'May the current role see what belongs to this institution?';

CREATE FUNCTION dcep.acts_for(wallet dcep.wallet_id) RETURNS boolean
    LANGUAGE C STABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'dcep_acts_for';
COMMENT ON FUNCTION dcep.acts_for(dcep.wallet_id) IS 'May the current role pay from this wallet?';

CREATE FUNCTION dcep.caller_sees(wallet dcep.wallet_id) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1 AS 'MODULE_PATHNAME', 'dcep_caller_sees';
COMMENT ON FUNCTION dcep.caller_sees(dcep.wallet_id) IS
'Inside a SECURITY DEFINER function: may the role that called it see this wallet?';

-- Row-level security, forced: the owner's own functions say what they need.
DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT * FROM (VALUES
            ('wallet', 'dcep.sees(id)'),
            ('wallet_chain', 'dcep.sees(wallet)'),
            ('wallet_event', 'dcep.sees(wallet)'),
            ('till', 'dcep.sees(wallet)'),
            ('wallet_limit', 'dcep.sees(wallet)'),
            ('opening', 'dcep.sees(wallet)'),
            ('opening_policy', 'dcep.sees_institution(institution)'),
            ('device_key', 'dcep.sees(wallet)'),
            ('coin', 'dcep.sees_payments(owner)'),
            ('transfer', 'CASE WHEN kind = ''token'' THEN dcep.sees_parties(payer) OR dcep.sees_parties(payee)
                          ELSE dcep.sees_payments(payer) OR dcep.sees_payments(payee) END'),
            ('reserve_account', 'dcep.sees_institution(institution) OR dcep.sees_institution(1)'),
            ('reserve_entry', 'dcep.sees_institution(institution) OR dcep.sees_institution(1)'),
            ('institution_role', 'dcep.sees_institution(institution)')) AS p (tab, visible)
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ROW LEVEL SECURITY', policy.tab);
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I FORCE ROW LEVEL SECURITY', policy.tab);
        EXECUTE pg_catalog.format('CREATE POLICY see_own ON dcep.%I FOR SELECT USING (%s)', policy.tab, policy.visible);
    END LOOP;
END
$$;
CREATE POLICY pay_own ON dcep.transfer FOR INSERT WITH CHECK (dcep.acts_for(payer));

-- A change of configuration reaches every backend; one that replication applies row by row, too.
CREATE FUNCTION dcep.config_changed() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_config_changed';
COMMENT ON FUNCTION dcep.config_changed() IS 'Trigger: makes every session read the configuration again';

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['ledger', 'institution', 'signing_key', 'wallet_class', 'institution_role', 'till', 'controlled_class', 'agreement',
                             'ledger_secret'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE ON dcep.%I '
            'FOR EACH ROW EXECUTE FUNCTION dcep.config_changed()', tab);
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ALWAYS TRIGGER config_changed', tab);
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER config_truncated AFTER TRUNCATE ON dcep.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION dcep.config_changed()', tab);
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ALWAYS TRIGGER config_truncated', tab);
    END LOOP;
END
$$;

-- Whose wallets are in this database: those of all institutions, unless some have nodes of their own.
CREATE FUNCTION dcep.own_institution() RETURNS smallint
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.institution FROM dcep.ledger AS l
$$;
COMMENT ON FUNCTION dcep.own_institution() IS 'Internal: the institution whose node this database is';

CREATE FUNCTION dcep.is_here(wallet dcep.wallet_id) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'dcep_is_here';
COMMENT ON FUNCTION dcep.is_here(dcep.wallet_id) IS 'Is this a wallet of an institution whose wallets are in this database?';

CREATE FUNCTION dcep.elsewhere(institution integer) RETURNS integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.code FROM dcep.institution AS i WHERE i.code = elsewhere.institution AND NOT i.is_here
$$;
COMMENT ON FUNCTION dcep.elsewhere(integer) IS 'Internal: an institution that another database serves; NULL where this one does, or there is no such institution';
