/*
 * options.c: the command line of dcep-verify.
 */
#include "options.h"

#include "commands.h"
#include "crew.h"
#include "report.h"
#include "version.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
	"dcep-verify verifies what a dcep ledger has given out, without a server.\n"
	"\n"
	"  dcep-verify coin        --signer FILE COIN|FILE...\n"
	"  dcep-verify bundle      --log-key KEY [--signer FILE] [--witness KEY...] FILE...\n"
	"  dcep-verify checkpoint  --log-key KEY [--witness KEY...] FILE...\n"
	"  dcep-verify consistency --log-key KEY OLD NEW PROOF\n"
	"  dcep-verify journal     [--signer FILE] [--log-key KEY] [--checkpoint FILE...] [--peer FOLDER...] FOLDER\n"
	"\n"
	"A FILE of - is standard input. FOLDER was written by dcep-export.\n"
	"\n"
	"  -s, --signer FILE      public keys of institutions that you trust\n"
	"  -l, --log-key KEY      verifier key of the log, as dcep.log_verifier_key() returns it\n"
	"  -w, --witness KEY      verifier key of a witness\n"
	"  -q, --quorum N         how many of the witnesses must have cosigned (all)\n"
	"  -c, --checkpoint FILE  a checkpoint that you kept: the journal must agree with it\n"
	"  -p, --peer FOLDER      what another node has exported: it must agree with the journal\n"
	"  -j, --jobs N           processes that work at once (as many as there are processors)\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"Each defect is a line \"defect <check>: <object>: <sentence>\" on standard output.\n"
	"Exit status: 0 sound, 1 defects, 2 wrong usage or something that cannot be read.\n";

static const struct option long_options[] = {
	{"signer", required_argument, NULL, 's'},	  {"log-key", required_argument, NULL, 'l'},
	{"witness", required_argument, NULL, 'w'},	  {"quorum", required_argument, NULL, 'q'},
	{"checkpoint", required_argument, NULL, 'c'}, {"peer", required_argument, NULL, 'p'},
	{"jobs", required_argument, NULL, 'j'},		  {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},		  {NULL, 0, NULL, 0}};

/* A subcommand, and what it must be given. */
typedef struct Usage
{
	const char *name;
	Command command;
	int min_arguments;
	int max_arguments; /* 0: any number */
	bool needs_log;
	bool needs_signers;
} Usage;

static const Usage usages[] = {{"coin", command_coin, 1, 0, false, true},
							   {"bundle", command_bundle, 1, 0, true, false},
							   {"checkpoint", command_checkpoint, 1, 0, true, false},
							   {"consistency", command_consistency, 3, 3, true, false},
							   {"journal", command_journal, 1, 1, false, false}};

/* Reads a whole number of an option. */
static int
read_number(const char *name, const char *text, int min, int max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < min || value > max)
		fail("%s: a number from %d to %d is wanted", name, min, max);
	return (int) value;
}

/* Adds a verifier key to a list. */
static void
add_key(const char *name, const char *text, DcepNoteKeyType type, DcepNoteKey *keys, int *count)
{
	const char *wrong;

	if (*count == TRUST_KEYS_MAX)
		fail("%s: more than %d keys", name, TRUST_KEYS_MAX);
	wrong = dcep_note_key_parse((DcepSpan){text, strlen(text)}, &keys[*count]);
	if (wrong != NULL)
		fail("%s: %s", name, wrong);
	if (keys[*count].type != type)
		fail("%s: the key is not one of a %s", name, type == DCEP_NOTE_KEY_LOG ? "log" : "witness");
	++*count;
}

/* Takes one option. */
static void
take_option(int option, Options *options)
{
	Trust *trust = &options->trust;

	switch (option)
	{
		case 's':
			keys_read(&trust->signers, optarg);
			trust->has_signers = true;
			break;
		case 'l':
			add_key("--log-key", optarg, DCEP_NOTE_KEY_LOG, trust->log, &trust->logs);
			break;
		case 'w':
			add_key("--witness", optarg, DCEP_NOTE_KEY_WITNESS, trust->witness, &trust->witnesses);
			break;
		case 'q':
			trust->quorum = read_number("--quorum", optarg, 1, TRUST_KEYS_MAX);
			break;
		case 'c':
			if (options->checkpoints == OPTIONS_CHECKPOINTS_MAX)
				fail("--checkpoint: more than %d files", OPTIONS_CHECKPOINTS_MAX);
			options->checkpoint[options->checkpoints++] = optarg;
			break;
		case 'p':
			if (options->peers == OPTIONS_PEERS_MAX)
				fail("--peer: more than %d folders", OPTIONS_PEERS_MAX);
			options->peer[options->peers++] = optarg;
			break;
		case 'j':
			options->jobs = read_number("--jobs", optarg, 1, CREW_MAX);
			break;
		default:
			break;
	}
}

/* Are options and arguments such as the subcommand wants? */
static void
check_usage(const Usage *usage, Options *options)
{
	const Trust *trust = &options->trust;

	if (options->arguments < usage->min_arguments ||
		(usage->max_arguments != 0 && options->arguments > usage->max_arguments))
		fail("%s: another number of arguments is wanted; see dcep-verify --help", usage->name);
	if (usage->needs_log && trust->logs == 0)
		fail("%s: --log-key is wanted, the key of the log that you trust", usage->name);
	if (usage->needs_signers && !trust->has_signers)
		fail("%s: --signer is wanted, a file of the keys that you trust", usage->name);
	if (trust->quorum > trust->witnesses)
		fail("--quorum: there are %d witnesses", trust->witnesses);
	if (trust->quorum == 0)
		options->trust.quorum = trust->witnesses;
}

/* The subcommand of a name. */
static const Usage *
find_usage(const char *name)
{
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++)
		if (strcmp(usages[i].name, name) == 0)
			return &usages[i];
	fail("there is no subcommand of that name; see dcep-verify --help");
}

/* Reads the command line. */
Command
options_read(int argc, char **argv, Options *options)
{
	const Usage *usage;
	int option;

	memset(options, 0, sizeof(*options));
	options->jobs = (int) sysconf(_SC_NPROCESSORS_ONLN);
	if (options->jobs < 1 || options->jobs > CREW_MAX)
		options->jobs = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "s:l:w:q:c:p:j:hV", long_options, NULL)) != -1)
	{
		if (option == '?')
			fail("%s: no such option, or one without its argument; see dcep-verify --help", argv[optind - 1]);
		if (option == 'h' || option == 'V')
		{
			fputs(option == 'h' ? help_text : "dcep-verify " VERIFY_VERSION "\n", stdout);
			return NULL;
		}
		take_option(option, options);
	}
	if (optind == argc)
		fail("a subcommand is wanted; see dcep-verify --help");
	usage = find_usage(argv[optind]);
	options->argument = argv + optind + 1;
	options->arguments = argc - optind - 1;
	check_usage(usage, options);
	return usage->command;
}
