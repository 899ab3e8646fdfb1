/*
 * config.c: what the ledger is set up with, kept ready in each backend.
 *
 * The copy is read with the newest snapshot, whatever the transaction's own:
 * a key that has been revoked must not sign because a transaction began early.
 * It lives in a context of its own.  When it is read anew, the old copy goes
 * to the transaction's context, so that a caller who still holds it is safe.
 */
#include "config.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "array.h"
#include "crypto.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_config_changed);

/* Adds one row of a table to the copy. */
typedef void (*RowReader)(DcepConfig *config, DcepTable *table);

static void read_ledger(DcepConfig *config, DcepTable *table);
static void read_institution(DcepConfig *config, DcepTable *table);
static void read_signing_key(DcepConfig *config, DcepTable *table);
static void read_class(DcepConfig *config, DcepTable *table);
static void read_binding(DcepConfig *config, DcepTable *table);
static void read_till(DcepConfig *config, DcepTable *table);
static void read_controlled(DcepConfig *config, DcepTable *table);
static void read_agreement(DcepConfig *config, DcepTable *table);
static void read_secret(DcepConfig *config, DcepTable *table);

/* The tables that the copy is made from. */
static struct
{
	RowReader read_row;
	DcepRelation table;
	Oid relid; /* as it was at the last reading */
} sources[] = {
	{read_ledger, DCEP_LEDGER, InvalidOid},
	{read_institution, DCEP_INSTITUTION, InvalidOid},
	{read_signing_key, DCEP_SIGNING_KEY, InvalidOid},
	{read_class, DCEP_WALLET_CLASS, InvalidOid},
	{read_binding, DCEP_INSTITUTION_ROLE, InvalidOid},
	{read_till, DCEP_TILL, InvalidOid}, /* after the institutions, where they are kept */
	{read_controlled, DCEP_CONTROLLED_CLASS, InvalidOid},
	{read_agreement, DCEP_AGREEMENT, InvalidOid},
	{read_secret, DCEP_LEDGER_SECRET, InvalidOid},
};

static DcepConfig *current = NULL;
static MemoryContext current_context = NULL;
static bool is_current = false;
static bool is_provisional = false; /* read during a parallel query, with that query's snapshot */
static bool callback_registered = false;
static uint64 generations = 0;

/* A table that the copy was made from has changed: read again before the next use. */
static void
forget_config(Datum arg pg_attribute_unused(), Oid relid)
{
	for (size_t i = 0; i < lengthof(sources); i++)
		if (relid == InvalidOid || relid == sources[i].relid)
			is_current = false;
}

/* Trigger on the configuration tables: tells every backend, this one included, to read them again. */
Datum
dcep_config_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function may only be called as a trigger")));
	CacheInvalidateRelcache(trigger->tg_relation);
	is_current = false;
	return PointerGetDatum(NULL);
}

