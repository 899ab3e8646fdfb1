/*
 * keys.c: the public keys that signatures are verified with.
 */
#include "keys.h"

#include "input.h"
#include "memory.h"
#include "moment.h"
#include "report.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#define SIGNER_LEN_MAX 100000000 /* bytes of a list of keys */
#define SIGNER_COLUMNS 7
#define DEVICE_COLUMNS 6

/* --- reading ------------------------------------------------------------------ */

/* Adds a key. */
static void
add_key(Keys *keys, const Key *key)
{
	keys->key = memory_grow(keys->key, sizeof(Key), keys->count + 1, &keys->room);
	keys->key[keys->count++] = *key;
}

/* Reads a suite, and with it the length of the public key. */
static bool
read_suite(DcepText name, Key *key)
{
	for (key->suite = DCEP_SUITE_ED25519; key->suite <= DCEP_SUITE_P256; key->suite++)
	{
		key->len = key->suite == DCEP_SUITE_ED25519 ? 32 : 65;
		if (row_is(name, dcep_suite_name(key->suite)))
			return true;
	}
	return false;
}

/* Reads a suite and its public key. */
static const char *
read_public(DcepText suite, DcepText public_key, Key *key)
{
	if (!read_suite(suite, key))
		return "The suite is none of ed25519, sm2 and p256.";
	return row_bytes(public_key, key->public_key, key->len) ? NULL
															: "The public key does not have the length of its suite.";
}

/* Reads from when until when a key is valid; what was revoked is so until then. */
static const char *
read_validity(DcepText from, DcepText until, DcepText revoked, Key *key)
{
	int64_t revoked_at;

	if (from.data == NULL || !moment_parse(from, &key->valid_from))
		return "The beginning of its validity is not a time.";
	key->valid_until = MOMENT_END;
	if (until.data != NULL && !moment_parse(until, &key->valid_until))
		return "The end of its validity is not a time.";
	if (revoked.data != NULL && !moment_parse(revoked, &revoked_at))
		return "Its revocation is not a time.";
	if (revoked.data != NULL && revoked_at < key->valid_until)
		key->valid_until = revoked_at;
	return NULL;
}

/* Reads a row of dcep.signing_key. */
static const char *
read_signer(const Row *row, Key *key)
{
	int institution;
	const char *wrong;

	memset(key, 0, sizeof(*key));
	if (!row_int(row->column[0], 1, 9999, &institution) || !row_int(row->column[1], 1, INT32_MAX, &key->number))
		return "The institution or the key's number is not one.";
	key->owner = institution;
	wrong = read_public(row->column[2], row->column[3], key);
	return wrong != NULL ? wrong : read_validity(row->column[4], row->column[5], row->column[6], key);
}

/* Reads a row of dcep.device_key. */
static const char *
read_device(const Row *row, Key *key)
{
	static const DcepText never = {NULL, 0};
	const char *wrong;

	memset(key, 0, sizeof(*key));
	if (!row_wallet(row->column[0], &key->owner) || !row_int(row->column[1], 1, INT32_MAX, &key->number))
		return "The wallet or the key's number is not one.";
	wrong = read_public(row->column[2], row->column[3], key);
	return wrong != NULL ? wrong : read_validity(row->column[4], never, row->column[5], key);
}

/* Reads a line that begins with "signer ", as of a receipt. */
static const char *
read_signer_line(DcepSpan line, Key *key)
{
	DcepText word[5];
	int code;

	for (int i = 0; i < 5; i++)
		word[i] = word_next(&line);
	memset(key, 0, sizeof(*key));
	key->valid_from = MOMENT_BEGINNING;
	key->valid_until = MOMENT_END;
	if (!word_code(word[1], &code))
		return "The institution is not a code of 4 digits.";
	key->owner = code;
	if (!row_int(word[2], 1, INT32_MAX, &key->number))
		return "The key's number is not one.";
	if (!read_suite(word[3], key))
		return "The suite is none of ed25519, sm2 and p256.";
	return line.len == 0 && dcep_base64_get((DcepSpan){word[4].data, word[4].len}, key->public_key, key->len)
			   ? NULL
			   : "The public key is not the base64 of its suite's length.";
}

/* Reads a line of either form. */
const char *
key_parse(DcepSpan line, Row *row, Key *key)
{
	static const char word[] = "signer ";
	const char *wrong;

	if (line.len > strlen(word) && memcmp(line.at, word, strlen(word)) == 0)
		return read_signer_line(line, key);
	wrong = row_split(row, line.at, line.len);
	if (wrong == NULL && row->count != SIGNER_COLUMNS && row->count != SIGNER_COLUMNS + 1)
		wrong = "It is neither a row of dcep.signing_key nor a line that begins with signer.";
	return wrong != NULL ? wrong : read_signer(row, key);
}

