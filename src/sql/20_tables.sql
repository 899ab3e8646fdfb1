-- The tables.  Fixed-width columns come first: the payment path reads them at
-- fixed offsets.  Amounts are minor units everywhere (fen where exponent = 2).
--
-- No foreign keys: only the functions of this extension write here, and they look
-- up what they refer to; dcep.audit() proves it afterwards.  A dump can so be
-- restored in any order, by several jobs at once, and a payment pays for none.

CREATE TYPE dcep.transfer_kind AS ENUM ('issue', 'transfer', 'exchange_in', 'exchange_out', 'redeem', 'consolidate', 'recover', 'token', 'return');
COMMENT ON TYPE dcep.transfer_kind IS
'What a transfer is: issue (central bank''s vault to an operator''s vault, against its reserve), transfer (wallet to wallet), exchange_in (an operator''s vault to one of its wallets), exchange_out (back), redeem (an operator''s vault to the central bank''s, which destroys the coins and restores the reserve), consolidate (a wallet exchanges many of its own coins for one; no money moves, and no limit counts it), recover (a wallet to whom its money belongs, by dcep.recover() under orders of two authorities), token (wallet to a payment token, by dcep.pay_token(): who was paid is hidden from operators), return (from a wallet that another node keeps: what was paid to it and could not be credited there comes back to its payer)';

-- --- configuration -----------------------------------------------------------

CREATE TABLE dcep.ledger (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    exponent    smallint NOT NULL CHECK (exponent BETWEEN 0 AND 18),
    timezone    text NOT NULL,
    institution smallint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE dcep.ledger IS 'One row: what this ledger counts in, and whose node it is. Made by dcep.create_ledger()';
COMMENT ON COLUMN dcep.ledger.currency IS 'ISO 4217 letters';
COMMENT ON COLUMN dcep.ledger.exponent IS 'Decimal digits of a minor unit: 2 means that amounts are hundredths';
COMMENT ON COLUMN dcep.ledger.timezone IS 'Time zone in which the days and years of limits begin';
COMMENT ON COLUMN dcep.ledger.institution IS 'Institution whose node this database is (1, the central bank, where it serves all)';
COMMENT ON COLUMN dcep.ledger.only_row IS 'Always true: a ledger has one row';
COMMENT ON COLUMN dcep.ledger.created_at IS 'When dcep.create_ledger() ran';

CREATE TABLE dcep.institution (
    code        smallint PRIMARY KEY CHECK (code BETWEEN 1 AND 9999),
    name        text NOT NULL CHECK (name <> ''),
    kind        text NOT NULL CHECK (kind IN ('central_bank', 'operator', 'supervisor')),
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    vault       dcep.wallet_id UNIQUE,
    enrolled_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    is_here     boolean NOT NULL DEFAULT true,
    CHECK (CASE WHEN kind = 'supervisor' THEN vault IS NULL ELSE vault IS NOT NULL OR NOT is_here END),
    CHECK ((kind = 'central_bank') = (code = 1))
);
COMMENT ON TABLE dcep.institution IS 'Who takes part: the central bank (always 0001), operators (banks and payment companies), supervisors';
COMMENT ON COLUMN dcep.institution.code IS 'The first four digits of every wallet number of this institution';
COMMENT ON COLUMN dcep.institution.status IS 'A suspended institution''s wallets neither pay nor receive';
COMMENT ON COLUMN dcep.institution.vault IS 'The institution''s own wallet: issuance vault of the central bank, bank vault of an operator';
COMMENT ON COLUMN dcep.institution.name IS 'For people';
COMMENT ON COLUMN dcep.institution.kind IS 'central_bank (code 1 alone), operator or supervisor';
COMMENT ON COLUMN dcep.institution.is_here IS 'Are its wallets in this database? Else they are on a node of its own';
COMMENT ON COLUMN dcep.institution.enrolled_at IS 'When dcep.enroll_institution() ran';

CREATE TABLE dcep.institution_secret (
    code          smallint PRIMARY KEY,
    number_secret bytea NOT NULL CHECK (pg_catalog.octet_length(number_secret) = 32)
);
COMMENT ON TABLE dcep.institution_secret IS 'Keys of the permutation that allots wallet numbers; nobody but the extension reads them';
COMMENT ON COLUMN dcep.institution_secret.code IS 'Whose wallets are numbered with it';
COMMENT ON COLUMN dcep.institution_secret.number_secret IS '32 random bytes';

CREATE TABLE dcep.ledger_secret (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    check_value bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 32),
    made_at     timestamptz NOT NULL
);
COMMENT ON TABLE dcep.ledger_secret IS 'One row once the ledger has its secret, which is a file in dcep.key_directory and never here: what that file must match. Append-only';
COMMENT ON COLUMN dcep.ledger_secret.only_row IS 'Always true: a ledger has one secret';
COMMENT ON COLUMN dcep.ledger_secret.check_value IS 'HMAC-SHA-256 of "check" and a zero byte under the secret; its first half names the file';
COMMENT ON COLUMN dcep.ledger_secret.made_at IS 'When the secret was made';

CREATE TABLE dcep.institution_role (
    role        name PRIMARY KEY,
    institution smallint NOT NULL
);
COMMENT ON TABLE dcep.institution_role IS 'Which database role acts for which institution; kept by name, so that a dump can be restored elsewhere';
COMMENT ON COLUMN dcep.institution_role.role IS 'Name of a role of this cluster';
COMMENT ON COLUMN dcep.institution_role.institution IS 'Institution that the role acts for; one alone';

CREATE TABLE dcep.signing_key (
    institution       smallint NOT NULL,
    number            integer NOT NULL CHECK (number > 0),
    suite             text NOT NULL CHECK (suite IN ('ed25519', 'sm2', 'p256')),
    public_key        bytea NOT NULL CHECK (pg_catalog.octet_length(public_key) = CASE suite WHEN 'ed25519' THEN 32 ELSE 65 END),
    valid_from        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    valid_until       timestamptz NOT NULL DEFAULT 'infinity',
    revoked_at        timestamptz,
    revocation_reason text,
    PRIMARY KEY (institution, number),
    CHECK (valid_from < valid_until),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
);
COMMENT ON TABLE dcep.signing_key IS 'Public keys. An institution signs with its highest number that is valid and not revoked; private keys are files in dcep.key_directory, or stay in a token or with dcep-signer';
COMMENT ON COLUMN dcep.signing_key.public_key IS 'Ed25519: 32 bytes; SM2 and P-256: the uncompressed point, 65 bytes';
COMMENT ON COLUMN dcep.signing_key.valid_until IS 'Signatures made at or after this time are refused (LG103)';
COMMENT ON COLUMN dcep.signing_key.revoked_at IS 'Signatures made at or after this time are refused (LG103), earlier ones stand';
COMMENT ON COLUMN dcep.signing_key.institution IS 'Who signs with it';
COMMENT ON COLUMN dcep.signing_key.number IS 'Counts the keys of the institution, from 1 on; coins name it';
COMMENT ON COLUMN dcep.signing_key.suite IS 'ed25519, sm2 or p256';
COMMENT ON COLUMN dcep.signing_key.valid_from IS 'Signatures made before this time are refused (LG103)';
COMMENT ON COLUMN dcep.signing_key.revocation_reason IS 'What dcep.revoke_key() was told; several revocations add up';

CREATE TABLE dcep.wallet_class (
    class       smallint NOT NULL CHECK (class >= 0),
    valid_from  date NOT NULL,
    name        text NOT NULL,
    max_balance bigint CHECK (max_balance > 0),
    max_payment bigint CHECK (max_payment > 0),
    max_day     bigint CHECK (max_day > 0),
    max_year    bigint CHECK (max_year > 0),
    decided_at  timestamptz NOT NULL,
    demands     text[] NOT NULL,
    services    text[] NOT NULL CHECK (services <@ ARRAY['pay', 'receive', 'exchange', 'redeem', 'sub_wallets', 'offline', 'interest']),
    is_real_name boolean NOT NULL,
    max_wallets smallint NOT NULL CHECK (max_wallets >= 0),
    PRIMARY KEY (class, valid_from)
);
COMMENT ON TABLE dcep.wallet_class IS 'What a wallet class demands, gives and limits from a day on (ledger''s time zone). A NULL limit is none. Class 0 is an institution''s own wallet';
COMMENT ON COLUMN dcep.wallet_class.decided_at IS 'When the row was entered, by the extension: payments made before are not measured by it';
COMMENT ON COLUMN dcep.wallet_class.max_balance IS 'What a wallet may hold after it received a payment, minor units';
COMMENT ON COLUMN dcep.wallet_class.max_payment IS 'One payment, minor units';
COMMENT ON COLUMN dcep.wallet_class.max_day IS 'Sum of the payments of a day, minor units';
COMMENT ON COLUMN dcep.wallet_class.max_year IS 'Sum of the payments of a calendar year, minor units';
COMMENT ON COLUMN dcep.wallet_class.class IS '0 for institutions, else as opening requests name it';
COMMENT ON COLUMN dcep.wallet_class.valid_from IS 'First day on which these limits hold, until the day of the next row of the class';
COMMENT ON COLUMN dcep.wallet_class.name IS 'For people';
COMMENT ON COLUMN dcep.wallet_class.demands IS 'What an opening request must bring: user_id, phone, email, id_document, bank_account, on_site; alternatives as in phone|email. Entered as NULL: as the class demanded before';
COMMENT ON COLUMN dcep.wallet_class.services IS 'pay and receive (transfers), exchange (money from the operator''s vault), redeem (back to it), sub_wallets; offline and interest are on record for other systems and not asked here. Entered as NULL: as before, and all but offline and interest for a new class';
COMMENT ON COLUMN dcep.wallet_class.is_real_name IS 'A person has one wallet of all such classes at an operator, as far as requests bring user_id or id_document; organisations open these alone. Entered as NULL: as before, and true where the class demands id_document';
COMMENT ON COLUMN dcep.wallet_class.max_wallets IS 'How many open wallets of the class one phone, or one e-mail, may have at an operator; 0 is any number. Entered as NULL: as before, and 0 for a new class';

-- --- wallets -----------------------------------------------------------------

CREATE SEQUENCE dcep.wallet_number_seq MINVALUE 0 MAXVALUE 99999999999;
COMMENT ON SEQUENCE dcep.wallet_number_seq IS 'Counts wallets of all institutions; a keyed permutation turns it into a number that tells nothing';

