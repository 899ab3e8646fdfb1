/*
 * codec.h: the bytes of dcep, and nothing else.
 *
 * Every number that is hashed, signed or stored in a coin passes through this
 * file, so that docs/format.md has one counterpart in code.  Plain C without
 * PostgreSQL or OpenSSL: the stand-alone verifier shares it with the extension.
 *
 * Parsers return NULL when the input is sound, else a sentence that says what
 * is wrong with it, in the form of an error DETAIL.
 */
#ifndef DCEP_CODEC_H
#define DCEP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DCEP_HASH_LEN 32
#define DCEP_SIGNATURE_LEN 64
#define DCEP_BLINDING_LEN 16
#define DCEP_CURRENCY_LEN 3

/* Signature suites, as stored in coins, keys and the journal. */
typedef enum DcepSuite
{
	DCEP_SUITE_ED25519 = 1, /* Ed25519, SHA-256 */
	DCEP_SUITE_SM2 = 2,		/* SM2, SM3 */
	DCEP_SUITE_P256 = 3		/* ECDSA P-256, SHA-256 */
} DcepSuite;

/* Kinds of transfer, as they enter the context. */
typedef enum DcepKind
{
	DCEP_KIND_ISSUE = 1,
	DCEP_KIND_TRANSFER = 2,
	DCEP_KIND_EXCHANGE_IN = 3,
	DCEP_KIND_EXCHANGE_OUT = 4,
	DCEP_KIND_REDEEM = 5,
	DCEP_KIND_RECOVER = 6,
	DCEP_KIND_CONSOLIDATE = 7,
	DCEP_KIND_TOKEN = 8,
	DCEP_KIND_RETURN = 9
} DcepKind;

#define DCEP_KIND_MAX 9

/* "issue", "transfer", ... or NULL for a number that is no kind. */
extern const char *dcep_kind_name(int kind);

/* --- numbers in network order ------------------------------------------- */

extern uint8_t *dcep_put_u16(uint8_t *to, uint16_t value);
extern uint8_t *dcep_put_u32(uint8_t *to, uint32_t value);
extern uint8_t *dcep_put_u64(uint8_t *to, uint64_t value);
extern uint16_t dcep_get_u16(const uint8_t *from);
extern uint32_t dcep_get_u32(const uint8_t *from);
extern uint64_t dcep_get_u64(const uint8_t *from);

/* What is left to read of some bytes; `at` is NULL once they have turned out to be too short or wrong. */
typedef struct DcepReader
{
	const uint8_t *at;
	const uint8_t *end;
} DcepReader;

/* Takes bytes, NULL where there are not as many; a number of at most 8 bytes, 0 where it is not there. */
extern const uint8_t *dcep_take_bytes(DcepReader *reader, size_t len);
extern uint64_t dcep_take_number(DcepReader *reader, size_t len);

/* --- wallet numbers ------------------------------------------------------ */

#define DCEP_WALLET_DIGITS 16
#define DCEP_WALLET_NUMBERS INT64_C(100000000000) /* 11 digits an institution */

/* The institution's code of a wallet number: its first four digits. */
static inline int
dcep_wallet_institution(int64_t wallet)
{
	return (int) (wallet / INT64_C(1000000000000));
}

/*
 * A number of institution 0000 is nobody's wallet. It stands in a wallet's place
 * where that is hidden: the other side of a payment to a token.
 */
#define DCEP_PSEUDONYMS 0

/* Wallet number of an institution (1-9999; 0 for a pseudonym) and a number (0-99999999999), with its check digit. */
extern int64_t dcep_wallet_compose(int institution, int64_t number);

/* Is this integer a wallet number, or a pseudonym in the form of one? */
extern const char *dcep_wallet_check(int64_t wallet);

/* Reads 16 digits; spaces or hyphens may stand between groups of four. */
extern const char *dcep_wallet_parse(const char *text, size_t len, int64_t *wallet);

