-- Payment tokens: how wallets come by them, and how they are paid to.

CREATE FUNCTION dcep.issue_token(wallet dcep.wallet_id, lifetime interval DEFAULT '1 minute') RETURNS dcep.otp_token
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_issue_token';
COMMENT ON FUNCTION dcep.issue_token(dcep.wallet_id, interval) IS
'Draws a payment token for a wallet, for one payment within lifetime (more than 0, at most 1 hour); the one that was drawn before is good for nothing any more. By the wallet''s operator. Costs about a tenth of a payment, with any number of tokens. Errors: 42501, 22004, 22023, LG305, LG306, 55000 (the ledger''s secret is missing)';

CREATE FUNCTION dcep.enroll_token(wallet dcep.wallet_id) RETURNS bytea
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_enroll_token';
COMMENT ON FUNCTION dcep.enroll_token(dcep.wallet_id) IS
'A new secret of 32 bytes for a wallet, from which it computes its tokens in step with the server (docs/format.md). Each call gives another one, and the one before and its tokens are good for nothing any more. The secret is stored nowhere: keep it in the wallet. By the wallet''s operator. Errors: 42501, 22004, LG305, LG306, 55000 (the ledger''s secret is missing)';

CREATE FUNCTION dcep.arm_tokens(wallet dcep.wallet_id, duration interval) RETURNS timestamptz
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_arm_tokens';
COMMENT ON FUNCTION dcep.arm_tokens(dcep.wallet_id, interval) IS
'Accepts the tokens that an enrolled wallet computes for so long (more than 0, at most 1 hour); returns the end of the last step of 60 seconds, whose token is good for one step more. Arming again extends. By the wallet''s operator. Costs in proportion to the minutes. Errors: 42501, 22004, 22023, LG305, LG306, 55000 (not enrolled, or the ledger''s secret is missing)';

CREATE FUNCTION dcep.disarm_tokens(wallet dcep.wallet_id) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_disarm_tokens';
COMMENT ON FUNCTION dcep.disarm_tokens(dcep.wallet_id) IS
'From now on none of a wallet''s tokens is good, drawn or computed, until new ones are issued or armed. By the wallet''s operator. Errors: 42501, 22004, 55000 (the ledger''s secret is missing)';

CREATE FUNCTION dcep.pay_token(payer dcep.wallet_id, token dcep.otp_token, amount bigint, key text DEFAULT NULL,
                               memo text DEFAULT NULL, device_signature bytea DEFAULT NULL) RETURNS dcep.receipt
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_pay_token';
COMMENT ON FUNCTION dcep.pay_token(dcep.wallet_id, dcep.otp_token, bigint, text, text, bytea) IS
'Pays an amount (minor units) to the wallet that shows this token, once; the receipt has a pseudonym in the payee''s place. With a key, a repetition returns the first receipt; other content under the same key is refused (LG302). Whatever is wrong with the token or keeps its wallet from being paid is LG501, and counts as a failure, even where the transaction rolls back: after five, LG502 for a minute, then two, four and so on up to a day, until a day has passed without one. A failure costs a process start, some milliseconds. Errors: 42501, 22004, 22001, LG304, LG302, LG501, LG502, and of the payer LG305, LG306, LG201, LG203-LG205, LG207, LG209, LG210, LG301, LG101-LG103; 55000';

CREATE FUNCTION dcep.pseudonym(transfer bigint, of_payee boolean) RETURNS dcep.wallet_id
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_pseudonym_sql';
COMMENT ON FUNCTION dcep.pseudonym(bigint, boolean) IS
'Internal: what stands in the place of the payee, or else of the payer, of a payment to a token: a number of institution 0000, another one for each payment and side';

CREATE FUNCTION dcep.statement(wallet dcep.wallet_id, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS TABLE (transfer bigint, at timestamptz, kind dcep.transfer_kind, counterparty dcep.wallet_id, amount bigint,
                   balance bigint, key text, memo text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wallet IS NULL OR since IS NULL OR until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet, since and until must not be null';
    END IF;
    PERFORM dcep.require_own(wallet, 'A statement is for roles of the institution that keeps the wallet.');
    PERFORM dcep.require_wallet(wallet);
    RETURN QUERY
        -- An issue mints and a redemption destroys: on the central bank's side no coin moves.
        WITH moved AS (
            SELECT t.id, t.created_at, t.kind, t.payee AS other, true AS of_payee, t.key, t.memo,
                   CASE WHEN t.kind IN ('issue', 'consolidate') THEN 0 ELSE -t.amount END AS change
              FROM dcep.transfer AS t WHERE t.payer = statement.wallet
            UNION ALL
            SELECT t.id, t.created_at, t.kind, t.payer, false, NULL, t.memo,
                   CASE t.kind WHEN 'redeem' THEN 0 ELSE t.amount END
              FROM dcep.transfer AS t WHERE t.payee = statement.wallet AND t.kind <> 'consolidate'),
        summed AS (
            SELECT m.*, sum(m.change) OVER (ORDER BY m.created_at, m.id ROWS UNBOUNDED PRECEDING)::bigint AS balance FROM moved AS m)
        SELECT s.id, s.created_at, s.kind,
               CASE s.kind WHEN 'token' THEN dcep.pseudonym(s.id, s.of_payee) ELSE s.other END,
               s.change, s.balance, s.key, s.memo
          FROM summed AS s
         WHERE s.created_at >= since AND s.created_at < until
         ORDER BY s.created_at, s.id;
END
$$;
COMMENT ON FUNCTION dcep.statement(dcep.wallet_id, timestamptz, timestamptz) IS
'What moved a wallet''s money from since on and before until, in order: the other side, the amount (minor units, negative where the wallet paid) and the balance after it; keys of its own payments, and memos. In a payment to a token a pseudonym stands in the other side''s place, on both sides. By the wallet''s operator. Reads the wallet''s whole history, about a million movements a second. Errors: 42501, 22004, LG305';

-- --- what has expired ------------------------------------------------------------

CREATE FUNCTION dcep.token_pieces() RETURNS SETOF bigint
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT generate_series(1, (pg_relation_size('dcep.token') / current_setting('block_size')::bigint + 1023) / 1024)
$$;
COMMENT ON FUNCTION dcep.token_pieces() IS 'Internal: numbers of the pieces of 1,024 pages that dcep.token consists of, from 1 on';

CREATE FUNCTION dcep.remove_expired_tokens(piece bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    from_page bigint := COALESCE((piece - 1) * 1024, 0);
    until_page bigint := LEAST(COALESCE(piece * 1024, 4294967295), 4294967295);
    removed bigint;
BEGIN
    IF piece < 1 OR piece > 4194304 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'piece must be between 1 and 4194304';
    END IF;
    -- Nothing is waited for: who holds a row may be paying to it, and it can be removed another time.
    WITH expired AS MATERIALIZED (
        SELECT t.ctid FROM dcep.token AS t
         WHERE t.ctid >= format('(%s,0)', from_page)::tid AND t.ctid < format('(%s,0)', until_page)::tid
           AND t.valid_until < clock_timestamp() - interval '1 minute'
           FOR UPDATE SKIP LOCKED)
    DELETE FROM dcep.token AS t USING expired AS e WHERE t.ctid = e.ctid;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION dcep.remove_expired_tokens(bigint) IS
'Removes payment tokens that expired more than a minute ago, in a piece of 1,024 pages of dcep.token (from 1 on), or in all of it; returns how many. The upkeep worker does so piece by piece. Reads those pages. By the central bank. Errors: 22023';
