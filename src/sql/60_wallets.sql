-- Wallets: freezing, tills, and the limits of classes.

-- A new limit holds for payments that come after it: none is under way while it is entered. What the
-- row does not say is as it was: who enters new limits must not drop by that what the class demands.
CREATE FUNCTION dcep.class_decided() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before dcep.wallet_class;
    demand text;
BEGIN
    SELECT * INTO before FROM dcep.wallet_class AS c
     WHERE c.class = NEW.class AND c.valid_from < NEW.valid_from ORDER BY c.valid_from DESC LIMIT 1;
    NEW.demands := COALESCE(NEW.demands, before.demands, '{}');
    NEW.services := COALESCE(NEW.services, before.services, '{pay,receive,exchange,redeem,sub_wallets}');
    NEW.is_real_name := COALESCE(NEW.is_real_name, before.is_real_name, 'id_document' = ANY (NEW.demands));
    NEW.max_wallets := COALESCE(NEW.max_wallets, before.max_wallets, 0);
    FOREACH demand IN ARRAY NEW.demands LOOP
        IF NOT string_to_array(demand, '|') <@ dcep.identification() OR demand = '' THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format('invalid demand "%s"', demand),
                DETAIL = format('A class can demand %s, and alternatives as in phone|email.', array_to_string(dcep.identification(), ', '));
        END IF;
    END LOOP;
    IF NEW.decided_at IS NULL THEN
        LOCK TABLE dcep.transfer IN SHARE ROW EXCLUSIVE MODE;
        NEW.decided_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION dcep.class_decided() IS 'Trigger: completes a row of dcep.wallet_class, and stamps it while no payment is under way';
CREATE TRIGGER class_decided BEFORE INSERT ON dcep.wallet_class
    FOR EACH ROW EXECUTE FUNCTION dcep.class_decided();

CREATE FUNCTION dcep.require_wallet(wallet dcep.wallet_id) RETURNS dcep.wallet
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet;
BEGIN
    IF wallet IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet must not be null';
    END IF;
    SELECT * INTO found_wallet FROM dcep.wallet AS w WHERE w.id = wallet;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG305', MESSAGE = 'wallet does not exist', DETAIL = format('Wallet %s.', wallet);
    END IF;
    RETURN found_wallet;
END
$$;
COMMENT ON FUNCTION dcep.require_wallet(dcep.wallet_id) IS 'Internal: a wallet''s row, or an error (22004, LG305)';