/* Writes 16 digits and a NUL. */
extern void dcep_wallet_print(int64_t wallet, char out[DCEP_WALLET_DIGITS + 1]);

/* --- payment tokens ------------------------------------------------------ */

#define DCEP_TOKEN_DIGITS 18

/* Reads 18 digits that begin with 28. What is wrong is said without repeating a digit. */
extern const char *dcep_token_parse(const char *text, size_t len, int64_t *token);
extern const char *dcep_token_check(int64_t token);
/* The token that 64 bits make: 16 digits of them after 28. */
extern int64_t dcep_token_compose(uint64_t bits);
extern void dcep_token_print(int64_t token, char out[DCEP_TOKEN_DIGITS + 1]);

/* --- coins --------------------------------------------------------------- */

#define DCEP_COIN_VERSION 1
#define DCEP_COIN_BODY_LEN 60  /* what coin_hash covers */
#define DCEP_COIN_HEAD_LEN 132 /* up to the Merkle path */
#define DCEP_COIN_PATH_MAX 32  /* a batch has fewer than 2^32 transfers */
#define DCEP_COIN_MIN_LEN (DCEP_COIN_HEAD_LEN + DCEP_SIGNATURE_LEN)
#define DCEP_COIN_MAX_LEN (DCEP_COIN_MIN_LEN + DCEP_COIN_PATH_MAX * DCEP_HASH_LEN)
#define DCEP_COIN_PREFIX "dcep1"
#define DCEP_COIN_PREFIX_LEN (sizeof(DCEP_COIN_PREFIX) - 1)
#define DCEP_COIN_TEXT_MAX (DCEP_COIN_PREFIX_LEN + (DCEP_COIN_MAX_LEN * 4 + 2) / 3)

/* Bytes 0..59 of a signed coin. */
typedef struct DcepCoin
{
	uint8_t suite;
	uint16_t issuer;
	uint32_t key_number;
	char currency[DCEP_CURRENCY_LEN]; /* no NUL */
	uint8_t exponent;
	int64_t id;
	int64_t amount;
	int64_t owner;
	int64_t minted_at; /* microseconds since 1970-01-01 UTC */
	uint8_t blinding[DCEP_BLINDING_LEN];
} DcepCoin;

