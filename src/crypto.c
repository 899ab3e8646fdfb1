/*
 * crypto.c: hashes, signatures and keys by OpenSSL 3.
 *
 * A payment hashes several times and signs once, so what OpenSSL would look up
 * and allocate on each call is made once and kept: the digests, one context per
 * digest, and one context per key and direction.  SM2 and P-256 sign a hash that
 * is computed here, which also lets the Z value of an SM2 key be computed once.
 *
 * Signatures are 64 bytes everywhere.  OpenSSL speaks DER for the two curves;
 * the translation is done here and admits only what DER admits.
 */
#include "crypto.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ED25519_KEY_LEN 32
#define POINT_LEN 65
#define COORDINATE_LEN 32
#define DER_SIGNATURE_MAX 72

struct DcepKeyPair
{
	int suite;
	bool is_private;
	EVP_PKEY *pkey;
	EVP_MD_CTX *oneshot;	  /* Ed25519 */
	EVP_PKEY_CTX *signer;	  /* the curves; NULL without the private half */
	EVP_PKEY_CTX *verifier;	  /* the curves */
	uint8_t z[DCEP_HASH_LEN]; /* SM2: the hash of identifier, curve and public key */
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	size_t public_len;
};

/* A digest, and contexts of it and of its HMAC, which are only ever copied or begun again. */
typedef struct Digest
{
	const char *name;
	EVP_MD *md;
	EVP_MD_CTX *context;
	EVP_MAC_CTX *mac; /* NULL before the first HMAC */
} Digest;

typedef struct Suite
{
	const char *name;
	const char *key_type; /* what OpenSSL calls a key of the suite */
	const char *group;	  /* and its curve, where the type leaves it open */
	Digest *digest;
	size_t public_len;
} Suite;

static Digest sha1 = {.name = "SHA1"};
static Digest sha256 = {.name = "SHA256"};
static Digest sha512 = {.name = "SHA512"};
static Digest sm3 = {.name = "SM3"};

static const Suite suites[] = {
	[DCEP_SUITE_ED25519] = {"ed25519", "ED25519", NULL, &sha256, ED25519_KEY_LEN},
	[DCEP_SUITE_SM2] = {"sm2", "SM2", "SM2", &sm3, POINT_LEN},
	[DCEP_SUITE_P256] = {"p256", "EC", "prime256v1", &sha256, POINT_LEN},
};

/* clang-format off */

/* Orders of the two curves' groups: r and s lie between 1 and the order less 1. */
static const uint8_t sm2_order[COORDINATE_LEN] = {
	0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x23};
static const uint8_t p256_order[COORDINATE_LEN] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

/* What Z of an SM2 key covers before the public point: length in bits and identifier, then a, b, xG, yG. */
static const uint8_t sm2_z_prefix[] = {
	0x00, 0x80, '1', '2', '3', '4', '5', '6', '7', '8', '1', '2', '3', '4', '5', '6', '7', '8',
	0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,
	0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7,
	0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,
	0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,
	0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
	0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53,
	0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0};

/* clang-format on */

static char last_error[256];

/* --- errors -------------------------------------------------------------- */

/* Why the last call failed; empty when it did not. */
const char *
dcep_crypto_error(void)
{
	return last_error;
}

