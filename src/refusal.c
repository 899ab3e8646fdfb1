/*
 * refusal.c: a "no" with its reasons, before it becomes an error.
 */
#include "refusal.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "crypto.h"

/* Formats into the current memory context. */
static char *format_text(const char *format, va_list args) pg_attribute_printf(1, 0);

static char *
format_text(const char *format, va_list args)
{
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list copy;
		int needed;

		va_copy(copy, args);
		needed = appendStringInfoVA(&text, format, copy);
		va_end(copy);
		if (needed == 0)
			return text.data;
		enlargeStringInfo(&text, needed);
	}
}

/* Begins a refusal. */
bool
dcep_refuse(DcepRefusal *refusal, int sqlstate, const char *message)
{
	refusal->sqlstate = sqlstate;
	refusal->message = pstrdup(message);
	refusal->detail = NULL;
	refusal->hint = NULL;
	refusal->order = 0;
	return false;
}

/* Adds which value it was. */
bool
dcep_refusal_detail(DcepRefusal *refusal, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	refusal->detail = format_text(format, args);
	va_end(args);
	return false;
}

/* Adds the way out. */
bool
dcep_refusal_hint(DcepRefusal *refusal, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	refusal->hint = format_text(format, args);
	va_end(args);
	return false;
}

/* Fills in message, detail and hint. */
void
dcep_refusal_texts(const DcepRefusal *refusal, Datum *values, bool *nulls)
{
	const char *texts[] = {refusal->message, refusal->detail, refusal->hint};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
}

/* Copies a refusal. */
DcepRefusal
dcep_refusal_copy(MemoryContext context, const DcepRefusal *refusal)
{
	DcepRefusal copy = {.sqlstate = refusal->sqlstate, .message = MemoryContextStrdup(context, refusal->message)};

	if (refusal->detail)
		copy.detail = MemoryContextStrdup(context, refusal->detail);
	if (refusal->hint)
		copy.hint = MemoryContextStrdup(context, refusal->hint);
	return copy;
}

/* Raises a refusal as an error. */
void
dcep_refusal_raise(const DcepRefusal *refusal)
{
	ereport(ERROR, (errcode(refusal->sqlstate), errmsg_internal("%s", refusal->message),
					refusal->detail ? errdetail_internal("%s", refusal->detail) : 0,
					refusal->hint ? errhint("%s", refusal->hint) : 0));
	pg_unreachable();
}

/* OpenSSL failed. */
void
dcep_crypto_raise(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not %s", what),
					errdetail("OpenSSL says: %s.", dcep_crypto_error())));
	pg_unreachable();
}
