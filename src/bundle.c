/*
 * bundle.c: receipt bundles, with which one payment is proven to whoever has no database.
 *
 * Read and written line by line, in the same order; each line is read by one
 * function, which accepts what its counterpart writes and nothing else.
 */
#include "bundle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEAD_LINE "dcep receipt v1"
#define PROOF_LINE "c2sp.org/tlog-proof@v1"

/* Characters of the lines before and behind the path, but for context and note, and of a line with a hash. */
#define HEAD_MAX 1024
#define HASH_LINE_MAX (5 + 44 + 1)

const char dcep_bundle_undecided[] = "The bundle cannot be verified.";

/* Name of a view. */
const char *
dcep_bundle_view_name(DcepBundleView view)
{
	static const char *const names[] = {
		[DCEP_VIEW_PAYMENT] = "payment", [DCEP_VIEW_COIN] = "coin", [DCEP_VIEW_HASH] = "hash"};

	assert(view >= DCEP_VIEW_PAYMENT && view <= DCEP_VIEW_HASH);
	return names[view];
}

/* --- words of a line ------------------------------------------------------------ */

/* Cuts the next word off a line, up to a space or the end; false where there is none. */
static bool
next_word(DcepSpan *line, DcepSpan *word)
{
	bool has_space = line->len > 0 && memchr(line->at, ' ', line->len) != NULL;

	*word = dcep_note_word(line);
	/* A space at the end would not be written again. */
	return word->len > 0 && (!has_space || line->len > 0);
}

/* Cuts off the next line, which begins with this word; `rest` is left with the words behind it. */
static bool
take_line(DcepSpan *text, const char *name, DcepSpan *rest)
{
	DcepSpan word;

	return dcep_note_line(text, rest) && next_word(rest, &word) && dcep_span_is(word, name);
}

/* Takes a number up to a limit. */
static bool
take_number(DcepSpan *line, uint64_t most, uint64_t *number)
{
	DcepSpan word;

	return next_word(line, &word) && dcep_note_number(word, number) && *number <= most;
}

/* Takes a word that is the base64 of so many bytes. */
static bool
take_bytes(DcepSpan *line, uint8_t *out, size_t len)
{
	DcepSpan word;

	return next_word(line, &word) && dcep_base64_get(word, out, len);
}

/* --- lines of a bundle ------------------------------------------------------------ */

/* Takes the line with the transfer's id. */
static const char *
take_transfer(DcepSpan *text, DcepBundle *bundle)
{
	DcepSpan line;
	uint64_t id;

	if (!take_line(text, "transfer", &line) || !take_number(&line, INT64_MAX / 2, &id) || id == 0 || line.len != 0)
		return "The bundle has no transfer id.";
	bundle->transfer = (int64_t) id;
	return NULL;
}

/* Takes the line with the currency. */
static const char *
take_currency(DcepSpan *text, DcepCoin *coin)
{
	DcepSpan line;
	DcepSpan letters;
	uint64_t exponent;

	if (!take_line(text, "currency", &line) || !next_word(&line, &letters) || letters.len != DCEP_CURRENCY_LEN ||
		!take_number(&line, 18, &exponent) || line.len != 0)
		return "The bundle has no currency.";
	memcpy(coin->currency, letters.at, DCEP_CURRENCY_LEN);
	coin->exponent = (uint8_t) exponent;
	return NULL;
}

/* Takes the code of an institution, 4 digits. */
static bool
take_code(DcepSpan *line, uint16_t *code)
{
	DcepSpan word;
	int value;

	if (!next_word(line, &word) || !dcep_note_code(word, &value))
		return false;
	*code = (uint16_t) value;
	return true;
}

