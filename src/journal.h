/*
 * journal.h: a transfer as it stands in the journal.
 *
 * The one place that knows the columns of dcep.transfer, and how a row is
 * hashed: what executes a payment, what verifies a coin before it is spent and
 * what walks a chain all read and write rows through here.
 */
#ifndef DCEP_JOURNAL_H
#define DCEP_JOURNAL_H

#include "postgres.h"

#include "batch.h"
#include "config.h"
#include "idset.h"
#include "opening.h"
#include "refusal.h"
#include "table.h"

/* Columns of dcep.transfer. */
typedef enum DcepTransferColumn
{
	DCEP_TRANSFER_ID = 1,
	DCEP_TRANSFER_PAYER,
	DCEP_TRANSFER_PAYEE,
	DCEP_TRANSFER_AMOUNT,
	DCEP_TRANSFER_CHANGE,
	DCEP_TRANSFER_CREATED_AT,
	DCEP_TRANSFER_SEQ,
	DCEP_TRANSFER_KIND,
	DCEP_TRANSFER_KEY_NUMBER,
	DCEP_TRANSFER_ISSUER,
	DCEP_TRANSFER_SUITE,
	DCEP_TRANSFER_BATCH_INDEX,
	DCEP_TRANSFER_BATCH,
	DCEP_TRANSFER_INPUTS,
	DCEP_TRANSFER_PREV_HASH,
	DCEP_TRANSFER_HASH,
	DCEP_TRANSFER_SIGNATURE,
	DCEP_TRANSFER_KEY,
	DCEP_TRANSFER_MEMO,
	DCEP_TRANSFER_TOKEN,
	DCEP_TRANSFER_DEVICE_SIGNATURE
} DcepTransferColumn;

#define DCEP_TRANSFER_COLUMNS DCEP_TRANSFER_DEVICE_SIGNATURE

/* A row of the journal. Pointers in it are good as long as the row that it was read from. */
typedef struct DcepTransfer
{
	DcepContext context;
	int64 change;
	int suite;
	int issuer;
	int key_number;
	int64 batch; /* 0 when signed alone */
	int batch_index;
	uint8 hash[DCEP_HASH_LEN];
	uint8 signature[DCEP_SIGNATURE_LEN]; /* zero in a batch */
} DcepTransfer;

/* The journal, open for reading: the transfers and, once one of them needs it, the batches. */
typedef struct DcepJournal
{
	MemoryContext context; /* in which the tables were opened */
	DcepTable *transfers;
	DcepTable *batches; /* NULL before the first use */
	DcepBatch batch;	/* the one that was read last; id 0 for none */
	DcepIdSet *sound;	/* batches whose signature has been computed in this run; NULL where nobody keeps count */
} DcepJournal;

/* Opens the journal in the current memory context; `count_batches` for runs that verify many transfers anew. */
extern void dcep_journal_open(DcepJournal *journal, bool count_batches);
extern void dcep_journal_close(DcepJournal *journal);
/* A batch by id; an error (XX001) where it is missing or damaged. Good until another one is read. */
extern const DcepBatch *dcep_journal_batch(DcepJournal *journal, Snapshot snapshot, int64 id);
/* Lets go of the row that was read last. */
extern void dcep_journal_release(DcepJournal *journal);

/* Between PostgreSQL's time and the microseconds since 1970 that are hashed. */
extern int64 dcep_unix_time(TimestampTz at);
extern TimestampTz dcep_pg_time(int64 unix_time);

/* The text, or the bytes, of a text or bytea datum that may be null. */
extern DcepText dcep_text(Datum value, bool is_null);
/* The n-th argument of a function in SQL as one. */
#define DCEP_OPTIONAL_TEXT(n) dcep_text(PG_ARGISNULL(n) ? (Datum) 0 : PG_GETARG_DATUM(n), PG_ARGISNULL(n))
/* And back: a text or bytea datum, palloc'd, or null. */
extern Datum dcep_text_datum(DcepText text, bool *is_null);