/* Opens every public function: forgets earlier failures, ours and OpenSSL's. */
static void
begin_call(void)
{
	last_error[0] = '\0';
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* Records a failure with OpenSSL's reason for it, if it left one, and returns false. */
static bool
fail(const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (reason != NULL)
		snprintf(last_error, sizeof(last_error), "%s: %s", what, reason);
	else
		snprintf(last_error, sizeof(last_error), "%s", what);
	ERR_clear_error();
	return false;
}

/* Records a failure of a caller further up, where OpenSSL has no part in it; returns false. */
bool
dcep_crypto_fail(const char *what)
{
	begin_call();
	return fail(what);
}

/* Does the number name a suite? */
static bool
is_suite(int suite)
{
	return suite >= DCEP_SUITE_ED25519 && suite <= DCEP_SUITE_P256;
}

/* Name of a suite, NULL when the number is none. */
const char *
dcep_suite_name(int suite)
{
	return is_suite(suite) ? suites[suite].name : NULL;
}

/* Number of a suite, 0 when the name is none. */
int
dcep_suite_by_name(const char *name)
{
	for (int suite = DCEP_SUITE_ED25519; suite <= DCEP_SUITE_P256; suite++)
	{
		if (strcmp(name, suites[suite].name) == 0)
			return suite;
	}
	return 0;
}

/* --- hashes -------------------------------------------------------------- */

/* Looks the digest up in OpenSSL, once a process. */
static bool
open_digest(Digest *digest)
{
	EVP_MD *md;
	EVP_MD_CTX *context;

	if (digest->context != NULL)
		return true;
	md = EVP_MD_fetch(NULL, digest->name, NULL);
	context = EVP_MD_CTX_new();
	if (md == NULL || context == NULL || EVP_DigestInit_ex2(context, md, NULL) != 1)
	{
		EVP_MD_CTX_free(context);
		EVP_MD_free(md);
		return fail("hash function is not available");
	}
	digest->md = md;
	digest->context = context;
	return true;
}

/* Hashes the concatenation of the pieces; the part of dcep_hash() that other functions share. */
static bool
hash_pieces(Digest *digest, const DcepBytes *pieces, int count, uint8_t out[DCEP_HASH_LEN])
{
	if (!open_digest(digest))
		return false;
	if (EVP_DigestInit_ex2(digest->context, NULL, NULL) != 1)
		return fail("could not begin a hash");
	for (int i = 0; i < count; i++)
	{
		if (EVP_DigestUpdate(digest->context, pieces[i].data, pieces[i].len) != 1)
			return fail("could not hash");
	}
	if (EVP_DigestFinal_ex(digest->context, out, NULL) != 1)
		return fail("could not finish a hash");
	return true;
}

/* Hashes the concatenation of the pieces with the suite's hash function. */
bool
dcep_hash(int suite, const DcepBytes *pieces, int count, uint8_t out[DCEP_HASH_LEN])
{
	begin_call();
	if (!is_suite(suite))
		return fail("unknown signature suite");
	return hash_pieces(suites[suite].digest, pieces, count, out);
}

/* Looks the HMAC of a digest up, once a process: OpenSSL's HMAC() would do so in each call, for ten times the work. */
static bool
open_mac(Digest *digest)
{
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *) digest->name, 0),
								 OSSL_PARAM_construct_end()};
	EVP_MAC *algorithm;
	EVP_MAC_CTX *mac;

	if (digest->mac != NULL)
		return true;
	algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
	mac = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
	EVP_MAC_free(algorithm); /* the context holds it */
	if (mac == NULL || EVP_MAC_CTX_set_params(mac, params) != 1)
	{
		EVP_MAC_CTX_free(mac);
		return fail("HMAC is not available");
	}
	digest->mac = mac;
	return true;
}

/* HMAC by a hash function; an empty key is a key. The key does not stay in memory. */
static size_t
compute_hmac(Digest *digest, const void *key, size_t key_len, const void *data, size_t len,
			 uint8_t out[DCEP_DIGEST_MAX])
{
	static const uint8_t no_key[DCEP_HASH_LEN] = {0};
	size_t written = 0;
	bool done;

	begin_call();
	if (!open_mac(digest))
		return 0;
	done = EVP_MAC_init(digest->mac, key_len == 0 ? no_key : key, key_len, NULL) == 1 &&
		   EVP_MAC_update(digest->mac, data, len) == 1 &&
		   EVP_MAC_final(digest->mac, out, &written, DCEP_DIGEST_MAX) == 1;
	done = EVP_MAC_init(digest->mac, no_key, sizeof(no_key), NULL) == 1 && done;
	if (!done)
	{
		fail("could not compute an HMAC");
		return 0;
	}
	assert(written > 0 && written <= DCEP_DIGEST_MAX);
	return written;
}

/* HMAC with the hash function that is asked for. */
size_t
dcep_hmac_by(DcepDigest digest, const void *key, size_t key_len, const void *data, size_t len,
			 uint8_t out[DCEP_DIGEST_MAX])
{
	static Digest *const digests[] = {
		[DCEP_DIGEST_SHA1] = &sha1, [DCEP_DIGEST_SHA256] = &sha256, [DCEP_DIGEST_SHA512] = &sha512};

	return compute_hmac(digests[digest], key, key_len, data, len, out);
}

/* HMAC-SHA-256. */
bool
dcep_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t code[DCEP_DIGEST_MAX];
	bool done = compute_hmac(&sha256, key, key_len, data, len, code) == DCEP_HASH_LEN;

	if (done)
		memcpy(out, code, DCEP_HASH_LEN);
	OPENSSL_cleanse(code, sizeof(code));
	return done;
}

