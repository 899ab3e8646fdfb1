
# What is read across nodes: net positions on the registry, which add up with its holdings; and a supervisor's own
# server, to which the registry and two nodes are copied by logical replication, a database each, where reports, traces
# and the audit run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$DcepNodes::settings = "wal_level = logical\nmax_wal_senders = 20\nmax_replication_slots = 20";
start_nodes(2, 3);
query(1, 'SELECT dcep.issue(code, 50000) FROM generate_series(2, 3) AS code');
settle();
my (%alice, %bob);
for my $code (2, 3)
{
	$_->{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}'))) for (\%alice, \%bob);
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault($code), w::dcep.wallet_id, 10000 "
		. "FROM unnest(ARRAY['$alice{$code}', '$bob{$code}']) AS w");
}
sub pay { my ($code, $payer, $payee, $amount) = @_; return query($code, "SELECT (dcep.transfer('$payer', '$payee', $amount)).transfer"); }

# --- net positions ----------------------------------------------------------------------------------

my $positions = 'SELECT * FROM dcep.net_positions(NULL, NULL)';
is(query(1, $positions), '', 'issues are no positions');
pay(2, $alice{2}, $alice{3}, 1000);
pay(2, $bob{2}, $bob{3}, 200);
pay(3, $alice{3}, $alice{2}, 150);
pay(2, $alice{2}, $bob{2}, 77);
my $nobody = query(3, "SELECT dcep.allot_number(3, 99999, decode(repeat('ab', 32), 'hex'))");
pay(2, $alice{2}, $nobody, 500);
query(2, 'SELECT dcep.redeem(2, 3000)');
settle();
is(query(1, $positions), "2|3|2|1200|1|150|-1050|0\n3|2|1|150|2|1200|1050|0",
	'who owes whom: not what was returned, what was redeemed, nor what stayed within');
is(query(2, $positions), "2|3|2|1200|1|150|-1050|0\n3|2|1|150|2|1200|1050|0", 'a node knows its own');
is(query(3, "SELECT * FROM dcep.net_positions() WHERE institution = 3"), '3|2|1|150|2|1200|1050|0', 'today');
my $noon = query(1, 'SELECT max(ended_at) FROM dcep.crossing');
is(query(1, "SELECT * FROM dcep.net_positions('$noon'::timestamptz + interval '1 microsecond', NULL)"), '', 'the range begins after all');
is(query(1, "SELECT sum(payments), sum(receipts) FROM dcep.net_positions(NULL, (SELECT min(ended_at) FROM dcep.crossing WHERE kind = 'transfer' AND state = 'settled'))"),
	'|', 'until is exclusive');
is(query(1, "SELECT sum(payments), sum(receipts) FROM dcep.net_positions((SELECT min(ended_at) FROM dcep.crossing WHERE kind = 'transfer' AND state = 'settled'), NULL)"),
	'3|3', 'since is inclusive');

# One under way counts for neither side until it is settled.
pay(2, $alice{2}, $bob{3}, 40);
query(2, 'SELECT dcep.work_messages()');
carry(2, 1);
query(1, 'SELECT dcep.work_messages()');
is(query(1, $positions), "2|3|2|1200|1|150|-1050|40\n3|2|1|150|2|1200|1050|0", 'one is under way');
is(query(1, "SELECT sum(under_way) FROM dcep.net_positions('2000-01-01', '2000-01-02')"), 40, 'whatever the range');
my $adds_up = <<'SQL';
SELECT h.institution, h.amount - (SELECT COALESCE(sum(c.amount), 0) FROM dcep.crossing AS c WHERE c.kind = 'issue' AND c.state <> 'returned' AND dcep.institution(c.payee) = h.institution)
       + (SELECT COALESCE(sum(c.amount), 0) FROM dcep.crossing AS c WHERE c.kind = 'redeem' AND c.state <> 'returned' AND c.origin = h.institution)
       - (SELECT sum(p.net - p.under_way) FROM dcep.net_positions(NULL, NULL) AS p WHERE p.institution = h.institution)
  FROM dcep.holding AS h ORDER BY 1
