/*
 * request.c: a request under judgement, and what it is answered.
 */
#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Begins an answer; its length is filled in by case_finish_answer(). */
void
case_begin_answer(Buffer *answer, int type)
{
	buffer_put_number(answer, 0, 4);
	buffer_put_number(answer, (uint64_t) type, 1);
}

void
case_finish_answer(Buffer *answer, size_t begin)
{
	dcep_put_u32(answer->data + begin, (uint32_t) (answer->len - begin - 4));
}

/* Refuses, with a sentence; returns false. */
bool
case_refuse(Case *judged, DcepWireRefusal reason, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	case_begin_answer(judged->answer, DCEP_WIRE_REFUSED);
	buffer_put_number(judged->answer, reason, 1);
	buffer_put(judged->answer, text, strlen(text));
	say("refused: %s", text);
	return false;
}

bool
case_refuse_malformed(Case *judged)
{
	return case_refuse(judged, DCEP_WIRE_MALFORMED, "The request cannot be read.");
}

/* What has been signed, and its signature. */
void
case_answer_signed(Case *judged, const uint8_t hash[DCEP_HASH_LEN], const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	case_begin_answer(judged->answer, DCEP_WIRE_SIGNED);
	buffer_put(judged->answer, hash, DCEP_HASH_LEN);
	buffer_put(judged->answer, signature, DCEP_SIGNATURE_LEN);
}

/* --- what requests have in common ------------------------------------------------------ */

/* The key that a request is for. */
bool
case_take_key(Case *judged, DcepReader *request)
{
	size_t len = (size_t) dcep_take_number(request, 1);
	const uint8_t *public_key = dcep_take_bytes(request, len);

	if (public_key == NULL)
		return case_refuse_malformed(judged);
	judged->key = store_key(judged->store, public_key, len);
	return judged->key != NULL ||
		   case_refuse(judged, DCEP_WIRE_UNKNOWN_KEY, "It is not among the keys of the process.");
}

/* A string of a request. */
DcepBytes
request_string(DcepReader *request)
{
	size_t len = (size_t) dcep_take_number(request, 4);

	return (DcepBytes){dcep_take_bytes(request, len), len};
}

/* Gives a case's memory back. */
void
case_close(Case *judged)
{
	free(judged->item);
	free(judged->numbers);
	free(judged->coin);
	free(judged->need);
}