CREATE TABLE dcep.wallet (
    id          dcep.wallet_id PRIMARY KEY,
    institution smallint NOT NULL,
    class       smallint NOT NULL,
    flags       integer NOT NULL DEFAULT 0 CHECK (flags BETWEEN 0 AND 63),
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    form        text NOT NULL DEFAULT 'software' CHECK (form IN ('software', 'hardware', 'vault')),
    parent      dcep.wallet_id,
    opened_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    closed_at   timestamptz,
    holder      text NOT NULL DEFAULT 'person' CHECK (holder IN ('person', 'organisation', 'institution')),
    CHECK (institution = dcep.institution(id)),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((form = 'vault') = (class = 0)),
    CHECK ((form = 'vault') = (holder = 'institution')),
    CHECK ((flags & 32 <> 0) = (holder = 'organisation'))
);
CREATE INDEX wallet_parent ON dcep.wallet (parent) WHERE parent IS NOT NULL;
COMMENT ON TABLE dcep.wallet IS 'Wallets. Opened by dcep.open_wallet(), never removed';
COMMENT ON COLUMN dcep.wallet.flags IS 'Restrictions by the central bank: 1 = may not pay, 2 = may not receive, 3 = neither. Set by dcep.freeze(). 4 is added where supervisors'' orders bear on the wallet itself (dcep.control_effect), 8 where it pays on instructions alone that a device of its holder has signed (dcep.device_key), 16 where it has limits beside its class''s (dcep.wallet_limit), 32 where an organisation holds it';
COMMENT ON COLUMN dcep.wallet.id IS 'The wallet number';
COMMENT ON COLUMN dcep.wallet.institution IS 'Who keeps the wallet: the first four digits of its number';
COMMENT ON COLUMN dcep.wallet.class IS 'Which limits of dcep.wallet_class hold for it';
COMMENT ON COLUMN dcep.wallet.status IS 'open, or closed for good';
COMMENT ON COLUMN dcep.wallet.form IS 'software, hardware, or vault of an institution';
COMMENT ON COLUMN dcep.wallet.parent IS 'The wallet that it belongs to: of a sub-wallet the one that it was opened under, of a till its vault; NULL for others';
COMMENT ON COLUMN dcep.wallet.opened_at IS 'When it was opened';
COMMENT ON COLUMN dcep.wallet.holder IS 'person, organisation (for which no balance cap holds), or institution, of a vault';
COMMENT ON COLUMN dcep.wallet.closed_at IS 'When it was closed; NULL while it is open';

CREATE TABLE dcep.till (
    wallet      dcep.wallet_id PRIMARY KEY,
    institution smallint NOT NULL,
    CHECK (institution = dcep.institution(wallet))
);
COMMENT ON TABLE dcep.till IS 'Tills: wallets of an operator that pay in its vault''s stead. Opened by dcep.open_tills(), never removed';
COMMENT ON COLUMN dcep.till.wallet IS 'The till, a wallet whose parent is the vault';
COMMENT ON COLUMN dcep.till.institution IS 'The operator';

CREATE TABLE dcep.wallet_chain (
    wallet     dcep.wallet_id PRIMARY KEY,
    seq        bigint NOT NULL DEFAULT 0,
    day_spent  bigint NOT NULL DEFAULT 0,
    year_spent bigint NOT NULL DEFAULT 0,
    day        date NOT NULL DEFAULT '-infinity',
    day_count  integer NOT NULL DEFAULT 0,
    head       bytea NOT NULL DEFAULT pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex')
               CHECK (pg_catalog.octet_length(head) = 32)
) WITH (fillfactor = 50);
COMMENT ON TABLE dcep.wallet_chain IS 'Per wallet the end of its hash chain and what it spent. The one row that a payment updates, and the lock that a payer holds. No index but the primary key, so that updates stay on their page';
COMMENT ON COLUMN dcep.wallet_chain.seq IS 'Number of transfers that this wallet has paid';
COMMENT ON COLUMN dcep.wallet_chain.wallet IS 'Whose chain it is';
COMMENT ON COLUMN dcep.wallet_chain.head IS 'Hash of the last of them; zero before the first';
COMMENT ON COLUMN dcep.wallet_chain.day IS 'Day of the last payment, ledger''s time zone; day_spent, day_count and year_spent are of that day and its year';
COMMENT ON COLUMN dcep.wallet_chain.day_spent IS 'Minor units paid on that day, as far as limits count them';
COMMENT ON COLUMN dcep.wallet_chain.year_spent IS 'Minor units paid in that day''s year up to and including it, as far as limits count them';
COMMENT ON COLUMN dcep.wallet_chain.day_count IS 'Number of payments on that day';

CREATE TABLE dcep.wallet_event (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wallet    dcep.wallet_id NOT NULL,
    event     text NOT NULL CHECK (event IN ('open', 'freeze', 'unfreeze', 'close', 'class', 'limits')),
    direction text CHECK (direction IN ('debit', 'credit', 'both')),
    reason    text,
    class     smallint NOT NULL,
    by_role   name NOT NULL DEFAULT pg_catalog.session_user(),
    at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX wallet_event_wallet ON dcep.wallet_event (wallet);
COMMENT ON TABLE dcep.wallet_event IS 'What was done to wallets, by whom and why. Append-only';
COMMENT ON COLUMN dcep.wallet_event.id IS 'Order of events';
COMMENT ON COLUMN dcep.wallet_event.wallet IS 'What wallet it was done to';
COMMENT ON COLUMN dcep.wallet_event.event IS 'open, freeze, unfreeze, close, class (it changed) or limits (its own did)';
COMMENT ON COLUMN dcep.wallet_event.direction IS 'Of freeze and unfreeze: debit, credit or both';
COMMENT ON COLUMN dcep.wallet_event.reason IS 'Of freeze and unfreeze: case number or legal basis';
COMMENT ON COLUMN dcep.wallet_event.class IS 'Class of the wallet at that time; of an event class, from then on';
COMMENT ON COLUMN dcep.wallet_event.by_role IS 'Role that had logged in';
COMMENT ON COLUMN dcep.wallet_event.at IS 'When';

CREATE TABLE dcep.wallet_limit (
    wallet        dcep.wallet_id NOT NULL,
    valid_from    date NOT NULL,
    decided_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    given_balance bigint NOT NULL DEFAULT 0 CHECK (given_balance >= 0),
    given_day     bigint NOT NULL DEFAULT 0 CHECK (given_day >= 0),
    given_year    bigint NOT NULL DEFAULT 0 CHECK (given_year >= 0),
    max_balance   bigint CHECK (max_balance > 0),
    max_payment   bigint CHECK (max_payment > 0),
    max_day       bigint CHECK (max_day > 0),
    max_year      bigint CHECK (max_year > 0),
    PRIMARY KEY (wallet, valid_from, decided_at)
);
COMMENT ON TABLE dcep.wallet_limit IS 'Limits that a wallet has beside its class''s, from a day on (ledger''s time zone); of the youngest day that has come, the row decided last stands. A limit is the smaller of the two, less what sub-wallets were given of it. Append-only; kept by dcep.set_limits(), dcep.open_wallet() and dcep.close_wallet()';
COMMENT ON COLUMN dcep.wallet_limit.wallet IS 'Whose limits; its flags have 16 in them';
COMMENT ON COLUMN dcep.wallet_limit.valid_from IS 'First day on which the row holds';
COMMENT ON COLUMN dcep.wallet_limit.decided_at IS 'When it was entered: payments made before are not measured by it';
COMMENT ON COLUMN dcep.wallet_limit.given_balance IS 'What of max_balance its sub-wallets have, minor units';
COMMENT ON COLUMN dcep.wallet_limit.given_day IS 'What of max_day they have or have used up on that day, minor units';
COMMENT ON COLUMN dcep.wallet_limit.given_year IS 'What of max_year they have or have used up in that year, minor units';
COMMENT ON COLUMN dcep.wallet_limit.max_balance IS 'What the wallet may hold, minor units; NULL: as its class says. So the others';
COMMENT ON COLUMN dcep.wallet_limit.max_payment IS 'One payment, minor units';
COMMENT ON COLUMN dcep.wallet_limit.max_day IS 'Sum of the payments of a day, minor units';
COMMENT ON COLUMN dcep.wallet_limit.max_year IS 'Sum of the payments of a calendar year, minor units';

-- --- opening -----------------------------------------------------------------

CREATE TABLE dcep.opening_policy (
    institution     smallint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('behaviour', 'authentication')),
    function_schema name NOT NULL,
    function_name   name NOT NULL,
    owner           name NOT NULL,
    set_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    set_by          name NOT NULL DEFAULT pg_catalog.session_user(),
    PRIMARY KEY (institution, kind)
);
COMMENT ON TABLE dcep.opening_policy IS 'Functions by which operators have a say in who opens which wallet. Kept by dcep.set_opening_policy(), by name, so that a dump can be restored elsewhere';
COMMENT ON COLUMN dcep.opening_policy.institution IS 'The operator';
COMMENT ON COLUMN dcep.opening_policy.kind IS 'Which verdict it adds to: behaviour or authentication';
COMMENT ON COLUMN dcep.opening_policy.function_schema IS 'Schema of the function';
COMMENT ON COLUMN dcep.opening_policy.function_name IS 'Its name; its arguments are integer and jsonb';
COMMENT ON COLUMN dcep.opening_policy.owner IS 'The role that owned it when it was registered, and that it runs as';
COMMENT ON COLUMN dcep.opening_policy.set_at IS 'When it was registered';
COMMENT ON COLUMN dcep.opening_policy.set_by IS 'Role that had logged in';

