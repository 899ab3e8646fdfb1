/*
 * log_vectors.c: makes those test vectors of docs/format.md that are of the log.
 *
 * A log of seven transfers, of which one is the example; its checkpoint, the
 * cosignature of a witness, and the bundles of all views.  Keys are tests 2 and 3
 * of RFC 8032.
 */
#include "vectors.h"

#include "bundle.h"

#include <stdio.h>
#include <string.h>

#define LOG_SIZE 7
#define LOG_PLACE 4
#define LOG_OLD 3
#define CHANGE 350
#define SECONDS 1767225600
#define WITNESS "witness.example"
#define LOG_PRIVATE_KEY "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
#define WITNESS_PRIVATE_KEY "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"

/* What the vectors are made of. */
typedef struct Log
{
	DcepKeyPair *signer;
	DcepKeyPair *key;
	DcepKeyPair *witness;
	char origin[64];
	DcepOpening opening;
	uint8_t leaves[LOG_SIZE][DCEP_HASH_LEN];
	char text[512];
	char note[2048];
} Log;

/* Adds a text in one line. */
static void
add_text(const char *name, const char *text, size_t len)
{
	vectors_add("%s = ", name);
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == '\n')
			vectors_add("\\n");
		else
			vectors_add("%c", text[i]);
	}
	vectors_add("\n");
}

/* Supplies the log's hashes. */
static bool
read_leaves(void *from, int level, uint64_t index, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t copy[LOG_SIZE][DCEP_HASH_LEN];

	memcpy(copy, ((const Log *) from)->leaves, sizeof(copy));
	return dcep_tree_fold(copy + (index << level), UINT32_C(1) << level, out);
}

/* Adds the hashes of a proof. */
static void
add_path(const char *name, const DcepTreePath *path)
{
	for (int i = 0; i < path->count; i++)
		vectors_add_hex(name, path->hash[i], DCEP_HASH_LEN);
}

/* Fills the leaves: number i, from 0 on, is of a transfer_hash of 32 times i, but for the example's. */
static bool
fill_leaves(Log *log)
{
	for (int i = 0; i < LOG_SIZE; i++)
	{
		uint8_t hash[DCEP_HASH_LEN];

		memset(hash, i, DCEP_HASH_LEN);
		if (!dcep_tree_leaf(i == LOG_PLACE ? log->opening.transfer_hash : hash, DCEP_HASH_LEN, log->leaves[i]))
			return false;
	}
	return true;
}

/* Adds the tree and its proofs. */
static bool
add_tree(Log *log)
{
	uint8_t root[DCEP_HASH_LEN];
	uint8_t old_root[DCEP_HASH_LEN];
	DcepTreePath inclusion;
	DcepTreePath consistency;

	if (!dcep_tree_root(read_leaves, log, LOG_SIZE, root) || !dcep_tree_root(read_leaves, log, LOG_OLD, old_root) ||
		!dcep_tree_inclusion(read_leaves, log, LOG_PLACE, LOG_SIZE, &inclusion) ||
		!dcep_tree_consistency(read_leaves, log, LOG_OLD, LOG_SIZE, &consistency))
		return false;
	vectors_add("\n[log]\nsize = %d\nindex = %d\n", LOG_SIZE, LOG_PLACE);
	vectors_add_hex("leaf", log->leaves[LOG_PLACE], DCEP_HASH_LEN);
	vectors_add_hex("root", root, DCEP_HASH_LEN);
	add_path("inclusion", &inclusion);
	vectors_add("old_size = %d\n", LOG_OLD);
	vectors_add_hex("old_root", old_root, DCEP_HASH_LEN);
	add_path("consistency", &consistency);
	return true;
}

/* Adds a key: its private half, and its public one as tools for signed notes write it. */
static bool
add_key(const char *private_key, const DcepKeyPair *pair, const char *name, DcepNoteKeyType type)
{
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	char text[DCEP_NOTE_KEY_MAX];
	DcepNoteKey key;

	(void) dcep_key_public(pair, public_key);
	if (!dcep_note_key_make(name, type, public_key, &key))
		return false;
	(void) dcep_note_key_put(&key, text);
	vectors_add("private_key = %s\nverifier_key = %s\n", private_key, text);
	return true;
}