SQL
is(query(1, $adds_up), "2|0\n3|0", 'holdings are what was issued, less redeemed, and the net positions less what is under way');
is(query(1, 'SELECT institution, amount FROM dcep.holding ORDER BY 1'), "2|45910\n3|51050", 'to the minor unit');
settle();
is(query(1, $positions), "2|3|3|1240|1|150|-1090|0\n3|2|1|150|3|1240|1090|0", 'then it counts');
is(query(1, $adds_up), "2|0\n3|0", 'and the holdings with it');

# Who reads them.
query(1, 'CREATE ROLE regress_bank2 LOGIN; CREATE ROLE regress_auditor LOGIN IN ROLE dcep_auditor; CREATE ROLE regress_central LOGIN; CREATE ROLE regress_nobody LOGIN');
query(1, "SELECT dcep.grant_institution('regress_bank2', 2), dcep.grant_institution('regress_central', 1)");
is(query(1, as("regress_$_", $positions)), query(1, $positions), "$_ reads all") for ('auditor', 'central');
is(query(1, as('regress_bank2', $positions)), '2|3|3|1240|1|150|-1090|0', 'an operator its own');
is(refused(1, as('regress_nobody', $positions)), '42501', 'others nothing');
query(1, 'RESET ROLE');

# Of many crossings only those of the range are read, whatever else the arguments are.
query(1, 'BEGIN');
query(1, <<'SQL');
INSERT INTO dcep.crossing (origin, transfer, payer, payee, amount, kind, posted_at, ended_at, state)
SELECT 2, 1000000 + n, c.payer, c.payee, 1, 'transfer', t.at, t.at, 'settled'
  FROM (SELECT * FROM dcep.crossing WHERE kind = 'transfer' AND state = 'settled' LIMIT 1) AS c, generate_series(1, 50000) AS n,
       LATERAL (SELECT timestamptz '2020-01-01' + n * interval '1 minute') AS t (at)
SQL
query(1, 'ANALYZE dcep.crossing');
query(1, "SET LOCAL plan_cache_mode = force_generic_plan");
query(1, "PREPARE range (timestamptz, timestamptz) AS SELECT sum(c.amount) FROM dcep.crossing AS c WHERE c.kind = 'transfer' AND c.state = 'settled' "
	. "AND c.ended_at >= COALESCE(\$1, '-infinity') AND c.ended_at < COALESCE(\$2, 'infinity')");
like(query(1, "EXPLAIN (COSTS OFF) EXECUTE range ('2020-01-03', '2020-01-04')"), qr/crossing_ended_at/, 'a range is read by its index');
like(query(1, "EXPLAIN (COSTS OFF) SELECT sum(c.amount) FROM dcep.crossing AS c WHERE c.kind = 'transfer' AND c.ended_at IS NULL"), qr/crossing_ended_at/,
	'and so is what is under way');
is(query(1, "SELECT paid FROM dcep.net_positions('2020-01-03', '2020-01-04') WHERE paid > 0"), 1440, 'a payment a minute');
query(1, 'ROLLBACK');

# --- a supervisor's server ----------------------------------------------------------------------------

my %database = (1 => 'registry', 2 => 'bank2', 3 => 'bank3');
is(refused(1, "SELECT dcep.grant_copy('nobody')"), '42704', 'a role that is not there');
is(refused(1, 'SELECT dcep.grant_copy(NULL)'), '22004', 'no role');
query(1, 'CREATE ROLE reporting LOGIN REPLICATION');
is(refused(1, "SELECT dcep.grant_copy('reporting')"), '55000', 'a role that would copy nothing');
query(1, 'ALTER ROLE reporting BYPASSRLS');
query($_, "SELECT dcep.grant_copy('reporting')") for (1, 2, 3);
query($_, "SELECT dcep.grant_copy('reporting')") for (1, 2, 3);
is(query(2, "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r' "
	. "AND c.relname NOT IN (SELECT tablename FROM pg_publication_tables WHERE pubname = 'dcep_copy')"),
	'institution_role institution_secret ledger_secret node_role opening_policy token_enrolment token_guess', 'what does not leave');