CREATE TABLE dcep.opening (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wallet          dcep.wallet_id NOT NULL,
    requested_class smallint,
    class           smallint NOT NULL,
    brought         text[] NOT NULL,
    authentication  jsonb NOT NULL,
    behaviour       jsonb NOT NULL,
    policies        text[] NOT NULL,
    by_role         name NOT NULL DEFAULT pg_catalog.session_user(),
    at              timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX opening_wallet ON dcep.opening (wallet);
COMMENT ON TABLE dcep.opening IS 'The two verdicts by which a wallet got its class, at each opening and change of class. Append-only; it has no identity in it, only the names of what a request brought. A refusal leaves nothing here';
COMMENT ON SEQUENCE dcep.opening_id_seq IS 'Order of openings; gaps are normal';
COMMENT ON COLUMN dcep.opening.id IS 'Order of entries; gaps are normal';
COMMENT ON COLUMN dcep.opening.wallet IS 'The wallet';
COMMENT ON COLUMN dcep.opening.requested_class IS 'Class that the request asked for; NULL where it left the choice';
COMMENT ON COLUMN dcep.opening.class IS 'Class that was given';
COMMENT ON COLUMN dcep.opening.brought IS 'Names of the identification that the request brought; at a change of class also what the wallet''s earlier requests did';
COMMENT ON COLUMN dcep.opening.authentication IS 'Verdict on authentication data: for each class the reasons against it, [] where there is none';
COMMENT ON COLUMN dcep.opening.behaviour IS 'Verdict on behaviour data, likewise';
COMMENT ON COLUMN dcep.opening.policies IS 'Functions of the operator that had a say';
COMMENT ON COLUMN dcep.opening.by_role IS 'Role that had logged in';
COMMENT ON COLUMN dcep.opening.at IS 'When';

CREATE TABLE dcep.identity_slot (
    institution smallint NOT NULL,
    scope       smallint NOT NULL,
    hash        bytea NOT NULL,
    slot        smallint NOT NULL CHECK (slot > 0),
    wallet      dcep.wallet_id NOT NULL,
    PRIMARY KEY (institution, scope, hash, slot)
);
CREATE INDEX identity_slot_wallet ON dcep.identity_slot (wallet);
COMMENT ON TABLE dcep.identity_slot IS 'Which open wallets a person, a phone or an e-mail has at an operator, so that the unique key keeps two openings at once from making one too many';
COMMENT ON COLUMN dcep.identity_slot.institution IS 'The operator';
COMMENT ON COLUMN dcep.identity_slot.scope IS '0: the one real-name wallet of a person; else the class whose wallets a phone or e-mail is counted for';
COMMENT ON COLUMN dcep.identity_slot.hash IS 'dcep.identifier_hash() of the user ID or document, or of the phone or e-mail';
COMMENT ON COLUMN dcep.identity_slot.slot IS 'Counts from 1';
COMMENT ON COLUMN dcep.identity_slot.wallet IS 'The open wallet that takes the place';

CREATE TABLE dcep.device_key (
    wallet            dcep.wallet_id NOT NULL,
    number            integer NOT NULL CHECK (number > 0),
    suite             text NOT NULL CHECK (suite IN ('ed25519', 'sm2', 'p256')),
    public_key        bytea NOT NULL CHECK (pg_catalog.octet_length(public_key) = CASE suite WHEN 'ed25519' THEN 32 ELSE 65 END),
    valid_from        timestamptz NOT NULL,
    revoked_at        timestamptz,
    revocation_reason text,
    act               bigint NOT NULL,
    revocation_act    bigint,
    PRIMARY KEY (wallet, number),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL) AND (revoked_at IS NULL) = (revocation_act IS NULL))
);
COMMENT ON TABLE dcep.device_key IS 'Public keys of the devices that holders pay with. A wallet that has ever had one pays only what one that holds has signed. Append-only, but for a revocation, once';
COMMENT ON COLUMN dcep.device_key.wallet IS 'Whose wallet';
COMMENT ON COLUMN dcep.device_key.number IS 'Counts the keys of the wallet, from 1 on';
COMMENT ON COLUMN dcep.device_key.suite IS 'ed25519, sm2 or p256';
COMMENT ON COLUMN dcep.device_key.public_key IS 'Ed25519: 32 bytes; SM2 and P-256: the uncompressed point, 65 bytes';
COMMENT ON COLUMN dcep.device_key.valid_from IS 'From when on it holds';
COMMENT ON COLUMN dcep.device_key.revoked_at IS 'Until when, exclusive; NULL while it holds. What it signed before stands';
COMMENT ON COLUMN dcep.device_key.revocation_reason IS 'What dcep.revoke_device_key() was told';
COMMENT ON COLUMN dcep.device_key.act IS 'The operator''s act that added it';
COMMENT ON COLUMN dcep.device_key.revocation_act IS 'The operator''s act that revoked it';

-- --- identity -----------------------------------------------------------------

CREATE TABLE dcep.identity_key (
    number     integer PRIMARY KEY,
    key_id     text NOT NULL CHECK (key_id ~ '^[0-9A-F]{16}$'),
    public_key bytea NOT NULL,
    valid_from timestamptz NOT NULL,
    act        bigint NOT NULL
);
COMMENT ON TABLE dcep.identity_key IS 'Public keys of the authentication centre (OpenPGP), to which real-name data are encrypted; the private halves are not on this server. Append-only';
COMMENT ON COLUMN dcep.identity_key.number IS 'Counts the keys, from 1 on';
COMMENT ON COLUMN dcep.identity_key.key_id IS 'OpenPGP key id of the subkey that encrypts, 16 hexadecimal digits';
COMMENT ON COLUMN dcep.identity_key.public_key IS 'The key, an OpenPGP message without armor';
COMMENT ON COLUMN dcep.identity_key.valid_from IS 'From when on identities are encrypted to it, until the time of a later one';
COMMENT ON COLUMN dcep.identity_key.act IS 'The central bank''s act that put it on record';

CREATE TABLE dcep.identity (
    wallet     dcep.wallet_id NOT NULL,
    version    integer NOT NULL,
    key_number integer NOT NULL,
    entered_at timestamptz NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (wallet, version)
);
COMMENT ON TABLE dcep.identity IS 'Who is behind a wallet, legible for the authentication centre alone. Append-only';
COMMENT ON COLUMN dcep.identity.wallet IS 'Whose wallet';
COMMENT ON COLUMN dcep.identity.version IS 'Counts what was entered for the wallet, from 1 on; versions add up: a later one has what was brought to change the class';
COMMENT ON COLUMN dcep.identity.key_number IS 'Key of dcep.identity_key that it is encrypted to';
COMMENT ON COLUMN dcep.identity.entered_at IS 'When';
COMMENT ON COLUMN dcep.identity.ciphertext IS 'OpenPGP message to that key: a JSON object with the wallet and the opening request';

CREATE TABLE dcep.wallet_identifier (
    wallet      dcep.wallet_id NOT NULL,
    institution smallint NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('user_id', 'phone', 'email', 'id_document', 'bank_account')),
    hash        bytea NOT NULL CHECK (pg_catalog.octet_length(hash) = 32),
    PRIMARY KEY (wallet, kind, hash),
    CHECK (institution = dcep.institution(wallet))
);
CREATE INDEX wallet_identifier_hash ON dcep.wallet_identifier (hash);
COMMENT ON TABLE dcep.wallet_identifier IS 'What wallets can be found by: keyed hashes of phone numbers, e-mail addresses and other identifiers. Append-only';
COMMENT ON COLUMN dcep.wallet_identifier.wallet IS 'Whose wallet';
COMMENT ON COLUMN dcep.wallet_identifier.institution IS 'Its operator, which is part of what is hashed: hashes of two operators cannot be joined';
COMMENT ON COLUMN dcep.wallet_identifier.kind IS 'user_id, phone, email, id_document or bank_account';
COMMENT ON COLUMN dcep.wallet_identifier.hash IS 'dcep.identifier_hash() of it';

-- --- money -------------------------------------------------------------------

CREATE SEQUENCE dcep.transfer_id_seq MAXVALUE 4611686018427387903;
COMMENT ON SEQUENCE dcep.transfer_id_seq IS 'Transfer ids; coin ids are twice that, so they end at 2^62 - 1. Gaps are normal: a rolled back payment leaves one';

CREATE TABLE dcep.transfer (
    id         bigint PRIMARY KEY,
    payer      dcep.wallet_id NOT NULL,
    payee      dcep.wallet_id NOT NULL,
    amount     bigint NOT NULL,
    change     bigint NOT NULL,
    created_at timestamptz NOT NULL,
    seq        bigint NOT NULL,
    kind       dcep.transfer_kind NOT NULL DEFAULT 'transfer',
    key_number integer NOT NULL,
    issuer     smallint NOT NULL,
    suite      smallint NOT NULL,
    batch_index smallint,
    batch      bigint,
    inputs     bigint[] NOT NULL,
    prev_hash  bytea NOT NULL,
    hash       bytea NOT NULL,
    signature  bytea,
    key        text COLLATE "C",
    memo       text COLLATE "C",
    token      bytea,
    device_signature bytea
);
CREATE UNIQUE INDEX transfer_payer_seq ON dcep.transfer (payer, seq);
CREATE UNIQUE INDEX transfer_payer_key ON dcep.transfer (payer, key) WHERE key IS NOT NULL;
CREATE INDEX transfer_payee ON dcep.transfer (payee);
COMMENT ON TABLE dcep.transfer IS 'The journal, append-only. Inserting a row (payer, payee, amount and, where wanted, kind, key, memo, device_signature) is the payment; everything else is computed and may not be given';
COMMENT ON COLUMN dcep.transfer.id IS 'Its coins are 2 x id (the payee''s) and 2 x id + 1 (the change)';
COMMENT ON COLUMN dcep.transfer.payer IS 'Wallet that paid, and whose chain the row is part of';
COMMENT ON COLUMN dcep.transfer.payee IS 'Wallet that was paid; the payer itself in a consolidation alone';
COMMENT ON COLUMN dcep.transfer.kind IS 'What it is; transfer unless said otherwise';
COMMENT ON COLUMN dcep.transfer.amount IS 'What the payee receives, minor units, > 0; in a consolidation the worth of the coins consumed';
COMMENT ON COLUMN dcep.transfer.change IS 'What came back to the payer as change, minor units; 0 where the coins fitted';
COMMENT ON COLUMN dcep.transfer.created_at IS 'When it was executed, under the payer''s lock';
COMMENT ON COLUMN dcep.transfer.seq IS 'Position in the payer''s chain, from 1 on without gaps';
COMMENT ON COLUMN dcep.transfer.key_number IS 'Number of the issuer''s key that signed';
COMMENT ON COLUMN dcep.transfer.issuer IS 'Institution that signed: the payer''s';
COMMENT ON COLUMN dcep.transfer.suite IS '1 = Ed25519 with SHA-256, 2 = SM2 with SM3, 3 = ECDSA P-256 with SHA-256';
COMMENT ON COLUMN dcep.transfer.inputs IS 'Ids of the coins consumed, in order; empty for an issue';
COMMENT ON COLUMN dcep.transfer.prev_hash IS 'Hash of the payer''s transfer before this one; zero for the first';
COMMENT ON COLUMN dcep.transfer.hash IS 'transfer_hash of docs/format.md';
COMMENT ON COLUMN dcep.transfer.batch IS 'The signed batch that this transfer belongs to; NULL where it was signed alone';
COMMENT ON COLUMN dcep.transfer.batch_index IS 'Its place among the leaves of that batch, from 0 on';
COMMENT ON COLUMN dcep.transfer.signature IS 'Over the hash, 64 bytes; NULL where the batch has the signature';
COMMENT ON COLUMN dcep.transfer.key IS 'Idempotency key, unique per payer, at most 200 bytes; NULL where the caller wants none';
COMMENT ON COLUMN dcep.transfer.memo IS 'For the parties, at most 1,000 bytes';
COMMENT ON COLUMN dcep.transfer.token IS 'Of kind token: the token that was paid to, 8 bytes, and 16 random ones, so that the payee cannot be guessed from the hash; else NULL';
COMMENT ON COLUMN dcep.transfer.device_signature IS 'Signature of the payer''s device over the instruction, 64 bytes; NULL where none was given';

