/*
 * message_test.c: nothing but a member of a message's body is ever taken for one, and a message asks for what its
 * registry has signed. Prints TAP; the seed is its argument, or drawn.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "message.h"
#include "tap.h"

#define RECEIVER 2
#define MUTATIONS 200000

/* A text as a span. */
static DcepSpan
span(const char *text)
{
	return (DcepSpan){text, strlen(text)};
}

/* The member "a" of an object is this text. */
static bool
has(const char *object, const char *expected)
{
	DcepSpan value;

	return json_member(span(object), "a", &value) && dcep_span_is(value, expected);
}

/* There is no member "a", or it is no object. */
static bool
has_not(const char *object)
{
	DcepSpan value;

	return !json_member(span(object), "a", &value);
}

static void
test_members(void)
{
	ok(has("{\"a\": 12}", "12") && has("{\"b\":1,\"a\":\"x\"}", "\"x\"") &&
		   has(" { \"a\" : null , \"b\" : [] } ", "null"),
	   "members");
	ok(has("{\"a\": {\"b\": [1, \"}\"]}, \"c\": 1}", "{\"b\": [1, \"}\"]}"), "an inner value is taken whole");
	ok(has("{\"b\": {\"a\": 1}, \"c\": [{\"a\": 2}], \"a\": 3}", "3"), "what stands in one is no member");
	ok(has("{\"b\": \"\\\", \\\"a\\\": 1\", \"a\": 2}", "2"), "nor what stands in a text");
	ok(has("{\"b\": \"\\\\\", \"a\": 2}", "2"), "a text may end in a backslash");
	ok(has_not("{\"a\": 1, \"a\": 2}"), "a member twice is none");
	ok(has_not("{}") && has_not("{\"b\": 1}") && has_not(""), "one that is not there neither");
	ok(has_not("{\"a\": 1") && has_not("{\"a\": 1} x") && has_not("{\"a\": }") && has_not("{\"a\": 1,}") &&
		   has_not("[\"a\"]") && has_not("{\"a\" 1}") && has_not("{\"a\": \"x}") &&
		   has_not("{\"\\u0061\": 1, \"a\": 2}"),
	   "nor is a member of what is no object");
}

static void
test_values(void)
{
	int64_t number = 0;
	DcepSpan text;

	ok(json_number(span("9223372036854775807"), &number) && number == INT64_MAX && json_number(span("0"), &number) &&
		   number == 0,
	   "numbers");
	ok(!json_number(span("9223372036854775808"), &number) && !json_number(span("-1"), &number) &&
		   !json_number(span("1.0"), &number) && !json_number(span("1e3"), &number) &&
		   !json_number(span("\"1\""), &number) && !json_number(span("01"), &number) && !json_number(span(""), &number),
	   "what is none");
	ok(json_text(span("\"abc\""), &text) && dcep_span_is(text, "abc") && json_text(span("\"\""), &text) &&
		   text.len == 0,
	   "texts");
	ok(!json_text(span("\"a\\\"\""), &text) && !json_text(span("abc"), &text) && !json_text(span("\""), &text) &&
		   !json_text(span("\"a\"b\""), &text),
	   "what is none, or has something escaped");
}

/* Is a value this text, or where that is NULL absent? */
static bool
is_text(const char *value, const char *expected)
{
	return json_is_text(span(value), (DcepText){expected, expected == NULL ? 0 : (uint32_t) strlen(expected)});
}

static void
test_texts(void)
{
	ok(is_text("\"abc\"", "abc") && is_text("\"\"", "") && is_text("null", NULL),
	   "texts by themselves, and an absent one");
	ok(!is_text("\"abc\"", "abd") && !is_text("\"abc\"", "ab") && !is_text("\"ab\"", "abc") && !is_text("\"\"", NULL) &&
		   !is_text("null", "null") && !is_text("12", "12"),
	   "others are not the same");
	ok(is_text("\"\\\"\\\\\\b\\f\\n\\r\\t/\\u0001\\u001f\"", "\"\\\b\f\n\r\t/\x01\x1f"), "what is escaped");
	ok(!is_text("\"\\u0041\"", "A") && !is_text("\"\\x\"", "x") && !is_text("\"\\u001\"", "\x01") &&
		   !is_text("\"\\u00\"", "") && !is_text("\"a", "a"),
	   "in no other way than PostgreSQL does");
}

/* A message, as it is signed. */
typedef struct Signed
{
	uint8_t bytes[2000];
	size_t len;
	uint8_t signature[DCEP_SIGNATURE_LEN];
} Signed;