/* Takes the line with the signer: who, which key, of what suite, and its public half. */
static const char *
take_signer(DcepSpan *text, DcepBundle *bundle)
{
	DcepCoin *coin = &bundle->signer.coin;
	char name[8] = {0};
	DcepSpan line;
	DcepSpan suite;
	uint64_t number;

	if (!take_line(text, "signer", &line) || !take_code(&line, &coin->issuer) ||
		!take_number(&line, INT32_MAX, &number) || !next_word(&line, &suite) || suite.len >= sizeof(name))
		return "The bundle has no signer.";
	memcpy(name, suite.at, suite.len);
	coin->key_number = (uint32_t) number;
	coin->suite = (uint8_t) dcep_suite_by_name(name);
	bundle->public_len = coin->suite == DCEP_SUITE_ED25519 ? DCEP_NOTE_PUBLIC_LEN : DCEP_PUBLIC_KEY_MAX;
	if (coin->suite == 0 || !take_bytes(&line, bundle->public_key, bundle->public_len) || line.len != 0)
		return "The bundle has no public key of its signer.";
	return dcep_coin_check_origin(coin);
}

/* Takes the lines with the place in the batch, its path, and the signature. */
static const char *
take_signature(DcepSpan *text, DcepSignedCoin *signer)
{
	DcepSpan line;
	uint64_t index;
	uint64_t size;

	if (!take_line(text, "batch", &line) || !take_number(&line, UINT32_MAX, &index) ||
		!take_number(&line, UINT32_MAX, &size) || line.len != 0 || index >= size)
		return "The bundle has no place in a batch.";
	signer->batch_index = (uint32_t) index;
	signer->batch_size = (uint32_t) size;
	signer->path_len = dcep_path_length(signer->batch_index, signer->batch_size);
	for (int i = 0; i < signer->path_len; i++)
		if (!take_line(text, "path", &line) || !take_bytes(&line, signer->path[i], DCEP_HASH_LEN) || line.len != 0)
			return "The bundle's path is not as long as its place in the batch says.";
	if (!take_line(text, "signature", &line) || !take_bytes(&line, signer->signature, DCEP_SIGNATURE_LEN) ||
		line.len != 0)
		return "The bundle has no signature.";
	return NULL;
}

/* Takes a payment: change and context. */
static const char *
take_payment(DcepSpan line, uint8_t *room, DcepBundle *bundle)
{
	DcepSpan word;
	uint64_t change;
	size_t len;
	uint8_t *bytes;
	const char *wrong;

	if (!take_number(&line, INT64_MAX, &change) || !next_word(&line, &word) || line.len != 0)
		return "The bundle's payment has no change and context.";
	len = dcep_base64_size(word);
	/* The ids of the coins that were consumed, which must be aligned, and behind them the bytes. */
	bytes = room + len / 8 * 8;
	if (!dcep_base64_get(word, bytes, len))
		return "The bundle's context is not base64.";
	bundle->change = (int64_t) change;
	bundle->context = (DcepBytes){bytes, len};
	wrong = dcep_context_get(bytes, len, &bundle->fields, (int64_t *) (void *) room);
	if (wrong != NULL)
		return wrong;
	if (bundle->fields.id != bundle->transfer)
		return "The payment shown is another transfer.";
	return bundle->fields.kind == DCEP_KIND_TOKEN ? "A payment to a token is not shown whole." : NULL;
}

/* Was a coin signed by whom, and where, the bundle says? */
static bool
is_same_signer(const DcepSignedCoin *a, const DcepSignedCoin *b)
{
	return a->coin.suite == b->coin.suite && a->coin.issuer == b->coin.issuer &&
		   a->coin.key_number == b->coin.key_number &&
		   memcmp(a->coin.currency, b->coin.currency, DCEP_CURRENCY_LEN) == 0 && a->coin.exponent == b->coin.exponent &&
		   a->batch_index == b->batch_index && a->batch_size == b->batch_size && a->path_len == b->path_len &&
		   memcmp(a->path, b->path, (size_t) a->path_len * DCEP_HASH_LEN) == 0 &&
		   memcmp(a->signature, b->signature, DCEP_SIGNATURE_LEN) == 0;
}