CREATE TABLE dcep.signed_batch (
    id         bigint PRIMARY KEY,
    issuer     smallint NOT NULL,
    suite      smallint NOT NULL,
    key_number integer NOT NULL,
    leaves     bytea NOT NULL,
    signature  bytea NOT NULL
);
-- In line, so that a batch is one read.
ALTER TABLE dcep.signed_batch ALTER COLUMN leaves SET STORAGE PLAIN, ALTER COLUMN signature SET STORAGE PLAIN;
COMMENT ON TABLE dcep.signed_batch IS 'One signature over up to 120 transfers of a statement. Append-only';
COMMENT ON COLUMN dcep.signed_batch.id IS 'Id of its first transfer';
COMMENT ON COLUMN dcep.signed_batch.issuer IS 'Institution that signed';
COMMENT ON COLUMN dcep.signed_batch.suite IS 'As of its transfers';
COMMENT ON COLUMN dcep.signed_batch.key_number IS 'Number of the issuer''s key that signed';
COMMENT ON COLUMN dcep.signed_batch.leaves IS 'The hashes of its transfers, 32 bytes each';
COMMENT ON COLUMN dcep.signed_batch.signature IS 'Over the root of the tree of the leaves, 64 bytes';

CREATE TABLE dcep.coin (
    owner  dcep.wallet_id NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    id     bigint NOT NULL,
    PRIMARY KEY (owner, amount, id)
);
COMMENT ON TABLE dcep.coin IS 'Live coins only. What was consumed lives on in the journal. Ordered by amount, so that a payment finds the coins that fit';
COMMENT ON COLUMN dcep.coin.owner IS 'Wallet that may spend it';
COMMENT ON COLUMN dcep.coin.amount IS 'What it is worth, minor units';
COMMENT ON COLUMN dcep.coin.id IS '2 x transfer id for a payee''s coin, 2 x transfer id + 1 for change';

-- --- payment tokens ------------------------------------------------------------

-- Room on each page, so that a use stays on its page and touches no index.
CREATE TABLE dcep.token (
    id          bigint PRIMARY KEY,
    wallet      dcep.wallet_id NOT NULL,
    proof       bigint NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    used        boolean NOT NULL,
    computed    boolean NOT NULL,
    CHECK (valid_from < valid_until)
) WITH (fillfactor = 50);
CREATE INDEX token_wallet ON dcep.token (computed, wallet);
COMMENT ON TABLE dcep.token IS 'Payment tokens that the server accepts, by keyed hashes: who reads this cannot pay with it, but learns whose a token is. Nobody but the extension reads it. Rows stay until they expire, used or not';
COMMENT ON COLUMN dcep.token.id IS 'Where the token is looked for, its highest byte: 0 if drawn, else 1 + step mod 255; then bytes 1 to 7 of its keyed hash (dcep.ledger_secret)';
COMMENT ON COLUMN dcep.token.wallet IS 'Who is paid';
COMMENT ON COLUMN dcep.token.proof IS 'Bytes 8 to 15 of the hash, compared in constant time';
COMMENT ON COLUMN dcep.token.valid_from IS 'From when on it can be paid to';
COMMENT ON COLUMN dcep.token.valid_until IS 'Until when, exclusive';
COMMENT ON COLUMN dcep.token.used IS 'Somebody has paid to it, or two wallets came by the same digits';
COMMENT ON COLUMN dcep.token.computed IS 'Computed by wallet and server in step (dcep.arm_tokens()); else drawn (dcep.issue_token())';

CREATE TABLE dcep.token_enrolment (
    wallet      dcep.wallet_id PRIMARY KEY,
    number      bigint NOT NULL CHECK (number > 0),
    enrolled_at timestamptz NOT NULL
);
COMMENT ON TABLE dcep.token_enrolment IS 'Wallets that compute tokens themselves. Nobody but the extension reads it';
COMMENT ON COLUMN dcep.token_enrolment.wallet IS 'The wallet';
COMMENT ON COLUMN dcep.token_enrolment.number IS 'Counts its secrets; the secret is a keyed hash of wallet and number';
COMMENT ON COLUMN dcep.token_enrolment.enrolled_at IS 'When the secret was handed out';

