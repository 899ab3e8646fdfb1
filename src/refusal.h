/*
 * refusal.h: a "no" with its reasons, before it becomes an error.
 *
 * A single payment that is refused raises an error.  A line of a payment file
 * that is refused must not sink the others, and there is no subtransaction a
 * line: the rules therefore fill in a refusal, and the caller decides.
 * Nothing has been changed when a refusal is returned.
 */
#ifndef DCEP_REFUSAL_H
#define DCEP_REFUSAL_H

#include "postgres.h"

typedef struct DcepRefusal
{
	int sqlstate; /* as of ERRCODE_...; 0: not refused */
	char *message;
	char *detail; /* NULL where there is none */
	char *hint;	  /* NULL where there is none */
	int64 order;  /* the supervisor's order that refuses the payer; 0 where none does */
} DcepRefusal;

/* Fills in a refusal; each returns false, so that `return dcep_refuse(...)` reads well. */
extern bool dcep_refuse(DcepRefusal *refusal, int sqlstate, const char *message);
extern bool dcep_refusal_detail(DcepRefusal *refusal, const char *format, ...) pg_attribute_printf(2, 3);
extern bool dcep_refusal_hint(DcepRefusal *refusal, const char *format, ...) pg_attribute_printf(2, 3);

/* Fills in three columns of a result: message, detail and hint; null where there are none. */
extern void dcep_refusal_texts(const DcepRefusal *refusal, Datum *values, bool *nulls);

/* A copy whose texts live in another memory context. */
extern DcepRefusal dcep_refusal_copy(MemoryContext context, const DcepRefusal *refusal);

/* Raises a refusal as an error. */
extern _Noreturn void dcep_refusal_raise(const DcepRefusal *refusal);

/* OpenSSL failed at something: says so (58000). */
extern _Noreturn void dcep_crypto_raise(const char *what);

#endif