/* Takes the payee's coin. */
static const char *
take_coin(DcepSpan line, DcepBundle *bundle)
{
	uint8_t bytes[DCEP_COIN_TEXT_MAX];
	DcepSignedCoin coin;
	const char *wrong = "The bundle's coin is none.";
	size_t len;

	if (dcep_coin_text_begins(line.at, line.len) && line.len <= DCEP_COIN_TEXT_MAX)
		wrong = dcep_coin_text_get(line.at, line.len, bytes, &len, &coin);
	if (wrong != NULL)
		return wrong;
	if (coin.coin.id != bundle->transfer * 2)
		return "The coin shown is not the payee's of this transfer.";
	if (!is_same_signer(&coin, &bundle->signer))
		return "The coin was signed otherwise than the bundle says.";
	bundle->signer = coin;
	return NULL;
}

/* Takes the line that shows something of the transfer. */
static const char *
take_view(DcepSpan *text, uint8_t *room, DcepBundle *bundle)
{
	DcepSpan line;
	DcepSpan word;

	if (!dcep_note_line(text, &line) || !next_word(&line, &word))
		return "The bundle shows nothing.";
	if (dcep_span_is(word, dcep_bundle_view_name(DCEP_VIEW_PAYMENT)))
	{
		bundle->view = DCEP_VIEW_PAYMENT;
		return take_payment(line, room, bundle);
	}
	if (dcep_span_is(word, dcep_bundle_view_name(DCEP_VIEW_COIN)))
	{
		bundle->view = DCEP_VIEW_COIN;
		return take_coin(line, bundle);
	}
	bundle->view = DCEP_VIEW_HASH;
	if (!dcep_span_is(word, dcep_bundle_view_name(DCEP_VIEW_HASH)) || !take_bytes(&line, bundle->hash, DCEP_HASH_LEN) ||
		line.len != 0)
		return "The bundle shows neither a payment nor a coin nor a hash.";
	return NULL;
}

/* Takes the proof of inclusion, up to the empty line behind it. */
static const char *
take_proof(DcepSpan *text, DcepBundle *bundle)
{
	DcepSpan line;

	if (!dcep_note_line(text, &line) || !dcep_span_is(line, PROOF_LINE) || !take_line(text, "index", &line) ||
		!take_number(&line, INT64_MAX, &bundle->leaf) || line.len != 0)
		return "The bundle has no place in the log.";
	while (dcep_note_line(text, &line))
	{
		if (line.len == 0)
			return NULL;
		if (bundle->proof.count == DCEP_TREE_PATH_MAX)
			break;
		if (!dcep_base64_get(line, bundle->proof.hash[bundle->proof.count++], DCEP_HASH_LEN))
			break;
	}
	return "The bundle's proof is not one of hashes up to an empty line.";
}

/* Takes what is left: the checkpoint. */
static const char *
take_checkpoint(DcepSpan text, DcepBundle *bundle)
{
	const char *wrong = dcep_note_parse(text.at, text.len, &bundle->signatures);

	bundle->note = text;
	return wrong != NULL ? wrong : dcep_checkpoint_parse(&bundle->signatures, &bundle->checkpoint);
}

/* Takes a bundle apart. */
const char *
dcep_bundle_parse(const char *text, size_t len, void *room, DcepBundle *bundle)
{
	DcepSpan rest = {text, len};
	DcepSpan line;
	const char *wrong;

	memset(bundle, 0, sizeof(*bundle));
	if (len > DCEP_BUNDLE_MAX)
		return "The bundle has more than 16,000,000 bytes.";
	if (!dcep_note_line(&rest, &line) || !dcep_span_is(line, HEAD_LINE))
		return "The bundle does not begin with the line \"" HEAD_LINE "\".";
	wrong = take_transfer(&rest, bundle);
	if (wrong == NULL)
		wrong = take_currency(&rest, &bundle->signer.coin);
	if (wrong == NULL)
		wrong = take_signer(&rest, bundle);
	if (wrong == NULL)
		wrong = take_signature(&rest, &bundle->signer);
	if (wrong == NULL)
		wrong = take_view(&rest, room, bundle);
	if (wrong == NULL)
		wrong = take_proof(&rest, bundle);
	return wrong != NULL ? wrong : take_checkpoint(rest, bundle);
}