/* Signs a message of the registry to the receiver. */
static void
sign(DcepKeyPair *key, const char *kind, const char *case_no, int64_t receiver, int sender, const char *body,
	 Signed *to)
{
	const DcepAct act = {.institution = sender,
						 .seq = 5,
						 .id = receiver,
						 .entered_at = 1,
						 .kind = {kind, (uint32_t) strlen(kind)},
						 .role = {"a", 1},
						 .case_no = {case_no, (uint32_t) strlen(case_no)},
						 .body = {body, (uint32_t) strlen(body)}};
	uint8_t hash[DCEP_HASH_LEN];

	to->len = dcep_act_length(&act);
	dcep_act_put(&act, to->bytes);
	if (to->len > sizeof(to->bytes) || !dcep_act_hash(dcep_key_suite(key), &act, hash) ||
		!dcep_act_sign(key, hash, to->signature))
		abort();
}

#define PARTIES "\"payer\": \"0003123456789018\", \"payee\": \"0002999999999990\", "
#define RETURNED \
	"{\"payer\": \"0002999999999990\", \"payee\": \"0003123456789018\", \"amount\": 40, \"origin\": 2, \"transfer\": 9}"
#define RECOVERY "{" PARTIES "\"amount\": 40, \"origin\": 3, \"transfer\": 9, \"kind\": \"recover\"}"
#define CREDIT "{" PARTIES "\"amount\": 40, \"origin\": 3, \"transfer\": 9, \"kind\": \"transfer\"}"

/* What is said of a message; NULL for nothing. */
static const char *
said(DcepKeyPair *key, const Quota *quota, const char *kind, const char *body, Message *message)
{
	Signed it;

	sign(key, kind, "0002", RECEIVER, 1, body, &it);
	return message_read(it.bytes, it.len, it.signature, quota, RECEIVER, message);
}

static void
test_messages(DcepKeyPair *key, const Quota *quota)
{
	static const char *const wrong[] = {
		"{" PARTIES "\"amount\": 40, \"origin\": 3, \"transfer\": 9, \"kind\": \"redeem\"}",
		"{" PARTIES "\"amount\": 40, \"origin\": 3, \"transfer\": 9}",
		"{" PARTIES "\"amount\": 0, \"origin\": 3, \"transfer\": 9, \"kind\": \"transfer\"}",
		"{" PARTIES "\"amount\": 40, \"origin\": 0, \"transfer\": 9, \"kind\": \"transfer\"}",
		"{" PARTIES "\"amount\": 40, \"origin\": 10000, \"transfer\": 9, \"kind\": \"transfer\"}",
		"{" PARTIES "\"amount\": 40, \"origin\": 3, \"transfer\": 0, \"kind\": \"transfer\"}",
		("{\"payer\": \"0003123456789017\", \"payee\": \"0002999999999990\", \"amount\": 40, \"origin\": 3, "
		 "\"transfer\": 9, \"kind\": \"transfer\"}"),
		"{\"payee\": \"0002999999999990\", \"amount\": 40, \"origin\": 3, \"transfer\": 9, \"kind\": \"transfer\"}",
		"",
	};
	Message message;
	bool refused = true;

	ok(said(key, quota, "message credit", CREDIT, &message) == NULL && !message.returns &&
		   message.kind == DCEP_KIND_TRANSFER && message.origin == 3 && message.transfer == 9 && message.amount == 40 &&
		   message.payer == INT64_C(3123456789018) && message.payee == INT64_C(2999999999990),
	   "a credit");
	ok(said(key, quota, "message credit", RECOVERY, &message) == NULL && message.kind == DCEP_KIND_RECOVER,
	   "a recovery");
	ok(said(key, quota, "message returned", RETURNED, &message) == NULL && message.returns &&
		   message.payer == INT64_C(2999999999990),
	   "a return");
	ok(said(key, quota, "message credit", RETURNED, &message) != NULL &&
		   said(key, quota, "message returned", CREDIT, &message) != NULL,
	   "a credit of the receiver's own payment, a return of another's");
	ok(said(key, quota, "message pay", CREDIT, &message) != NULL &&
		   said(key, quota, "credit", CREDIT, &message) != NULL &&
		   said(key, quota, "message ", CREDIT, &message) != NULL,
	   "other kinds");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused = refused && said(key, quota, "message credit", wrong[i], &message) != NULL;
	ok(refused, "bodies that do not say what is to be paid");
}

