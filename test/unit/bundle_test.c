/*
 * bundle_test.c: contexts that are read, and receipt bundles of all views and suites.
 */
#include "unit.h"

#include "bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAVES 7
#define PLACE 4
#define ORIGIN "dcep/cny/0123456789abcdef"

/* The transfer that all bundles are about. */
static DcepContext
example(int kind)
{
	static const int64_t inputs[] = {41, 86, 99};
	static char token[DCEP_TOKEN_PROOF_LEN];
	static char signature[DCEP_SIGNATURE_LEN];
	DcepContext context = {.seq = 2,
						   .id = 1000,
						   .kind = kind,
						   .payer = dcep_wallet_compose(2, INT64_C(99999999999)),
						   .payee = dcep_wallet_compose(3, INT64_C(12345678901)),
						   .amount = 1250,
						   .created_at = INT64_C(1767225600123456),
						   .key = {"order 1", 7},
						   .memo = {"", 0},
						   .inputs = inputs,
						   .input_count = 3};

	memset(context.prev_hash, 0xab, DCEP_HASH_LEN);
	if (kind == DCEP_KIND_TOKEN)
	{
		context.token = (DcepText){token, sizeof(token)};
		context.device_signature = (DcepText){signature, sizeof(signature)};
	}
	return context;
}

/* A context is read as it was written; altered ones are refused, or are written as they were read. */
void
unit_test_contexts(void)
{
	for (int kind = 1; kind <= DCEP_KIND_MAX; kind++)
	{
		DcepContext context = example(kind);
		DcepContext again;
		uint8_t bytes[512];
		uint8_t copy[512];
		int64_t inputs[64];
		size_t len = dcep_context_length(&context);
		bool canonical = true;
		int cut = 0;

		dcep_context_put(&context, bytes);
		ok(dcep_context_get(bytes, len, &again, inputs) == NULL && again.kind == kind && again.input_count == 3 &&
			   inputs[2] == 99 && again.memo.data != NULL && dcep_context_length(&again) == len,
		   "a context of kind %s is read", dcep_kind_name(kind));
		for (size_t i = 0; i < len; i++)
		{
			cut += dcep_context_get(bytes, i, &again, inputs) == NULL;
			bytes[i] ^= 0x80;
			if (dcep_context_get(bytes, len, &again, inputs) == NULL)
			{
				dcep_context_put(&again, copy);
				canonical = canonical && memcmp(copy, bytes, len) == 0;
			}
			bytes[i] ^= 0x80;
		}
		ok(cut == 0 && canonical, "no beginning of it is one, and what is read is written again");
	}
}

/* The keys of a bundle. */
typedef struct Keys
{
	DcepKeyPair *signer;
	DcepKeyPair *log;
	DcepKeyPair *witness;
	DcepNoteKey of_log;
	DcepNoteKey of_witness;
} Keys;

static Keys
make_keys(int suite)
{
	Keys keys = {.signer = dcep_key_generate(suite),
				 .log = dcep_key_generate(DCEP_SUITE_ED25519),
				 .witness = dcep_key_generate(DCEP_SUITE_ED25519)};

	keys.of_log = unit_note_key(keys.log, ORIGIN, DCEP_NOTE_KEY_LOG);
	keys.of_witness = unit_note_key(keys.witness, "witness.example", DCEP_NOTE_KEY_WITNESS);
	return keys;
}

static void
free_keys(Keys *keys)
{
	dcep_key_free(keys->signer);
	dcep_key_free(keys->log);
	dcep_key_free(keys->witness);
}

/* Signs the transfer, as one of a batch or alone. */
static void
sign_transfer(Keys *keys, const DcepOpening *opening, int suite, bool alone, DcepSignedCoin *signer)
{
	uint8_t leaves[LEAVES][DCEP_HASH_LEN];
	uint8_t root[DCEP_HASH_LEN];

	memset(leaves, 7, sizeof(leaves));
	memcpy(leaves[PLACE], opening->transfer_hash, DCEP_HASH_LEN);
	dcep_opening_coin(opening, DCEP_COIN_CHANGE, (const uint8_t[DCEP_SIGNATURE_LEN]){0}, signer);
	if (opening->coin[DCEP_COIN_PAYEE].amount > 0)
		dcep_opening_coin(opening, DCEP_COIN_PAYEE, (const uint8_t[DCEP_SIGNATURE_LEN]){0}, signer);
	memcpy(root, opening->transfer_hash, DCEP_HASH_LEN);
	if (!alone)
	{
		signer->batch_index = PLACE;
		signer->batch_size = LEAVES;
		signer->path_len = dcep_path_length(PLACE, LEAVES);
		dcep_batch_path(suite, (const uint8_t(*)[DCEP_HASH_LEN]) leaves, LEAVES, PLACE, signer->path);
		dcep_batch_root(suite, (const uint8_t(*)[DCEP_HASH_LEN]) leaves, LEAVES, root);
	}
	dcep_root_sign(keys->signer, root, signer->signature);
}

