/*
 * message.c: what a message of the registry asks a node to mint.
 */
#include "message.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

#define REGISTRY 1
#define KIND_WORD "message "

/* Is the act a message of this kind? */
bool
message_is(const DcepAct *act, const char *kind)
{
	const size_t word = strlen(KIND_WORD);

	return act->kind.data != NULL && act->kind.len > word && memcmp(act->kind.data, KIND_WORD, word) == 0 &&
		   dcep_span_is((DcepSpan){act->kind.data + word, act->kind.len - word}, kind);
}

/* Is it by the registry, and for this receiver? */
static bool
is_for(const DcepAct *act, int receiver)
{
	char code[12];

	snprintf(code, sizeof(code), "%04d", receiver);
	return act->institution == REGISTRY && act->id == receiver && act->case_no.data != NULL &&
		   dcep_span_is((DcepSpan){act->case_no.data, act->case_no.len}, code);
}

/* Has a key of the registry signed it? The hash is left in the message. */
static bool
is_signed(const uint8_t *bytes, size_t len, const uint8_t signature[DCEP_SIGNATURE_LEN], const Quota *quota,
		  Message *message)
{
	const DcepBytes piece = {bytes, len};

	for (int i = 0; i < quota->registry_count; i++)
	{
		DcepKeyPair *pair = quota->registry[i].pair;

		if (dcep_hash(dcep_key_suite(pair), &piece, 1, message->hash) &&
			dcep_act_verify(pair, message->hash, signature) == DCEP_SIGNATURE_VALID)
			return true;
	}
	return false;
}

/* A number of the body. */
static bool
take_number(DcepSpan body, const char *name, int64_t *number)
{
	DcepSpan value;

	return json_member(body, name, &value) && json_number(value, number);
}

/* A wallet of the body. */
static bool
take_wallet(DcepSpan body, const char *name, int64_t *wallet)
{
	DcepSpan value;
	DcepSpan digits;

	return json_member(body, name, &value) && json_text(value, &digits) && digits.len == DCEP_WALLET_DIGITS &&
		   dcep_wallet_parse(digits.at, digits.len, wallet) == NULL;
}

/* The kind of the payment: one that mints for a payee on another node. */
static bool
take_kind(DcepSpan body, int *kind)
{
	static const int kinds[] = {DCEP_KIND_ISSUE, DCEP_KIND_TRANSFER, DCEP_KIND_RECOVER};
	DcepSpan value;
	DcepSpan name;

	if (!json_member(body, "kind", &value) || !json_text(value, &name))
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (!dcep_span_is(name, dcep_kind_name(kinds[i])))
			continue;
		*kind = kinds[i];
		return true;
	}
	return false;
}

/* What the body says. */
static bool
read_body(DcepText text, Message *message)
{
	const DcepSpan body = {text.data, text.len};
	int64_t origin;

	if (text.data == NULL || !take_number(body, "origin", &origin) || origin < 1 || origin > 9999 ||
		!take_number(body, "transfer", &message->transfer) || message->transfer < 1 ||
		!take_number(body, "amount", &message->amount) || message->amount < 1 ||
		!take_wallet(body, "payer", &message->payer) || !take_wallet(body, "payee", &message->payee))
		return false;
	message->origin = (int) origin;
	return message->returns || take_kind(body, &message->kind);
}

/* Reads the message and verifies who has signed it. */
const char *
message_read(const uint8_t *bytes, size_t len, const uint8_t signature[DCEP_SIGNATURE_LEN], const Quota *quota,
			 int receiver, Message *message)
{
	DcepAct act;

	memset(message, 0, sizeof(*message));
	if (!is_signed(bytes, len, signature, quota, message))
		return "was not signed by a key of the registry that the statement names";
	if (!dcep_act_get(bytes, len, &act) || !is_for(&act, receiver))
		return "is not one of the registry to this institution";
	message->returns = message_is(&act, "returned");
	if (!message->returns && !message_is(&act, "credit"))
		return "asks for no payment";
	if (!read_body(act.body, message))
		return "does not say what is to be paid";
	if ((message->origin == receiver) != message->returns)
		return "is about a payment of another node";
	return NULL;
}