CREATE TABLE dcep.token_guess (
    payer        dcep.wallet_id PRIMARY KEY,
    failures     integer NOT NULL CHECK (failures > 0),
    last_failure timestamptz NOT NULL,
    locked_until timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE dcep.token_guess IS 'Payers that named payment tokens which were not valid. Nobody but the extension reads it';
COMMENT ON COLUMN dcep.token_guess.payer IS 'The payer';
COMMENT ON COLUMN dcep.token_guess.failures IS 'How often, since the last day without a failure';
COMMENT ON COLUMN dcep.token_guess.last_failure IS 'When it last did';
COMMENT ON COLUMN dcep.token_guess.locked_until IS 'Until when it cannot pay to tokens (LG502)';

-- --- reserves ----------------------------------------------------------------

CREATE TABLE dcep.reserve_account (
    institution smallint PRIMARY KEY,
    seq         bigint NOT NULL DEFAULT 0,
    head        bytea NOT NULL DEFAULT pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex')
                CHECK (pg_catalog.octet_length(head) = 32)
);
COMMENT ON TABLE dcep.reserve_account IS 'Per operator the end of its chain of reserve entries, and the lock under which it grows';
COMMENT ON COLUMN dcep.reserve_account.institution IS 'The operator';
COMMENT ON COLUMN dcep.reserve_account.seq IS 'Number of its entries';
COMMENT ON COLUMN dcep.reserve_account.head IS 'Hash of the last of them; zero before the first';

CREATE TABLE dcep.reserve_entry (
    institution smallint NOT NULL,
    seq         bigint NOT NULL,
    amount      bigint NOT NULL CHECK (amount <> 0),
    balance     bigint NOT NULL CHECK (balance >= 0),
    transfer    bigint,
    created_at  timestamptz NOT NULL,
    issuer      smallint NOT NULL,
    suite       smallint NOT NULL,
    key_number  integer NOT NULL,
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    signature   bytea NOT NULL,
    reference   text COLLATE "C",
    PRIMARY KEY (institution, seq)
);
CREATE UNIQUE INDEX reserve_entry_transfer ON dcep.reserve_entry (transfer) WHERE transfer IS NOT NULL;
COMMENT ON TABLE dcep.reserve_entry IS 'Movements of the operators'' reserve accounts at the central bank. Append-only, hash-chained per operator, signed by the central bank';
COMMENT ON COLUMN dcep.reserve_entry.institution IS 'The operator whose reserve moved';
COMMENT ON COLUMN dcep.reserve_entry.seq IS 'Position in the operator''s chain, from 1 on without gaps';
COMMENT ON COLUMN dcep.reserve_entry.amount IS 'Minor units: positive into the reserve (deposit, redemption), negative out of it (withdrawal, issuance)';
COMMENT ON COLUMN dcep.reserve_entry.balance IS 'Reserve after this entry, minor units';
COMMENT ON COLUMN dcep.reserve_entry.transfer IS 'The issue or redeem transfer that this entry is the other side of; NULL for deposits and withdrawals';
COMMENT ON COLUMN dcep.reserve_entry.created_at IS 'When it was entered, under the account''s lock';
COMMENT ON COLUMN dcep.reserve_entry.issuer IS 'Institution that signed: the central bank';
COMMENT ON COLUMN dcep.reserve_entry.suite IS '1 = Ed25519 with SHA-256, 2 = SM2 with SM3, 3 = ECDSA P-256 with SHA-256';
COMMENT ON COLUMN dcep.reserve_entry.key_number IS 'Number of the central bank''s key that signed';
COMMENT ON COLUMN dcep.reserve_entry.prev_hash IS 'Hash of the operator''s entry before this one; zero for the first';
COMMENT ON COLUMN dcep.reserve_entry.hash IS 'reserve_hash of docs/format.md';
COMMENT ON COLUMN dcep.reserve_entry.signature IS 'Over the hash, 64 bytes';
COMMENT ON COLUMN dcep.reserve_entry.reference IS 'What the deposit or withdrawal was given; the key of an issue or redemption';

-- --- supervision -------------------------------------------------------------

CREATE SEQUENCE dcep.act_id_seq;
COMMENT ON SEQUENCE dcep.act_id_seq IS 'Ids of acts, and of the orders that are imposed by them';

CREATE TABLE dcep.act (
    id          bigint PRIMARY KEY,
    institution smallint NOT NULL,
    seq         bigint NOT NULL,
    entered_at  timestamptz NOT NULL,
    suite       smallint NOT NULL,
    key_number  integer NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    by_role     text COLLATE "C" NOT NULL,
    case_no     text COLLATE "C",
    body        text COLLATE "C" NOT NULL,
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    signature   bytea NOT NULL,
    UNIQUE (institution, seq)
);
COMMENT ON TABLE dcep.act IS 'Official acts: what institutions agreed, imposed, lifted, recovered and looked into. Append-only, hash-chained per institution, signed with its key (docs/format.md)';
COMMENT ON COLUMN dcep.act.id IS 'Of dcep.act_id_seq; gaps are normal. An order has the id of the act that imposed it';
COMMENT ON COLUMN dcep.act.institution IS 'Whose act it is, and who signed';
COMMENT ON COLUMN dcep.act.seq IS 'Position in the institution''s chain, from 1 on without gaps';
COMMENT ON COLUMN dcep.act.entered_at IS 'When it was entered, under the chain''s lock';
COMMENT ON COLUMN dcep.act.suite IS '1 = Ed25519 with SHA-256, 2 = SM2 with SM3, 3 = ECDSA P-256 with SHA-256';
COMMENT ON COLUMN dcep.act.key_number IS 'Number of the institution''s key that signed';
COMMENT ON COLUMN dcep.act.kind IS 'agree, impose, lift, recover, open_case, close_case, identity_key, add_device_key, revoke_device_key, order_disclosure, disclose or find_wallets';
COMMENT ON COLUMN dcep.act.by_role IS 'Role that had logged in';
COMMENT ON COLUMN dcep.act.case_no IS 'Case number or legal basis, where the act has one';
COMMENT ON COLUMN dcep.act.body IS 'What was done, a JSON object; the very text that was hashed';
COMMENT ON COLUMN dcep.act.prev_hash IS 'Hash of the institution''s act before this one; zero for the first';
COMMENT ON COLUMN dcep.act.hash IS 'act_hash of docs/format.md';
COMMENT ON COLUMN dcep.act.signature IS 'Over the hash, 64 bytes';

CREATE TABLE dcep.act_chain (
    institution smallint PRIMARY KEY,
    seq         bigint NOT NULL,
    head        bytea NOT NULL CHECK (pg_catalog.octet_length(head) = 32)
);
COMMENT ON TABLE dcep.act_chain IS 'Per institution the end of its chain of acts, and the lock under which it grows';
COMMENT ON COLUMN dcep.act_chain.institution IS 'Whose acts';
COMMENT ON COLUMN dcep.act_chain.seq IS 'Number of its acts';
COMMENT ON COLUMN dcep.act_chain.head IS 'Hash of the last of them';

CREATE TABLE dcep.agreement (
    supervisor      smallint NOT NULL,
    operator        smallint NOT NULL,
    shows_wallets   boolean NOT NULL,
    shows_transfers boolean NOT NULL,
    valid_from      timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    kinds           text[] NOT NULL,
    act             bigint NOT NULL,
    PRIMARY KEY (supervisor, operator),
    CHECK (valid_from < valid_until)
);
COMMENT ON TABLE dcep.agreement IS 'What each supervisor and operator have agreed on, as both have signed it last; all terms ever signed are acts. Kept by dcep.agree()';
COMMENT ON COLUMN dcep.agreement.supervisor IS 'Who may impose orders';
COMMENT ON COLUMN dcep.agreement.operator IS 'On whose wallets';
COMMENT ON COLUMN dcep.agreement.shows_wallets IS 'The supervisor sees wallets, their chains'' ends and their events, while it has a case open';
COMMENT ON COLUMN dcep.agreement.shows_transfers IS 'It sees transfers and coins, too';
COMMENT ON COLUMN dcep.agreement.valid_from IS 'From when on the terms hold';
COMMENT ON COLUMN dcep.agreement.valid_until IS 'Until when, exclusive; orders imposed before go on';
COMMENT ON COLUMN dcep.agreement.kinds IS 'Kinds of order that the supervisor may impose';
COMMENT ON COLUMN dcep.agreement.act IS 'The act of the party that signed last and so made the terms effective';

CREATE TABLE dcep.control_order (
    id           bigint PRIMARY KEY,
    supervisor   smallint NOT NULL,
    kind         text NOT NULL,
    case_no      text NOT NULL,
    imposed_at   timestamptz NOT NULL,
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    operator     smallint,
    class        smallint,
    wallets      dcep.wallet_id[],
    amounts      bigint[],
    coins        bigint[],
    amount       bigint,
    counterparty dcep.wallet_id,
    daily_from   time,
    daily_until  time,
    fraud        bigint,
    CHECK (valid_from < valid_until),
    CHECK ((class IS NULL) <> (wallets IS NULL)),
    CHECK ((class IS NULL) = (operator IS NULL))
);
COMMENT ON TABLE dcep.control_order IS 'Supervisors'' orders as they were imposed. Append-only; dcep.order_status says which are in force';
COMMENT ON COLUMN dcep.control_order.id IS 'Id of the order, and of the act that imposed it';
COMMENT ON COLUMN dcep.control_order.supervisor IS 'Whose order';
COMMENT ON COLUMN dcep.control_order.kind IS 'no_debit, no_credit, freeze, hold_amount, freeze_coins, cap_payment, cap_day, count_day, bar_counterparty, time_window or no_redeem';
COMMENT ON COLUMN dcep.control_order.case_no IS 'Case number or legal basis';
COMMENT ON COLUMN dcep.control_order.imposed_at IS 'When dcep.impose() ran';
COMMENT ON COLUMN dcep.control_order.valid_from IS 'From when on it holds';
COMMENT ON COLUMN dcep.control_order.valid_until IS 'Until when, exclusive';
COMMENT ON COLUMN dcep.control_order.operator IS 'Of an order on a class: whose wallets';
COMMENT ON COLUMN dcep.control_order.class IS 'Of an order on a class: which';
COMMENT ON COLUMN dcep.control_order.wallets IS 'Of any other order: the wallets that it bears on, in order';
COMMENT ON COLUMN dcep.control_order.amounts IS 'Of hold_amount: what is held of each of the wallets, minor units. Of freeze_coins: the worth of each of the coins';
COMMENT ON COLUMN dcep.control_order.coins IS 'Of freeze_coins: ids of the coins';
COMMENT ON COLUMN dcep.control_order.amount IS 'Of cap_payment and cap_day: the most, minor units; of count_day: payments';
COMMENT ON COLUMN dcep.control_order.counterparty IS 'Of bar_counterparty: with whom the wallets may not deal';
COMMENT ON COLUMN dcep.control_order.daily_from IS 'Of time_window: from when on the wallets may pay, ledger''s time zone';
COMMENT ON COLUMN dcep.control_order.daily_until IS 'Of time_window: until when, exclusive; before daily_from: over midnight';
COMMENT ON COLUMN dcep.control_order.fraud IS 'Of an order of dcep.report_fraud(): the transfer that was reported';

CREATE TABLE dcep.control_lift (
    order_id  bigint PRIMARY KEY,
    act       bigint NOT NULL,
    lifted_at timestamptz NOT NULL,
    reason    text NOT NULL
);
COMMENT ON TABLE dcep.control_lift IS 'Orders that were lifted. Append-only';
COMMENT ON COLUMN dcep.control_lift.order_id IS 'Which order';
COMMENT ON COLUMN dcep.control_lift.act IS 'The act that lifted it';
COMMENT ON COLUMN dcep.control_lift.lifted_at IS 'When';
COMMENT ON COLUMN dcep.control_lift.reason IS 'Why';

CREATE TABLE dcep.control_effect (
    target       bigint NOT NULL,
    order_id     bigint NOT NULL,
    coin         bigint NOT NULL DEFAULT 0,
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    amount       bigint NOT NULL DEFAULT 0,
    counterparty bigint NOT NULL DEFAULT 0,
    from_second  integer NOT NULL DEFAULT 0,
    until_second integer NOT NULL DEFAULT 0,
    kind         smallint NOT NULL,
    supervisor   smallint NOT NULL,
    PRIMARY KEY (target, order_id, coin)
);
COMMENT ON TABLE dcep.control_effect IS 'What payments look at: the orders that have not been lifted, by what they bear on. Follows from dcep.control_order and dcep.control_lift, as dcep.audit() proves';
COMMENT ON COLUMN dcep.control_effect.target IS 'A wallet number; of an order on a class, -(institution x 10,000 + class) - 1';
COMMENT ON COLUMN dcep.control_effect.order_id IS 'The order';
COMMENT ON COLUMN dcep.control_effect.coin IS 'Of freeze_coins: the coin; else 0';
COMMENT ON COLUMN dcep.control_effect.valid_from IS 'As of the order';
COMMENT ON COLUMN dcep.control_effect.valid_until IS 'As of the order';
COMMENT ON COLUMN dcep.control_effect.amount IS 'What is held, what the coin is worth, what the cap is, or how many payments; else 0';
COMMENT ON COLUMN dcep.control_effect.counterparty IS 'Of bar_counterparty: the wallet''s number; else 0';
COMMENT ON COLUMN dcep.control_effect.from_second IS 'Of time_window: second of the day; else 0';
COMMENT ON COLUMN dcep.control_effect.until_second IS 'Of time_window: second of the day; else 0';
COMMENT ON COLUMN dcep.control_effect.kind IS 'Number of the kind, in the order of the list at dcep.control_order.kind, from 1 on';
COMMENT ON COLUMN dcep.control_effect.supervisor IS 'As of the order';

CREATE TABLE dcep.controlled_class (
    institution smallint NOT NULL,
    class       smallint NOT NULL,
    target      bigint NOT NULL,
    PRIMARY KEY (institution, class)
);
COMMENT ON TABLE dcep.controlled_class IS 'Classes of operators'' wallets that orders bear on, so that payments of others need not look. Kept by dcep.impose() and dcep.lift()';
COMMENT ON COLUMN dcep.controlled_class.institution IS 'The operator';
COMMENT ON COLUMN dcep.controlled_class.class IS 'The class';
COMMENT ON COLUMN dcep.controlled_class.target IS 'Its rows in dcep.control_effect';

CREATE TABLE dcep.disclosure_order (
    id          bigint PRIMARY KEY,
    authority   smallint NOT NULL,
    wallet      dcep.wallet_id NOT NULL,
    case_no     text NOT NULL,
    by_role     name NOT NULL,
    ordered_at  timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    CHECK (ordered_at < valid_until)
);
CREATE INDEX disclosure_order_wallet ON dcep.disclosure_order (wallet);
COMMENT ON TABLE dcep.disclosure_order IS 'Orders under which an identity officer may be given who is behind a wallet. Append-only';
COMMENT ON COLUMN dcep.disclosure_order.id IS 'Id of the order, and of the act that it is';
COMMENT ON COLUMN dcep.disclosure_order.authority IS 'The supervisor or central bank that ordered it';
COMMENT ON COLUMN dcep.disclosure_order.wallet IS 'Whose holder is asked for';
COMMENT ON COLUMN dcep.disclosure_order.case_no IS 'Case number or legal basis';
COMMENT ON COLUMN dcep.disclosure_order.by_role IS 'Role that had logged in; another one must look';
COMMENT ON COLUMN dcep.disclosure_order.ordered_at IS 'When; from then on it holds';
COMMENT ON COLUMN dcep.disclosure_order.valid_until IS 'Until when, exclusive';

CREATE TABLE dcep.recovery (
    order_id    bigint NOT NULL,
    authority   smallint NOT NULL,
    payee       dcep.wallet_id NOT NULL,
    act         bigint NOT NULL,
    round       integer NOT NULL DEFAULT 1 CHECK (round > 0),
    PRIMARY KEY (order_id, round, authority)
);
COMMENT ON TABLE dcep.recovery IS 'Which authorities ordered that the money under an order be given back, and to whom. On an operator''s node of what it holds for a claim: the authorities'' acts came with the message that asked for it. Append-only';
COMMENT ON COLUMN dcep.recovery.order_id IS 'The order that holds the money';
COMMENT ON COLUMN dcep.recovery.authority IS 'The supervisor or central bank that ordered it';
COMMENT ON COLUMN dcep.recovery.payee IS 'Who is to get it';
COMMENT ON COLUMN dcep.recovery.act IS 'The act';
COMMENT ON COLUMN dcep.recovery.round IS 'Of a claim across nodes, where money comes back and is held again: which recovery of it, from 1 on; two authorities make one. Of others, and on an operator''s node, 1';

-- --- refusals ----------------------------------------------------------------

CREATE SEQUENCE dcep.refusal_id_seq;
COMMENT ON SEQUENCE dcep.refusal_id_seq IS 'Ids of refusals';

CREATE TABLE dcep.refusal (
    id          bigint PRIMARY KEY DEFAULT pg_catalog.nextval('dcep.refusal_id_seq'),
    refused_at  timestamptz NOT NULL,
    sqlstate    text COLLATE "C" NOT NULL,
    message     text COLLATE "C" NOT NULL,
    kind        dcep.transfer_kind,
    payer       dcep.wallet_id,
    payee       dcep.wallet_id,
    amount      bigint,
    class       smallint,
    order_id    bigint,
    attempt     text,
    institution smallint,
    by_role     text COLLATE "C" NOT NULL
);
-- Rows come in the order of time, and reports ask for days.
CREATE INDEX refusal_refused_at ON dcep.refusal USING brin (refused_at);
COMMENT ON TABLE dcep.refusal IS 'Payments that a rule refused, lines of payment files, and what supervisors attempted beyond their agreements and identity officers without an order; also though the transaction was rolled back. Append-only, neither chained nor signed: a record for reports, not a proof. Without keys, memos and tokens';
COMMENT ON COLUMN dcep.refusal.id IS 'Of dcep.refusal_id_seq, in the order of writing; gaps are normal';
COMMENT ON COLUMN dcep.refusal.refused_at IS 'When it was refused; the row was written a moment later';
COMMENT ON COLUMN dcep.refusal.sqlstate IS 'The rule, as docs/errors.md explains it';
COMMENT ON COLUMN dcep.refusal.message IS 'The rule in words: the error''s message, without its detail';
COMMENT ON COLUMN dcep.refusal.kind IS 'Of the payment; NULL where it was none';
COMMENT ON COLUMN dcep.refusal.payer IS 'As named by whoever wanted to pay; NULL where a line''s could not be read, and where it was no payment';
COMMENT ON COLUMN dcep.refusal.payee IS 'Likewise; NULL of payments to tokens too';
COMMENT ON COLUMN dcep.refusal.amount IS 'What was to be paid, minor units; NULL where it was not read';
COMMENT ON COLUMN dcep.refusal.class IS 'Class of the payer; NULL where it was refused before that was known';
COMMENT ON COLUMN dcep.refusal.order_id IS 'The supervisor''s order that refused the payer; NULL where its class, balance or status did, or the payee''s orders';
COMMENT ON COLUMN dcep.refusal.attempt IS 'Of a supervisor or an identity officer: what was attempted, 199 bytes of it; NULL of payments';
COMMENT ON COLUMN dcep.refusal.institution IS 'Institution that the role acts for: the payer''s where it is bound to it; NULL where to none';
COMMENT ON COLUMN dcep.refusal.by_role IS 'Role that had logged in';

-- --- the log ------------------------------------------------------------------

CREATE TABLE dcep.log_state (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    size          bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    watermark     bigint NOT NULL DEFAULT 0,
    horizon       bigint NOT NULL DEFAULT 0,
    horizon_xid   bigint NOT NULL DEFAULT 0,
    horizon_system bigint NOT NULL DEFAULT 0,
    sealed_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE dcep.log_state IS 'One row: how far the Merkle log has come, and the lock of whoever seals';
COMMENT ON COLUMN dcep.log_state.only_row IS 'Always true: a ledger has one log';
COMMENT ON COLUMN dcep.log_state.size IS 'Number of transfers in the log';
COMMENT ON COLUMN dcep.log_state.watermark IS 'Every committed transfer up to this id is in the log, and none can come any more';
COMMENT ON COLUMN dcep.log_state.horizon IS 'The watermark goes here once the payments have ended that were under way when this was the last id given out';
COMMENT ON COLUMN dcep.log_state.horizon_xid IS 'Those payments have transaction ids (64 bits) below this one';
COMMENT ON COLUMN dcep.log_state.horizon_system IS 'System identifier of the cluster whose transaction ids these are';
COMMENT ON COLUMN dcep.log_state.sealed_at IS 'When this row was last changed';

CREATE TABLE dcep.log_tile (
    index         bigint NOT NULL,
    floor         bigint NOT NULL,
    top           bigint NOT NULL,
    level         smallint NOT NULL,
    ids           bytea NOT NULL,
    hashes        bytea NOT NULL,
    PRIMARY KEY (level, index)
);
-- In line, three to a page.
ALTER TABLE dcep.log_tile ALTER COLUMN ids SET STORAGE PLAIN, ALTER COLUMN hashes SET STORAGE PLAIN;
CREATE UNIQUE INDEX log_tile_top ON dcep.log_tile (top, index) WHERE level = 0;
COMMENT ON TABLE dcep.log_tile IS 'The hashes of the Merkle log, 64 a row. Level 0 has those of the transfers; level n the roots of the full tiles of level n - 1. Full tiles never change';
COMMENT ON COLUMN dcep.log_tile.level IS 'Level of the tile, from 0 on';
COMMENT ON COLUMN dcep.log_tile.index IS 'Its place in the level, from 0 on';
COMMENT ON COLUMN dcep.log_tile.floor IS 'Of level 0: neither this tile nor a later one has an id up to this one; else 0';
COMMENT ON COLUMN dcep.log_tile.top IS 'Of level 0: neither this tile nor an earlier one has an id above this one; else 0';
COMMENT ON COLUMN dcep.log_tile.ids IS 'Of level 0: ids of the transfers, 8 bytes each in network order; else empty';
COMMENT ON COLUMN dcep.log_tile.hashes IS 'Leaf hashes, or roots of tiles, 32 bytes each';

CREATE TABLE dcep.log_total (
    institution   smallint PRIMARY KEY,
    issued        bigint NOT NULL,
    redeemed      bigint NOT NULL
);
COMMENT ON TABLE dcep.log_total IS 'Sums over the transfers in the log, as checkpoints state them, per operator';
COMMENT ON COLUMN dcep.log_total.institution IS 'The operator';
COMMENT ON COLUMN dcep.log_total.issued IS 'Minor units issued to it';
COMMENT ON COLUMN dcep.log_total.redeemed IS 'Minor units that it redeemed';

CREATE TABLE dcep.log_key (
    number        integer PRIMARY KEY CHECK (number > 0),
    public_key    bytea NOT NULL CHECK (pg_catalog.octet_length(public_key) = 32),
    made_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE dcep.log_key IS 'Public keys of the log, Ed25519; the one with the highest number signs checkpoints. Append-only. Private keys are files in dcep.key_directory';
COMMENT ON COLUMN dcep.log_key.number IS 'Counts the keys, from 1 on';
COMMENT ON COLUMN dcep.log_key.public_key IS '32 bytes';
COMMENT ON COLUMN dcep.log_key.made_at IS 'When it was made';

CREATE TABLE dcep.checkpoint (
    size          bigint PRIMARY KEY CHECK (size > 0),
    made_at       timestamptz NOT NULL,
    key_number    integer NOT NULL,
    root          bytea NOT NULL CHECK (pg_catalog.octet_length(root) = 32),
    note          text COLLATE "C" NOT NULL
);
COMMENT ON TABLE dcep.checkpoint IS 'Signed statements of what the log was at some size. Append-only';
COMMENT ON COLUMN dcep.checkpoint.size IS 'Number of transfers in the log';
COMMENT ON COLUMN dcep.checkpoint.made_at IS 'When it was made; the note says it, too';
COMMENT ON COLUMN dcep.checkpoint.key_number IS 'Key of dcep.log_key that signed';
COMMENT ON COLUMN dcep.checkpoint.root IS 'Root of the tree of so many transfers';
COMMENT ON COLUMN dcep.checkpoint.note IS 'The checkpoint itself: a signed note of C2SP (docs/format.md)';

-- --- witnesses of this log, and this database as a witness of others ------------

CREATE TABLE dcep.witness (
    number        integer PRIMARY KEY CHECK (number > 0),
    name          text COLLATE "C" NOT NULL,
    public_key    bytea NOT NULL UNIQUE CHECK (pg_catalog.octet_length(public_key) = 32),
    registered_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    retired_at    timestamptz
);
CREATE UNIQUE INDEX witness_name ON dcep.witness (name) WHERE retired_at IS NULL;
COMMENT ON TABLE dcep.witness IS 'Witnesses whose cosignatures of this log''s checkpoints are taken; each has one key at a time';
COMMENT ON COLUMN dcep.witness.number IS 'Counts the keys, from 1 on';
COMMENT ON COLUMN dcep.witness.name IS 'Name of the witness, as in its key and its signature lines';
COMMENT ON COLUMN dcep.witness.public_key IS 'Ed25519, 32 bytes';
COMMENT ON COLUMN dcep.witness.registered_at IS 'When it was registered';
COMMENT ON COLUMN dcep.witness.retired_at IS 'From when on no cosignature of this key is taken; NULL while they are. Those taken before count on';

CREATE TABLE dcep.cosignature (
    size          bigint NOT NULL,
    witness       integer NOT NULL,
    cosigned_at   timestamptz NOT NULL,
    added_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    line          text COLLATE "C" NOT NULL,
    PRIMARY KEY (size, witness)
);
COMMENT ON TABLE dcep.cosignature IS 'Signatures of witnesses under checkpoints of this log. Append-only';
COMMENT ON COLUMN dcep.cosignature.size IS 'The checkpoint';
COMMENT ON COLUMN dcep.cosignature.witness IS 'Number of the witness''s key';
COMMENT ON COLUMN dcep.cosignature.cosigned_at IS 'When the witness says that it signed, to the second';
COMMENT ON COLUMN dcep.cosignature.added_at IS 'When it came';
COMMENT ON COLUMN dcep.cosignature.line IS 'The signature line, without a newline';

CREATE TABLE dcep.witness_key (
    number        integer PRIMARY KEY CHECK (number > 0),
    name          text COLLATE "C" NOT NULL,
    public_key    bytea NOT NULL CHECK (pg_catalog.octet_length(public_key) = 32),
    made_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE dcep.witness_key IS 'Public keys of this database as a witness of other logs, Ed25519; the one with the highest number cosigns. Append-only. Private keys are files in dcep.key_directory';
COMMENT ON COLUMN dcep.witness_key.number IS 'Counts the keys, from 1 on';
COMMENT ON COLUMN dcep.witness_key.name IS 'Name of the witness, the same for all';
COMMENT ON COLUMN dcep.witness_key.public_key IS '32 bytes';
COMMENT ON COLUMN dcep.witness_key.made_at IS 'When it was made';

CREATE TABLE dcep.watched_log (
    origin        text COLLATE "C" PRIMARY KEY,
    keys          text[] COLLATE "C" NOT NULL,
    size          bigint NOT NULL CHECK (size >= 0),
    root          bytea NOT NULL CHECK (pg_catalog.octet_length(root) = 32),
    watched_since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    cosigned_at   timestamptz
);
COMMENT ON TABLE dcep.watched_log IS 'Logs that this database is a witness of, and how far each has come. A row is also the lock of whoever cosigns';
COMMENT ON COLUMN dcep.watched_log.origin IS 'Name of the log';
COMMENT ON COLUMN dcep.watched_log.keys IS 'Its public keys, as tools for signed notes read them';
COMMENT ON COLUMN dcep.watched_log.size IS 'Size of the newest checkpoint that was cosigned; 0 before the first';
COMMENT ON COLUMN dcep.watched_log.root IS 'Its root; that of no leaves before the first';
COMMENT ON COLUMN dcep.watched_log.watched_since IS 'When the log was registered';
COMMENT ON COLUMN dcep.watched_log.cosigned_at IS 'When the newest was cosigned; NULL before the first';

CREATE TABLE dcep.witnessed (
    origin        text COLLATE "C" NOT NULL,
    size          bigint NOT NULL CHECK (size > 0),
    cosigned_at   timestamptz NOT NULL,
    note          text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin, size)
);
COMMENT ON TABLE dcep.witnessed IS 'Checkpoints of other logs that this database has cosigned, or may: one a size. Append-only';
COMMENT ON COLUMN dcep.witnessed.origin IS 'The log';
COMMENT ON COLUMN dcep.witnessed.size IS 'Size of its tree';
COMMENT ON COLUMN dcep.witnessed.cosigned_at IS 'Time in the cosignature, to the second';
COMMENT ON COLUMN dcep.witnessed.note IS 'The checkpoint as it was brought';

CREATE TABLE dcep.split_view (
    origin        text COLLATE "C" NOT NULL,
    size          bigint NOT NULL CHECK (size > 0),
    digest        bytea NOT NULL CHECK (pg_catalog.octet_length(digest) = 32),
    kind          text NOT NULL CHECK (kind IN ('other root', 'other text', 'smaller', 'not proven')),
    seen_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    note          text COLLATE "C" NOT NULL,
    against_size  bigint NOT NULL,
    PRIMARY KEY (origin, size, digest)
);
COMMENT ON TABLE dcep.split_view IS 'Evidence: checkpoints that a watched log has signed and that do not go with those in dcep.witnessed. Append-only';
COMMENT ON COLUMN dcep.split_view.origin IS 'The log';
COMMENT ON COLUMN dcep.split_view.size IS 'Size that the checkpoint says';
COMMENT ON COLUMN dcep.split_view.digest IS 'SHA-256 of its text';
COMMENT ON COLUMN dcep.split_view.kind IS 'other root, other text (of a size that was cosigned), smaller (though made later), not proven (no proof of consistency was brought)';
COMMENT ON COLUMN dcep.split_view.seen_at IS 'When it was brought';
COMMENT ON COLUMN dcep.split_view.note IS 'The checkpoint, with the log''s signature';
COMMENT ON COLUMN dcep.split_view.against_size IS 'Size of the checkpoint in dcep.witnessed that it does not go with';

-- --- other nodes ---------------------------------------------------------------

CREATE TABLE dcep.line (
    peer        smallint PRIMARY KEY,
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'quarantined')),
    reason      text,
    posted      bigint NOT NULL DEFAULT 0,
    taken       bigint NOT NULL DEFAULT 0,
    posted_head bytea NOT NULL DEFAULT pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex'),
    taken_head  bytea NOT NULL DEFAULT pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex')
);
COMMENT ON TABLE dcep.line IS 'Nodes that this one exchanges messages with: how far each has come';
COMMENT ON COLUMN dcep.line.peer IS 'Institution whose node it is';
COMMENT ON COLUMN dcep.line.status IS 'open; quarantined: nothing that it says is taken any more';
COMMENT ON COLUMN dcep.line.reason IS 'Why it is quarantined';
COMMENT ON COLUMN dcep.line.posted IS 'Number of the last message to it';
COMMENT ON COLUMN dcep.line.taken IS 'Number of the last message of it that was taken';
COMMENT ON COLUMN dcep.line.posted_head IS 'Hash of the last message to it; zeros before the first';
COMMENT ON COLUMN dcep.line.taken_head IS 'Hash of the last message of it that was taken; zeros before the first';

CREATE TABLE dcep.message (
    sender     smallint NOT NULL,
    receiver   smallint NOT NULL,
    number     bigint NOT NULL CHECK (number > 0),
    made_at    timestamptz NOT NULL,
    key_number integer NOT NULL,
    suite      smallint NOT NULL,
    kind       text NOT NULL,
    body       text NOT NULL,
    by_role    text NOT NULL,
    prev_hash  bytea NOT NULL,
    hash       bytea NOT NULL,
    signature  bytea NOT NULL,
    PRIMARY KEY (sender, receiver, number)
);
COMMENT ON TABLE dcep.message IS 'What nodes have told each other: what this one has posted, and what has come. Append-only; hashed, chained and signed like acts (docs/format.md)';
COMMENT ON COLUMN dcep.message.sender IS 'Institution whose node posted it';
COMMENT ON COLUMN dcep.message.receiver IS 'Institution whose node it is for';
COMMENT ON COLUMN dcep.message.number IS 'Counts the messages of a sender to a receiver, from 1 on';
COMMENT ON COLUMN dcep.message.made_at IS 'When it was posted, by the sender''s clock';
COMMENT ON COLUMN dcep.message.key_number IS 'Key of the sender that signed it';
COMMENT ON COLUMN dcep.message.suite IS 'The key''s suite, as in dcep.transfer';
COMMENT ON COLUMN dcep.message.kind IS 'What it tells or asks for: one of dcep.message_kinds(), or one of a later version''s';
COMMENT ON COLUMN dcep.message.body IS 'JSON, as it was hashed';
COMMENT ON COLUMN dcep.message.by_role IS 'Role of the sender''s node that had logged in: of payments, and of answers, that of the worker';
COMMENT ON COLUMN dcep.message.prev_hash IS 'Hash of the message before it; zeros for the first';
COMMENT ON COLUMN dcep.message.hash IS 'Hash of all of the above';
COMMENT ON COLUMN dcep.message.signature IS 'Over the hash, 64 bytes';

CREATE TABLE dcep.evidence (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    found_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    sqlstate   text NOT NULL,
    reason     text NOT NULL,
    LIKE dcep.message INCLUDING COMMENTS
);
COMMENT ON TABLE dcep.evidence IS 'Messages that no honest node sends, as they came, with what is wrong with them: they verify without this database. Append-only';
COMMENT ON SEQUENCE dcep.evidence_id_seq IS 'Order of evidence; gaps are normal';
COMMENT ON COLUMN dcep.evidence.id IS 'Order of entries';
COMMENT ON COLUMN dcep.evidence.found_at IS 'When it was found';
COMMENT ON COLUMN dcep.evidence.sqlstate IS 'What it was refused with';
COMMENT ON COLUMN dcep.evidence.reason IS 'In words';

CREATE TABLE dcep.crossing (
    origin         smallint NOT NULL,
    transfer       bigint NOT NULL,
    payer          dcep.wallet_id NOT NULL,
    payee          dcep.wallet_id NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    kind           dcep.transfer_kind NOT NULL,
    posted_at      timestamptz NOT NULL,
    ended_at       timestamptz,
    local_transfer bigint,
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'settled', 'returned')),
    sqlstate       text,
    reason         text,
    waits          boolean NOT NULL DEFAULT false,
    PRIMARY KEY (origin, transfer)
);
CREATE INDEX crossing_waits ON dcep.crossing (transfer) WHERE waits;
CREATE INDEX crossing_ended_at ON dcep.crossing (ended_at);
COMMENT ON TABLE dcep.crossing IS 'Payments between wallets of two nodes, on the payer''s node, the registry and the payee''s node';
COMMENT ON COLUMN dcep.crossing.origin IS 'Institution whose node the payment was made on';
COMMENT ON COLUMN dcep.crossing.transfer IS 'The transfer there';
COMMENT ON COLUMN dcep.crossing.payer IS 'Who pays';
COMMENT ON COLUMN dcep.crossing.payee IS 'Who is paid';
COMMENT ON COLUMN dcep.crossing.amount IS 'Minor units';
COMMENT ON COLUMN dcep.crossing.kind IS 'transfer, issue, redeem or recover';
COMMENT ON COLUMN dcep.crossing.posted_at IS 'When this node made it, or heard of it';
COMMENT ON COLUMN dcep.crossing.ended_at IS 'When this node knew its end';
COMMENT ON COLUMN dcep.crossing.local_transfer IS 'On the payee''s node the transfer that credited it; on the payer''s the one that gave it back';
COMMENT ON COLUMN dcep.crossing.state IS 'pending; settled: the payee has it; returned: the payer has it back';
COMMENT ON COLUMN dcep.crossing.sqlstate IS 'Of one that was returned, what it was refused with';
COMMENT ON COLUMN dcep.crossing.reason IS 'In words';
COMMENT ON COLUMN dcep.crossing.waits IS 'On the node where it was made: the message that sends it on its way has not been posted yet';