-- Asked before anything is said about a wallet: its number alone tells whose it would be.
CREATE FUNCTION dcep.require_own(wallet dcep.wallet_id, hint text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT dcep.caller_acts_for(dcep.institution(wallet)) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('permission denied for wallet %s', wallet), HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_own(dcep.wallet_id, text) IS
'Internal, inside a SECURITY DEFINER function: refuses a caller that does not act for the institution of a wallet, there or not (42501)';

CREATE FUNCTION dcep.await_payments() RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_await_payments';
COMMENT ON FUNCTION dcep.await_payments() IS
'Internal: waits until every transaction that is paying right now has ended; later ones are not waited for';

CREATE FUNCTION dcep.held_now(wallet dcep.wallet_id) RETURNS bigint
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_held_now';
COMMENT ON FUNCTION dcep.held_now(dcep.wallet_id) IS
'Internal: what a wallet holds right now, payments that were committed after this transaction''s snapshot included';

CREATE FUNCTION dcep.caller_acts_for(institution integer) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dcep_caller_acts_for';
COMMENT ON FUNCTION dcep.caller_acts_for(integer) IS
'Inside a SECURITY DEFINER function: may the role that called it act for this institution?';

-- Locks a wallet's chain: payments from it are over, or wait.  Of a vault, those
-- of its tills first: a payment that holds a till may be waiting for the vault.
CREATE FUNCTION dcep.lock_wallet(wallet dcep.wallet_id) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT FROM dcep.wallet_chain AS c
     WHERE c.wallet IN (SELECT t.wallet FROM dcep.till AS t JOIN dcep.institution AS i ON i.code = t.institution
                         WHERE i.vault = lock_wallet.wallet)
     ORDER BY c.wallet FOR NO KEY UPDATE OF c;
    SELECT FROM dcep.wallet_chain AS c WHERE c.wallet = lock_wallet.wallet FOR NO KEY UPDATE
$$;
COMMENT ON FUNCTION dcep.lock_wallet(dcep.wallet_id) IS
'Internal: waits for the payment that this wallet is making, and keeps others out until the end of the transaction';

-- Sets or clears restrictions.  The update shows payments that begin now that
-- something is changing, and they are refused.  Those that began before are
-- waited for: where the wallet may not pay, the one that holds its lock, else
-- all that are under way, for any of them may be paying this wallet.  Never
-- both: who waits for payments must not hold what they wait for.
CREATE FUNCTION dcep.restrict_wallet(wallet dcep.wallet_id, direction text, reason text, freezing boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bits integer := CASE direction WHEN 'debit' THEN 1 WHEN 'credit' THEN 2 WHEN 'both' THEN 3 END;
    found_wallet dcep.wallet;
BEGIN
    IF dcep.is_here(wallet) IS NOT false THEN
        found_wallet := dcep.require_wallet(wallet);
    END IF;
    IF bits IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid direction "%s"', COALESCE(direction, 'NULL')),
            DETAIL = 'A wallet is frozen for debit (it may not pay), credit (it may not receive) or both.';
    END IF;
    IF COALESCE(reason, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a reason is required',
            HINT = 'Give the case number or the legal basis.';
    END IF;
    IF NOT dcep.is_here(wallet) THEN
        PERFORM dcep.post_message(dcep.institution(wallet), CASE WHEN freezing THEN 'freeze' ELSE 'unfreeze' END,
                                  jsonb_build_object('wallet', wallet, 'direction', direction, 'reason', reason));
        RETURN;
    END IF;
    UPDATE dcep.wallet AS w SET flags = CASE WHEN freezing THEN w.flags | bits ELSE w.flags & ~bits END
     WHERE w.id = restrict_wallet.wallet;
    INSERT INTO dcep.wallet_event (wallet, event, direction, reason, class)
    VALUES (restrict_wallet.wallet, CASE WHEN freezing THEN 'freeze' ELSE 'unfreeze' END, restrict_wallet.direction,
            restrict_wallet.reason, found_wallet.class);
    IF freezing AND bits & 2 <> 0 THEN
        PERFORM dcep.await_payments();
    ELSIF bits & 1 <> 0 THEN
        PERFORM dcep.lock_wallet(wallet);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.restrict_wallet(dcep.wallet_id, text, text, boolean) IS 'Internal: what freeze() and unfreeze() have in common';

CREATE FUNCTION dcep.freeze(wallet dcep.wallet_id, direction text, reason text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.restrict_wallet(wallet, direction, reason, true)
$$;
COMMENT ON FUNCTION dcep.freeze(dcep.wallet_id, text, text) IS
'Forbids a wallet to pay (debit), to receive (credit) or both, at once: payments that began before are finished when this returns, later ones are refused (LG201, LG202). A wallet that another node keeps is frozen there, as soon as the message comes. By the central bank. Errors: 22004, 22023, LG305, 55000 (no line to its node)';

CREATE FUNCTION dcep.unfreeze(wallet dcep.wallet_id, direction text, reason text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.restrict_wallet(wallet, direction, reason, false)
$$;
COMMENT ON FUNCTION dcep.unfreeze(dcep.wallet_id, text, text) IS
'Lifts what dcep.freeze() imposed. By the central bank. Errors: 22004, 22023, LG305';

-- The central bank sees what it has frozen, and nothing else of those wallets.
CREATE VIEW dcep.frozen AS
    SELECT w.id AS wallet, w.institution,
           CASE w.flags & 3 WHEN 1 THEN 'debit' WHEN 2 THEN 'credit' ELSE 'both' END AS direction,
           e.reason, e.by_role, e.at AS since
      FROM dcep.wallet AS w
      LEFT JOIN LATERAL (SELECT v.reason, v.by_role, v.at FROM dcep.wallet_event AS v
                          WHERE v.wallet = w.id AND v.event = 'freeze' ORDER BY v.id DESC LIMIT 1) AS e ON true
     WHERE w.flags & 3 <> 0;
COMMENT ON VIEW dcep.frozen IS
'Wallets that are frozen now: in which direction, and who last froze them when and why. For the central bank';

-- --- tills -------------------------------------------------------------------

CREATE FUNCTION dcep.open_tills(code integer, count integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_vault dcep.wallet_id;
    present integer;
BEGIN
    IF code IS NULL OR count IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'code and count must not be null';
    END IF;
    owner_vault := (dcep.require_institution(code, 'operator')).vault;
    IF NOT (dcep.caller_acts_for(code) OR dcep.caller_acts_for(1)) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied to open tills at institution %s', lpad(code::text, 4, '0')),
            HINT = 'A role opens tills at the institution that it is bound to.';
    END IF;
    -- Nobody pays meanwhile: a payment that knows of no tills takes no lock on its key.
    LOCK TABLE dcep.transfer IN SHARE ROW EXCLUSIVE MODE;
    SELECT pg_catalog.count(*) INTO present FROM dcep.till AS t WHERE t.institution = code;
    IF count < 1 OR count > 64 - present THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('cannot open %s tills', count),
            DETAIL = format('Institution %s has %s tills; 64 is the most.', lpad(code::text, 4, '0'), present);
    END IF;
    INSERT INTO dcep.till (wallet, institution)
    SELECT dcep.add_wallet(code, 0, 'vault', owner_vault, 'institution'), code FROM generate_series(1, count);
    RETURN present + count;
END
$$;
COMMENT ON FUNCTION dcep.open_tills(integer, integer) IS
'Opens so many further tills for an operator''s vault and returns how many it has now, 64 at most. Payments from the vault are then executed from a till that nobody holds, once dcep.stock_tills() has put money there. Waits for running payments. By the operator or the central bank. Errors: 22004, 22023, 42501';

-- Tills that lack a tenth of their share or more are filled up, from what the vault has beyond its own.
CREATE FUNCTION dcep.stock_tills(code integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_vault dcep.wallet_id := (dcep.require_institution(code, 'operator')).vault;
    moved bigint;
BEGIN
    IF NOT dcep.acts_for(owner_vault) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied to stock the tills of institution %s', lpad(code::text, 4, '0')),
            HINT = 'A role pays from wallets of the institution that it is bound to.';
    END IF;
    WITH till AS (SELECT t.wallet, dcep.balance(t.wallet) AS held FROM dcep.till AS t
              JOIN dcep.wallet AS w ON w.id = t.wallet AND w.flags = 0 WHERE t.institution = code),
    vault AS (SELECT dcep.balance(owner_vault) AS held),
    share AS (
        SELECT v.held AS vault_held, div(v.held + sum(t.held), pg_catalog.count(*) + 1)::bigint AS amount
          FROM till AS t, vault AS v GROUP BY v.held),
    lacking AS (
        SELECT t.wallet, s.amount - t.held AS amount, s.vault_held - s.amount AS to_spare,
               sum(s.amount - t.held) OVER (ORDER BY t.held, t.wallet) - (s.amount - t.held) AS before
          FROM till AS t, share AS s WHERE s.amount - t.held > s.amount / 10),
    paid AS (
        INSERT INTO dcep.transfer (payer, payee, amount, memo)
        SELECT owner_vault, l.wallet, LEAST(l.amount, l.to_spare - l.before)::bigint, 'stock of a till'
          FROM lacking AS l WHERE l.to_spare > l.before
        RETURNING amount)
    SELECT COALESCE(sum(p.amount), 0)::bigint INTO moved FROM paid AS p;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION dcep.stock_tills(integer) IS
'Moves money from an operator''s vault to its tills by transfers, so that all hold about the same, and returns how much; a till that lacks less than a tenth is left as it is, and one that is frozen. By the operator. Errors: 22004, 22023, 42501, and those of a payment from the vault';
