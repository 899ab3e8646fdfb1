/*
 * targets.h: the parsers that read what strangers send, one by one.
 *
 * An input begins with a letter that says which parser it is for.  What a
 * parser accepts must be canonical: written again, it has the same bytes.
 */
#ifndef DCEP_FUZZ_TARGETS_H
#define DCEP_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point: ends the process by abort() where a parser breaks its promise. Returns 0. */
extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* How many inputs were accepted so far. */
extern uint64_t fuzz_accepted;

#endif