is(query(2, "SELECT has_table_privilege('reporting', 'dcep.institution_secret', 'SELECT'), has_table_privilege('reporting', 'dcep.transfer', 'SELECT')"), 'f|t',
	'nor may the role read it');

my $copies = PostgreSQL::Test::Cluster->new('supervisor');
$copies->init;
$copies->append_conf('postgresql.conf', <<'CONF');
fsync = off
jit = off
wal_retrieve_retry_interval = 100ms
max_logical_replication_workers = 20
max_worker_processes = 30
max_sync_workers_per_subscription = 4
CONF
$copies->start;
sub copy { my ($code, $sql) = @_; return $copies->safe_psql("copy$code", $sql); }
for my $code (1, 2, 3)
{
	$copies->safe_psql('postgres', "CREATE DATABASE copy$code");
	copy($code, 'CREATE EXTENSION dcep CASCADE');
	copy($code, "CREATE SUBSCRIPTION copy$code CONNECTION '" . cluster()->connstr . " dbname=$database{$code} user=reporting' PUBLICATION dcep_copy");
}
$copies->wait_for_subscription_sync(cluster(), "copy$_", "copy$_") for (1, 2, 3);

sub caught_up
{
	cluster()->wait_for_catchup("copy$_") for (1, 2, 3);
	return;
}

# What goes on is copied as it commits.
my $stolen = pay(2, $alice{2}, $bob{3}, 400);
settle();
pay(3, $bob{3}, $alice{3}, 350);
caught_up();
is(copy($_, 'SELECT * FROM dcep.audit()'), '', "the audit of copy $_ finds nothing") for (1, 2, 3);
is(copy($_, 'SELECT count(*), max(id), sum(amount) FROM dcep.transfer'), query($_, 'SELECT count(*), max(id), sum(amount) FROM dcep.transfer'), "copy $_ has the whole journal") for (1, 2, 3);
is(copy(1, $positions), "2|3|4|1640|1|150|-1490|0\n3|2|1|150|4|1640|1490|0", 'net positions on the copy of the registry');
is(copy($_, 'SELECT sum(amount) FROM dcep.coin'), copy(1, "SELECT amount FROM dcep.holding WHERE institution = $_"), "what copy $_ has in coins is what the registry has on record") for (2, 3);
is(copy(1, 'SELECT outstanding, reserve_debits, outstanding = (SELECT sum(amount) FROM dcep.holding) FROM dcep.conservation'), '97000|97000|t', 'and all of it has been issued');
is(copy($_, 'SELECT count(*) FROM (SELECT * FROM dcep.double_spends()) AS d'), 0, "no double spends in copy $_") for (1, 2, 3);
is(copy(3, "SELECT direction, counterparty, amount FROM dcep.movement WHERE wallet = '$bob{3}' AND kind = 'transfer' ORDER BY transfer"),
	"receipt|$bob{2}|200\nreceipt|$alice{2}|40\nreceipt|$alice{2}|400\npayment|$alice{3}|350", 'movements of a wallet, with counterparties of other nodes');

# One question to all copies, from one database.
$copies->safe_psql('postgres', 'CREATE EXTENSION dblink');
is($copies->safe_psql('postgres', <<'SQL'), "copy2|8\ncopy3|7", 'read across');
SELECT c.copy, r.movements FROM unnest(ARRAY['copy2', 'copy3']) AS c (copy),
       dblink('dbname=' || c.copy || ' host=' || split_part(current_setting('unix_socket_directories'), ',', 1) || ' port=' || current_setting('port'),
              $$SELECT count(*) FROM dcep.movement WHERE kind = 'transfer' AND dcep.is_here(wallet)$$) AS r (movements bigint) ORDER BY 1
SQL