#define APPEND(config, field) \
	dcep_array_append((void **) &(config)->field, &(config)->field##_count, sizeof(*(config)->field))

/* A column that may be null. */
static bool
read_optional(DcepTable *table, AttrNumber column, Datum *value)
{
	bool is_null;

	*value = slot_getattr(table->slot, column, &is_null);
	return !is_null;
}

static void
read_ledger(DcepConfig *config, DcepTable *table)
{
	text *currency = DatumGetTextPP(dcep_column(table, 2));
	char *timezone = TextDatumGetCString(dcep_column(table, 4));

	config->exists = true;
	memcpy(config->currency, VARDATA_ANY(currency), DCEP_CURRENCY_LEN);
	config->exponent = DatumGetInt16(dcep_column(table, 3));
	config->timezone = pg_tzset(timezone);
	if (config->timezone == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the ledger's time zone \"%s\" is not known to this server", timezone)));
}

static void
read_institution(DcepConfig *config, DcepTable *table)
{
	DcepInstitution *institution = APPEND(config, institution);
	Datum vault;

	institution->code = DatumGetInt16(dcep_column(table, 1));
	institution->is_operator = strcmp(TextDatumGetCString(dcep_column(table, 3)), "operator") == 0;
	institution->is_active = strcmp(TextDatumGetCString(dcep_column(table, 4)), "active") == 0;
	if (read_optional(table, 5, &vault))
		institution->vault = DatumGetInt64(vault);
	institution->is_here = DatumGetBool(dcep_column(table, 7));
	config->is_whole &= institution->is_here;
}

static void
read_signing_key(DcepConfig *config, DcepTable *table)
{
	DcepSigningKey *key = APPEND(config, key);
	bytea *public_key = DatumGetByteaPP(dcep_column(table, 4));
	Datum revoked_at;

	key->institution = DatumGetInt16(dcep_column(table, 1));
	key->number = DatumGetInt32(dcep_column(table, 2));
	key->suite = dcep_suite_by_name(TextDatumGetCString(dcep_column(table, 3)));
	key->public_len = Min((int) VARSIZE_ANY_EXHDR(public_key), (int) sizeof(key->public_key));
	memcpy(key->public_key, VARDATA_ANY(public_key), key->public_len);
	key->valid_from = DatumGetTimestampTz(dcep_column(table, 5));
	key->valid_until = DatumGetTimestampTz(dcep_column(table, 6));
	if (read_optional(table, 7, &revoked_at))
		key->valid_until = Min(key->valid_until, DatumGetTimestampTz(revoked_at));
}

/* A limit out of a column. */
int64
dcep_config_limit(DcepTable *table, AttrNumber column)
{
	Datum limit;

	return read_optional(table, column, &limit) ? DatumGetInt64(limit) : DCEP_NO_LIMIT;
}

/* The services of a text array that payments ask for, as bits. */
static int
read_services(ArrayType *names)
{
	static const struct
	{
		const char *name;
		int bit;
	} known[] = {{"pay", DCEP_SERVICE_PAY},
				 {"receive", DCEP_SERVICE_RECEIVE},
				 {"exchange", DCEP_SERVICE_EXCHANGE},
				 {"redeem", DCEP_SERVICE_REDEEM}};
	Datum *elements;
	int count;
	int services = 0;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < lengthof(known); k++)
			if (strcmp(TextDatumGetCString(elements[i]), known[k].name) == 0)
				services |= known[k].bit;
	return services;
}

static void
read_class(DcepConfig *config, DcepTable *table)
{
	DcepClass *class = APPEND(config, class);

	class->class = DatumGetInt16(dcep_column(table, 1));
	class->valid_from = DatumGetDateADT(dcep_column(table, 2));
	class->max_balance = dcep_config_limit(table, 4);
	class->max_payment = dcep_config_limit(table, 5);
	class->max_day = dcep_config_limit(table, 6);
	class->max_year = dcep_config_limit(table, 7);
	class->services = read_services(DatumGetArrayTypeP(dcep_column(table, 10)));
}

static void
read_binding(DcepConfig *config, DcepTable *table)
{
	DcepBinding *binding = APPEND(config, binding);

	binding->role = *DatumGetName(dcep_column(table, 1));
	binding->institution = DatumGetInt16(dcep_column(table, 2));
}

static void
read_till(DcepConfig *config, DcepTable *table)
{
	int code = DatumGetInt16(dcep_column(table, 2));

	for (int i = 0; i < config->institution_count; i++)
	{
		DcepInstitution *institution = &config->institution[i];

		if (institution->code == code)
			*(int64 *) APPEND(institution, till) = DatumGetInt64(dcep_column(table, 1));
	}
}

static void
read_controlled(DcepConfig *config, DcepTable *table)
{
	DcepControlledClass *controlled = APPEND(config, controlled);

	controlled->institution = DatumGetInt16(dcep_column(table, 1));
	controlled->class = DatumGetInt16(dcep_column(table, 2));
	controlled->target = DatumGetInt64(dcep_column(table, 3));
}

static void
read_agreement(DcepConfig *config, DcepTable *table)
{
	DcepAgreement *agreement = APPEND(config, agreement);

	agreement->supervisor = DatumGetInt16(dcep_column(table, 1));
	agreement->operator_code = DatumGetInt16(dcep_column(table, 2));
	agreement->shows_wallets = DatumGetBool(dcep_column(table, 3));
	agreement->shows_transfers = DatumGetBool(dcep_column(table, 4));
	agreement->valid_from = DatumGetTimestampTz(dcep_column(table, 5));
	agreement->valid_until = DatumGetTimestampTz(dcep_column(table, 6));
}

static void
read_secret(DcepConfig *config, DcepTable *table)
{
	bytea *check = DatumGetByteaPP(dcep_column(table, 2));

	config->has_secret = true;
	memcpy(config->secret_check, VARDATA_ANY(check), DCEP_HASH_LEN);
}

/* Reads all rows of one table. */
static void
read_table(DcepConfig *config, DcepRelation source, Snapshot snapshot, RowReader read_row)
{
	DcepTable *table = dcep_table_open(source, NULL);
	TableScanDesc scan = table_beginscan(table->rel, snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, table->slot))
		read_row(config, table);
	table_endscan(scan);
	dcep_table_close(table);
}

