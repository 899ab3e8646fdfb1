/*
 * quota.c: the central bank's signed statement of what an institution may mint and pay out.
 */
#include "quota.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "note.h"

#define MESSAGE_TAG "dcep quota v1\0\0" /* 16 bytes with the NUL that ends it */
#define SECOND INT64_C(1000000)
#define REGISTRY 1 /* the central bank keeps it */
#define SIGNATURE_WORD "signature "
#define KEY_TEXT_LEN(len) (((len) + 2) / 3 * 4)

/* --- words ------------------------------------------------------------------------- */

/* Cuts the next word off a line. */
static DcepSpan
next_word(DcepSpan *line)
{
	const char *space = line->len == 0 ? NULL : memchr(line->at, ' ', line->len);
	DcepSpan word = {line->at, space == NULL ? line->len : (size_t) (space - line->at)};
	size_t taken = word.len + (space != NULL);

	line->at += taken;
	line->len -= taken;
	return word;
}

/* Takes the next line, which begins with this word; what stands behind it is left in `line`. */
static bool
take_line(DcepSpan *text, const char *word, DcepSpan *line)
{
	return dcep_note_line(text, line) && dcep_span_is(next_word(line), word);
}

/* A number that is the rest of a line. */
static bool
take_number(DcepSpan *line, int64_t *number)
{
	uint64_t value;

	if (!dcep_note_number(next_word(line), &value))
		return false;
	*number = (int64_t) value;
	return true;
}

/* A limit: a number, or none. */
static bool
take_limit(DcepSpan *line, int64_t *limit)
{
	if (dcep_span_is(*line, "none"))
	{
		*limit = QUOTA_NO_LIMIT;
		return true;
	}
	return take_number(line, limit) && line->len == 0;
}

/* A time like 2026-01-01T00:00:00Z. */
static bool
take_time(DcepSpan *line, int64_t *at)
{
	DcepSpan word = next_word(line);
	struct tm parts = {0};
	char copy[32] = "";
	const char *end;

	if (word.len >= sizeof(copy))
		return false;
	memcpy(copy, word.at, word.len);
	end = strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (end == NULL || *end != '\0')
		return false;
	*at = (int64_t) timegm(&parts) * SECOND;
	return true;
}

/* The code of an institution, four digits. */
static bool
take_code(DcepSpan *line, int *code)
{
	DcepSpan word = next_word(line);

	*code = 0;
	for (size_t i = 0; i < word.len; i++)
	{
		if (word.at[i] < '0' || word.at[i] > '9')
			return false;
		*code = *code * 10 + (word.at[i] - '0');
	}
	return word.len == 4 && *code > 0;
}

/* A public key in base64, raw; returns its length, 0 where it is none. */
static size_t
take_key(DcepSpan *line, uint8_t key[DCEP_PUBLIC_KEY_MAX])
{
	static const size_t lengths[] = {32, DCEP_PUBLIC_KEY_MAX};
	DcepSpan word = next_word(line);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		if (word.len == KEY_TEXT_LEN(lengths[i]) && dcep_base64_get(word, key, lengths[i]))
			return lengths[i];
	return 0;
}

/* --- lines ------------------------------------------------------------------------- */

/* number, institution, currency. */
static const char *
read_head(DcepSpan *text, Quota *quota)
{
	DcepSpan line;
	DcepSpan word;
	int64_t exponent;

	if (!dcep_note_line(text, &line) || !dcep_span_is(line, "dcep quota v1"))
		return "it does not begin with \"dcep quota v1\"";
	if (!take_line(text, "number", &line) || !take_number(&line, &quota->number) || quota->number < 1 || line.len != 0)
		return "its number is none";
	if (!take_line(text, "institution", &line) || !take_code(&line, &quota->institution) || line.len != 0)
		return "its institution is no code of four digits";
	if (!take_line(text, "currency", &line))
		return "it has no currency";
	word = next_word(&line);
	if (word.len != DCEP_CURRENCY_LEN || !take_number(&line, &exponent) || exponent > 18 || line.len != 0)
		return "its currency is not three letters and an exponent";
	memcpy(quota->currency, word.at, DCEP_CURRENCY_LEN);
	quota->exponent = (int) exponent;
	return NULL;
}