/* Supplies a log of leaves of which all but one are 9s. */
static bool
read_log(void *from, int level, uint64_t index, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t leaves[LEAVES][DCEP_HASH_LEN];

	memset(leaves, 9, sizeof(leaves));
	memcpy(leaves[PLACE], from, DCEP_HASH_LEN);
	return dcep_tree_fold(leaves + (index << level), UINT32_C(1) << level, out);
}

/* Writes the checkpoint of that log, signed and cosigned. */
static size_t
put_checkpoint(Keys *keys, uint8_t leaf[DCEP_HASH_LEN], char *out, size_t size)
{
	uint8_t root[DCEP_HASH_LEN];
	char text[256];
	char lines[2][DCEP_NOTE_LINE_MAX];
	size_t len = (size_t) sprintf(text, ORIGIN "\n%d\n", LEAVES);

	dcep_tree_root(read_log, leaf, LEAVES, root);
	len += dcep_base64_put(root, DCEP_HASH_LEN, text + len);
	len += (size_t) sprintf(text + len, "\ntime 1\n");
	dcep_note_sign(keys->log, ORIGIN, (DcepSpan){text, len}, lines[0]);
	dcep_note_cosign(keys->witness, "witness.example", 1767225600, (DcepSpan){text, len}, lines[1]);
	return (size_t) snprintf(out, size, "%s\n%s%s", text, lines[0], lines[1]);
}

/* Makes a bundle; its length. */
static size_t
make_bundle(Keys *keys, int suite, int kind, DcepBundleView view, bool alone, char *out)
{
	DcepMint mint = {suite, 2, 1, {'C', 'N', 'Y'}, 2};
	DcepContext context = example(kind);
	DcepBundle bundle = {.transfer = 1000, .view = view, .change = 350, .leaf = PLACE};
	DcepOpening opening;
	uint8_t bytes[512];
	uint8_t leaf[DCEP_HASH_LEN];
	char note[1024];

	dcep_opening_compute(&mint, &context, 350, kind == DCEP_KIND_REDEEM, &opening);
	sign_transfer(keys, &opening, suite, alone, &bundle.signer);
	bundle.public_len = dcep_key_public(keys->signer, bundle.public_key);
	dcep_context_put(&context, bytes);
	bundle.context = (DcepBytes){bytes, dcep_context_length(&context)};
	memcpy(bundle.hash, opening.transfer_hash, DCEP_HASH_LEN);
	dcep_tree_leaf(opening.transfer_hash, DCEP_HASH_LEN, leaf);
	dcep_tree_inclusion(read_log, leaf, PLACE, LEAVES, &bundle.proof);
	bundle.note = (DcepSpan){note, put_checkpoint(keys, leaf, note, sizeof(note))};
	return dcep_bundle_put(&bundle, out);
}

/* What is wrong with a bundle, read and verified by these keys. */
static const char *
find_wrong(const char *text, size_t len, const Keys *keys, int quorum)
{
	DcepBundleTrust trust = {&keys->of_log, &keys->of_witness, 1, quorum};
	void *room = malloc(DCEP_BUNDLE_ROOM(len));
	char *copy = malloc(len + 1); /* its own memory, so that a sanitizer sees a read beyond the end */
	char *again = NULL;
	DcepBundle bundle;
	const char *wrong;

	memcpy(copy, text, len);
	wrong = dcep_bundle_parse(copy, len, room, &bundle);
	if (wrong == NULL)
	{
		again = malloc(dcep_bundle_length(&bundle));
		if (dcep_bundle_put(&bundle, again) != len || memcmp(again, text, len) != 0)
			wrong = "It is written otherwise than it was read.";
		else
			wrong = dcep_bundle_verify(&bundle, &trust);
	}
	free(again);
	free(copy);
	free(room);
	return wrong;
}

/* Is this what is wrong? */
static bool
is_wrong(const char *wrong, const char *expected)
{
	bool same = wrong == NULL || expected == NULL ? wrong == expected : strcmp(wrong, expected) == 0;

	if (!same)
		printf("# %s\n", wrong == NULL ? "nothing is wrong" : wrong);
	return same;
}

/* One bundle: sound, and under other keys it is not. */
static void
test_bundle(int suite, int kind, DcepBundleView view, bool alone)
{
	Keys keys = make_keys(suite);
	Keys others = make_keys(suite);
	Keys mixed = keys;
	char text[8192];
	size_t len = make_bundle(&keys, suite, kind, view, alone, text);

	ok(is_wrong(find_wrong(text, len, &keys, 1), NULL), "a bundle: %s, kind %s, view %s, %s", dcep_suite_name(suite),
	   dcep_kind_name(kind), dcep_bundle_view_name(view), alone ? "alone" : "in a batch");
	ok(is_wrong(find_wrong(text, len, &others, 0), "The checkpoint is not signed by the log."), "not of another log");
	mixed.of_witness = others.of_witness;
	ok(is_wrong(find_wrong(text, len, &mixed, 0), NULL) &&
		   is_wrong(find_wrong(text, len, &mixed, 1), "Too few of the witnesses have cosigned the checkpoint."),
	   "nor of another witness, where one is asked for");
	free_keys(&keys);
	free_keys(&others);
}