/* The order of keys. */
static int
compare_keys(const void *a, const void *b)
{
	const Key *left = a;
	const Key *right = b;

	if (left->owner != right->owner)
		return left->owner < right->owner ? -1 : 1;
	return (left->number > right->number) - (left->number < right->number);
}

/* Puts keys in order. */
static void
sort_keys(Keys *keys)
{
	if (keys->count > 0)
		qsort(keys->key, keys->count, sizeof(Key), compare_keys);
}

/* Reads keys that somebody brought. */
void
keys_read(Keys *keys, const char *path)
{
	DcepSpan rest = input_read(path, SIGNER_LEN_MAX);
	DcepSpan line;
	Row row = {0};
	unsigned long number = 0;
	Key key;

	while (dcep_note_line(&rest, &line))
	{
		const char *wrong = key_parse(line, &row, &key);

		number++;
		if (wrong != NULL)
			fail("%s line %lu: %s", path, number, wrong);
		add_key(keys, &key);
	}
	if (rest.len != 0)
		fail("%s: the file does not end with a newline", path);
	row_free(&row);
	sort_keys(keys);
	for (size_t i = 1; i < keys->count; i++)
		if (compare_keys(&keys->key[i - 1], &keys->key[i]) == 0)
			fail("%s: key %04d-%d stands there twice", path, (int) keys->key[i].owner, keys->key[i].number);
}

/* The keys of an export. */
void
keys_of_table(Keys *keys, const Table *table, bool is_device)
{
	Cursor cursor = cursor_of_table(table);
	Key key;

	while (cursor_next(&cursor, is_device ? DEVICE_COLUMNS : SIGNER_COLUMNS))
	{
		const char *wrong = is_device ? read_device(&cursor.row, &key) : read_signer(&cursor.row, &key);

		if (wrong != NULL)
			cursor_damaged(&cursor, wrong);
		else
			add_key(keys, &key);
	}
	cursor_end(&cursor);
	sort_keys(keys);
}

/* Compares keys that were brought with those of an export. */
void
keys_compare(const Keys *trusted, const Keys *exported)
{
	for (size_t i = 0; i < exported->count; i++)
	{
		const Key *theirs = &exported->key[i];
		const Key *ours = keys_find(trusted, theirs->owner, theirs->number);

		if (ours == NULL)
			report_line("note: key %04d-%d of the export is not among those that you brought", (int) theirs->owner,
						theirs->number);
		else if (ours->suite != theirs->suite || memcmp(ours->public_key, theirs->public_key, ours->len) != 0)
			report_defect("key", "key %04d-%d: The export has another public key under this number.",
						  (int) theirs->owner, theirs->number);
	}
}

/* --- use ---------------------------------------------------------------------- */

/* Place of the first key that is not before one of this owner and number. */
static size_t
lower_bound(const Keys *keys, int64_t owner, int number)
{
	const Key wanted = {.owner = owner, .number = number};
	size_t low = 0;
	size_t high = keys->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (compare_keys(&keys->key[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A key. */
Key *
keys_find(const Keys *keys, int64_t owner, int number)
{
	size_t place = lower_bound(keys, owner, number);
	Key *key = place < keys->count ? &keys->key[place] : NULL;

	return key != NULL && key->owner == owner && key->number == number ? key : NULL;
}

/* The keys of an owner. */
Key *
keys_of(const Keys *keys, int64_t owner, size_t *count)
{
	size_t first = lower_bound(keys, owner, 0);

	for (*count = 0; first + *count < keys->count && keys->key[first + *count].owner == owner; ++*count)
		;
	return *count == 0 ? NULL : &keys->key[first];
}

/* What to verify with. */
DcepKeyPair *
key_pair(Key *key)
{
	if (key->pair == NULL)
		key->pair = dcep_key_from_public(key->suite, key->public_key, key->len);
	return key->pair;
}

/* The key of a signature. */
const char *
keys_trust(const Keys *keys, int64_t owner, int number, int suite, int64_t at, DcepKeyPair **pair)
{
	Key *key = keys_find(keys, owner, number);

	if (key == NULL)
		return "Its signing key is not known.";
	if (key->suite != suite)
		return "The suite is not that of its signing key.";
	if (at < key->valid_from || at >= key->valid_until)
		return "Its signing key was revoked or not valid when this was signed.";
	*pair = key_pair(key);
	return *pair == NULL ? "Its signing key is not a public key." : NULL;
}

/* Ends the process where OpenSSL fails. */
void
require_crypto(bool done)
{
	if (!done)
		fail("OpenSSL failed: %s", dcep_crypto_error());
}

/* Is a signature good? */
bool
is_valid(DcepVerdict verdict)
{
	require_crypto(verdict != DCEP_SIGNATURE_UNDECIDED);
	return verdict == DCEP_SIGNATURE_VALID;
}