# Money that left one copy is followed in the next: the crossing says by which transfer it came.
is(copy(2, "SELECT wallet, tainted, state FROM dcep.trace_forward($stolen, 'fifo')"), "$bob{3}|400|elsewhere", 'the trace leaves the first copy');
my $came = copy(3, "SELECT local_transfer FROM dcep.crossing WHERE origin = 2 AND transfer = $stolen");
is(copy(3, "SELECT sum(tainted) FROM dcep.trace_forward($came, 'poison') WHERE state = 'live'") > 0 ? 1 : 0, 1, 'and goes on in the next');
is(copy(3, "SELECT sum(tainted) FROM dcep.trace_forward($came, 'fifo') WHERE state = 'live'"), 400, 'to the minor unit');
is(copy(3, "SELECT origin, origin_transfer FROM dcep.trace_origins($came)"), "2|$stolen", 'and back');

# A copy pays nothing, takes no messages, and is not changed by hand.
for my $sql ("SELECT dcep.transfer('$alice{2}', '$bob{2}', 1)", 'UPDATE dcep.transfer SET amount = 1', 'DELETE FROM dcep.message')
{
	my ($status, $out, $err) = $copies->psql('copy2', "\\set VERBOSITY verbose\n$sql");
	like($err, qr/ERROR:  (55000|LG401)/, "a copy refuses: $sql");
}
is(copy(2, 'SELECT * FROM dcep.audit()'), '', 'and is as it was');

# Money out of nothing at a node: the copy has it too, and finds it.
query(3, 'ALTER TABLE dcep.coin DISABLE TRIGGER USER');
query(3, "UPDATE dcep.coin SET amount = amount + 1 WHERE id = (SELECT min(id) FROM dcep.coin WHERE owner = '$alice{3}')");
query(3, 'ALTER TABLE dcep.coin ENABLE TRIGGER USER');
caught_up();
my $defects = query(3, 'SELECT check_name, institution, detail FROM dcep.audit() ORDER BY 1, 2, 3');
isnt($defects, '', 'a coin that its superuser has made larger is found at the node');
is(copy(3, 'SELECT check_name, institution, detail FROM dcep.audit() ORDER BY 1, 2, 3'), $defects, 'and on the copy, in the same words');
is(copy($_, 'SELECT * FROM dcep.audit()'), '', "not in copy $_") for (1, 2);

# A journal that is rewritten at the node is not rewritten in the copy, which stops there and keeps what was.
query(2, 'ALTER TABLE dcep.transfer DISABLE TRIGGER USER');
query(2, "UPDATE dcep.transfer SET amount = amount + 1 WHERE id = $stolen");
query(2, 'ALTER TABLE dcep.transfer ENABLE TRIGGER USER');
ok($copies->poll_query_until('copy2', "SELECT apply_error_count > 0 FROM pg_stat_subscription_stats WHERE subname = 'copy2'"), 'the copy stops');
like(slurp_file($copies->logfile), qr/journal is append-only/, 'since it does not follow a node that rewrites its journal');
is(copy(2, "SELECT amount FROM dcep.transfer WHERE id = $stolen"), 400, 'it has what was there before');
is(query(2, "SELECT amount FROM dcep.transfer WHERE id = $stolen"), 401, 'the node has not');
isnt(query(2, 'SELECT count(*) FROM dcep.audit()'), 0, 'which its own audit says');
is(copy(2, 'SELECT * FROM dcep.audit()'), '', 'and the copy\'s does not');

# What is changed in the copy alone is found in the copy alone.
copy(1, 'ALTER TABLE dcep.transfer DISABLE TRIGGER ALL; UPDATE dcep.transfer SET amount = amount + 1 WHERE id = (SELECT min(id) FROM dcep.transfer); ALTER TABLE dcep.transfer ENABLE TRIGGER ALL');
isnt(copy(1, 'SELECT count(*) FROM dcep.audit()'), 0, 'a row changed in the copy is found');
is(query(1, 'SELECT * FROM dcep.audit()'), '', 'where the registry itself is sound');

copy($_, "DROP SUBSCRIPTION copy$_") for (1, 2, 3);
# The server has been started by this test and keeps the sessions' pipes open.
$copies->stop;
finish_nodes();
done_testing();
