-- Cases: within one, a supervisor sees what its agreements show it, and the central bank all. Each is on record.

CREATE FUNCTION dcep.set_case(case_no text) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_set_case';
COMMENT ON FUNCTION dcep.set_case(text) IS 'Internal: the case that this session has open; NULL for none';

CREATE FUNCTION dcep.current_case() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_current_case';
COMMENT ON FUNCTION dcep.current_case() IS
'The number of the case that this session has open; NULL where none is, or its opening has not been committed';

CREATE FUNCTION dcep.open_case(case_no text, purpose text, institution integer DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    authority integer := dcep.require_authority(institution, ARRAY['supervisor', 'central_bank']);
    act_id bigint;
BEGIN
    IF COALESCE(case_no, '') = '' OR COALESCE(purpose, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a case number and a purpose are required';
    END IF;
    act_id := nextval('dcep.act_id_seq');
    PERFORM dcep.enter_act(authority, act_id, 'open_case', case_no, jsonb_build_object('purpose', purpose));
    PERFORM dcep.set_case(case_no);
    RETURN act_id;
END
$$;
COMMENT ON FUNCTION dcep.open_case(text, text, integer) IS
'Opens a case for this session and enters that as an act, whose id it returns: who, when, which case, what for. From the next transaction on a supervisor sees what its agreements show it, and the central bank all wallets and transfers, until close_case(), DISCARD ALL or the end of the session. A case that is open already is left. Errors: 22023, 42501, 55000';

CREATE FUNCTION dcep.close_case(institution integer DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    case_no text := dcep.current_case();
BEGIN
    IF case_no IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'no case is open',
            HINT = 'dcep.open_case() opens one.';
    END IF;
    PERFORM dcep.enter_act(dcep.require_authority(institution, ARRAY['supervisor', 'central_bank']),
                           nextval('dcep.act_id_seq'), 'close_case', case_no, '{}');
    PERFORM dcep.set_case(NULL);
END
$$;
COMMENT ON FUNCTION dcep.close_case(integer) IS 'Closes the session''s case, and enters that as an act. Errors: 22023, 42501, 55000 (none is open)';