/* key, valid, period, mint, payout. */
static const char *
read_limits(DcepSpan *text, Quota *quota)
{
	DcepSpan line;

	if (!take_line(text, "key", &line))
		return "it has no key";
	quota->key_len = dcep_span_is(line, "any") ? 0 : take_key(&line, quota->key);
	if (quota->key_len == 0 && !dcep_span_is(line, "any"))
		return "its key is neither \"any\" nor a public key in base64";
	if (!take_line(text, "valid", &line) || !take_time(&line, &quota->valid_from) ||
		!take_time(&line, &quota->valid_until) || line.len != 0 || quota->valid_until <= quota->valid_from)
		return "its validity is not from one time to a later one";
	if (!take_line(text, "period", &line) || !take_number(&line, &quota->period) || line.len != 0 ||
		quota->period > INT64_MAX / SECOND)
		return "its period is no number of seconds";
	quota->period *= SECOND;
	if (!take_line(text, "mint", &line) || !take_limit(&line, &quota->mint))
		return "its limit of minting is neither a number nor \"none\"";
	if (!take_line(text, "payout", &line) || !take_limit(&line, &quota->payout))
		return "its limit of paying out is neither a number nor \"none\"";
	return NULL;
}

/* A vault. */
static const char *
read_vault(DcepSpan line, Quota *quota)
{
	if (quota->vault_count == QUOTA_VAULTS_MAX)
		return "it has too many vaults";
	if (dcep_wallet_parse(line.at, line.len, &quota->vault[quota->vault_count]) != NULL)
		return "a vault is no wallet number";
	quota->vault_count++;
	return NULL;
}

/* A key of another signer: number, suite, public key; false where it is none. */
static bool
read_key(DcepSpan line, TrustedKey *trusted)
{
	uint8_t key[DCEP_PUBLIC_KEY_MAX];
	char name[16] = "";
	DcepSpan suite;
	int64_t number;
	size_t len;

	if (!take_number(&line, &number) || number < 1 || number > INT32_MAX)
		return false;
	suite = next_word(&line);
	if (suite.len < sizeof(name))
		memcpy(name, suite.at, suite.len);
	len = take_key(&line, key);
	trusted->number = (uint32_t) number;
	trusted->pair = dcep_suite_by_name(name) == 0 || len == 0 || line.len != 0
						? NULL
						: dcep_key_from_public(dcep_suite_by_name(name), key, len);
	return trusted->pair != NULL;
}

/* A key whose coins are taken: its institution, and the key. */
static const char *
read_trusted(DcepSpan line, Quota *quota)
{
	TrustedKey *trusted = &quota->trusted[quota->trusted_count];

	if (quota->trusted_count == QUOTA_TRUSTED_MAX)
		return "it trusts too many keys";
	if (!take_code(&line, &trusted->institution))
		return "a key that it trusts has no institution";
	if (!read_key(line, trusted))
		return "a key that it trusts is none";
	quota->trusted_count++;
	return NULL;
}

/* A key that the registry signs messages with. */
static const char *
read_registry(DcepSpan line, Quota *quota)
{
	TrustedKey *key = &quota->registry[quota->registry_count];

	if (quota->registry_count == QUOTA_REGISTRY_MAX)
		return "it names too many keys of the registry";
	key->institution = REGISTRY;
	if (!read_key(line, key))
		return "a key of the registry is none";
	quota->registry_count++;
	return NULL;
}

