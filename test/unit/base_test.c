/*
 * base_test.c: codec, crypto and opening, without a server.
 *
 * Published vectors where there are some, slow and obvious references where
 * there are none, and the vectors of docs/format.md made anew.  Writes TAP.
 *
 *   base_test [docs/format.md]    runs the tests
 *   base_test --vectors           prints what belongs into docs/format.md
 */
#include "unit.h"
#include "vectors.h"

#include "act.h"
#include "entry.h"
#include "note.h"
#include "otp.h"
#include "tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE_MAX 70

static int tests_run = 0;
static int tests_failed = 0;

/* Reports one test. */
void
ok(bool passed, const char *format, ...)
{
	va_list args;

	tests_run++;
	if (!passed)
		tests_failed++;
	printf("%s %d - ", passed ? "ok" : "not ok", tests_run);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!passed && dcep_crypto_error()[0] != '\0')
		printf("# %s\n", dcep_crypto_error());
}

/* Are these the bytes that the digits stand for? */
static bool
is_hex(const uint8_t *bytes, size_t len, const char *hex)
{
	uint8_t expected[256];

	return vectors_unhex(hex, expected) == len && memcmp(bytes, expected, len) == 0;
}

/* A pseudo-random number; the same ones on every run. */
static uint32_t
next_random(void)
{
	static uint32_t state = 20200701;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* --- hashes -------------------------------------------------------------- */

/* Hashes a text in one piece, and in two. */
static void
test_hash(int suite, const char *text, const char *hex)
{
	size_t len = strlen(text);
	DcepBytes one = {text, len};
	DcepBytes two[2] = {{text, len / 2}, {text + len / 2, len - len / 2}};
	uint8_t hash[DCEP_HASH_LEN];

	ok(dcep_hash(suite, &one, 1, hash) && is_hex(hash, sizeof(hash), hex), "%s hashes \"%s\"", dcep_suite_name(suite),
	   text);
	ok(dcep_hash(suite, two, 2, hash) && is_hex(hash, sizeof(hash), hex), "%s hashes it in two pieces",
	   dcep_suite_name(suite));
}

/* FIPS 180-4, GB/T 32905 and RFC 4231. */
static void
test_hashes(void)
{
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t key[131];
	DcepBytes nothing = {"", 0};
	const char *long_data = "Test Using Larger Than Block-Size Key - Hash Key First";

	test_hash(DCEP_SUITE_ED25519, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	test_hash(DCEP_SUITE_P256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	test_hash(DCEP_SUITE_SM2, "abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
	test_hash(DCEP_SUITE_SM2, "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd",
			  "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
	ok(!dcep_hash(4, &nothing, 1, hash) && strcmp(dcep_crypto_error(), "unknown signature suite") == 0,
	   "an unknown suite has no hash");

	memset(key, 0x0b, 20);
	ok(dcep_hmac(key, 20, "Hi There", 8, hash) &&
		   is_hex(hash, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
	   "HMAC of RFC 4231, case 1");
	ok(dcep_hmac("Jefe", 4, "what do ya want for nothing?", 28, hash) &&
		   is_hex(hash, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
	   "HMAC of RFC 4231, case 2");
	memset(key, 0xaa, sizeof(key));
	ok(dcep_hmac(key, sizeof(key), long_data, strlen(long_data), hash) &&
		   is_hex(hash, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
	   "HMAC of RFC 4231, case 6");
	ok(dcep_hmac("", 0, "", 0, hash) &&
		   is_hex(hash, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
	   "HMAC of nothing with an empty key");
}

/* --- signatures ---------------------------------------------------------- */

typedef struct SignatureVector
{
	const char *source;
	int suite;
	const char *private_key;
	const char *public_key;
	const char *message;
	const char *signature;
} SignatureVector;

static const SignatureVector signature_vectors[] = {
	{"RFC 8032 test 1", DCEP_SUITE_ED25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	 "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"RFC 8032 test 2", DCEP_SUITE_ED25519, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	 "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"RFC 8032 test 3", DCEP_SUITE_ED25519, "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	 "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	{"GB/T 32918.5 annex A", DCEP_SUITE_SM2, "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8",
	 "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	 "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
	 "6d65737361676520646967657374", /* "message digest" */
	 "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
	 "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"},
	{"RFC 6979 A.2.5", DCEP_SUITE_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
	 "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
	 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
	 "73616d706c65", /* "sample" */
	 "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
	 "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
};

/* No signature but the given one is accepted: no bit flipped, none for another message, no r or s out of range. */
static void
test_forgeries(const SignatureVector *vector, DcepKeyPair *key, const uint8_t *message, size_t len)
{
	uint8_t signature[DCEP_SIGNATURE_LEN];
	uint8_t forged[DCEP_SIGNATURE_LEN];
	int refused = 0;

	vectors_unhex(vector->signature, signature);
	for (int bit = 0; bit < DCEP_SIGNATURE_LEN * 8; bit += 7)
	{
		memcpy(forged, signature, sizeof(forged));
		forged[bit / 8] ^= (uint8_t) (1 << bit % 8);
		refused += dcep_verify(key, message, len, forged) == DCEP_SIGNATURE_INVALID;
	}
	ok(refused == (DCEP_SIGNATURE_LEN * 8 + 6) / 7, "%s: a flipped bit is refused", vector->source);
	ok(dcep_verify(key, message, len + 1, signature) == DCEP_SIGNATURE_INVALID, "%s: another message is refused",
	   vector->source);
	memset(forged, 0, sizeof(forged));
	ok(dcep_verify(key, message, len, forged) == DCEP_SIGNATURE_INVALID, "%s: zeros are refused", vector->source);
	memset(forged, 0xff, sizeof(forged));
	ok(dcep_verify(key, message, len, forged) == DCEP_SIGNATURE_INVALID && dcep_crypto_error()[0] == '\0',
	   "%s: ones are refused, without an error", vector->source);
}

/* A published signature verifies, and what the key signs does too. */
static void
test_signature(const SignatureVector *vector)
{
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	size_t public_len = vectors_unhex(vector->public_key, public_key);
	uint8_t message[64] = {0};
	size_t len = vectors_unhex(vector->message, message);
	uint8_t signature[DCEP_SIGNATURE_LEN];
	uint8_t derived[DCEP_PUBLIC_KEY_MAX];
	DcepKeyPair *private_key = vectors_key(vector->suite, vector->private_key);
	DcepKeyPair *key = dcep_key_from_public(vector->suite, public_key, public_len);

	ok(private_key != NULL && dcep_key_suite(private_key) == vector->suite && dcep_key_is_private(private_key),
	   "%s: the private key is read", vector->source);
	ok(dcep_key_public(private_key, derived) == public_len && memcmp(derived, public_key, public_len) == 0,
	   "%s: its public key is the published one", vector->source);
	ok(key != NULL && !dcep_key_is_private(key), "%s: the public key is read", vector->source);
	vectors_unhex(vector->signature, signature);
	ok(dcep_verify(key, message, len, signature) == DCEP_SIGNATURE_VALID, "%s: the signature is valid", vector->source);
	test_forgeries(vector, key, message, len);
	ok(!dcep_sign(key, message, len, signature), "%s: a public key does not sign", vector->source);
	ok(dcep_sign(private_key, message, len, signature) &&
		   dcep_verify(key, message, len, signature) == DCEP_SIGNATURE_VALID,
	   "%s: a new signature is valid", vector->source);
	if (vector->suite == DCEP_SUITE_ED25519)
		ok(is_hex(signature, sizeof(signature), vector->signature), "%s: and the published one", vector->source);
	dcep_key_free(private_key);
	dcep_key_free(key);
}

/* r or s with leading zeros or a set top bit survive the way through DER: enough signatures have one. */
static void
test_many_signatures(int suite, int count)
{
	DcepKeyPair *key = dcep_key_generate(suite);
	uint8_t signature[DCEP_SIGNATURE_LEN];
	int valid = 0;
	int short_numbers = 0;

	for (int i = 0; i < count; i++)
	{
		valid += dcep_sign(key, &i, sizeof(i), signature) &&
				 dcep_verify(key, &i, sizeof(i), signature) == DCEP_SIGNATURE_VALID;
		short_numbers += signature[0] == 0 || signature[DCEP_SIGNATURE_LEN / 2] == 0;
	}
	ok(valid == count, "%s: %d signatures of a new key are valid", dcep_suite_name(suite), count);
	printf("# %d of them with a leading zero byte\n", short_numbers);
	dcep_key_free(key);
}

/* --- keys ---------------------------------------------------------------- */

/* Refuses a raw public key. */
static void
refuse_public(int suite, const char *hex, const char *what)
{
	uint8_t bytes[256];
	DcepKeyPair *key = dcep_key_from_public(suite, bytes, vectors_unhex(hex, bytes));

	ok(key == NULL && dcep_crypto_error()[0] != '\0', "%s: %s is refused", dcep_suite_name(suite), what);
	dcep_key_free(key);
}

/* Points that are on no curve, in another form or of small order. */
static void
test_public_keys(void)
{
	refuse_public(DCEP_SUITE_P256,
				  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
				  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462298",
				  "a point beside the curve");
	refuse_public(DCEP_SUITE_P256,
				  "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
				  "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
				  "a point of SM2");
	refuse_public(DCEP_SUITE_SM2,
				  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
				  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
				  "a point of P-256");
	refuse_public(DCEP_SUITE_P256, "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
				  "a compressed point");
	refuse_public(DCEP_SUITE_P256, "00", "the point at infinity");
	refuse_public(DCEP_SUITE_ED25519, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751", "a short key");
	refuse_public(DCEP_SUITE_ED25519, "0200000000000000000000000000000000000000000000000000000000000000",
				  "a point beside the curve");
	refuse_public(DCEP_SUITE_ED25519, "0100000000000000000000000000000000000000000000000000000000000000",
				  "the neutral point");
	refuse_public(DCEP_SUITE_ED25519, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
				  "the point of order 2");
	refuse_public(DCEP_SUITE_ED25519, "0000000000000000000000000000000000000000000000000000000000000080",
				  "a point of order 4");
	refuse_public(DCEP_SUITE_ED25519, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
				  "a point of order 8");
	refuse_public(DCEP_SUITE_ED25519, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
				  "the other point of order 8");
	refuse_public(DCEP_SUITE_ED25519, "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
				  "a y that is not reduced");
	refuse_public(9, "00", "an unknown suite");
}

/* A key goes to PEM and back. */
static void
test_pem(int suite)
{
	DcepKeyPair *key = dcep_key_generate(suite);
	DcepKeyPair *again;
	DcepKeyPair *public_half;
	uint8_t a[DCEP_PUBLIC_KEY_MAX];
	uint8_t b[DCEP_PUBLIC_KEY_MAX];
	char pem[DCEP_PEM_MAX];
	size_t len = dcep_key_to_pem(key, pem);
	size_t public_len = dcep_key_public(key, a);

	ok(len > 0 && strlen(pem) == len && strncmp(pem, "-----BEGIN PRIVATE KEY-----\n", 28) == 0,
	   "%s: a new key has a PEM form", dcep_suite_name(suite));
	again = dcep_key_from_pem(pem, len);
	ok(again != NULL && dcep_key_suite(again) == suite && dcep_key_public(again, b) == public_len &&
		   memcmp(a, b, public_len) == 0,
	   "%s: it reads back as the same key", dcep_suite_name(suite));
	public_half = dcep_key_from_public(suite, a, public_len);
	ok(public_half != NULL && dcep_key_to_pem(public_half, pem) == 0, "%s: a public key has no PEM form",
	   dcep_suite_name(suite));
	ok(dcep_key_from_pem(pem, len / 2) == NULL, "%s: half a PEM is refused", dcep_suite_name(suite));
	dcep_key_free(key);
	dcep_key_free(again);
	dcep_key_free(public_half);
}

/* Private keys that are none of ours. */
static void
test_foreign_keys(void)
{
	static const char x25519[] = "-----BEGIN PRIVATE KEY-----\n"
								 "MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n"
								 "-----END PRIVATE KEY-----\n";

	ok(dcep_key_from_pem(x25519, sizeof(x25519) - 1) == NULL &&
		   strcmp(dcep_crypto_error(), "key is not an Ed25519, SM2 or P-256 key") == 0,
	   "an X25519 key is refused");
	ok(dcep_key_from_pem("", 0) == NULL, "no PEM is refused");
	ok(dcep_key_generate(0) == NULL, "no key is made for an unknown suite");
	ok(dcep_suite_by_name("sm2") == DCEP_SUITE_SM2 && dcep_suite_by_name("p256") == DCEP_SUITE_P256 &&
		   dcep_suite_by_name("ed25519") == DCEP_SUITE_ED25519 && dcep_suite_by_name("rsa") == 0 &&
		   dcep_suite_by_name("") == 0 && dcep_suite_name(0) == NULL && dcep_suite_name(4) == NULL,
	   "suites have names");
	ok(dcep_equal("abc", "abc", 3) && !dcep_equal("abc", "abd", 3), "dcep_equal compares");
}

/* --- wallet numbers and tokens ------------------------------------------- */

/* Does the text read as this wallet number, -1 for none? */
static bool
wallet_reads(const char *text, int64_t expected)
{
	int64_t wallet = 0;
	const char *problem = dcep_wallet_parse(text, strlen(text), &wallet);

	return problem == NULL ? wallet == expected : expected == -1;
}

/* Forms that are a wallet number, and many that are not. */
static void
test_wallet_texts(void)
{
	static const char *const good[] = {"0002999999999990", "0002 9999 9999 9990", "0002-9999-9999-9990",
									   "0002 9999-99999990"};
	static const char *const bad[] = {"",
									  "0",
									  "000299999999999",
									  "00029999999999900",
									  " 0002999999999990",
									  "0002999999999990 ",
									  "0002  9999 9999 9990",
									  "00029 999 9999 9990",
									  "0002_9999_9999_9990",
									  "0002999999999990\n",
									  "000299999999999O",
									  "-002999999999990",
									  "+002999999999990",
									  "0000000000000001",
									  "0002 9999 9999 9990-",
									  "\xef\xbc\x90 002999999999990"};
	int64_t ignored;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(wallet_reads(good[i], INT64_C(2999999999990)), "\"%s\" is a wallet number", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(wallet_reads(bad[i], -1), "bad wallet number %zu is refused", i + 1);
	ok(wallet_reads("0000000000000000", 0) && dcep_wallet_check(dcep_wallet_compose(DCEP_PSEUDONYMS, 12345)) == NULL,
	   "a pseudonym has a wallet number's form");
	ok(dcep_wallet_parse("0002999999999990\0", 17, &ignored) != NULL, "a NUL is refused");
	ok(dcep_wallet_check(-1) != NULL && dcep_wallet_check(INT64_MIN) != NULL && dcep_wallet_check(INT64_MAX) != NULL &&
		   dcep_wallet_check(INT64_C(10002999999999990)) != NULL,
	   "integers out of range are no wallet numbers");
}

/* One check digit in ten fits, and no single digit can be changed. */
static void
test_wallet_check_digits(void)
{
	int64_t wallet = INT64_C(2999999999990);
	char text[DCEP_WALLET_DIGITS + 1];
	bool sound = true;
	int fitting = 0;

	for (int digit = 0; digit < 10; digit++)
		fitting += dcep_wallet_check(wallet - wallet % 10 + digit) == NULL;
	ok(fitting == 1, "one check digit fits");
	for (int i = 0; i < 2000; i++)
	{
		int institution = 1 + (int) (next_random() % 9999);
		int64_t number = (int64_t) next_random() * 31 + (int64_t) (next_random() % 31);
		int place = (int) (next_random() % DCEP_WALLET_DIGITS);

		wallet = dcep_wallet_compose(institution, number % DCEP_WALLET_NUMBERS);
		dcep_wallet_print(wallet, text);
		sound = sound && wallet_reads(text, wallet) && dcep_wallet_institution(wallet) == institution;
		text[place] = (char) ('0' + (text[place] - '0' + 1 + next_random() % 9) % 10);
		sound = sound && wallet_reads(text, -1);
	}
	ok(sound, "wallet numbers survive printing, and a wrong digit is noticed");
	ok(dcep_wallet_compose(1, 0) / 10 == INT64_C(100000000000) &&
		   dcep_wallet_check(dcep_wallet_compose(1, 0)) == NULL &&
		   dcep_wallet_check(dcep_wallet_compose(9999, DCEP_WALLET_NUMBERS - 1)) == NULL,
	   "the first and the last wallet number");
}

/* Tokens: 18 digits that begin with 28. */
static void
test_tokens(void)
{
	static const char *const bad[] = {"",
									  "28000000000000000",
									  "2800000000000000000",
									  "270000000000000000",
									  "290000000000000000",
									  " 28000000000000000",
									  "28000000000000000 ",
									  "28000000000000000a",
									  "2800-0000-0000-0000"};
	char text[DCEP_TOKEN_DIGITS + 1];
	int64_t token = 0;

	ok(dcep_token_parse("280000000000000000", 18, &token) == NULL && token == INT64_C(280000000000000000),
	   "the first token");
	ok(dcep_token_parse("289999999999999999", 18, &token) == NULL && token == INT64_C(289999999999999999),
	   "the last token");
	dcep_token_print(token, text);
	ok(strcmp(text, "289999999999999999") == 0, "it prints as it reads");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		const char *problem = dcep_token_parse(bad[i], strlen(bad[i]), &token);

		ok(problem != NULL && strstr(problem, "28000") == NULL, "bad token %zu is refused and not repeated", i + 1);
	}
	ok(dcep_token_check(-1) != NULL && dcep_token_check(INT64_MAX) != NULL, "integers out of range are no tokens");
}

/* --- base64url ----------------------------------------------------------- */

/* Does the text decode to this many bytes, -1 for none? */
static bool
base64_reads(const char *text, int expected)
{
	uint8_t out[64];
	size_t len = 0;
	const char *problem = dcep_base64url_get(text, strlen(text), out, &len);

	return problem == NULL ? (int) len == expected : expected == -1;
}

/* Every length survives, and each text but the canonical one is refused. */
static void
test_base64(void)
{
	static const char *const bad[] = {"A",	"AAAAA", "AA==", "AAA=", "A A",		  "AA\n",
									  "AB", "AAB",	 "A+",	 "A/",	 "\xc3\xa4 A"};
	uint8_t bytes[200];
	uint8_t again[200 + 3];
	char text[300];
	bool sound = true;

	for (size_t len = 0; len <= sizeof(bytes); len++)
	{
		size_t text_len;
		size_t again_len = 0;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t) next_random();
		text_len = dcep_base64url_put(bytes, len, text);
		sound = sound && text_len == dcep_base64url_length(len) &&
				dcep_base64url_get(text, text_len, again, &again_len) == NULL && again_len == len &&
				memcmp(bytes, again, len) == 0;
	}
	ok(sound, "base64url of 0 to 200 bytes survives");
	ok(dcep_base64url_put((const uint8_t *) "\xfb\xff\xfe", 3, text) == 4 && memcmp(text, "-__-", 4) == 0,
	   "base64url has the letters - and _");
	ok(base64_reads("", 0) && base64_reads("AA", 1) && base64_reads("AAA", 2) && base64_reads("AAAA", 3),
	   "base64url of few letters");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(base64_reads(bad[i], -1), "bad base64url %zu is refused", i + 1);
}

/* --- coins --------------------------------------------------------------- */

/* A coin whose fields are all sound. */
static DcepSignedCoin
sample_coin(uint32_t index, uint32_t size)
{
	DcepSignedCoin coin;

	memset(&coin, 0x5a, sizeof(coin));
	coin.coin = (DcepCoin){.suite = DCEP_SUITE_ED25519,
						   .issuer = 2,
						   .key_number = 1,
						   .currency = {'C', 'N', 'Y'},
						   .exponent = 2,
						   .id = 2001,
						   .amount = 1250,
						   .owner = INT64_C(2999999999990),
						   .minted_at = INT64_C(1767225600123456)};
	memset(coin.coin.blinding, 0x3c, DCEP_BLINDING_LEN);
	coin.batch_index = index;
	coin.batch_size = size;
	coin.path_len = dcep_path_length(index, size);
	return coin;
}

/* A coin survives, and no shorter or longer text is a coin. */
static void
test_coin_lengths(uint32_t index, uint32_t size)
{
	DcepSignedCoin coin = sample_coin(index, size);
	DcepSignedCoin again;
	uint8_t bytes[DCEP_COIN_MAX_LEN + 1] = {0};
	uint8_t copy[DCEP_COIN_MAX_LEN];
	size_t len = dcep_signed_coin_put(&coin, bytes);
	int refused = 0;

	ok(dcep_signed_coin_get(bytes, len, &again) == NULL && dcep_signed_coin_put(&again, copy) == len &&
		   memcmp(bytes, copy, len) == 0 && len == DCEP_COIN_MIN_LEN + (size_t) coin.path_len * DCEP_HASH_LEN,
	   "coin %u of %u survives in %zu bytes", index, size, len);
	for (size_t cut = 0; cut < len; cut++)
	{
		/* Its own memory, so that a sanitizer sees a read beyond the end. */
		uint8_t *piece = malloc(cut + 1);

		memcpy(piece, bytes, cut);
		refused += dcep_signed_coin_get(piece, cut, &again) != NULL;
		free(piece);
	}
	refused += dcep_signed_coin_get(bytes, len + 1, &again) != NULL;
	ok(refused == (int) len + 1, "cut off anywhere, or with a byte more, it is refused");
}

/* Is the coin refused for this reason? NULL: is it sound? */
static void
check_coin(const DcepSignedCoin *coin, const char *reason, const char *what)
{
	uint8_t bytes[DCEP_COIN_MAX_LEN];
	DcepSignedCoin ignored;
	size_t len;
	const char *problem;

	len = dcep_signed_coin_put(coin, bytes);
	problem = dcep_signed_coin_get(bytes, len, &ignored);
	if (reason == NULL)
		ok(problem == NULL, "%s is sound", what);
	else
		ok(problem != NULL && strstr(problem, reason) != NULL, "%s is refused", what);
}

/* Each field at its limits and beyond them. */
static void
test_coin_fields(void)
{
	DcepSignedCoin coin = sample_coin(0, 1);

#define CHECK(field, value, reason) \
	do \
	{ \
		DcepSignedCoin changed = coin; \
		changed.field = (value); \
		check_coin(&changed, reason, #field " = " #value); \
	} while (0)

	CHECK(coin.suite, 0, "suite");
	CHECK(coin.suite, 3, NULL);
	CHECK(coin.suite, 4, "suite");
	CHECK(coin.issuer, 0, "issuer");
	CHECK(coin.issuer, 9999, NULL);
	CHECK(coin.issuer, 10000, "issuer");
	CHECK(coin.key_number, 0, "key number");
	CHECK(coin.key_number, INT32_MAX, NULL);
	CHECK(coin.key_number, UINT32_C(0x80000000), "key number");
	CHECK(coin.currency[0], 'c', "currency");
	CHECK(coin.currency[1], '@', "currency");
	CHECK(coin.currency[2], '[', "currency");
	CHECK(coin.exponent, 18, NULL);
	CHECK(coin.exponent, 19, "exponent");
	CHECK(coin.id, 1, "coin id");
	CHECK(coin.id, 2, NULL);
	CHECK(coin.id, INT64_MAX, NULL);
	CHECK(coin.id, INT64_MIN, "coin id");
	CHECK(coin.amount, 0, "amount");
	CHECK(coin.amount, INT64_MAX, NULL);
	CHECK(coin.amount, -1, "amount");
	CHECK(coin.owner, INT64_C(2999999999991), "owner");
	CHECK(coin.owner, 0, "owner");
	CHECK(coin.minted_at, -INT64_C(210866803200000000), NULL);
	CHECK(coin.minted_at, -INT64_C(210866803200000001), "minting time");
	CHECK(coin.minted_at, INT64_MAX, NULL);
#undef CHECK
}

/* Fields that dcep_signed_coin_put() does not write wrongly: version and place in the batch. */
static void
test_coin_head(void)
{
	DcepSignedCoin coin = sample_coin(0, 1);
	uint8_t bytes[DCEP_COIN_MAX_LEN];
	size_t len = dcep_signed_coin_put(&coin, bytes);

	bytes[0] = 2;
	ok(dcep_signed_coin_get(bytes, len, &coin) != NULL, "version 2 is refused");
	bytes[0] = 1;
	dcep_put_u32(bytes + 128, 0);
	ok(dcep_signed_coin_get(bytes, len, &coin) != NULL, "a batch of none is refused");
	dcep_put_u32(bytes + 124, 1);
	dcep_put_u32(bytes + 128, 1);
	ok(dcep_signed_coin_get(bytes, len, &coin) != NULL, "the second of one is refused");
	dcep_put_u32(bytes + 124, 0);
	dcep_put_u32(bytes + 128, 2);
	ok(dcep_signed_coin_get(bytes, len, &coin) != NULL, "a path that is missing is refused");
	dcep_put_u32(bytes + 124, UINT32_MAX);
	dcep_put_u32(bytes + 128, UINT32_MAX);
	ok(dcep_signed_coin_get(bytes, len, &coin) != NULL, "the greatest index is refused");
}

/* --- trees --------------------------------------------------------------- */

/* The greatest power of two below n; n > 1. */
static uint32_t
split(uint32_t n)
{
	uint32_t k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

/* The tree of RFC 9162 section 2.1.1 as it is defined there. */
static void
slow_root(int suite, uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t n, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t tag = 4;
	uint8_t left[DCEP_HASH_LEN];
	uint8_t right[DCEP_HASH_LEN];
	DcepBytes pieces[3] = {{&tag, 1}, {left, DCEP_HASH_LEN}, {right, DCEP_HASH_LEN}};

	if (n == 1)
	{
		memcpy(out, leaves[0], DCEP_HASH_LEN);
		return;
	}
	slow_root(suite, leaves, split(n), left);
	slow_root(suite, leaves + split(n), n - split(n), right);
	dcep_hash(suite, pieces, 3, out);
}

/* Its inclusion path as section 2.1.3.1 defines it; returns its length. */
static int
slow_path(int suite, uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t n, uint32_t index, uint8_t (*path)[DCEP_HASH_LEN])
{
	uint32_t k;
	int len;

	if (n == 1)
		return 0;
	k = split(n);
	if (index < k)
	{
		len = slow_path(suite, leaves, k, index, path);
		slow_root(suite, leaves + k, n - k, path[len]);
	}
	else
	{
		len = slow_path(suite, leaves + k, n - k, index - k, path);
		slow_root(suite, leaves, k, path[len]);
	}
	return len + 1;
}

/* One tree: root, all paths, and that each path leads to the root. */
static bool
tree_is_sound(int suite, uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t n)
{
	uint8_t root[DCEP_HASH_LEN];
	uint8_t slow[DCEP_HASH_LEN];
	uint8_t expected[DCEP_COIN_PATH_MAX][DCEP_HASH_LEN];
	bool sound;

	slow_root(suite, leaves, n, slow);
	sound = dcep_batch_root(suite, leaves, n, root) && memcmp(root, slow, DCEP_HASH_LEN) == 0;
	for (uint32_t i = 0; i < n; i++)
	{
		DcepSignedCoin coin = sample_coin(i, n);
		uint8_t leaf[DCEP_HASH_LEN];
		int len = slow_path(suite, leaves, n, i, expected);

		sound = sound && len == coin.path_len && dcep_batch_path(suite, leaves, n, i, coin.path) &&
				memcmp(coin.path, expected, (size_t) len * DCEP_HASH_LEN) == 0;

		/* The same place in a tree that has the coin's own transfer there. */
		coin.coin.suite = (uint8_t) suite;
		memcpy(leaf, leaves[i], DCEP_HASH_LEN);
		sound = sound && dcep_signed_coin_transfer_hash(&coin, leaves[i]);
		slow_root(suite, leaves, n, slow);
		sound = sound && dcep_signed_coin_root(&coin, root) && memcmp(root, slow, DCEP_HASH_LEN) == 0;
		memcpy(leaves[i], leaf, DCEP_HASH_LEN);
	}
	return sound;
}

/* Trees of all sizes up to TREE_MAX, and path lengths of very large ones. */
static void
test_trees(int suite)
{
	uint8_t leaves[TREE_MAX][DCEP_HASH_LEN];
	bool sound = true;

	for (int i = 0; i < TREE_MAX; i++)
		for (int j = 0; j < DCEP_HASH_LEN; j++)
			leaves[i][j] = (uint8_t) next_random();
	for (uint32_t n = 1; n <= TREE_MAX; n++)
		sound = sound && tree_is_sound(suite, leaves, n);
	ok(sound, "%s: trees of 1 to %d leaves are those of RFC 9162", dcep_suite_name(suite), TREE_MAX);
	ok(dcep_path_length(0, UINT32_MAX) == 32 && dcep_path_length(UINT32_MAX - 1, UINT32_MAX) == 31 &&
		   dcep_path_length(UINT32_C(1) << 31, (UINT32_C(1) << 31) + 1) == 1 &&
		   dcep_path_length(0, UINT32_C(1) << 31) == 31,
	   "paths in the largest trees");
}

/* --- whole transfers ----------------------------------------------------- */

/* Is it a sound coin with a valid signature? */
static bool
coin_is_genuine(DcepKeyPair *key, const uint8_t *bytes, size_t len)
{
	DcepSignedCoin coin;
	uint8_t root[DCEP_HASH_LEN];

	/* A caller looks the key up by these. */
	return dcep_signed_coin_get(bytes, len, &coin) == NULL && coin.coin.suite == dcep_key_suite(key) &&
		   coin.coin.issuer == 2 && coin.coin.key_number == 1 && dcep_signed_coin_root(&coin, root) &&
		   dcep_root_verify(key, root, coin.signature) == DCEP_SIGNATURE_VALID;
}

/*
 * No bit of a coin can be flipped, with one exception that docs/format.md names:
 * the size of a batch is not signed, so that another size which gives the coin
 * the same path passes.
 */
static void
test_flipped_bits(DcepKeyPair *key, const DcepSignedCoin *coin, const char *what)
{
	const size_t size_begin = 128 * 8;
	const size_t size_end = DCEP_COIN_HEAD_LEN * 8;
	uint8_t bytes[DCEP_COIN_MAX_LEN];
	size_t len = dcep_signed_coin_put(coin, bytes);
	size_t passed = 0;
	size_t other_sizes = 0;

	ok(coin_is_genuine(key, bytes, len), "%s: %s is genuine", dcep_suite_name(dcep_key_suite(key)), what);
	for (size_t bit = 0; bit < len * 8; bit++)
	{
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		if (coin_is_genuine(key, bytes, len))
		{
			if (bit >= size_begin && bit < size_end)
				other_sizes++;
			else
				passed++;
		}
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	ok(passed == 0, "%s: %s with a flipped bit is not", dcep_suite_name(dcep_key_suite(key)), what);
	/* Of a batch of 5, the fourth has the same path in one of 7; alone, there is nothing to change. */
	ok(other_sizes == (coin->batch_size == 5),
	   "%s: nor is it in a batch of another size, but where its path is the same",
	   dcep_suite_name(dcep_key_suite(key)));
}

/* Mints the coins of a transfer, alone and in a batch. */
static void
test_transfer(int suite)
{
	int64_t inputs[300];
	DcepContext context = {.seq = 1,
						   .id = 7,
						   .kind = DCEP_KIND_TRANSFER,
						   .payer = INT64_C(2999999999990),
						   .amount = 5,
						   .inputs = inputs,
						   .input_count = 300,
						   .memo = {"", 0}};
	DcepMint mint = {suite, 2, 1, {'C', 'N', 'Y'}, 2};
	DcepKeyPair *key = dcep_key_generate(suite);
	uint8_t leaves[5][DCEP_HASH_LEN] = {{1}, {2}, {3}, {4}, {5}};
	uint8_t root[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
	DcepOpening opening;
	DcepSignedCoin coin;

	for (int i = 0; i < 300; i++)
		inputs[i] = 1000 + i;
	context.payee = dcep_wallet_compose(3, 1);
	ok(dcep_opening_compute(&mint, &context, 3, false, &opening) &&
		   dcep_root_sign(key, opening.transfer_hash, signature),
	   "%s: a transfer of 300 coins opens", dcep_suite_name(suite));
	dcep_opening_coin(&opening, DCEP_COIN_PAYEE, signature, &coin);
	ok(coin.coin.id == 14 && coin.coin.amount == 5 && coin.coin.owner == context.payee, "the payee's coin");
	test_flipped_bits(key, &coin, "a payee's coin");
	dcep_opening_coin(&opening, DCEP_COIN_CHANGE, signature, &coin);
	ok(coin.coin.id == 15 && coin.coin.amount == 3 && coin.coin.owner == context.payer, "the change");

	memcpy(leaves[3], opening.transfer_hash, DCEP_HASH_LEN);
	ok(dcep_batch_root(suite, leaves, 5, root) && dcep_root_sign(key, root, coin.signature), "a batch is signed");
	coin.batch_index = 3;
	coin.batch_size = 5;
	coin.path_len = dcep_path_length(3, 5);
	ok(dcep_batch_path(suite, leaves, 5, 3, coin.path), "a path is found");
	if (suite == DCEP_SUITE_ED25519)
		test_flipped_bits(key, &coin, "change in a batch");
	dcep_key_free(key);
}

/* Coins that are not there, and what tells two transfers apart. */
static void
test_openings(void)
{
	DcepMint mint = {DCEP_SUITE_ED25519, 2, 1, {'C', 'N', 'Y'}, 2};
	DcepContext context = {.seq = 1, .id = 7, .kind = DCEP_KIND_REDEEM, .payer = 1, .payee = 2, .amount = 5};
	DcepOpening a;
	DcepOpening b;
	uint8_t absent[DCEP_HASH_LEN];
	DcepBytes zero = {"", 1};

	ok(dcep_hash(DCEP_SUITE_ED25519, &zero, 1, absent) && dcep_opening_compute(&mint, &context, 0, true, &a) &&
		   a.coin[0].amount == 0 && a.coin[1].amount == 0 && memcmp(a.coin_hash[0], absent, DCEP_HASH_LEN) == 0 &&
		   memcmp(a.coin_hash[1], absent, DCEP_HASH_LEN) == 0,
	   "a redemption without change mints nothing");
	context.memo = (DcepText){"", 0};
	ok(dcep_opening_compute(&mint, &context, 0, true, &b) &&
		   memcmp(a.transfer_hash, b.transfer_hash, DCEP_HASH_LEN) != 0,
	   "an empty memo is not an absent one");
	context.memo = (DcepText){NULL, 0};
	context.key = (DcepText){"", 0};
	ok(dcep_opening_compute(&mint, &context, 0, true, &a) &&
		   memcmp(a.transfer_hash, b.transfer_hash, DCEP_HASH_LEN) != 0,
	   "nor is a key a memo");
	ok(dcep_opening_compute(&mint, &context, 1, false, &a) &&
		   memcmp(a.coin[0].blinding, a.coin[1].blinding, DCEP_BLINDING_LEN) != 0,
	   "the two coins have blindings of their own");
	ok(dcep_context_length(&context) == 129 + 4 + 4 + 4, "the length of a context");
	context.token = (DcepText){"", 0};
	ok(dcep_context_length(&context) == 129 + 5 * 4 && dcep_opening_compute(&mint, &context, 1, false, &b) &&
		   memcmp(a.transfer_hash, b.transfer_hash, DCEP_HASH_LEN) != 0,
	   "a token, even an empty one, adds two fields");
	context.token = (DcepText){NULL, 0};
	context.device_signature = (DcepText){"", 0};
	ok(dcep_opening_compute(&mint, &context, 1, false, &a) &&
		   memcmp(a.transfer_hash, b.transfer_hash, DCEP_HASH_LEN) != 0,
	   "and is not a device's signature");
	ok(strcmp(dcep_kind_name(DCEP_KIND_ISSUE), "issue") == 0 &&
		   strcmp(dcep_kind_name(DCEP_KIND_REDEEM), "redeem") == 0 &&
		   strcmp(dcep_kind_name(DCEP_KIND_RECOVER), "recover") == 0 &&
		   strcmp(dcep_kind_name(DCEP_KIND_CONSOLIDATE), "consolidate") == 0,
	   "kinds have names");
	ok(dcep_kind_name(-1) == NULL && dcep_kind_name(0) == NULL && dcep_kind_name(DCEP_KIND_MAX + 1) == NULL,
	   "other numbers have none");
}

/* --- the documentation --------------------------------------------------- */

/* docs/format.md has the vectors that the code makes. */
static void
test_documentation(const char *path)
{
	const char *vectors = vectors_text();
	static char page[200000];
	FILE *file = fopen(path, "r");
	size_t len = 0;

	if (file != NULL)
	{
		len = fread(page, 1, sizeof(page) - 1, file);
		fclose(file);
	}
	page[len] = '\0';
	ok(vectors != NULL, "the vectors can be made");
	ok(vectors != NULL && strstr(page, vectors) != NULL, "they are those of %s", path);
}

/* What a pair of keys signs of a hash, another tag does not verify. */
static void
test_tagged(int suite, const uint8_t hash[DCEP_HASH_LEN])
{
	DcepKeyPair *key = dcep_key_generate(suite);
	uint8_t signature[DCEP_SIGNATURE_LEN];

	ok(key && dcep_act_sign(key, hash, signature) && dcep_act_verify(key, hash, signature) == DCEP_SIGNATURE_VALID,
	   "the signature of an act holds, suite %d", suite);
	ok(dcep_entry_verify(key, hash, signature) == DCEP_SIGNATURE_INVALID, "and is none of a reserve entry");
	ok(dcep_root_verify(key, hash, signature) == DCEP_SIGNATURE_INVALID, "nor of a transfer");
	dcep_key_free(key);
}

/* A context that was written is read again, and no other bytes are. */
static void
test_context(const DcepContext *context, const char *what)
{
	uint8_t bytes[512] = {0};
	uint8_t again[512] = {0};
	int64_t inputs[64];
	size_t len = dcep_context_length(context);
	int taken = 0;
	DcepContext read;

	dcep_context_put(context, bytes);
	ok(dcep_context_get(bytes, len, &read, inputs) == NULL && dcep_context_length(&read) == len, "%s is read", what);
	dcep_context_put(&read, again);
	ok(memcmp(bytes, again, len) == 0, "%s is read as it was written", what);
	for (size_t cut = 0; cut < len; cut++)
		taken += dcep_context_get(bytes, cut, &read, inputs) == NULL;
	/* What ends in a device's signature can be cut to one without; a payment to a token needs its token. */
	ok(taken == (context->token.data == NULL && context->device_signature.data != NULL),
	   "%s: shorter bytes are none, or another one", what);
	taken = 0;
	ok(dcep_context_get(bytes, len + 1, &read, inputs) != NULL, "%s: nor longer ones", what);
	/* Any other byte either is refused or is another context, which is written as it was read. */
	for (size_t at = 0; at < len; at++)
	{
		bytes[at] ^= 0x81;
		if (dcep_context_get(bytes, len, &read, inputs) == NULL)
		{
			taken += dcep_context_length(&read) != len;
			dcep_context_put(&read, again);
			taken += memcmp(bytes, again, len) != 0;
		}
		bytes[at] ^= 0x81;
	}
	ok(taken == 0, "%s: there are no two ways to write one", what);
}

/* Contexts with and without what may be absent. */
static void
test_contexts(void)
{
	static const int64_t inputs[] = {41, 86, INT64_MAX};
	static const char proof[DCEP_SIGNATURE_LEN] = "device";
	DcepContext context = {.seq = 2,
						   .id = 1000,
						   .kind = DCEP_KIND_TRANSFER,
						   .payer = INT64_C(2999999999990),
						   .payee = INT64_C(3123456789018),
						   .amount = 1250,
						   .created_at = 1767225600123456};

	test_context(&context, "a context without inputs and texts");
	context.inputs = inputs;
	context.input_count = 3;
	context.key = (DcepText){"order 1", 7};
	context.memo = (DcepText){"", 0};
	test_context(&context, "a context with inputs and texts");
	context.device_signature = (DcepText){proof, DCEP_SIGNATURE_LEN};
	test_context(&context, "a context with a device's signature");
	context.kind = DCEP_KIND_TOKEN;
	context.token = (DcepText){proof, DCEP_TOKEN_PROOF_LEN};
	test_context(&context, "a context with a token");
}

/* What is written of a record to be hashed is what is hashed. */
static void
test_record_bytes(const DcepEntry *entry, const DcepAct *act)
{
	uint8_t bytes[512];
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t expected[DCEP_HASH_LEN];
	DcepBytes piece = {bytes, dcep_entry_length(entry)};

	dcep_entry_put(entry, bytes);
	ok(dcep_hash(DCEP_SUITE_SM2, &piece, 1, hash) && dcep_entry_hash(DCEP_SUITE_SM2, entry, expected) &&
		   memcmp(hash, expected, DCEP_HASH_LEN) == 0 && bytes[0] == 5,
	   "what is hashed of an entry");
	piece.len = dcep_act_length(act);
	dcep_act_put(act, bytes);
	ok(dcep_hash(DCEP_SUITE_SM2, &piece, 1, hash) && dcep_act_hash(DCEP_SUITE_SM2, act, expected) &&
		   memcmp(hash, expected, DCEP_HASH_LEN) == 0 && bytes[0] == 6,
	   "what is hashed of an act");
}

/* The hashes of docs/format.md for an entry and an act, which were made by hand with other programs. */
static void
test_chained_records(void)
{
	DcepEntry entry = {.institution = 2,
					   .seq = 2,
					   .amount = -1500000,
					   .balance = 500000,
					   .transfer = 1000,
					   .created_at = 1767225600123456,
					   .reference = {"issue 1", 7}};
	DcepAct act = {.institution = 9001,
				   .seq = 2,
				   .id = 17,
				   .entered_at = 1767225600123456,
				   .kind = {"lift", 4},
				   .role = {"supervisor", 10},
				   .body = {"{\"order\": 12}", 13}};
	uint8_t hash[DCEP_HASH_LEN];

	memset(entry.prev_hash, 0xab, DCEP_HASH_LEN);
	memset(act.prev_hash, 0xab, DCEP_HASH_LEN);
	ok(dcep_entry_hash(DCEP_SUITE_P256, &entry, hash) &&
		   is_hex(hash, DCEP_HASH_LEN, "8d3db4280d1138e3970f9accbd5f69735291a90ab2a3090fe808d5b1e54be6f1"),
	   "hash of a reserve entry, SHA-256");
	ok(dcep_entry_hash(DCEP_SUITE_SM2, &entry, hash) &&
		   is_hex(hash, DCEP_HASH_LEN, "0a812e9d793e276735325edfd3c51e81f72c9ce04990fe6f1b963ca5f2b15a94"),
	   "hash of a reserve entry, SM3");
	ok(dcep_act_hash(DCEP_SUITE_SM2, &act, hash) &&
		   is_hex(hash, DCEP_HASH_LEN, "35660cfbf62d5f63c5d0fa2abe405a9a2d9e3f6f7cb11116c5ca62625eb46c75"),
	   "hash of an act, SM3");
	ok(dcep_act_hash(DCEP_SUITE_P256, &act, hash) &&
		   is_hex(hash, DCEP_HASH_LEN, "0691322f4aa218c28769e5c544a998d179c538d325ea472c9be2b83d6bcd6e95"),
	   "hash of an act, SHA-256");
	test_record_bytes(&entry, &act);
	act.case_no = (DcepText){"", 0};
	ok(dcep_act_hash(DCEP_SUITE_P256, &act, hash) &&
		   !is_hex(hash, DCEP_HASH_LEN, "0691322f4aa218c28769e5c544a998d179c538d325ea472c9be2b83d6bcd6e95"),
	   "an empty case number is not an absent one");
	for (int suite = DCEP_SUITE_ED25519; suite <= DCEP_SUITE_P256; suite++)
		test_tagged(suite, hash);
}

/* --- one-time passwords -------------------------------------------------- */

/* RFC 4226, appendix D: counters 0 to 9 of the secret "12345678901234567890". */
static const char *const hotp_vectors[] = {"755224", "287082", "359152", "969429", "338314",
										   "254676", "287922", "162583", "399871", "520489"};

/* RFC 6238, appendix B: 8 digits, 30 seconds a step, secrets as long as the hash. */
static const struct
{
	uint64_t seconds;
	const char *sha1;
	const char *sha256;
	const char *sha512;
} totp_vectors[] = {
	{59, "94287082", "46119246", "90693936"},		  {1111111109, "07081804", "68084774", "25091201"},
	{1111111111, "14050471", "67062674", "99943326"}, {1234567890, "89005924", "91819424", "93441116"},
	{2000000000, "69279037", "90698825", "38618901"}, {20000000000, "65353130", "77737706", "47863826"}};

/* GM/T 0021: time as it stands, 6 digits. */
static const struct
{
	const char *key;
	uint64_t t;
	uint32_t counter;
	const char *challenge;
	const char *password;
} sm3_vectors[] = {{"1234567890abcdef1234567890abcdef", 1313998979, 1234, "5678", "814095"},
				   {"1234567890abcdefabcdef1234567890", 1313998995, 5621, "3698", "959691"},
				   {"1234567890abcdef0987654321abcdef", 1313999014, 5621, "3698", "063014"},
				   {"1234567890abcdefabcdef0987654321", 1313999047, 2053, "6984", "302593"},
				   {"87524138025adcfe2584376195abfedc", 1313999067, 2058, "3024", "657337"},
				   {"87524138025adcfeabfedc2584376195", 1313999098, 2056, "2018", "345821"}};

/* Payment tokens of the secret 00 01 … 1f; docs/format.md has them too. */
static const struct
{
	uint64_t step;
	int64_t token;
} token_vectors[] = {{UINT64_C(0), INT64_C(280864461583198223)},
					 {UINT64_C(1), INT64_C(287284191536767789)},
					 {UINT64_C(29736000), INT64_C(281894857536431720)},
					 {UINT64_C(4294967296), INT64_C(281965273901445589)},
					 {UINT64_C(9223372036854775807), INT64_C(286097497365353774)}};

/* Is this the password? */
static void
check_totp(DcepDigest digest, size_t secret_len, uint64_t seconds, const char *expected)
{
	static const char secret[] = "1234567890123456789012345678901234567890123456789012345678901234";
	char out[DCEP_OTP_DIGITS_MAX + 1];

	ok(dcep_otp_hotp(digest, secret, secret_len, seconds / 30, 8, out) && strcmp(out, expected) == 0,
	   "TOTP at %llu, secret of %zu bytes", (unsigned long long) seconds, secret_len);
}

static void
test_passwords(void)
{
	char out[DCEP_OTP_DIGITS_MAX + 1];
	uint8_t secret[DCEP_HASH_LEN];
	DcepDigest digest;
	int64_t token;

	for (size_t i = 0; i < sizeof(hotp_vectors) / sizeof(hotp_vectors[0]); i++)
		ok(dcep_otp_hotp(DCEP_DIGEST_SHA1, "12345678901234567890", 20, i, 6, out) && strcmp(out, hotp_vectors[i]) == 0,
		   "HOTP of counter %zu", i);
	for (size_t i = 0; i < sizeof(totp_vectors) / sizeof(totp_vectors[0]); i++)
	{
		check_totp(DCEP_DIGEST_SHA1, 20, totp_vectors[i].seconds, totp_vectors[i].sha1);
		check_totp(DCEP_DIGEST_SHA256, 32, totp_vectors[i].seconds, totp_vectors[i].sha256);
		check_totp(DCEP_DIGEST_SHA512, 64, totp_vectors[i].seconds, totp_vectors[i].sha512);
	}
	for (size_t i = 0; i < sizeof(sm3_vectors) / sizeof(sm3_vectors[0]); i++)
	{
		uint8_t key[16];

		vectors_unhex(sm3_vectors[i].key, key);
		ok(dcep_otp_sm3(key, sizeof(key), sm3_vectors[i].t, sm3_vectors[i].counter, sm3_vectors[i].challenge,
						strlen(sm3_vectors[i].challenge), 6, out) &&
			   strcmp(out, sm3_vectors[i].password) == 0,
		   "GM/T 0021, vector %zu", i + 1);
	}
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t) i;
	for (size_t i = 0; i < sizeof(token_vectors) / sizeof(token_vectors[0]); i++)
		ok(dcep_otp_token(secret, token_vectors[i].step, &token) && token == token_vectors[i].token &&
			   dcep_token_check(token) == NULL,
		   "payment token of step %llu", (unsigned long long) token_vectors[i].step);
	ok(dcep_otp_algorithm("sha256", &digest) && digest == DCEP_DIGEST_SHA256 &&
		   !dcep_otp_algorithm("SHA256", &digest) && !dcep_otp_algorithm("", &digest) &&
		   !dcep_otp_algorithm("sm3", &digest),
	   "algorithms by their names");
}

/* --- the log ------------------------------------------------------------------ */

#define LOG_MAX 70

static uint8_t log_leaves[LOG_MAX][DCEP_HASH_LEN];

/* Root of the leaves first to last - 1, straight from the definition. */
static void
log_reference(int first, int last, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t left[DCEP_HASH_LEN];
	uint8_t right[DCEP_HASH_LEN];
	int k = 1;

	if (last - first == 1)
	{
		memcpy(out, log_leaves[first], DCEP_HASH_LEN);
		return;
	}
	while (k * 2 < last - first)
		k *= 2;
	log_reference(first, first + k, left);
	log_reference(first + k, last, right);
	dcep_tree_node(left, right, out);
}

/* A reader of perfect subtrees; `from` is not used. */
static bool
log_read(void *from, int level, uint64_t index, uint8_t out[DCEP_HASH_LEN])
{
	(void) from;
	log_reference((int) (index << level), (int) ((index + 1) << level), out);
	return true;
}

/* The leaves and roots that Certificate Transparency publishes for its eight classic leaves. */
static void
test_log_published(void)
{
	static const char *const data[] = {
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
	static const char *const roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
										"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
										"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
										"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
										"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
										"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
										"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
										"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
										"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
	DcepFrontier frontier = {0};
	uint8_t bytes[16];
	uint8_t hash[DCEP_HASH_LEN];

	for (int i = 0; i <= 8; i++)
	{
		ok(dcep_frontier_root(&frontier, hash) && is_hex(hash, DCEP_HASH_LEN, roots[i]), "root of %d published leaves",
		   i);
		if (i < 8)
		{
			size_t len = vectors_unhex(data[i], bytes);

			dcep_tree_leaf(bytes, len, log_leaves[i]);
			dcep_frontier_add(&frontier, log_leaves[i]);
		}
	}
}

/* Roots and proofs of all sizes against the definition; proofs that are not those are refused. */
static void
test_log_proofs(void)
{
	DcepFrontier frontier = {0};
	uint8_t roots[LOG_MAX + 1][DCEP_HASH_LEN];
	DcepTreePath path;
	bool sound = true;
	bool proven = true;
	bool refused = true;

	for (int i = 0; i < LOG_MAX; i++)
	{
		uint32_t random = next_random();

		dcep_tree_leaf(&random, sizeof(random), log_leaves[i]);
	}
	dcep_frontier_root(&frontier, roots[0]);
	for (int size = 1; size <= LOG_MAX; size++)
	{
		uint8_t hash[DCEP_HASH_LEN];

		log_reference(0, size, roots[size]);
		dcep_frontier_add(&frontier, log_leaves[size - 1]);
		sound = sound && dcep_frontier_root(&frontier, hash) && memcmp(hash, roots[size], DCEP_HASH_LEN) == 0;
		sound = sound && dcep_tree_root(log_read, NULL, (uint64_t) size, hash) &&
				memcmp(hash, roots[size], DCEP_HASH_LEN) == 0;
		for (int i = 0; i < size; i++)
		{
			proven = proven && dcep_tree_inclusion(log_read, NULL, (uint64_t) i, (uint64_t) size, &path) &&
					 dcep_tree_verify_inclusion(log_leaves[i], (uint64_t) i, (uint64_t) size, &path, roots[size]) ==
						 DCEP_SIGNATURE_VALID;
			refused =
				refused &&
				dcep_tree_verify_inclusion(log_leaves[i], (uint64_t) i, (uint64_t) size, &path, roots[size - 1]) !=
					DCEP_SIGNATURE_VALID &&
				(size == 1 || dcep_tree_verify_inclusion(log_leaves[(i + 1) % size], (uint64_t) i, (uint64_t) size,
														 &path, roots[size]) != DCEP_SIGNATURE_VALID);
		}
		for (int old = 0; old <= size; old++)
		{
			proven = proven && dcep_tree_consistency(log_read, NULL, (uint64_t) old, (uint64_t) size, &path) &&
					 dcep_tree_verify_consistency((uint64_t) old, roots[old], (uint64_t) size, roots[size], &path) ==
						 DCEP_SIGNATURE_VALID;
			refused = refused && (old == 0 || old == size ||
								  dcep_tree_verify_consistency((uint64_t) old, roots[old - 1], (uint64_t) size,
															   roots[size], &path) != DCEP_SIGNATURE_VALID);
		}
	}
	ok(sound, "roots of up to %d leaves, by frontier and by subtrees", LOG_MAX);
	ok(proven, "proofs of inclusion and consistency of all of them");
	ok(refused, "proofs under another root or for another leaf are refused");
}

/* A checkpoint that is signed, read again, and altered byte by byte. */
static void
test_note(void)
{
	static const char text[] =
		"dcep/cny/0123456789abcdef\n7\nu0n2AY2GuWkkDgHGAXTBOn3QFLCf4fTDyPQ6bHE0P6A=\nextension\n";
	DcepKeyPair *key = dcep_key_generate(DCEP_SUITE_ED25519);
	DcepNoteKey of_log = unit_note_key(key, "dcep/cny/0123456789abcdef", DCEP_NOTE_KEY_LOG);
	DcepNoteKey of_another = unit_note_key(key, "another", DCEP_NOTE_KEY_LOG);
	char line[DCEP_NOTE_LINE_MAX];
	char note_text[1024];
	DcepNote note;
	DcepCheckpoint checkpoint;
	size_t len;
	int accepted = 0;
	uint8_t byte;

	ok(dcep_note_sign(key, "dcep/cny/0123456789abcdef", (DcepSpan){text, strlen(text)}, line), "a note is signed");
	len = (size_t) snprintf(note_text, sizeof(note_text), "%s\n%s", text, line);
	ok(dcep_note_parse(note_text, len, &note) == NULL && note.count == 1 &&
		   dcep_checkpoint_parse(&note, &checkpoint) == NULL && checkpoint.size == 7 &&
		   dcep_span_is(checkpoint.extensions, "extension\n") &&
		   dcep_note_verify(&of_log, &note) == DCEP_SIGNATURE_VALID,
	   "and read again");
	ok(dcep_note_verify(&of_another, &note) == DCEP_SIGNATURE_INVALID, "not under another name");
	for (size_t i = 0; i < len; i++)
	{
		note_text[i] ^= 1;
		if (dcep_note_parse(note_text, len, &note) == NULL && dcep_note_verify(&of_log, &note) == DCEP_SIGNATURE_VALID)
			accepted++;
		note_text[i] ^= 1;
	}
	ok(accepted == 0, "no altered byte passes");
	for (size_t i = 0; i < len; i++)
		accepted += dcep_note_parse(note_text, i, &note) == NULL;
	ok(accepted == 0, "no beginning of it passes");
	ok(dcep_base64_get((DcepSpan){"AA==", 4}, &byte, 1) && !dcep_base64_get((DcepSpan){"AB==", 4}, &byte, 1) &&
		   !dcep_base64_get((DcepSpan){"AA", 2}, &byte, 1) && !dcep_base64_get((DcepSpan){"_w==", 4}, &byte, 1) &&
		   dcep_base64_get((DcepSpan){"/w==", 4}, &byte, 1) && byte == 0xff,
	   "base64 is read strictly");
	dcep_key_free(key);
}

/* Everything, in order from the bytes up. */
static void
run_tests(const char *format_page)
{
	test_hashes();
	for (size_t i = 0; i < sizeof(signature_vectors) / sizeof(signature_vectors[0]); i++)
		test_signature(&signature_vectors[i]);
	test_many_signatures(DCEP_SUITE_P256, 1000);
	test_many_signatures(DCEP_SUITE_SM2, 300);
	test_public_keys();
	for (int suite = DCEP_SUITE_ED25519; suite <= DCEP_SUITE_P256; suite++)
		test_pem(suite);
	test_foreign_keys();
	test_wallet_texts();
	test_wallet_check_digits();
	test_tokens();
	test_passwords();
	test_base64();
	test_coin_lengths(0, 1);
	test_coin_lengths(4, 7);
	test_coin_lengths(0, UINT32_MAX);
	test_coin_fields();
	test_coin_head();
	test_trees(DCEP_SUITE_ED25519);
	test_trees(DCEP_SUITE_SM2);
	for (int suite = DCEP_SUITE_ED25519; suite <= DCEP_SUITE_P256; suite++)
		test_transfer(suite);
	test_openings();
	test_contexts();
	test_chained_records();
	test_log_published();
	test_log_proofs();
	test_note();
	unit_test_cosignatures();
	unit_test_contexts();
	unit_test_bundles();
	unit_test_moments();
	unit_test_rows();
	unit_test_statements();
	test_documentation(format_page);
}

/* Prints the vectors, or runs the tests. */
int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--vectors") == 0)
	{
		const char *vectors = vectors_text();

		if (vectors == NULL)
			return 1;
		fputs(vectors, stdout);
		return 0;
	}
	run_tests(argc == 2 ? argv[1] : "docs/format.md");
	printf("1..%d\n", tests_run);
	return tests_failed == 0 ? 0 : 1;
}
