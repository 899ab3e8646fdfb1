-- The audit of identities and device keys.

-- Identities and disclosures: what acts say, and nothing beside it.
CREATE FUNCTION dcep.audit_identities(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                      OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT 'identity without wallet', dcep.institution(i.wallet)::smallint, i.wallet, NULL::bigint, format('version %s', i.version)
      FROM dcep.identity AS i WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = i.wallet)
    UNION ALL
    SELECT 'identity without key', NULL, i.wallet, NULL, format('version %s names key %s', i.version, i.key_number)
      FROM dcep.identity AS i WHERE NOT EXISTS (SELECT FROM dcep.identity_key AS k WHERE k.number = i.key_number)
    UNION ALL
    SELECT 'identifier without wallet', f.institution, f.wallet, NULL, format('its %s', f.kind)
      FROM dcep.wallet_identifier AS f WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = f.wallet)
    UNION ALL
    SELECT 'wallet without identity', f.institution, f.wallet, NULL, 'it was opened with real-name data that are not on record'
      FROM dcep.wallet_identifier AS f
     WHERE f.kind IN ('id_document', 'bank_account') AND NOT EXISTS (SELECT FROM dcep.identity AS i WHERE i.wallet = f.wallet)
     GROUP BY f.institution, f.wallet
    UNION ALL
    SELECT 'identity key without act', 1::smallint, NULL, NULL, format('key %s is not what its act says', k.number)
      FROM dcep.identity_key AS k LEFT JOIN dcep.act AS a ON a.id = k.act
     WHERE (a.kind, a.institution, a.body::jsonb) IS DISTINCT FROM
           ('identity_key', 1, jsonb_build_object('key_id', k.key_id, 'sha256', encode(sha256(k.public_key), 'hex'), 'valid_from', k.valid_from))
    UNION ALL
    SELECT 'disclosure order without act', o.authority, o.wallet, NULL, format('order %s is not what its act says', o.id)
      FROM dcep.disclosure_order AS o LEFT JOIN dcep.act AS a ON a.id = o.id
     WHERE (a.kind, a.institution, a.body::jsonb) IS DISTINCT FROM ('order_disclosure', o.authority, to_jsonb(o))
    UNION ALL
    SELECT 'disclosure without order', a.institution, NULL, NULL, format('act %s: no order allowed it', a.id)
      FROM dcep.act AS a
     WHERE a.kind = 'disclose'
       AND NOT EXISTS (SELECT FROM dcep.disclosure_order AS o
                        WHERE o.id = (a.body::jsonb ->> 'order')::bigint AND o.wallet::text = a.body::jsonb ->> 'wallet'
                          AND o.case_no = a.case_no AND o.by_role <> a.by_role
                          AND o.ordered_at <= a.entered_at AND a.entered_at < o.valid_until)
$$;
COMMENT ON FUNCTION dcep.audit_identities() IS 'Identities belong to wallets and keys, wallets opened with real-name data have one, identity keys and orders for disclosure are what signed acts say, and every disclosure had its order';

