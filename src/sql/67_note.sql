-- Signed notes, checkpoints and keys of others, taken apart and verified (docs/format.md). They read no table.

CREATE FUNCTION dcep.read_checkpoint(note text, OUT origin text, OUT size bigint, OUT root bytea, OUT body text)
    LANGUAGE C IMMUTABLE AS 'MODULE_PATHNAME', 'dcep_read_checkpoint';
COMMENT ON FUNCTION dcep.read_checkpoint(text) IS
'A checkpoint taken apart: name of the log, size and root of its tree, and the text that is signed. Verifies no signature. Errors: 22004, 22023';

CREATE FUNCTION dcep.note_signatures(note text, OUT name text, OUT key_id text, OUT line text) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'dcep_note_signatures';
COMMENT ON FUNCTION dcep.note_signatures(text) IS
'The signature lines of a signed note: whose each says it is, 8 hexadecimal digits that tell the key, and the line without its newline. Verifies none. Errors: 22023';

CREATE FUNCTION dcep.note_signed_at(note text, key text) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'dcep_note_signed_at';
COMMENT ON FUNCTION dcep.note_signed_at(text, text) IS
'When a witness of this key cosigned the note, in seconds since 1970; 0 where the key is a log''s and signed it. NULL where it did not, or one of the two cannot be read';

CREATE FUNCTION dcep.read_verifier_key(key text, OUT name text, OUT type integer, OUT id text, OUT public_key bytea)
    LANGUAGE C IMMUTABLE AS 'MODULE_PATHNAME', 'dcep_read_verifier_key';
COMMENT ON FUNCTION dcep.read_verifier_key(text) IS
'A public key as tools for signed notes write it, taken apart: name, type (1 a log''s, 4 a witness''s, both Ed25519), 8 hexadecimal digits that tell it, and its 32 bytes. Errors: 22004, 22023';

CREATE FUNCTION dcep.verifier_key(name text, type integer, public_key bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s+%s+%s', name, left(encode(sha256(convert_to(name || E'\n', 'UTF8') || t.octet || public_key), 'hex'), 8),
                  encode(t.octet || public_key, 'base64'))
      FROM decode(lpad(to_hex(type), 2, '0'), 'hex') AS t (octet)
$$;
COMMENT ON FUNCTION dcep.verifier_key(text, integer, bytea) IS
'Internal: a public key as tools for signed notes read it; type 1 is a log''s, 4 a witness''s';

CREATE FUNCTION dcep.require_key_type(key text, wanted integer, OUT name text, OUT public_key bytea)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
BEGIN
    SELECT * INTO given FROM dcep.read_verifier_key(key);
    IF given.type <> wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE wanted WHEN 1 THEN 'this is not the key of a log' ELSE 'this is not the key of a witness' END,
            DETAIL = format('It is of type %s, not %s.', given.type, wanted);
    END IF;
    name := given.name;
    public_key := given.public_key;
END
$$;
COMMENT ON FUNCTION dcep.require_key_type(text, integer) IS
'Internal: name and bytes of a public key, which must be a log''s (1) or a witness''s (4). Errors: 22004, 22023';