CREATE TABLE dcep.holding (
    institution smallint PRIMARY KEY,
    amount      bigint NOT NULL CHECK (amount >= 0)
);
COMMENT ON TABLE dcep.holding IS 'Registry only: what the wallets of each operator with a node of its own should hold, minor units. Payments under way are in none of them';
COMMENT ON COLUMN dcep.holding.institution IS 'The operator';
COMMENT ON COLUMN dcep.holding.amount IS 'Issued to it and received, less redeemed and paid out';

CREATE TABLE dcep.fraud_case (
    report      bigint NOT NULL,
    origin      smallint NOT NULL,
    transfer    bigint NOT NULL,
    amount      bigint CHECK (amount > 0),
    method      text NOT NULL,
    supervisor  smallint NOT NULL,
    case_no     text NOT NULL,
    valid_until timestamptz NOT NULL,
    act         text NOT NULL,
    lifted_at   timestamptz,
    refused     text,
    PRIMARY KEY (report)
);
COMMENT ON TABLE dcep.fraud_case IS 'Payments between nodes, and within them, that were reported on the registry: there, and on the nodes that were asked to follow them';
COMMENT ON COLUMN dcep.fraud_case.report IS 'The order on the registry, as dcep.report_payment() returned it';
COMMENT ON COLUMN dcep.fraud_case.origin IS 'Institution whose node the reported payment was made on';
COMMENT ON COLUMN dcep.fraud_case.transfer IS 'The transfer there';
COMMENT ON COLUMN dcep.fraud_case.amount IS 'What was reported, minor units; NULL until the node that was asked has answered';
COMMENT ON COLUMN dcep.fraud_case.method IS 'haircut, fifo or poison';
COMMENT ON COLUMN dcep.fraud_case.supervisor IS 'Who reported it';
COMMENT ON COLUMN dcep.fraud_case.case_no IS 'Case number or legal basis';
COMMENT ON COLUMN dcep.fraud_case.valid_until IS 'Until when the money is held, exclusive';
COMMENT ON COLUMN dcep.fraud_case.act IS 'The act by which the supervisor reported it, as JSON: it verifies with the supervisor''s public key alone';
COMMENT ON COLUMN dcep.fraud_case.lifted_at IS 'When this node knew that the order was lifted';
COMMENT ON COLUMN dcep.fraud_case.refused IS 'Why it is not followed; NULL where it is';