-- Device keys: as they were signed for, and obeyed.
CREATE FUNCTION dcep.audit_devices(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                   OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH first_key AS (SELECT d.wallet, min(d.valid_from) AS valid_from FROM dcep.device_key AS d GROUP BY d.wallet)
    SELECT 'payment not signed by a device', NULL::smallint, t.payer, t.id, 'the payer had a device key, and did not sign it'
      FROM first_key AS f JOIN dcep.journal(since) AS t ON t.payer = f.wallet
     WHERE t.device_signature IS NULL AND t.created_at >= f.valid_from AND t.kind IN ('transfer', 'exchange_out', 'token')
    UNION ALL
    SELECT 'payment not signed by a device', NULL, t.payer, t.id, 'its device signature is not one by a key that held'
      FROM dcep.journal(since) AS t
     WHERE t.device_signature IS NOT NULL
       -- An altered row may lack what an instruction has.
       AND CASE WHEN t.key IS NULL OR (t.kind = 'token') <> (t.token IS NOT NULL) OR octet_length(t.token) <> 24 THEN true
                ELSE NOT dcep.device_signed(t.payer, dcep.instruction_bytes(t.payer, CASE WHEN t.token IS NULL THEN t.payee END,
                                                                            t.amount, t.key, t.memo, t.kind, t.token),
                                            t.device_signature, t.created_at) END
    UNION ALL
    SELECT 'device key without act', NULL, d.wallet, NULL, format('key %s is not what its act says', d.number)
      FROM dcep.device_key AS d LEFT JOIN dcep.act AS a ON a.id = d.act
     WHERE (a.kind, a.institution::integer, a.body::jsonb - 'consent') IS DISTINCT FROM
           ('add_device_key', dcep.institution(d.wallet),
            jsonb_build_object('wallet', d.wallet, 'number', d.number, 'suite', d.suite, 'public_key', encode(d.public_key, 'hex'),
                               'valid_from', d.valid_from))
    UNION ALL
    SELECT 'device key without act', NULL, d.wallet, NULL, format('the revocation of key %s is not what its act says', d.number)
      FROM dcep.device_key AS d LEFT JOIN dcep.act AS a ON a.id = d.revocation_act
     WHERE d.revoked_at IS NOT NULL AND (a.kind, a.institution::integer, a.body::jsonb) IS DISTINCT FROM
           ('revoke_device_key', dcep.institution(d.wallet),
            jsonb_build_object('wallet', d.wallet, 'number', d.number, 'revoked_at', d.revoked_at, 'reason', d.revocation_reason))
    UNION ALL
    SELECT 'act without device key', a.institution, NULL, NULL, format('act %s is about a key that is not there, or is not revoked', a.id)
      FROM dcep.act AS a
     WHERE a.kind IN ('add_device_key', 'revoke_device_key')
       AND NOT EXISTS (SELECT FROM dcep.device_key AS d WHERE CASE a.kind WHEN 'add_device_key' THEN d.act ELSE d.revocation_act END = a.id)
    UNION ALL
    SELECT 'device key not looked at', w.institution, w.id, NULL, 'its flags do not say whether it pays on signed instructions alone'
      FROM dcep.touched(since) AS w WHERE (w.flags & 8 <> 0) <> EXISTS (SELECT FROM dcep.device_key AS d WHERE d.wallet = w.id);
END
$$;
COMMENT ON FUNCTION dcep.audit_devices(bigint) IS 'Device keys and their revocations are what signed acts say; wallets that have had one paid nothing that a key which held at the time had not signed';

-- Payment tokens: those that are armed, and those that were paid to.
CREATE FUNCTION dcep.audit_tokens(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'token without wallet', NULL::smallint, k.wallet, NULL::bigint, format('%s tokens of a wallet that does not exist', count(*))
      FROM dcep.token AS k WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = k.wallet) GROUP BY k.wallet
    UNION ALL
    SELECT 'token without enrolment', NULL, k.wallet, NULL, format('%s computed tokens of a wallet that is not enrolled', count(*))
      FROM dcep.token AS k
     WHERE k.computed AND NOT EXISTS (SELECT FROM dcep.token_enrolment AS e WHERE e.wallet = k.wallet) GROUP BY k.wallet
    UNION ALL
    SELECT 'token too many', NULL, k.wallet, NULL, format('%s drawn tokens can be paid to, where one can', count(*))
      FROM dcep.token AS k
     WHERE NOT k.computed AND NOT k.used AND k.valid_until > now() GROUP BY k.wallet HAVING count(*) > 1
    UNION ALL
    SELECT 'enrolment without wallet', NULL, e.wallet, NULL, 'a wallet that does not exist computes tokens'
      FROM dcep.token_enrolment AS e WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = e.wallet)
$$;
COMMENT ON FUNCTION dcep.audit_tokens() IS
'Payment tokens belong to wallets, computed ones to enrolled wallets, and of a wallet one drawn token at most can be paid to. Reads all tokens';
