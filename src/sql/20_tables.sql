-- The tables.  Fixed-width columns come first: the payment path reads them at
-- fixed offsets.  Amounts are minor units everywhere (fen where exponent = 2).
--
-- No foreign keys: only the functions of this extension write here, and they look
-- up what they refer to; dcep.audit() proves it afterwards.  A dump can so be
-- restored in any order, by several jobs at once, and a payment pays for none.

CREATE TYPE dcep.transfer_kind AS ENUM ('issue', 'transfer', 'exchange_in', 'exchange_out', 'redeem', 'consolidate', 'recover', 'token');
COMMENT ON TYPE dcep.transfer_kind IS
'What a transfer is: issue (central bank''s vault to an operator''s vault, against its reserve), transfer (wallet to wallet), exchange_in (an operator''s vault to one of its wallets), exchange_out (back), redeem (an operator''s vault to the central bank''s, which destroys the coins and restores the reserve), consolidate (a wallet exchanges many of its own coins for one; no money moves, and no limit counts it), recover (a wallet to whom its money belongs, by dcep.recover() under orders of two authorities), token (wallet to a payment token, by dcep.pay_token(): who was paid is hidden from operators)';

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
    CHECK ((kind = 'supervisor') = (vault IS NULL)),
    CHECK ((kind = 'central_bank') = (code = 1))
);
COMMENT ON TABLE dcep.institution IS 'Who takes part: the central bank (always 0001), operators (banks and payment companies), supervisors';
COMMENT ON COLUMN dcep.institution.code IS 'The first four digits of every wallet number of this institution';
COMMENT ON COLUMN dcep.institution.status IS 'A suspended institution''s wallets neither pay nor receive';
COMMENT ON COLUMN dcep.institution.vault IS 'The institution''s own wallet: issuance vault of the central bank, bank vault of an operator';
COMMENT ON COLUMN dcep.institution.name IS 'For people';
COMMENT ON COLUMN dcep.institution.kind IS 'central_bank (code 1 alone), operator or supervisor';
COMMENT ON COLUMN dcep.institution.enrolled_at IS 'When dcep.enroll_institution() ran';

CREATE TABLE dcep.institution_secret (
    code          smallint PRIMARY KEY,
    number_secret bytea NOT NULL CHECK (pg_catalog.octet_length(number_secret) = 32)
);
COMMENT ON TABLE dcep.institution_secret IS 'Keys of the permutation that allots wallet numbers; nobody but the extension reads them';
COMMENT ON COLUMN dcep.institution_secret.code IS 'Whose wallets are numbered with it';
COMMENT ON COLUMN dcep.institution_secret.number_secret IS '32 random bytes';

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
COMMENT ON TABLE dcep.signing_key IS 'Public keys. An institution signs with its highest number that is valid and not revoked; private keys are files in dcep.key_directory';
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
    PRIMARY KEY (class, valid_from)
);
COMMENT ON TABLE dcep.wallet_class IS 'Limits of a wallet class from a day on (ledger''s time zone); NULL is no limit. Class 0 is an institution''s own wallet';
COMMENT ON COLUMN dcep.wallet_class.decided_at IS 'When the row was entered, by the extension: payments made before are not measured by it';
COMMENT ON COLUMN dcep.wallet_class.max_balance IS 'What a wallet may hold after it received a payment, minor units';
COMMENT ON COLUMN dcep.wallet_class.max_payment IS 'One payment, minor units';
COMMENT ON COLUMN dcep.wallet_class.max_day IS 'Sum of the payments of a day, minor units';
COMMENT ON COLUMN dcep.wallet_class.max_year IS 'Sum of the payments of a calendar year, minor units';
COMMENT ON COLUMN dcep.wallet_class.class IS '0 for institutions, else as opening requests name it';
COMMENT ON COLUMN dcep.wallet_class.valid_from IS 'First day on which these limits hold, until the day of the next row of the class';
COMMENT ON COLUMN dcep.wallet_class.name IS 'For people';

-- --- wallets -----------------------------------------------------------------

CREATE SEQUENCE dcep.wallet_number_seq MINVALUE 0 MAXVALUE 99999999999;
COMMENT ON SEQUENCE dcep.wallet_number_seq IS 'Counts wallets of all institutions; a keyed permutation turns it into a number that tells nothing';

CREATE TABLE dcep.wallet (
    id          dcep.wallet_id PRIMARY KEY,
    institution smallint NOT NULL,
    class       smallint NOT NULL,
    flags       integer NOT NULL DEFAULT 0 CHECK (flags BETWEEN 0 AND 7),
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    form        text NOT NULL DEFAULT 'software' CHECK (form IN ('software', 'hardware', 'vault')),
    parent      dcep.wallet_id,
    opened_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    closed_at   timestamptz,
    CHECK (institution = dcep.institution(id)),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((form = 'vault') = (class = 0))
);
COMMENT ON TABLE dcep.wallet IS 'Wallets. Opened by dcep.open_wallet(), never removed';
COMMENT ON COLUMN dcep.wallet.flags IS 'Restrictions by the central bank: 1 = may not pay, 2 = may not receive, 3 = neither. Set by dcep.freeze(). 4 is added where supervisors'' orders bear on the wallet itself (dcep.control_effect)';
COMMENT ON COLUMN dcep.wallet.id IS 'The wallet number';
COMMENT ON COLUMN dcep.wallet.institution IS 'Who keeps the wallet: the first four digits of its number';
COMMENT ON COLUMN dcep.wallet.class IS 'Which limits of dcep.wallet_class hold for it';
COMMENT ON COLUMN dcep.wallet.status IS 'open, or closed for good';
COMMENT ON COLUMN dcep.wallet.form IS 'software, hardware, or vault of an institution';
COMMENT ON COLUMN dcep.wallet.parent IS 'The wallet that it belongs to: of a till, its vault; NULL for others';
COMMENT ON COLUMN dcep.wallet.opened_at IS 'When it was opened';
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
    event     text NOT NULL CHECK (event IN ('open', 'freeze', 'unfreeze', 'close')),
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
COMMENT ON COLUMN dcep.wallet_event.event IS 'open, freeze, unfreeze or close';
COMMENT ON COLUMN dcep.wallet_event.direction IS 'Of freeze and unfreeze: debit, credit or both';
COMMENT ON COLUMN dcep.wallet_event.reason IS 'Of freeze and unfreeze: case number or legal basis';
COMMENT ON COLUMN dcep.wallet_event.class IS 'Class of the wallet at that time';
COMMENT ON COLUMN dcep.wallet_event.by_role IS 'Role that had logged in';
COMMENT ON COLUMN dcep.wallet_event.at IS 'When';

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
COMMENT ON COLUMN dcep.act.kind IS 'agree, impose, lift, recover, open_case or close_case';
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

CREATE TABLE dcep.recovery (
    order_id    bigint NOT NULL,
    authority   smallint NOT NULL,
    payee       dcep.wallet_id NOT NULL,
    act         bigint NOT NULL,
    PRIMARY KEY (order_id, authority)
);
COMMENT ON TABLE dcep.recovery IS 'Which authorities ordered that the money under an order be given back, and to whom. Append-only';
COMMENT ON COLUMN dcep.recovery.order_id IS 'The order that holds the money';
COMMENT ON COLUMN dcep.recovery.authority IS 'The supervisor or central bank that ordered it';
COMMENT ON COLUMN dcep.recovery.payee IS 'Who is to get it';
COMMENT ON COLUMN dcep.recovery.act IS 'The act';

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
