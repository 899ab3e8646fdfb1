-- What a payment would be told, without paying.

CREATE FUNCTION dcep.explain_transfer(payer dcep.wallet_id, payee dcep.wallet_id, amount bigint,
                                      kind dcep.transfer_kind DEFAULT 'transfer', key text DEFAULT NULL, memo text DEFAULT NULL,
                                      device_signature bytea DEFAULT NULL)
    RETURNS TABLE ("position" integer, rule text, sqlstate text, verdict text, message text, detail text, hint text)
    LANGUAGE C VOLATILE ROWS 26 AS 'MODULE_PATHNAME', 'dcep_explain_transfer';
COMMENT ON FUNCTION dcep.explain_transfer(dcep.wallet_id, dcep.wallet_id, bigint, dcep.transfer_kind, text, text, bytea) IS
'Every rule that applies to a payment of an amount (minor units), in the order in which it is checked, with its verdict (pass, refuse) on the facts as they are now; the first refuse is what the payment would be refused with. Pays, locks and writes nothing. key, memo and device_signature are what the payer''s device has signed beside the rest (LG104); whether the key was used before is not asked. Rules that need a wallet that does not exist, or an amount that is none, are left out. For roles that may pay from the wallet; for supervisors and the central bank, without hints, where a case shows them its transfers. Costs about as much as the payment without its signature. Errors: 22004, 22023 (kinds consolidate and recover), 42501, 40001, 55000, LG402';