/* Are two texts the same, or both absent? */
extern bool dcep_text_same(DcepText a, DcepText b);
/* Are these the same payment token, or both absent? What follows the token is drawn anew each time. */
extern bool dcep_token_same(DcepText a, DcepText b);

/* Reads a row. Returns NULL, or what makes it unreadable. */
extern const char *dcep_transfer_parse(const DcepConfig *config, const Datum *values, const bool *nulls,
									   DcepTransfer *transfer);
/* The same, and an error (XX001) where it cannot be read. */
extern void dcep_transfer_read(const DcepConfig *config, const Datum *values, const bool *nulls,
							   DcepTransfer *transfer);
/* Fills the columns of a row; by-reference values are palloc'd or point into the transfer. */
extern void dcep_transfer_write(const DcepConfig *config, const DcepTransfer *transfer, Datum *values, bool *nulls);

/* A copy without what the row lends it: key, memo, token, device's signature and inputs are absent. */
extern DcepTransfer dcep_transfer_keep(const DcepTransfer *transfer);

/*
 * The institution that signs a transfer: the payer's; where another node keeps the payer, the payee's, in whose
 * name this one enters what the other has paid.
 */
extern int dcep_transfer_signer(const DcepConfig *config, const DcepContext *context);

/* Computes the opening of a transfer from everything but its stored hash. */
extern void dcep_transfer_open(const DcepConfig *config, const DcepTransfer *transfer, DcepOpening *opening);

/* A number that differs where any column of the row differs (not cryptographic). */
extern uint64 dcep_transfer_digest(const DcepTransfer *transfer);

/* Reads the row in journal->transfers->slot; an error (XX001) where it is damaged. */
extern void dcep_journal_read(const DcepConfig *config, DcepJournal *journal, DcepTransfer *transfer);
/* Finds a row by id. */
extern bool dcep_transfer_find(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id,
							   DcepTransfer *transfer);
/* Finds a row by its payer's idempotency key. */
extern bool dcep_transfer_find_key(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 payer,
								   DcepText key, DcepTransfer *transfer);

/*
 * What a transfer is remembered by (known.h) once it has been signed or
 * verified, and remembering it. A row that differs in any column is not known.
 */
extern void dcep_transfer_known_digest(const DcepKeptKey *kept, const DcepTransfer *transfer,
									   uint8 digest[DCEP_HASH_LEN]);
extern void dcep_transfer_remember(const DcepKeptKey *kept, const DcepTransfer *transfer);

/*
 * Verifies a transfer's hash and signature; refuses with LG101, LG102 or LG103.
 * With the opening, so that the caller can compare a coin with what was signed.
 */
extern bool dcep_transfer_verify(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot,
								 const DcepTransfer *transfer, DcepEffort effort, DcepOpening *opening,
								 DcepRefusal *refusal);

/* The signed coin of a transfer that has been verified. */
extern void dcep_transfer_coin(const DcepJournal *journal, const DcepTransfer *transfer, const DcepOpening *opening,
							   int which, DcepSignedCoin *coin);

/* How a transfer was signed: signature, and place in its batch with the path; the rest of the coin is left as it is. */
extern void dcep_transfer_place(DcepJournal *journal, Snapshot snapshot, const DcepTransfer *transfer,
								DcepSignedCoin *place);

/* The signed coin of an id, verified unless it is known; an error (LG101-LG103) where it is none. */
extern void dcep_journal_coin(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id,
							  DcepSignedCoin *coin);

/*
 * Verifies a coin as it lies in dcep.coin against the transfer that minted it:
 * same owner, same amount, good signature. LG101, LG102 or LG103 where not.
 */
extern bool dcep_coin_verify(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id, int64 owner,
							 int64 amount, DcepRefusal *refusal);

#endif
