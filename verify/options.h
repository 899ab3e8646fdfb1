/*
 * options.h: the command line of dcep-verify.
 */
#ifndef VERIFY_OPTIONS_H
#define VERIFY_OPTIONS_H

#include "trust.h"

#define OPTIONS_CHECKPOINTS_MAX 64
#define OPTIONS_PEERS_MAX 1000

typedef struct Options
{
	int jobs;
	Trust trust;
	const char *checkpoint[OPTIONS_CHECKPOINTS_MAX]; /* files with checkpoints that a journal must agree with */
	int checkpoints;
	const char *peer[OPTIONS_PEERS_MAX]; /* folders that other nodes have exported */
	int peers;
	char **argument; /* what is to be verified */
	int arguments;
} Options;

/* A subcommand. It reports defects; what it cannot do ends the process. */
typedef void (*Command)(const Options *options);

/* Reads the command line. NULL: it has said what was asked for, and there is nothing else to do. */
extern Command options_read(int argc, char **argv, Options *options);

#endif
