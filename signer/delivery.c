/*
 * delivery.c: signs what another node has paid.
 */
#include "delivery.h"

#include "allowance.h"
#include "cover.h"
#include "sign.h"

/* The transfer, the message that asks for it, and the message's signature. */
typedef struct Shown
{
	DcepBytes message;
	const uint8_t *signature;
} Shown;

/* Reads what is asked for: a transfer, which has no change, since it consumes nothing. */
static bool
take_delivery(Case *judged, DcepReader *request, Shown *shown)
{
	DcepBytes bytes = request_string(request);

	shown->message = request_string(request);
	shown->signature = dcep_take_bytes(request, DCEP_SIGNATURE_LEN);
	if (shown->signature == NULL || request->at != request->end)
		return case_refuse_malformed(judged);
	judged->count = 1;
	judged->item = zeros(1, sizeof(Item));
	judged->numbers = zeros(bytes.len / 8 + 1, sizeof(int64_t));
	return dcep_context_get(bytes.data, bytes.len, &judged->item->context, judged->numbers) == NULL ||
		   case_refuse_malformed(judged);
}

/* May the money of a payment that came back go there: to its payer, or to the vault where the payer is gone? */
static bool
may_go_back_to(const Case *judged, const Message *message, int64_t payee)
{
	return payee == message->payer || quota_has_vault(&judged->key->institution->quota, payee);
}

/* In what a transfer differs from what the message asks for; NULL where it does not. */
static const char *
find_difference(const Case *judged, const DcepContext *context, const Message *message)
{
	int code = judged->key->institution->code;

	if (context->kind != (message->returns ? DCEP_KIND_RETURN : message->kind))
		return "its kind";
	if (context->amount != message->amount)
		return "its amount";
	if (context->payer != (message->returns ? message->payee : message->payer) ||
		dcep_wallet_institution(context->payer) == code)
		return "its payer";
	if ((message->returns ? !may_go_back_to(judged, message, context->payee) : context->payee != message->payee) ||
		dcep_wallet_institution(context->payee) != code)
		return "its payee";
	return context->input_count > 0 ? "it consumes coins" : NULL;
}

/* Does a message of the registry ask for exactly this? */
static bool
check_message(Case *judged, const Shown *shown, Message *message)
{
	const Institution *institution = judged->key->institution;
	Item *item = judged->item;
	long long id = (long long) item->context.id;
	const char *wrong;

	if (institution->quota.registry_count == 0)
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Statement %lld of institution %04d names no registry.",
						   (long long) institution->quota.number, institution->code);
	wrong = message_read(shown->message.data, shown->message.len, shown->signature, &institution->quota,
						 institution->code, message);
	if (wrong != NULL)
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld: the message %s.", id, wrong);
	wrong = find_difference(judged, &item->context, message);
	if (wrong != NULL)
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld is not what the message asks for: %s.", id,
						   wrong);
	item->asked = message;
	return true;
}

/* A payment that another node has made. */
void
delivery_judge(Case *judged, DcepReader *request)
{
	Shown shown;
	Message message;

	if (case_take_key(judged, request) && take_delivery(judged, request, &shown) && allowance_statement(judged) &&
		cover_check_numbers(judged, judged->item, 0) && check_message(judged, &shown, &message))
		(void) sign_items(judged);
	case_close(judged);
}