CREATE TABLE dcep.fraud_share (
    report      bigint NOT NULL,
    origin      smallint NOT NULL,
    transfer    bigint NOT NULL,
    institution smallint NOT NULL,
    share       bigint NOT NULL CHECK (share >= 0),
    answered    bigint NOT NULL DEFAULT 0 CHECK (answered BETWEEN 0 AND share),
    PRIMARY KEY (report, origin, transfer, institution)
);
COMMENT ON TABLE dcep.fraud_share IS 'Which part of each payment across is followed for a case, no more than its amount: on the registry, and on each node what it has passed on and what it was asked to follow';
COMMENT ON COLUMN dcep.fraud_share.report IS 'The report';
COMMENT ON COLUMN dcep.fraud_share.origin IS 'Institution whose node the payment across was made on';
COMMENT ON COLUMN dcep.fraud_share.transfer IS 'The transfer there';
COMMENT ON COLUMN dcep.fraud_share.institution IS 'Whose node was asked to follow it';
COMMENT ON COLUMN dcep.fraud_share.share IS 'How much of it, minor units';
COMMENT ON COLUMN dcep.fraud_share.answered IS 'How much of that the node has followed; on the node that passed it on, 0';

CREATE TABLE dcep.claim_account (
    claim          bigint NOT NULL,
    institution    smallint NOT NULL,
    given          bigint NOT NULL DEFAULT 0,
    held           bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    at_institution bigint NOT NULL DEFAULT 0 CHECK (at_institution >= 0),
    outside        bigint NOT NULL DEFAULT 0 CHECK (outside >= 0),
    redeemed       bigint NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
    passed         bigint NOT NULL DEFAULT 0 CHECK (passed >= 0),
    recovered      bigint NOT NULL DEFAULT 0 CHECK (recovered >= 0),
    PRIMARY KEY (claim, institution),
    CHECK (given >= held + at_institution + outside + redeemed + passed + recovered)
);
COMMENT ON TABLE dcep.claim_account IS 'Registry only: what has become of a claim''s money, node by node. Of a report, given less passed of all nodes adds up to the amount reported; an order is of one node, which says what it holds';
COMMENT ON COLUMN dcep.claim_account.claim IS 'The claim, as in dcep.claim';
COMMENT ON COLUMN dcep.claim_account.institution IS 'Whose node';
COMMENT ON COLUMN dcep.claim_account.given IS 'Of a report, what it was to follow: of the one that began, the amount reported, and what came by payments across. Of an order, what that holds, as the node has answered, 9223372036854775807 at most. Minor units, like all of these';
COMMENT ON COLUMN dcep.claim_account.held IS 'What it held, and has not been told to give back since';
COMMENT ON COLUMN dcep.claim_account.at_institution IS 'What had gone into its operator''s own wallets';
COMMENT ON COLUMN dcep.claim_account.outside IS 'What was not held: outside the supervisor''s agreements, followed no further, or not there any more when it was to be recovered';
COMMENT ON COLUMN dcep.claim_account.redeemed IS 'What had been redeemed';
COMMENT ON COLUMN dcep.claim_account.passed IS 'What had left for other nodes, or was sent back by it';
COMMENT ON COLUMN dcep.claim_account.recovered IS 'What it held and has given back to whom it belongs, and has arrived there';

