/*
 * tap.h: how the signer's unit tests report.
 */
#ifndef SIGNER_TAP_H
#define SIGNER_TAP_H

#include <stdio.h>

static int tests_run = 0;
static int tests_failed = 0;

/* One test. */
static void
ok(int passed, const char *what)
{
	tests_run++;
	tests_failed += !passed;
	printf("%sok %d - %s\n", passed ? "" : "not ", tests_run, what);
}

/* After the last one: what main() returns. */
static int
end_tests(void)
{
	printf("1..%d\n", tests_run);
	return tests_failed != 0;
}

#endif