/* A bundle byte by byte: altered, and cut. What a view does not bind is in the lines up to the signer's. */
static void
test_altered(DcepBundleView view)
{
	Keys keys = make_keys(DCEP_SUITE_ED25519);
	char text[8192];
	size_t len = make_bundle(&keys, DCEP_SUITE_ED25519, DCEP_KIND_TRANSFER, view, false, text);
	size_t head = view == DCEP_VIEW_HASH ? (size_t) (strstr(text, " ed25519 ") - text) : 0;
	int accepted = 0;

	for (size_t i = head; i < len; i++)
	{
		text[i] ^= 1;
		accepted += find_wrong(text, len, &keys, 1) == NULL;
		text[i] ^= 1;
	}
	for (size_t i = 0; i < len; i++)
		accepted += find_wrong(text, i, &keys, 1) == NULL;
	ok(accepted == 0, "no altered byte passes, view %s", dcep_bundle_view_name(view));
	free_keys(&keys);
}

/* What is put together of sound pieces that do not belong together. */
static void
test_mixed(void)
{
	Keys keys = make_keys(DCEP_SUITE_ED25519);
	char text[8192];
	size_t len;

	len = make_bundle(&keys, DCEP_SUITE_ED25519, DCEP_KIND_TOKEN, DCEP_VIEW_PAYMENT, true, text);
	ok(is_wrong(find_wrong(text, len, &keys, 0), "A payment to a token is not shown whole."),
	   "a token's payee is not shown");
	len = make_bundle(&keys, DCEP_SUITE_ED25519, DCEP_KIND_TRANSFER, DCEP_VIEW_PAYMENT, true, text);
	memcpy(strstr(text, "transfer 1000"), "transfer 1001", 13);
	ok(is_wrong(find_wrong(text, len, &keys, 0), "The payment shown is another transfer."), "nor another transfer");
	len = make_bundle(&keys, DCEP_SUITE_ED25519, DCEP_KIND_TRANSFER, DCEP_VIEW_COIN, true, text);
	memcpy(strstr(text, "transfer 1000"), "transfer 1001", 13);
	ok(is_wrong(find_wrong(text, len, &keys, 0), "The coin shown is not the payee's of this transfer."),
	   "nor another coin");
	len = make_bundle(&keys, DCEP_SUITE_ED25519, DCEP_KIND_TRANSFER, DCEP_VIEW_COIN, true, text);
	memcpy(strstr(text, "signer 0002"), "signer 0003", 11);
	ok(is_wrong(find_wrong(text, len, &keys, 0), "The coin was signed otherwise than the bundle says."),
	   "nor another signer");
	len = make_bundle(&keys, DCEP_SUITE_ED25519, DCEP_KIND_TRANSFER, DCEP_VIEW_PAYMENT, true, text);
	memcpy(strstr(text, "payment 350"), "payment 351", 11);
	ok(is_wrong(find_wrong(text, len, &keys, 0), "The signature is not the signer's of what is shown."),
	   "nor another change");
	memcpy(strstr(text, "payment 351"), "payment 350", 11);
	memcpy(strstr(text, "index 4"), "index 5", 7);
	ok(is_wrong(find_wrong(text, len, &keys, 0), "The transfer is not proven to be in the log of the checkpoint."),
	   "nor another place");
	free_keys(&keys);
}

/* All of it. */
void
unit_test_bundles(void)
{
	for (int suite = DCEP_SUITE_ED25519; suite <= DCEP_SUITE_P256; suite++)
		for (DcepBundleView view = DCEP_VIEW_PAYMENT; view <= DCEP_VIEW_HASH; view++)
		{
			test_bundle(suite, DCEP_KIND_TRANSFER, view, true);
			test_bundle(suite, DCEP_KIND_TRANSFER, view, false);
		}
	test_bundle(DCEP_SUITE_ED25519, DCEP_KIND_REDEEM, DCEP_VIEW_PAYMENT, true);
	test_bundle(DCEP_SUITE_ED25519, DCEP_KIND_TOKEN, DCEP_VIEW_COIN, true);
	test_bundle(DCEP_SUITE_ED25519, DCEP_KIND_TOKEN, DCEP_VIEW_HASH, true);
	for (DcepBundleView view = DCEP_VIEW_PAYMENT; view <= DCEP_VIEW_HASH; view++)
		test_altered(view);
	test_mixed();
}