/* Looks up the enum values of dcep.transfer_kind. */
static void
read_kinds(DcepConfig *config)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("transfer_kind"),
							   ObjectIdGetDatum(get_namespace_oid("dcep", false)));

	for (int kind = 1; kind <= DCEP_KIND_MAX; kind++)
		if (dcep_kind_name(kind))
			config->kind_oid[kind] = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type),
													 CStringGetDatum(dcep_kind_name(kind)));
}

/* The newest snapshot; but no process of a parallel query may take one of its own. */
static Snapshot
newest_snapshot(void)
{
	return IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
}

/* Reads the whole configuration into the current memory context. */
static DcepConfig *
read_config(void)
{
	DcepConfig *config = palloc0(sizeof(DcepConfig));
	Snapshot snapshot;

	is_provisional = IsInParallelMode();
	snapshot = RegisterSnapshot(newest_snapshot());
	config->is_whole = true;
	read_kinds(config);
	for (size_t i = 0; i < lengthof(sources); i++)
		read_table(config, sources[i].table, snapshot, sources[i].read_row);
	UnregisterSnapshot(snapshot);
	config->generation = ++generations;
	return config;
}

/* The configuration as it is now. */
const DcepConfig *
dcep_config(void)
{
	MemoryContext context;
	MemoryContext caller;

	if (is_current && !(is_provisional && !IsInParallelMode()))
		return current;
	if (!callback_registered)
	{
		CacheRegisterRelcacheCallback(forget_config, (Datum) 0);
		callback_registered = true;
	}
	context = AllocSetContextCreate(CurTransactionContext, "dcep configuration", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	/* Set before reading: what arrives while we read must make us read again, at the first reading, too. */
	for (size_t i = 0; i < lengthof(sources); i++)
		sources[i].relid = dcep_relation_oid(sources[i].table);
	is_current = true;
	PG_TRY();
	{
		DcepConfig *config = read_config();

		MemoryContextSetParent(context, CacheMemoryContext);
		if (current_context)
			MemoryContextSetParent(current_context, TopTransactionContext);
		current_context = context;
		current = config;
	}
	PG_CATCH();
	{
		is_current = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return current;
}

/* The configuration of a ledger that has been created. */
const DcepConfig *
dcep_config_required(void)
{
	const DcepConfig *config = dcep_config();

	if (!config->exists)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("this database has no ledger yet"),
				 errhint("Create it with SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank').")));
	return config;
}

/* Institution by code. */
const DcepInstitution *
dcep_config_institution(const DcepConfig *config, int code)
{
	for (int i = 0; i < config->institution_count; i++)
		if (config->institution[i].code == code)
			return &config->institution[i];
	return NULL;
}

