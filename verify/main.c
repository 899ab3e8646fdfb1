/*
 * main.c: dcep-verify, which verifies what a ledger has given out, without a server.
 */
#include "options.h"
#include "report.h"

#include <stdio.h>

/* Does what the command line asks for. */
int
main(int argc, char **argv)
{
	static Options options;
	Command command;

	report_begin();
	command = options_read(argc, argv, &options);
	if (command == NULL)
		return fflush(stdout) == 0 ? STATUS_SOUND : STATUS_FAILED;
	command(&options);
	if (report_count() > 0)
		report_line("%llu defects", (unsigned long long) report_count());
	else
		report_line("sound");
	return report_status();
}