/* All lines but the signature. */
static const char *
read_text(DcepSpan text, Quota *quota)
{
	const char *wrong = read_head(&text, quota);
	DcepSpan line;

	if (wrong == NULL)
		wrong = read_limits(&text, quota);
	while (wrong == NULL && dcep_note_line(&text, &line))
	{
		DcepSpan word = next_word(&line);

		if (dcep_span_is(word, "vault"))
			wrong = read_vault(line, quota);
		else if (dcep_span_is(word, "trust"))
			wrong = read_trusted(line, quota);
		else if (dcep_span_is(word, "registry"))
			wrong = read_registry(line, quota);
		else
			wrong = "it has a line of an unknown kind";
	}
	return wrong == NULL && text.len > 0 ? "its last line has no end" : wrong;
}

/* --- statements -------------------------------------------------------------------- */

/* The hash that is signed. */
static bool
hash_text(DcepSpan text, uint8_t hash[DCEP_HASH_LEN])
{
	const DcepBytes piece = {text.at, text.len};

	return dcep_hash(DCEP_SUITE_ED25519, &piece, 1, hash);
}

/* Cuts the line with the signature off; false where there is none. */
static bool
cut_signature(DcepSpan *text, uint8_t signature[DCEP_SIGNATURE_LEN])
{
	const size_t len = strlen(SIGNATURE_WORD) + KEY_TEXT_LEN(DCEP_SIGNATURE_LEN) + 1;
	const char *at = text->at + text->len - len;

	if (text->len <= len || at[-1] != '\n' || at[len - 1] != '\n' ||
		memcmp(at, SIGNATURE_WORD, strlen(SIGNATURE_WORD)) != 0)
		return false;
	text->len -= len;
	return dcep_base64_get((DcepSpan){at + strlen(SIGNATURE_WORD), KEY_TEXT_LEN(DCEP_SIGNATURE_LEN)}, signature,
						   DCEP_SIGNATURE_LEN);
}

/* Reads a statement. */
const char *
quota_read(const char *text, size_t len, DcepKeyPair *authority, Quota *quota)
{
	DcepSpan signed_text = {text, len};
	uint8_t signature[DCEP_SIGNATURE_LEN];
	const char *wrong;

	static_assert(sizeof(MESSAGE_TAG) == DCEP_TAG_LEN, "the tag has its length");
	memset(quota, 0, sizeof(*quota));
	if (!cut_signature(&signed_text, signature))
		return "it has no signature";
	if (!hash_text(signed_text, quota->hash) ||
		dcep_verify_hash(authority, MESSAGE_TAG, quota->hash, signature) != DCEP_SIGNATURE_VALID)
		return "its signature is not the authority's";
	wrong = read_text(signed_text, quota);
	if (wrong != NULL)
		quota_free(quota);
	return wrong;
}

/* Signs a text. */
const char *
quota_sign(Buffer *text, DcepKeyPair *authority)
{
	DcepSpan span = {(const char *) text->data, text->len};
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
	char base64[KEY_TEXT_LEN(DCEP_SIGNATURE_LEN) + 4];
	Quota quota = {0};
	const char *wrong = read_text(span, &quota);

	quota_free(&quota);
	if (wrong != NULL)
		return wrong;
	if (!hash_text(span, hash) || !dcep_sign_hash(authority, MESSAGE_TAG, hash, signature))
		return dcep_crypto_error();
	buffer_put(text, SIGNATURE_WORD, strlen(SIGNATURE_WORD));
	buffer_put(text, base64, dcep_base64_put(signature, sizeof(signature), base64));
	buffer_put(text, "\n", 1);
	return NULL;
}

/* Is this wallet one of the vaults? */
bool
quota_has_vault(const Quota *quota, int64_t wallet)
{
	for (int i = 0; i < quota->vault_count; i++)
		if (quota->vault[i] == wallet)
			return true;
	return false;
}

/* Gives back the keys. */
void
quota_free(Quota *quota)
{
	for (int i = 0; i < quota->trusted_count; i++)
		dcep_key_free(quota->trusted[i].pair);
	for (int i = 0; i < quota->registry_count; i++)
		dcep_key_free(quota->registry[i].pair);
	memset(quota, 0, sizeof(*quota));
}
