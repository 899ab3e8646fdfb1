/*
 * moment.h: times as PostgreSQL writes them with DateStyle ISO.
 */
#ifndef VERIFY_MOMENT_H
#define VERIFY_MOMENT_H

#include "codec.h"

#define MOMENT_BEGINNING INT64_MIN /* -infinity */
#define MOMENT_END INT64_MAX	   /* infinity */

/* Reads a timestamptz into microseconds since 1970-01-01 UTC; false where it is none. */
extern bool moment_parse(DcepText text, int64_t *moment);

#endif