/* Random bytes; OpenSSL seeds its generator anew in each process. */
bool
dcep_random(void *out, size_t len)
{
	begin_call();
	if (len > INT32_MAX)
		return fail("too many random bytes");
	return RAND_priv_bytes(out, (int) len) == 1 || fail("could not draw random bytes");
}

/* --- keys ---------------------------------------------------------------- */

/* Frees a key pair; OpenSSL wipes the private half. */
void
dcep_key_free(DcepKeyPair *key)
{
	if (key == NULL)
		return;
	EVP_MD_CTX_free(key->oneshot);
	EVP_PKEY_CTX_free(key->signer);
	EVP_PKEY_CTX_free(key->verifier);
	EVP_PKEY_free(key->pkey);
	OPENSSL_clear_free(key, sizeof(*key));
}

/* The suite that an OpenSSL key belongs to, 0 when none. */
static int
find_suite(EVP_PKEY *pkey)
{
	char group[32] = "";

	EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	for (int suite = DCEP_SUITE_ED25519; suite <= DCEP_SUITE_P256; suite++)
	{
		const Suite *candidate = &suites[suite];

		if (EVP_PKEY_is_a(pkey, candidate->key_type) &&
			(candidate->group == NULL || strcmp(candidate->group, group) == 0))
			return suite;
	}
	return 0;
}

/* Copies one coordinate of the public point. */
static bool
export_coordinate(EVP_PKEY *pkey, const char *name, uint8_t out[COORDINATE_LEN])
{
	BIGNUM *number = NULL;
	bool done =
		EVP_PKEY_get_bn_param(pkey, name, &number) == 1 && BN_bn2binpad(number, out, COORDINATE_LEN) == COORDINATE_LEN;

	BN_free(number);
	return done;
}

/* Copies the public point of a key that stays in a token, of which OpenSSL gives no coordinates. */
static bool
export_point(EVP_PKEY *pkey, uint8_t out[POINT_LEN])
{
	unsigned char *point = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(pkey, &point);
	bool done = len == POINT_LEN && point[0] == POINT_CONVERSION_UNCOMPRESSED;

	if (done)
		memcpy(out, point, POINT_LEN);
	OPENSSL_free(point);
	return done;
}

/* Copies the raw public key into the pair. */
static bool
export_public(DcepKeyPair *key)
{
	key->public_len = suites[key->suite].public_len;
	if (key->suite == DCEP_SUITE_ED25519)
	{
		size_t len = key->public_len;

		return EVP_PKEY_get_raw_public_key(key->pkey, key->public_key, &len) == 1 && len == key->public_len;
	}
	key->public_key[0] = POINT_CONVERSION_UNCOMPRESSED;
	return (export_coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->public_key + 1) &&
			export_coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->public_key + 1 + COORDINATE_LEN)) ||
		   export_point(key->pkey, key->public_key);
}

/* Makes the contexts that signing and verifying keep using. */
static bool
open_contexts(DcepKeyPair *key)
{
	if (key->suite == DCEP_SUITE_ED25519)
	{
		key->oneshot = EVP_MD_CTX_new();
		return key->oneshot != NULL;
	}
	if (key->suite == DCEP_SUITE_SM2)
	{
		const DcepBytes pieces[] = {{sm2_z_prefix, sizeof(sm2_z_prefix)}, {key->public_key + 1, POINT_LEN - 1}};

		if (!hash_pieces(&sm3, pieces, 2, key->z))
			return false;
	}
	key->verifier = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (key->verifier == NULL || EVP_PKEY_verify_init(key->verifier) != 1)
		return false;
	if (!key->is_private)
		return true;
	key->signer = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	return key->signer != NULL && EVP_PKEY_sign_init(key->signer) == 1;
}

/* Makes a pair of an OpenSSL key, which it takes over even where it fails. */
static DcepKeyPair *
wrap_key(EVP_PKEY *pkey, bool is_private)
{
	DcepKeyPair *key = OPENSSL_zalloc(sizeof(*key));

	if (key == NULL)
	{
		EVP_PKEY_free(pkey);
		fail("out of memory");
		return NULL;
	}
	key->pkey = pkey;
	key->is_private = is_private;
	key->suite = find_suite(pkey);
	if (key->suite == 0)
		fail("key is not an Ed25519, SM2 or P-256 key");
	else if (!export_public(key) || !open_contexts(key))
		fail("could not prepare the key");
	else
	{
		/* OpenSSL tries several decoders and parameters; those that did not fit have left their complaints. */
		ERR_clear_error();
		return key;
	}
	dcep_key_free(key);
	return NULL;
}

