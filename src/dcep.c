/*
 * dcep.c: what happens when the library is loaded.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "case.h"
#include "checkpoint.h"
#include "hidden.h"
#include "kept.h"
#include "keydir.h"
#include "known.h"
#include "refused.h"
#include "statement.h"
#include "upkeep.h"
#include "worker.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/* Defines the settings and hooks; registers the launcher where the server is starting. */
void
_PG_init(void)
{
	/*
	 * Where the library is preloaded the directory is fixed at server start;
	 * else the configuration file still is the only place to set it.
	 */
	DefineCustomStringVariable(
		"dcep.key_directory", "Directory of the institutions' private keys and the ledger's secret.",
		"A path, relative to the data directory or absolute; default dcep_keys. Each is a "
		"file that only the server's user may read. Change it to keep keys off the data volume.",
		&dcep_key_directory, "dcep_keys", process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
		GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	dcep_case_init();
	dcep_checkpoint_init();
	dcep_known_init();
	dcep_kept_init();
	dcep_hidden_init();
	if (process_shared_preload_libraries_in_progress)
	{
		dcep_refused_init();
		dcep_upkeep_init();
		dcep_launcher_register();
	}
	MarkGUCPrefixReserved("dcep");
	dcep_statement_init();
}
