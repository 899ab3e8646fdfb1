/*
 * bundle.h: receipt bundles, with which one payment is proven to whoever has no database.
 *
 * A text of lines: whose transfer it is and how it was signed, what is shown of
 * it, its place in the log, and a checkpoint that covers it (docs/format.md).
 *
 * Plain C on top of opening, tree and note; made for texts that strangers send.
 * Parsers return NULL when the input is sound, else a sentence that says what is
 * wrong.  What is accepted is canonical: written again, it is the same text.
 */
#ifndef DCEP_BUNDLE_H
#define DCEP_BUNDLE_H

#include "note.h"
#include "opening.h"
#include "tree.h"

#define DCEP_BUNDLE_MAX 16000000 /* bytes of a bundle */

/* What is shown of the transfer. */
typedef enum DcepBundleView
{
	DCEP_VIEW_PAYMENT = 1, /* all of it */
	DCEP_VIEW_COIN,		   /* the payee's coin, and so neither payer nor change */
	DCEP_VIEW_HASH		   /* nothing but that there is one */
} DcepBundleView;

/* "payment", "coin", "hash". */
extern const char *dcep_bundle_view_name(DcepBundleView view);

/* A bundle, taken apart, or to be put together. */
typedef struct DcepBundle
{
	int64_t transfer;
	DcepSignedCoin
		signer; /* currency, exponent, suite, issuer, key, batch, path and signature; of view coin the coin */
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	size_t public_len;
	DcepBundleView view;
	int64_t change;				 /* of view payment: minor units, 0 for none */
	DcepBytes context;			 /* of view payment: as it was hashed */
	DcepContext fields;			 /* of view payment, once read: the same, taken apart */
	uint8_t hash[DCEP_HASH_LEN]; /* transfer_hash; of a bundle that was read, of view hash alone */
	uint64_t leaf;				 /* place in the log */
	DcepTreePath proof;			 /* of inclusion, in the checkpoint's tree */
	DcepSpan note;				 /* the checkpoint, a signed note */
	DcepNote signatures;		 /* once read: the note, taken apart */
	DcepCheckpoint checkpoint;	 /* once read */
} DcepBundle;

/* Bytes of room that reading a bundle takes; aligned as malloc() does. */
#define DCEP_BUNDLE_ROOM(len) (2 * (len) + 16)

/* Takes a bundle apart. It points into the text and into the room, which both must stay. */
extern const char *dcep_bundle_parse(const char *text, size_t len, void *room, DcepBundle *bundle);

/* Bytes that dcep_bundle_put() writes at most, and writing; returns their number. No NUL. */
extern size_t dcep_bundle_length(const DcepBundle *bundle);
extern size_t dcep_bundle_put(const DcepBundle *bundle, char *out);

/* Hash of the transfer, from what is shown of it; false where OpenSSL fails. */
extern bool dcep_bundle_transfer_hash(const DcepBundle *bundle, uint8_t out[DCEP_HASH_LEN]);

/* Whom the verifier trusts: the log, and witnesses of whom so many must have cosigned. */
typedef struct DcepBundleTrust
{
	const DcepNoteKey *log;
	const DcepNoteKey *witnesses;
	int witness_count;
	int quorum;
} DcepBundleTrust;

/*
 * What is wrong with a bundle that was read; NULL where nothing is. The signer's key
 * is taken as the bundle has it: whoever knows the key compares.
 * dcep_bundle_undecided where OpenSSL fails: dcep_crypto_error() says why.
 */
extern const char *dcep_bundle_verify(const DcepBundle *bundle, const DcepBundleTrust *trust);
extern const char dcep_bundle_undecided[];

#endif