/* Names the log after its key. */
static bool
name_log(Log *log)
{
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	const DcepBytes piece = {public_key, dcep_key_public(log->key, public_key)};
	uint8_t hash[DCEP_HASH_LEN];

	if (!dcep_hash(DCEP_SUITE_ED25519, &piece, 1, hash))
		return false;
	(void) snprintf(log->origin, sizeof(log->origin), "dcep/cny/%02x%02x%02x%02x%02x%02x%02x%02x", hash[0], hash[1],
					hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
	return true;
}

/* Adds the checkpoint, and the witness's signature under it. */
static bool
add_checkpoint(Log *log)
{
	static const uint8_t zeros[DCEP_HASH_LEN];
	uint8_t root[DCEP_HASH_LEN];
	char root_text[64] = {0};
	char zeros_text[64] = {0};
	char lines[2][DCEP_NOTE_LINE_MAX];
	DcepSpan text = {log->text, 0};

	if (!name_log(log) || !dcep_tree_root(read_leaves, log, LOG_SIZE, root))
		return false;
	(void) dcep_base64_put(root, sizeof(root), root_text);
	(void) dcep_base64_put(zeros, sizeof(zeros), zeros_text);
	text.len =
		(size_t) snprintf(log->text, sizeof(log->text),
						  "%s\n%d\n%s\nprevious 0 %s\ntime 1767225600123456\nsupply CNY 2 1500000 500000 1000000\n"
						  "operator 0002 1500000 500000 1000000\n",
						  log->origin, LOG_SIZE, root_text, zeros_text);
	if (!dcep_note_sign(log->key, log->origin, text, lines[0]) ||
		!dcep_note_cosign(log->witness, WITNESS, SECONDS, text, lines[1]))
		return false;
	(void) snprintf(log->note, sizeof(log->note), "%s\n%s%s", log->text, lines[0], lines[1]);
	vectors_add("\n[checkpoint]\n");
	if (!add_key(LOG_PRIVATE_KEY, log->key, log->origin, DCEP_NOTE_KEY_LOG))
		return false;
	add_text("text", log->text, text.len);
	add_text("signature", lines[0], strlen(lines[0]));
	vectors_add("\n[cosignature]\n");
	if (!add_key(WITNESS_PRIVATE_KEY, log->witness, WITNESS, DCEP_NOTE_KEY_WITNESS))
		return false;
	vectors_add("time = %d\n", SECONDS);
	add_text("signature", lines[1], strlen(lines[1]));
	return true;
}

/* Adds a bundle, which must be sound. */
static bool
add_bundle(Log *log, DcepBundleView view, const DcepSignedCoin *signer)
{
	DcepContext context = vectors_context();
	DcepBundle bundle = {.transfer = context.id,
						 .signer = *signer,
						 .view = view,
						 .change = CHANGE,
						 .leaf = LOG_PLACE,
						 .fields = context};
	uint8_t bytes[512];
	char text[4096];

	bundle.public_len = dcep_key_public(log->signer, bundle.public_key);
	bundle.context = (DcepBytes){bytes, dcep_context_length(&context)};
	dcep_context_put(&context, bytes);
	memcpy(bundle.hash, log->opening.transfer_hash, DCEP_HASH_LEN);
	bundle.note = (DcepSpan){log->note, strlen(log->note)};
	if (!dcep_tree_inclusion(read_leaves, log, LOG_PLACE, LOG_SIZE, &bundle.proof) ||
		dcep_bundle_length(&bundle) > sizeof(text))
		return false;
	add_text(dcep_bundle_view_name(view), text, dcep_bundle_put(&bundle, text));
	return true;
}

/* Adds the bundles: signed alone, and where the coin is shown as one of a batch. */
static bool
add_bundles(Log *log)
{
	uint8_t signature[DCEP_SIGNATURE_LEN];
	uint8_t root[DCEP_HASH_LEN];
	DcepSignedCoin alone;
	DcepSignedCoin batched;

	if (!dcep_root_sign(log->signer, log->opening.transfer_hash, signature) ||
		!vectors_batch_coin(log->signer, &log->opening, &batched, root))
		return false;
	dcep_opening_coin(&log->opening, DCEP_COIN_PAYEE, signature, &alone);
	vectors_add("\n[bundle]\n");
	return add_bundle(log, DCEP_VIEW_PAYMENT, &alone) && add_bundle(log, DCEP_VIEW_COIN, &batched) &&
		   add_bundle(log, DCEP_VIEW_HASH, &alone);
}

/* Adds the log. */
bool
vectors_add_log(const char *private_key)
{
	const DcepMint mint = {DCEP_SUITE_ED25519, 2, 1, {'C', 'N', 'Y'}, 2};
	DcepContext context = vectors_context();
	Log log = {.signer = vectors_key(DCEP_SUITE_ED25519, private_key),
			   .key = vectors_key(DCEP_SUITE_ED25519, LOG_PRIVATE_KEY),
			   .witness = vectors_key(DCEP_SUITE_ED25519, WITNESS_PRIVATE_KEY)};
	bool done = log.signer != NULL && log.key != NULL && log.witness != NULL &&
				dcep_opening_compute(&mint, &context, CHANGE, false, &log.opening) && fill_leaves(&log) &&
				add_tree(&log) && add_checkpoint(&log) && add_bundles(&log);

	dcep_key_free(log.signer);
	dcep_key_free(log.key);
	dcep_key_free(log.witness);
	return done;
}