/* Makes a new key pair, NULL on failure. */
DcepKeyPair *
dcep_key_generate(int suite)
{
	EVP_PKEY *pkey;

	begin_call();
	if (!is_suite(suite))
	{
		fail("unknown signature suite");
		return NULL;
	}
	/* Types with one curve take no argument. */
	if (suite == DCEP_SUITE_P256)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, suites[suite].key_type, suites[suite].group);
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, suites[suite].key_type);
	if (pkey == NULL)
	{
		fail("could not generate a key");
		return NULL;
	}
	return wrap_key(pkey, true);
}

/*
 * Is this the canonical form of an Ed25519 point whose order is not 8 or less?
 * OpenSSL takes any 32 bytes; under a key of small order, signatures are easily forged.
 *
 * With u = y^2 - 1 and v = d y^2 + 1, a point has x^2 = u / v, so that uv is a
 * square.  Its order divides 8 where y = 0, u = 0 or y^2 v + u = 0.
 */
static bool
is_ed25519_point(const uint8_t bytes[ED25519_KEY_LEN])
{
	static const char prime[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
	static const char constant[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
	uint8_t y_bytes[ED25519_KEY_LEN];
	BIGNUM *p = NULL;
	BIGNUM *d = NULL;
	BIGNUM *y = BN_new();
	BIGNUM *yy = BN_new();
	BIGNUM *u = BN_new();
	BIGNUM *v = BN_new();
	BIGNUM *test = BN_new();
	BN_CTX *context = BN_CTX_new();
	bool sound = false;

	memcpy(y_bytes, bytes, ED25519_KEY_LEN);
	y_bytes[ED25519_KEY_LEN - 1] &= 0x7f; /* the sign of x */
	if (y != NULL && yy != NULL && u != NULL && v != NULL && test != NULL && context != NULL && BN_hex2bn(&p, prime) &&
		BN_hex2bn(&d, constant) && BN_lebin2bn(y_bytes, ED25519_KEY_LEN, y) != NULL && BN_cmp(y, p) < 0 &&
		BN_mod_sqr(yy, y, p, context) && BN_mod_sub(u, yy, BN_value_one(), p, context) &&
		BN_mod_mul(v, d, yy, p, context) && BN_add_word(v, 1) && BN_mod_mul(test, u, v, p, context))
	{
		sound = BN_kronecker(test, p, context) == 1 && !BN_is_zero(y) && BN_mod_mul(test, yy, v, p, context) &&
				BN_mod_add(test, test, u, p, context) && !BN_is_zero(test);
	}
	BN_free(p);
	BN_free(d);
	BN_free(y);
	BN_free(yy);
	BN_free(u);
	BN_free(v);
	BN_free(test);
	BN_CTX_free(context);
	return sound;
}

/* Makes an OpenSSL key of an uncompressed point; OpenSSL refuses one that is not on the curve. */
static EVP_PKEY *
import_point(const Suite *suite, const uint8_t *bytes, size_t len)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, suite->key_type, NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) suite->group, strlen(suite->group)),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (uint8_t *) bytes, len), OSSL_PARAM_END};

	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	return pkey;
}

/* Makes a verifying key of a raw public key, NULL when it is not a point of the suite's curve. */
DcepKeyPair *
dcep_key_from_public(int suite, const uint8_t *bytes, size_t len)
{
	EVP_PKEY *pkey = NULL;

	begin_call();
	if (!is_suite(suite))
		fail("unknown signature suite");
	else if (len != suites[suite].public_len)
		fail("public key has the wrong length");
	else if (suite == DCEP_SUITE_ED25519 && is_ed25519_point(bytes))
		pkey = EVP_PKEY_new_raw_public_key_ex(NULL, suites[suite].key_type, NULL, bytes, len);
	else if (suite != DCEP_SUITE_ED25519 && bytes[0] == POINT_CONVERSION_UNCOMPRESSED)
		pkey = import_point(&suites[suite], bytes, len);
	if (pkey == NULL)
	{
		if (last_error[0] == '\0')
			fail("public key is not a point of its curve");
		return NULL;
	}
	return wrap_key(pkey, false);
}