CREATE TABLE dcep.claim_hold (
    order_id bigint PRIMARY KEY,
    claim    bigint NOT NULL,
    origin   smallint NOT NULL,
    transfer bigint NOT NULL
);
COMMENT ON TABLE dcep.claim_hold IS 'Orders that this node has imposed for a claim, because a message asked it to follow money, or brought back what was to be recovered. Append-only';
COMMENT ON COLUMN dcep.claim_hold.order_id IS 'The order';
COMMENT ON COLUMN dcep.claim_hold.claim IS 'The claim, as in dcep.claim';
COMMENT ON COLUMN dcep.claim_hold.origin IS 'Institution whose node the payment across was made on that brought the money';
COMMENT ON COLUMN dcep.claim_hold.transfer IS 'The transfer there';

CREATE TABLE dcep.claim_recovery (
    claim       bigint NOT NULL,
    round       integer NOT NULL CHECK (round > 0),
    institution smallint NOT NULL,
    payee       dcep.wallet_id NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    state       text NOT NULL CHECK (state IN ('sent', 'paid', 'failed')),
    missing     bigint NOT NULL DEFAULT 0 CHECK (missing BETWEEN 0 AND amount),
    sqlstate    text,
    reason      text,
    PRIMARY KEY (claim, round, institution)
);
COMMENT ON TABLE dcep.claim_recovery IS 'Recoveries of what nodes hold for a claim: on the registry of each node that was told, on a node its own';
COMMENT ON COLUMN dcep.claim_recovery.claim IS 'The claim, as in dcep.claim';
COMMENT ON COLUMN dcep.claim_recovery.round IS 'Which recovery of it, as in dcep.recovery';
COMMENT ON COLUMN dcep.claim_recovery.institution IS 'Whose node holds the money';
COMMENT ON COLUMN dcep.claim_recovery.payee IS 'Whose it is, as two authorities have ordered';
COMMENT ON COLUMN dcep.claim_recovery.amount IS 'What the node held for the claim, minor units';
COMMENT ON COLUMN dcep.claim_recovery.state IS 'sent: no answer yet; paid: the holds are lifted and the money is on its way, or there; failed: it is held as before';
COMMENT ON COLUMN dcep.claim_recovery.missing IS 'Of the amount: what was not in the wallets: other orders had held, or recovered, the same, or an order holds more than there is; minor units';
COMMENT ON COLUMN dcep.claim_recovery.sqlstate IS 'Of one that failed: with what';
COMMENT ON COLUMN dcep.claim_recovery.reason IS 'In words';

CREATE TABLE dcep.claim_payment (
    origin   smallint NOT NULL,
    transfer bigint NOT NULL,
    claim    bigint NOT NULL,
    round    integer NOT NULL,
    amount   bigint NOT NULL CHECK (amount > 0),
    ended    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (origin, transfer)
);
COMMENT ON TABLE dcep.claim_payment IS 'Payments across of kind recover: on the node that made them, and on the registry, which takes no other of that kind';
COMMENT ON COLUMN dcep.claim_payment.origin IS 'Institution whose node held the money';
COMMENT ON COLUMN dcep.claim_payment.transfer IS 'The transfer there';
COMMENT ON COLUMN dcep.claim_payment.claim IS 'The claim, as in dcep.claim';
COMMENT ON COLUMN dcep.claim_payment.round IS 'Which recovery of it';
COMMENT ON COLUMN dcep.claim_payment.amount IS 'How much, minor units';
COMMENT ON COLUMN dcep.claim_payment.ended IS 'Has it arrived, or come back and been accounted for?';

CREATE TABLE dcep.node_role (
    role        name PRIMARY KEY,
    institution smallint NOT NULL
);
COMMENT ON TABLE dcep.node_role IS 'Which database role fetches the messages to which institution''s node; kept by dcep.grant_node(), by name, so that a dump can be restored elsewhere';
COMMENT ON COLUMN dcep.node_role.role IS 'Name of a role of this cluster';
COMMENT ON COLUMN dcep.node_role.institution IS 'Whose node it is';

CREATE TABLE dcep.told_chain (
    institution smallint NOT NULL,
    receiver    smallint NOT NULL,
    seq         bigint NOT NULL,
    head        bytea NOT NULL CHECK (pg_catalog.octet_length(head) = 32),
    PRIMARY KEY (institution, receiver)
);
COMMENT ON TABLE dcep.told_chain IS 'Per institution and node the end of the chain of those of its acts that the node is told of, and the lock under which it grows; on both sides';
COMMENT ON COLUMN dcep.told_chain.institution IS 'Whose acts';
COMMENT ON COLUMN dcep.told_chain.receiver IS 'Institution whose node is told of them';
COMMENT ON COLUMN dcep.told_chain.seq IS 'Number of these acts';
COMMENT ON COLUMN dcep.told_chain.head IS 'Hash of the last of them';

CREATE TABLE dcep.told_act (
    act         bigint PRIMARY KEY,
    institution smallint NOT NULL,
    receiver    smallint NOT NULL,
    state       text NOT NULL CHECK (state IN ('sent', 'taken', 'in effect', 'recovered', 'lifted', 'failed')),
    at          timestamptz,
    wallets     dcep.wallet_id[],
    sqlstate    text,
    reason      text
);
COMMENT ON TABLE dcep.told_act IS 'Acts that another node is told of, or has told of, and what has become of them there';
COMMENT ON COLUMN dcep.told_act.act IS 'The act';
COMMENT ON COLUMN dcep.told_act.institution IS 'Whose act it is';
COMMENT ON COLUMN dcep.told_act.receiver IS 'Institution whose node is told of it';
COMMENT ON COLUMN dcep.told_act.state IS 'sent: no answer yet; taken: an agreement, on the side that was told; in effect, lifted: an order, and its lifting; recovered: an order, of which the node has given back what it held; failed: the node could not do it';
COMMENT ON COLUMN dcep.told_act.at IS 'When the receiver had done it, by its clock; NULL where this side does not know';
COMMENT ON COLUMN dcep.told_act.wallets IS 'On the registry: the wallets that the node has found the order to bear on';
COMMENT ON COLUMN dcep.told_act.sqlstate IS 'Of one that failed: with what';
COMMENT ON COLUMN dcep.told_act.reason IS 'In words';

-- --- what pg_dump carries ----------------------------------------------------

DO $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT c.oid FROM pg_catalog.pg_class AS c
         WHERE c.relnamespace = 'dcep'::pg_catalog.regnamespace AND c.relkind IN ('r', 'S')
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(relation, '');
    END LOOP;
END
$$;