/* A signed coin, taken apart. */
typedef struct DcepSignedCoin
{
	DcepCoin coin;
	uint8_t sibling_hash[DCEP_HASH_LEN];
	uint8_t context_hash[DCEP_HASH_LEN];
	uint32_t batch_index;
	uint32_t batch_size;
	int path_len; /* number of hashes in path */
	uint8_t path[DCEP_COIN_PATH_MAX][DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
} DcepSignedCoin;

/* Writes bytes 0..59. */
extern void dcep_coin_put_body(const DcepCoin *coin, uint8_t out[DCEP_COIN_BODY_LEN]);

/* Are suite, issuer, key number, currency and exponent such as coins have? */
extern const char *dcep_coin_check_origin(const DcepCoin *coin);

/* Length of the RFC 9162 inclusion path of leaf `index` in a tree of `size` leaves (index < size). */
extern int dcep_path_length(uint32_t index, uint32_t size);

/* Writes a signed coin, returns its length (at most DCEP_COIN_MAX_LEN). */
extern size_t dcep_signed_coin_put(const DcepSignedCoin *coin, uint8_t *out);

/* Reads and validates a signed coin; every byte is checked that can be without a key. */
extern const char *dcep_signed_coin_get(const uint8_t *bytes, size_t len, DcepSignedCoin *coin);

/* Does a text begin as a coin's does, with DCEP_COIN_PREFIX? */
extern bool dcep_coin_text_begins(const char *text, size_t text_len);

/* Reads the text of a signed coin that begins so and has DCEP_COIN_TEXT_MAX characters at most; `bytes` holds DCEP_COIN_MAX_LEN + 3. */
extern const char *dcep_coin_text_get(const char *text, size_t text_len, uint8_t *bytes, size_t *len,
									  DcepSignedCoin *coin);

/* --- base64url without padding ------------------------------------------- */

extern size_t dcep_base64url_length(size_t len);
extern size_t dcep_base64url_put(const uint8_t *bytes, size_t len, char *out);

/* Canonical input only: no padding, no spaces, unused bits zero. `out` holds len * 3 / 4 + 3 bytes. */
extern const char *dcep_base64url_get(const char *text, size_t len, uint8_t *out, size_t *out_len);

/* --- the context of a transfer ------------------------------------------- */

/* A text field that may be absent (data == NULL), which is not the same as empty. */
typedef struct DcepText
{
	const char *data;
	uint32_t len;
} DcepText;

/* Fields of what is hashed, each after its length: a number; the length alone of a text, 0xFFFFFFFF where it is absent. */
extern uint8_t *dcep_put_field_number(uint8_t *to, int64_t value);
extern uint8_t *dcep_put_text_length(uint8_t *to, DcepText text);

/* Takes them back, `at` NULL where another length stands there: bytes, a number, a text. */
extern const uint8_t *dcep_take_field(DcepReader *reader, uint32_t len);
extern int64_t dcep_take_field_number(DcepReader *reader);
extern DcepText dcep_take_field_text(DcepReader *reader);

#define DCEP_TAG_LEN 16 /* of a text that says what is hashed or signed, zeros behind it */

/*
 * What the records of an institution's chain begin with (entry.h, act.h): the
 * tag of their hash, their own tag, prev_hash and institution.
 */
#define DCEP_RECORD_HEAD_LEN (1 + DCEP_TAG_LEN + (4 + DCEP_HASH_LEN) + (4 + 2))
extern uint8_t *dcep_put_record_head(uint8_t *to, uint8_t hash_tag, const char tag[DCEP_TAG_LEN],
									 const uint8_t prev_hash[DCEP_HASH_LEN], int institution);

#define DCEP_TOKEN_SALT_LEN 16
#define DCEP_TOKEN_PROOF_LEN (8 + DCEP_TOKEN_SALT_LEN) /* the token, and what keeps the payee from being guessed */

/* What a transfer's hash covers beside its two coins. */
typedef struct DcepContext
{
	uint8_t prev_hash[DCEP_HASH_LEN]; /* zero for a chain's first */
	int64_t seq;
	int64_t id;
	int kind; /* DcepKind */
	int64_t payer;
	int64_t payee;
	int64_t amount;
	int64_t created_at; /* microseconds since 1970-01-01 UTC */
	DcepText key;
	DcepText memo;
	DcepText token;			   /* of a payment to a token: DCEP_TOKEN_PROOF_LEN bytes; else absent */
	DcepText device_signature; /* of the payer's device over its instruction: DCEP_SIGNATURE_LEN bytes, or absent */
	const int64_t *inputs;	   /* consumed coin ids, in order */
	uint32_t input_count;
} DcepContext;

/*
 * What a payer's device signs of a transfer: kind, payer, payee (of a payment to a
 * token the token), amount, key and memo, in the ledger's currency.
 */
extern size_t dcep_instruction_length(const DcepContext *context);
/* Writes exactly dcep_instruction_length() bytes. */
extern void dcep_instruction_put(const char currency[DCEP_CURRENCY_LEN], const DcepContext *context, uint8_t *out);

extern size_t dcep_context_length(const DcepContext *context);

/* Writes exactly dcep_context_length() bytes. */
extern void dcep_context_put(const DcepContext *context, uint8_t *out);

/* Reads exactly what dcep_context_put() writes. Texts point into `bytes`; `inputs` has room for len / 8 ids. */
extern const char *dcep_context_get(const uint8_t *bytes, size_t len, DcepContext *context, int64_t *inputs);

#endif
