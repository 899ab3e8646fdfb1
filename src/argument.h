/*
 * argument.h: what is asked of the arguments of functions in SQL.
 */
#ifndef DCEP_ARGUMENT_H
#define DCEP_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"

/* Refuses NULL (22004) among `count` arguments from the n-th on; `names` says which they are. */
extern void dcep_require_arguments(FunctionCallInfo fcinfo, int first, int count, const char *names);

/* The value, unless it is too small or too large (22023). */
extern int dcep_require_at_least(const char *name, int value, int least);
extern int dcep_require_at_most(const char *name, int value, int most);

#endif
