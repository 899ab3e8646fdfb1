/*
 * judge.c: what is asked for.
 */
#include "judge.h"

#include "allowance.h"
#include "cover.h"
#include "delivery.h"
#include "record.h"
#include "sign.h"

/* Transfers. */
static void
judge_transfers(Case *judged, DcepReader *request)
{
	if (case_take_key(judged, request) && cover_take_transfers(judged, request) && cover_take_coins(judged, request) &&
		allowance_statement(judged) && cover_check(judged))
		(void) sign_items(judged);
	case_close(judged);
}

/* A key is to be made: it gives no right to mint anything. */
static void
judge_new_key(Case *judged, DcepReader *request)
{
	int code = (int) dcep_take_number(request, 2);
	uint32_t number = (uint32_t) dcep_take_number(request, 4);
	int suite = (int) dcep_take_number(request, 1);
	Institution *institution = store_institution(judged->store, code);
	const HeldKey *key;

	if (request->at == NULL || request->at != request->end || number < 1 || number > INT32_MAX ||
		dcep_suite_name(suite) == NULL)
	{
		(void) case_refuse_malformed(judged);
		return;
	}
	key = institution == NULL ? NULL : store_make_key(judged->store, institution, number, suite);
	if (key == NULL)
	{
		(void) case_refuse(judged, DCEP_WIRE_UNKNOWN_KEY, "The process makes no keys for institution %04d.", code);
		return;
	}
	case_begin_answer(judged->answer, DCEP_WIRE_KEY);
	buffer_put_number(judged->answer, key->public_len, 1);
	buffer_put(judged->answer, key->public_key, key->public_len);
}

/* How an institution stands. */
static void
judge_status(Case *judged, DcepReader *request)
{
	int code = (int) dcep_take_number(request, 2);
	Institution *institution = store_institution(judged->store, code);
	int64_t minted;
	int64_t paid_out;

	if (institution == NULL)
	{
		(void) case_refuse(judged, DCEP_WIRE_UNKNOWN_KEY, "The process does not serve institution %04d.", code);
		return;
	}
	institution_used(institution, judged->now, &minted, &paid_out);
	case_begin_answer(judged->answer, DCEP_WIRE_STATE);
	buffer_put_number(judged->answer, judged->store->book.counter, 8);
	buffer_put(judged->answer, judged->store->book.head, DCEP_HASH_LEN);
	buffer_put_number(judged->answer, (uint64_t) institution->quota.number, 8);
	buffer_put_number(judged->answer, (uint64_t) minted, 8);
	buffer_put_number(judged->answer, (uint64_t) institution->quota.mint, 8);
	buffer_put_number(judged->answer, (uint64_t) paid_out, 8);
	buffer_put_number(judged->answer, (uint64_t) institution->quota.payout, 8);
}

/* Answers a request. */
void
judge_request(Store *store, int type, DcepReader request, Buffer *answer)
{
	Case judged = {.store = store, .now = time_now(), .answer = answer};
	size_t begin = answer->len;

	switch (type)
	{
		case DCEP_WIRE_TRANSFERS:
			judge_transfers(&judged, &request);
			break;
		case DCEP_WIRE_DELIVERY:
			delivery_judge(&judged, &request);
			break;
		case DCEP_WIRE_RECORD:
			record_judge(&judged, &request);
			break;
		case DCEP_WIRE_MAKE_KEY:
			judge_new_key(&judged, &request);
			break;
		case DCEP_WIRE_STATUS:
			judge_status(&judged, &request);
			break;
		default:
			(void) case_refuse_malformed(&judged);
	}
	case_finish_answer(answer, begin);
}