/* Makes a verifying key of a raw public key, by its length and the curve that it is a point of; NULL when it is none. */
DcepKeyPair *
dcep_key_from_raw(const uint8_t *bytes, size_t len)
{
	DcepKeyPair *key = NULL;

	for (int suite = DCEP_SUITE_ED25519; key == NULL && suite <= DCEP_SUITE_P256; suite++)
		if (suites[suite].public_len == len)
			key = dcep_key_from_public(suite, bytes, len);
	if (key == NULL && last_error[0] == '\0')
		fail("public key has the wrong length");
	return key;
}

/* Makes a verifying key of a PEM public key, NULL when it is none; its point is examined like a raw one. */
DcepKeyPair *
dcep_key_from_public_pem(const char *pem, size_t len)
{
	EVP_PKEY *pkey = NULL;
	DcepKeyPair *key;
	uint8_t raw[DCEP_PUBLIC_KEY_MAX];
	int suite;
	size_t raw_len;
	BIO *bio;

	begin_call();
	bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int) len) : NULL;
	if (bio != NULL)
		pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (pkey == NULL)
	{
		fail("could not read the public key");
		return NULL;
	}
	key = wrap_key(pkey, false);
	if (key == NULL)
		return NULL;
	suite = key->suite;
	raw_len = dcep_key_public(key, raw);
	dcep_key_free(key);
	return dcep_key_from_public(suite, raw, raw_len);
}

/* Answers OpenSSL's question for a passphrase: there is none, and nobody is asked. */
static int
refuse_passphrase(char *buffer, int size, int writing, void *unused)
{
	(void) buffer;
	(void) size;
	(void) writing;
	(void) unused;
	return -1;
}

/* Do the halves of a key pair belong together? A file may say otherwise. */
static bool
signs_for_itself(DcepKeyPair *key)
{
	static const char message[] = "dcep key check";
	uint8_t signature[DCEP_SIGNATURE_LEN];

	return dcep_sign(key, message, sizeof(message), signature) &&
		   dcep_verify(key, message, sizeof(message), signature) == DCEP_SIGNATURE_VALID;
}

/* Reads a PKCS#8 PEM key without passphrase, NULL on failure. */
DcepKeyPair *
dcep_key_from_pem(const char *pem, size_t len)
{
	EVP_PKEY *pkey = NULL;
	DcepKeyPair *key;
	BIO *bio;

	begin_call();
	bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int) len) : NULL;
	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL);
	BIO_free(bio);
	if (pkey == NULL)
	{
		fail("could not read the private key");
		return NULL;
	}
	key = wrap_key(pkey, true);
	if (key != NULL && !signs_for_itself(key))
	{
		fail("the private key does not match its public key");
		dcep_key_free(key);
		return NULL;
	}
	return key;
}

/* Makes a key pair of a private key that a token keeps; it must sign for itself. */
DcepKeyPair *
dcep_key_wrap(void *pkey)
{
	DcepKeyPair *key;

	begin_call();
	key = wrap_key(pkey, true);
	if (key != NULL && !signs_for_itself(key))
	{
		dcep_key_free(key);
		dcep_crypto_fail("the token does not sign with this key");
		return NULL;
	}
	return key;
}

/* The suite of a key pair. */
int
dcep_key_suite(const DcepKeyPair *key)
{
	return key->suite;
}

/* Can the key pair sign? */
bool
dcep_key_is_private(const DcepKeyPair *key)
{
	return key->is_private;
}

/* Writes the raw public key, returns its length. */
size_t
dcep_key_public(const DcepKeyPair *key, uint8_t out[DCEP_PUBLIC_KEY_MAX])
{
	memcpy(out, key->public_key, key->public_len);
	return key->public_len;
}

/* Writes the private key as PKCS#8 PEM with a NUL, returns its length, 0 on failure. */
size_t
dcep_key_to_pem(const DcepKeyPair *key, char out[DCEP_PEM_MAX])
{
	size_t len = 0;
	BIO *bio;

	begin_call();
	if (!key->is_private)
	{
		fail("key has no private half");
		return 0;
	}
	bio = BIO_new(BIO_s_secmem());
	if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1)
	{
		char *data;
		long available = BIO_get_mem_data(bio, &data);

		if (available > 0 && available < DCEP_PEM_MAX)
		{
			len = (size_t) available;
			memcpy(out, data, len);
			out[len] = '\0';
		}
	}
	BIO_free(bio);
	if (len == 0)
		fail("could not write the private key");
	return len;
}

