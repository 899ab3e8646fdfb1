/*
 * report.h: what dcep-verify says, and how it ends.
 *
 * A defect is one line on standard output, of a form that scripts can rely on:
 *
 *   defect <check>: <object>: <sentence>
 *
 * What is read was written by strangers: of a line, whatever is not printable
 * ASCII becomes a question mark.  Lines are written whole, so that those of
 * several processes do not mix.
 */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include <stdint.h>

#define STATUS_SOUND 0
#define STATUS_DEFECTS 1
#define STATUS_FAILED 2 /* wrong usage, or something that could not be read */

/* Before anything else, and before processes are made: the count of defects is theirs together. */
extern void report_begin(void);

/* "<object>: <sentence>" in the manner of printf. */
extern void report_defect(const char *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line that is no defect. */
extern void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern uint64_t report_count(void);
/* The status that the defects so far demand. */
extern int report_status(void);

/* Says on standard error why nothing can be verified, and ends the process with STATUS_FAILED. */
extern _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