/* --- writing ------------------------------------------------------------------------ */

/* Bytes that dcep_bundle_put() writes at most. */
size_t
dcep_bundle_length(const DcepBundle *bundle)
{
	return HEAD_MAX + DCEP_COIN_TEXT_MAX + (size_t) (bundle->signer.path_len + bundle->proof.count) * HASH_LINE_MAX +
		   (bundle->context.len + 2) / 3 * 4 + bundle->note.len;
}

/* Writes a short piece of text, returns where the next one goes. */
static char *put(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static char *
put(char *to, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(to, HEAD_MAX, format, args);
	va_end(args);
	assert(len >= 0 && len < HEAD_MAX);
	return to + len;
}

/* Writes bytes as base64 and a newline, returns where the next line goes. */
static char *
put_base64(char *to, const void *bytes, size_t len)
{
	to += dcep_base64_put(bytes, len, to);
	*to++ = '\n';
	return to;
}

/* Writes how the transfer was signed. */
static char *
put_signer(char *to, const DcepBundle *bundle)
{
	const DcepSignedCoin *signer = &bundle->signer;

	to = put(to, "signer %04u %u %s ", signer->coin.issuer, (unsigned) signer->coin.key_number,
			 dcep_suite_name(signer->coin.suite));
	to = put_base64(to, bundle->public_key, bundle->public_len);
	to = put(to, "batch %u %u\n", (unsigned) signer->batch_index, (unsigned) signer->batch_size);
	for (int i = 0; i < signer->path_len; i++)
		to = put_base64(put(to, "path "), signer->path[i], DCEP_HASH_LEN);
	return put_base64(put(to, "signature "), signer->signature, DCEP_SIGNATURE_LEN);
}

/* Writes what is shown of the transfer. */
static char *
put_view(char *to, const DcepBundle *bundle)
{
	uint8_t coin[DCEP_COIN_MAX_LEN];

	to = put(to, "%s ", dcep_bundle_view_name(bundle->view));
	switch (bundle->view)
	{
		case DCEP_VIEW_PAYMENT:
			to = put(to, "%lld ", (long long) bundle->change);
			return put_base64(to, bundle->context.data, bundle->context.len);
		case DCEP_VIEW_COIN:
			to = put(to, DCEP_COIN_PREFIX);
			to += dcep_base64url_put(coin, dcep_signed_coin_put(&bundle->signer, coin), to);
			*to++ = '\n';
			return to;
		case DCEP_VIEW_HASH:
			break;
	}
	return put_base64(to, bundle->hash, DCEP_HASH_LEN);
}

/* Writes a bundle. */
size_t
dcep_bundle_put(const DcepBundle *bundle, char *out)
{
	char *to = put(out, HEAD_LINE "\ntransfer %lld\ncurrency %.3s %d\n", (long long) bundle->transfer,
				   bundle->signer.coin.currency, bundle->signer.coin.exponent);

	to = put_view(put_signer(to, bundle), bundle);
	to = put(to, PROOF_LINE "\nindex %llu\n", (unsigned long long) bundle->leaf);
	for (int i = 0; i < bundle->proof.count; i++)
		to = put_base64(to, bundle->proof.hash[i], DCEP_HASH_LEN);
	*to++ = '\n';
	memcpy(to, bundle->note.at, bundle->note.len);
	to += bundle->note.len;
	assert((size_t) (to - out) <= dcep_bundle_length(bundle));
	return (size_t) (to - out);
}

/* --- verification --------------------------------------------------------------------- */

/* Hash of a payment that is shown whole. */
static bool
hash_payment(const DcepBundle *bundle, uint8_t out[DCEP_HASH_LEN])
{
	const DcepCoin *coin = &bundle->signer.coin;
	DcepMint mint = {
		.suite = coin->suite, .issuer = coin->issuer, .key_number = coin->key_number, .exponent = coin->exponent};
	DcepOpening opening;

	memcpy(mint.currency, coin->currency, DCEP_CURRENCY_LEN);
	if (!dcep_opening_compute(&mint, &bundle->fields, bundle->change, bundle->fields.kind == DCEP_KIND_REDEEM,
							  &opening))
		return false;
	memcpy(out, opening.transfer_hash, DCEP_HASH_LEN);
	return true;
}

/* Hash of the transfer, from what is shown of it. */
bool
dcep_bundle_transfer_hash(const DcepBundle *bundle, uint8_t out[DCEP_HASH_LEN])
{
	switch (bundle->view)
	{
		case DCEP_VIEW_PAYMENT:
			return hash_payment(bundle, out);
		case DCEP_VIEW_COIN:
			return dcep_signed_coin_transfer_hash(&bundle->signer, out);
		case DCEP_VIEW_HASH:
			break;
	}
	memcpy(out, bundle->hash, DCEP_HASH_LEN);
	return true;
}

/* A verdict in words. */
static const char *
judge(DcepVerdict verdict, const char *wrong)
{
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		return dcep_bundle_undecided;
	return verdict == DCEP_SIGNATURE_VALID ? NULL : wrong;
}

/* Did the signer sign the transfer of this hash? */
static const char *
verify_signature(const DcepBundle *bundle, const uint8_t hash[DCEP_HASH_LEN])
{
	DcepKeyPair *key = dcep_key_from_public(bundle->signer.coin.suite, bundle->public_key, bundle->public_len);
	uint8_t root[DCEP_HASH_LEN];
	DcepVerdict verdict = DCEP_SIGNATURE_UNDECIDED;

	if (key == NULL)
		return "The signer's public key cannot be used.";
	memcpy(root, hash, DCEP_HASH_LEN);
	if (dcep_batch_climb(&bundle->signer, root))
		verdict = dcep_root_verify(key, root, bundle->signer.signature);
	dcep_key_free(key);
	return judge(verdict, "The signature is not the signer's of what is shown.");
}

/* Is the transfer of this hash in the checkpoint's tree? */
static const char *
verify_place(const DcepBundle *bundle, const uint8_t hash[DCEP_HASH_LEN])
{
	uint8_t leaf[DCEP_HASH_LEN];

	if (!dcep_tree_leaf(hash, DCEP_HASH_LEN, leaf))
		return dcep_bundle_undecided;
	return judge(dcep_tree_verify_inclusion(leaf, bundle->leaf, bundle->checkpoint.size, &bundle->proof,
											bundle->checkpoint.root),
				 "The transfer is not proven to be in the log of the checkpoint.");
}

/* Is the checkpoint one of the log that the verifier trusts, and have its witnesses seen it? */
static const char *
verify_checkpoint(const DcepBundle *bundle, const DcepBundleTrust *trust)
{
	const char *wrong;
	int witnesses;

	if (!dcep_span_is(bundle->checkpoint.origin, trust->log->name))
		return "The checkpoint is of another log.";
	wrong = judge(dcep_note_verify(trust->log, &bundle->signatures), "The checkpoint is not signed by the log.");
	if (wrong != NULL || trust->quorum <= 0)
		return wrong;
	witnesses = dcep_note_count_witnesses(trust->witnesses, trust->witness_count, &bundle->signatures);
	if (witnesses < 0)
		return dcep_bundle_undecided;
	return witnesses >= trust->quorum ? NULL : "Too few of the witnesses have cosigned the checkpoint.";
}

/* What is wrong with a bundle. */
const char *
dcep_bundle_verify(const DcepBundle *bundle, const DcepBundleTrust *trust)
{
	uint8_t hash[DCEP_HASH_LEN];
	const char *wrong;

	if (!dcep_bundle_transfer_hash(bundle, hash))
		return dcep_bundle_undecided;
	wrong = verify_signature(bundle, hash);
	if (wrong == NULL)
		wrong = verify_place(bundle, hash);
	return wrong != NULL ? wrong : verify_checkpoint(bundle, trust);
}