/* --- signatures ---------------------------------------------------------- */

/* Writes r or s as a DER INTEGER, returns where the next one goes. */
static uint8_t *
put_der_integer(uint8_t *to, const uint8_t number[COORDINATE_LEN])
{
	int skip = 0;
	int pad;

	while (skip < COORDINATE_LEN - 1 && number[skip] == 0)
		skip++;
	pad = number[skip] >> 7; /* DER integers are signed */
	*to++ = 0x02;
	*to++ = (uint8_t) (COORDINATE_LEN - skip + pad);
	if (pad != 0)
		*to++ = 0;
	memcpy(to, number + skip, (size_t) (COORDINATE_LEN - skip));
	return to + COORDINATE_LEN - skip;
}

/* Turns r||s into DER, returns its length. */
static size_t
signature_to_der(const uint8_t signature[DCEP_SIGNATURE_LEN], uint8_t der[DER_SIGNATURE_MAX])
{
	uint8_t *end = put_der_integer(put_der_integer(der + 2, signature), signature + COORDINATE_LEN);

	der[0] = 0x30;
	der[1] = (uint8_t) (end - der - 2);
	return (size_t) (end - der);
}

/* Reads a DER INTEGER of at most 32 significant bytes, NULL when it is not one in shortest form. */
static const uint8_t *
get_der_integer(const uint8_t *from, const uint8_t *end, uint8_t number[COORDINATE_LEN])
{
	size_t len;

	if (end - from < 3 || from[0] != 0x02 || from[1] == 0 || from[1] > end - from - 2)
		return NULL;
	len = from[1];
	from += 2;
	if ((from[0] & 0x80) != 0 || (from[0] == 0 && len > 1 && (from[1] & 0x80) == 0))
		return NULL;
	if (from[0] == 0 && len > 1)
	{
		from++;
		len--;
	}
	if (len > COORDINATE_LEN)
		return NULL;
	memset(number, 0, COORDINATE_LEN - len);
	memcpy(number + COORDINATE_LEN - len, from, len);
	return from + len;
}

/* Turns DER into r||s; false when it is not the shortest DER of two such integers. */
bool
dcep_signature_from_der(const uint8_t *der, size_t len, uint8_t signature[DCEP_SIGNATURE_LEN])
{
	const uint8_t *at = der + 2;
	const uint8_t *end = der + len;

	if (len < 2 || len > DER_SIGNATURE_MAX || der[0] != 0x30 || der[1] != len - 2)
		return false;
	at = get_der_integer(at, end, signature);
	if (at != NULL)
		at = get_der_integer(at, end, signature + COORDINATE_LEN);
	return at == end;
}

/* Is the number from 1 to the order of the curve less 1? */
static bool
is_scalar(const DcepKeyPair *key, const uint8_t number[COORDINATE_LEN])
{
	static const uint8_t zero[COORDINATE_LEN];
	const uint8_t *order = key->suite == DCEP_SUITE_SM2 ? sm2_order : p256_order;

	return memcmp(number, zero, COORDINATE_LEN) != 0 && memcmp(number, order, COORDINATE_LEN) < 0;
}

/* Hashes a message as the key's curve signs it: SM2 puts Z before it. */
static bool
hash_message(const DcepKeyPair *key, const void *message, size_t len, uint8_t out[DCEP_HASH_LEN])
{
	const DcepBytes pieces[] = {{key->z, DCEP_HASH_LEN}, {message, len}};

	if (key->suite == DCEP_SUITE_SM2)
		return hash_pieces(&sm3, pieces, 2, out);
	return hash_pieces(&sha256, pieces + 1, 1, out);
}

/* Signs with Ed25519. */
static bool
sign_oneshot(DcepKeyPair *key, const void *message, size_t len, uint8_t signature[DCEP_SIGNATURE_LEN])
{
	size_t signature_len = DCEP_SIGNATURE_LEN;

	return EVP_DigestSignInit(key->oneshot, NULL, NULL, NULL, key->pkey) == 1 &&
		   EVP_DigestSign(key->oneshot, signature, &signature_len, message, len) == 1 &&
		   signature_len == DCEP_SIGNATURE_LEN;
}