/* Is a wallet kept in this database? */
bool
dcep_config_is_here(const DcepConfig *config, int64 wallet)
{
	const DcepInstitution *institution;

	if (config->is_whole)
		return true;
	institution = dcep_config_institution(config, dcep_wallet_institution(wallet));
	return institution == NULL || institution->is_here;
}

/* Signing key by institution and number. */
const DcepSigningKey *
dcep_config_key(const DcepConfig *config, int institution, int number)
{
	for (int i = 0; i < config->key_count; i++)
		if (config->key[i].institution == institution && config->key[i].number == number)
			return &config->key[i];
	return NULL;
}

/* Is there such a row in dcep.signing_key? */
static bool
is_key_on_record(int institution, int number)
{
	DcepTable *table = dcep_table_open(DCEP_SIGNING_KEY, NULL);
	Snapshot snapshot = RegisterSnapshot(newest_snapshot());
	ScanKeyData keys[2];
	bool found;

	dcep_key_init(&keys[0], 1, F_INT2EQ, InvalidOid, Int16GetDatum(institution));
	dcep_key_init(&keys[1], 2, F_INT4EQ, InvalidOid, Int32GetDatum(number));
	found = dcep_table_find(table, DCEP_SIGNING_KEY_PKEY, snapshot, keys, lengthof(keys));
	dcep_table_close(table);
	UnregisterSnapshot(snapshot);
	return found;
}

/* A key that the copy did not have. */
const DcepSigningKey *
dcep_config_key_on_record(int institution, int number)
{
	/* Only for a key that is there, since each copy is kept until the transaction ends. */
	if (!is_key_on_record(institution, number))
		return NULL;
	is_current = false;
	return dcep_config_key(dcep_config(), institution, number);
}

/* Limits of a class on a day: the youngest that had begun by then. */
const DcepClass *
dcep_config_class(const DcepConfig *config, int class, DateADT day)
{
	const DcepClass *found = NULL;

	for (int i = 0; i < config->class_count; i++)
	{
		const DcepClass *candidate = &config->class[i];

		if (candidate->class == class && candidate->valid_from <= day &&
			(found == NULL || candidate->valid_from > found->valid_from))
			found = candidate;
	}
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("wallet class %d has no limits on record", class),
				 errhint("The central bank enters them in dcep.wallet_class, with the day from which they hold.")));
	return found;
}

/* The target of orders on a class of an operator's wallets. */
int64
dcep_config_controlled_class(const DcepConfig *config, int institution, int class)
{
	for (int i = 0; i < config->controlled_count; i++)
		if (config->controlled[i].institution == institution && config->controlled[i].class == class)
			return config->controlled[i].target;
	return 0;
}

/* A time, taken apart in the ledger's time zone. */
static struct pg_tm
local_time(const DcepConfig *config, TimestampTz at)
{
	struct pg_tm tm;
	fsec_t fsec;
	int tz;

	if (timestamp2tm(at, &tz, &tm, &fsec, NULL, config->timezone) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return tm;
}

/* The day of a time in the ledger's time zone. */
DateADT
dcep_config_day(const DcepConfig *config, TimestampTz at)
{
	struct pg_tm tm = local_time(config, at);

	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

/* The second of the day. */
int
dcep_config_second(const DcepConfig *config, TimestampTz at)
{
	struct pg_tm tm = local_time(config, at);

	return (tm.tm_hour * MINS_PER_HOUR + tm.tm_min) * SECS_PER_MINUTE + tm.tm_sec;
}

/* The calendar year of a day. */
int
dcep_config_year(DateADT day)
{
	int year;
	int month;
	int day_of_month;

	if (DATE_NOT_FINITE(day))
		return PG_INT32_MIN;
	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &day_of_month);
	return year;
}

/* The kind of an enum value. */
int
dcep_config_kind(const DcepConfig *config, Oid value)
{
	for (int kind = 1; kind <= DCEP_KIND_MAX; kind++)
		if (OidIsValid(value) && config->kind_oid[kind] == value)
			return kind;
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this version does not know that kind of transfer"),
					errhint("The library is older than the extension's SQL: restart the sessions.")));
}