static void
test_receivers(DcepKeyPair *key, const Quota *quota, DcepKeyPair *stranger)
{
	Message message;
	Signed it;
	bool refused;

	sign(key, "message credit", "0003", RECEIVER, 1, CREDIT, &it);
	refused = message_read(it.bytes, it.len, it.signature, quota, RECEIVER, &message) != NULL;
	sign(key, "message credit", "0003", 3, 1, CREDIT, &it);
	refused = refused && message_read(it.bytes, it.len, it.signature, quota, RECEIVER, &message) != NULL;
	sign(key, "message credit", "0002", RECEIVER, 3, CREDIT, &it);
	refused = refused && message_read(it.bytes, it.len, it.signature, quota, RECEIVER, &message) != NULL;
	ok(refused, "to others, and by others");
	sign(stranger, "message credit", "0002", RECEIVER, 1, CREDIT, &it);
	ok(message_read(it.bytes, it.len, it.signature, quota, RECEIVER, &message) != NULL,
	   "by a key that is not the registry's");
}

/* The example of docs/format.md. */
static const char vector_key[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char vector_act[] =
	"066463657020616374207631000000000000000020ababababababababababababababababababababababababababab"
	"ababababab00000002000100000008000000000000000500000008000000000000000200000008000647484622224000"
	"0000106d6573736167652072657475726e656400000004646365700000000430303032000000a17b227061796565223a"
	"202230303033313233343536373839303138222c20227061796572223a20223030303239393939393939393939393022"
	"2c2022616d6f756e74223a20313235302c20226f726967696e223a20322c2022726561736f6e223a202277616c6c6574"
	"20646f6573206e6f74206578697374222c202273716c7374617465223a20224c47333035222c20227472616e73666572"
	"223a20313030307d";
static const char vector_signature[] =
	"c079526a84b5b2e6d2f9a5b793f79587b25d01b2ee8d9b1ded22515bb688161e76fe76ef4db9f30db11d0201a57816a6"
	"b2acd7d48c9c0f0c0864f216393e8208";

/* Reads hexadecimal digits. */
static size_t
from_hex(const char *digits, uint8_t *to)
{
	size_t len = strlen(digits) / 2;

	for (size_t i = 0; i < len; i++)
	{
		unsigned byte;

		if (sscanf(digits + 2 * i, "%2x", &byte) != 1)
			abort();
		to[i] = (uint8_t) byte;
	}
	return len;
}

static void
test_vector(void)
{
	static Quota quota;
	uint8_t key[DCEP_PUBLIC_KEY_MAX];
	Signed it;
	Message message;

	quota.registry_count = 1;
	quota.registry[0].pair = dcep_key_from_public(DCEP_SUITE_ED25519, key, from_hex(vector_key, key));
	it.len = from_hex(vector_act, it.bytes);
	(void) from_hex(vector_signature, it.signature);
	ok(message_read(it.bytes, it.len, it.signature, &quota, RECEIVER, &message) == NULL && message.returns &&
		   message.origin == 2 && message.transfer == 1000 && message.payer == INT64_C(2999999999990) &&
		   message.payee == INT64_C(3123456789018) && message.amount == 1250,
	   "the published message");
	assert(it.len > 2);
	it.bytes[it.len - 2] ^= 1;
	ok(message_read(it.bytes, it.len, it.signature, &quota, RECEIVER, &message) != NULL, "with a digit altered");
	dcep_key_free(quota.registry[0].pair);
}

/* A body in which anything is altered, signed all the same: it is read or refused, and nothing else. */
static void
test_mutations(void)
{
	char body[] = CREDIT;
	DcepSpan value;
	int read = 0;

	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t at = (size_t) rand() % (sizeof(body) - 1);
		size_t len = (size_t) rand() % sizeof(body);
		char *copy = malloc(len > 0 ? len : 1); /* so that a read behind its end is noticed */
		char before = body[at];

		body[at] = "\"\\{}[]:, a1"[rand() % 11];
		memcpy(copy, body, len);
		read += json_member((DcepSpan){copy, len}, "kind", &value) || json_member(span(body), "amount", &value);
		if (rand() % 4 != 0)
			body[at] = before;
		if (rand() % 20 == 0)
			memcpy(body, CREDIT, sizeof(body));
		free(copy);
	}
	ok(read > 0, "altered bodies");
}

int
main(int count, char **argument)
{
	unsigned seed = count > 1 ? (unsigned) strtoul(argument[1], NULL, 10) : (unsigned) time(NULL);
	DcepKeyPair *key = dcep_key_generate(DCEP_SUITE_SM2);
	DcepKeyPair *stranger = dcep_key_generate(DCEP_SUITE_SM2);
	static Quota quota;

	printf("# seed %u\n", seed);
	srand(seed);
	quota.registry_count = 2;
	quota.registry[0].pair = dcep_key_generate(DCEP_SUITE_ED25519);
	quota.registry[1].pair = key;
	test_members();
	test_values();
	test_texts();
	test_messages(key, &quota);
	test_receivers(key, &quota, stranger);
	test_vector();
	test_mutations();
	dcep_key_free(quota.registry[0].pair);
	dcep_key_free(key);
	dcep_key_free(stranger);
	return end_tests();
}