/* Signs with one of the curves. */
static bool
sign_hash(DcepKeyPair *key, const void *message, size_t len, uint8_t signature[DCEP_SIGNATURE_LEN])
{
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t der[DER_SIGNATURE_MAX];
	size_t der_len = sizeof(der);

	return hash_message(key, message, len, hash) &&
		   EVP_PKEY_sign(key->signer, der, &der_len, hash, sizeof(hash)) == 1 &&
		   dcep_signature_from_der(der, der_len, signature);
}

/* Signs a message; the key pair must have its private half. */
bool
dcep_sign(DcepKeyPair *key, const void *message, size_t len, uint8_t signature[DCEP_SIGNATURE_LEN])
{
	bool done;

	begin_call();
	if (!key->is_private)
		return fail("key has no private half");
	if (key->suite == DCEP_SUITE_ED25519)
		done = sign_oneshot(key, message, len, signature);
	else
		done = sign_hash(key, message, len, signature);
	if (!done)
		return fail("could not sign");
	/* Engines leave complaints even where they have signed. */
	if (ERR_peek_error() != 0)
		ERR_clear_error();
	return true;
}

/* Puts OpenSSL's answer into a verdict: a refusal for want of memory says nothing about the signature. */
static DcepVerdict
judge(int answer)
{
	DcepVerdict verdict = DCEP_SIGNATURE_UNDECIDED;

	if (answer == 1)
		verdict = DCEP_SIGNATURE_VALID;
	else if (answer == 0 && !ERR_FATAL_ERROR(ERR_peek_last_error()))
		verdict = DCEP_SIGNATURE_INVALID;
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		fail("could not verify the signature");
	else if (ERR_peek_error() != 0)
		ERR_clear_error();
	return verdict;
}

/* Verifies a signature of one of the curves. */
static DcepVerdict
verify_hash(DcepKeyPair *key, const void *message, size_t len, const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t der[DER_SIGNATURE_MAX];
	size_t der_len;

	if (!is_scalar(key, signature) || !is_scalar(key, signature + COORDINATE_LEN))
		return DCEP_SIGNATURE_INVALID;
	if (!hash_message(key, message, len, hash))
		return DCEP_SIGNATURE_UNDECIDED;
	der_len = signature_to_der(signature, der);
	return judge(EVP_PKEY_verify(key->verifier, der, der_len, hash, sizeof(hash)));
}

/* Verifies a signature of a message. */
DcepVerdict
dcep_verify(DcepKeyPair *key, const void *message, size_t len, const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	begin_call();
	if (key->suite != DCEP_SUITE_ED25519)
		return verify_hash(key, message, len, signature);
	if (EVP_DigestVerifyInit(key->oneshot, NULL, NULL, NULL, key->pkey) != 1)
		return judge(-1);
	return judge(EVP_DigestVerify(key->oneshot, signature, DCEP_SIGNATURE_LEN, message, len));
}

/* What is signed of a hash. */
static void
put_tagged(const char tag[DCEP_TAG_LEN], const uint8_t hash[DCEP_HASH_LEN],
		   uint8_t message[DCEP_TAG_LEN + DCEP_HASH_LEN])
{
	memcpy(message, tag, DCEP_TAG_LEN);
	memcpy(message + DCEP_TAG_LEN, hash, DCEP_HASH_LEN);
}

/* Signs a hash. */
bool
dcep_sign_hash(DcepKeyPair *key, const char tag[DCEP_TAG_LEN], const uint8_t hash[DCEP_HASH_LEN],
			   uint8_t signature[DCEP_SIGNATURE_LEN])
{
	uint8_t message[DCEP_TAG_LEN + DCEP_HASH_LEN];

	put_tagged(tag, hash, message);
	return dcep_sign(key, message, sizeof(message), signature);
}

/* Verifies the signature of a hash. */
DcepVerdict
dcep_verify_hash(DcepKeyPair *key, const char tag[DCEP_TAG_LEN], const uint8_t hash[DCEP_HASH_LEN],
				 const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	uint8_t message[DCEP_TAG_LEN + DCEP_HASH_LEN];

	put_tagged(tag, hash, message);
	return dcep_verify(key, message, sizeof(message), signature);
}

/* --- memory -------------------------------------------------------------- */

/* Compares in constant time. */
bool
dcep_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* Wipes memory so that no compiler removes it. */
void
dcep_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}
