
# The log through crashes, dumps and failovers in the middle of sealing: every committed transfer is in it exactly once,
# nothing that was acknowledged is lost, and what checkpoints have said stays true.
# DCEP_CRASH_ROUNDS sets how many crashes; the seed is printed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

use DcepLedger;

my $rounds = $ENV{DCEP_CRASH_ROUNDS} // 14;
my $seed = $ENV{DCEP_SEED} // time() % 1_000_000_000 | 0;
note("DCEP_SEED=$seed");
srand $seed;

my $db = 'postgres';
my $settings = <<'CONF';
fsync = off
jit = off
log_statement = none
restart_after_crash = on
checkpoint_timeout = 30s
max_prepared_transactions = 40
max_worker_processes = 12
shared_preload_libraries = 'dcep'
dcep.upkeep_naptime = 1
dcep.seal_interval = 1
dcep.checkpoint_interval = 1
CONF
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', $settings);
$node->start;
DcepLedger::create($node, $db);
my $issued = $node->safe_psql($db, 'SELECT sum(amount) FROM dcep.coin');
my $dir = PostgreSQL::Test::Utils::tempdir;

# --- clients --------------------------------------------------------------------

# What a client does in a round. Each writes down what was acknowledged: keys of payments, and notes of checkpoints.
my %scripts = (
	single => sub {
		my ($round, $n) = @_;
		return "SELECT key FROM dcep.transfer(w(3), w(1), 1, 'single $round:$n');\n";
	},
	bulk => sub {
		my ($round, $n) = @_;
		# There and back, so that the money lasts.
		my $parties = $n % 2 ? 'w(CASE i % 2 WHEN 0 THEN 4 ELSE 7 END), w(9)' : 'w(9), w(CASE i % 2 WHEN 0 THEN 4 ELSE 7 END)';
		return 'WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key) '
		  . "SELECT $parties, 1, 'bulk $round:$n:' || i FROM generate_series(1, 100) AS i RETURNING key) "
		  . "SELECT string_agg(key, E'\\n') FROM paid;\n";
	},
	# Its transaction is open for a while after it has paid: the log's watermark waits for it, and other transfers do not.
	slow => sub {
		my ($round, $n) = @_;
		return "BEGIN;\nINSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (w(2), w(1), 1, 'slow $round:$n');\n"
		  . 'SELECT WHERE pg_sleep(' . rand(0.3) . ") IS NULL;\nCOMMIT;\nSELECT 'slow $round:$n';\n";
	},
	prepared => sub {
		my ($round, $n) = @_;
		my $begin = "BEGIN;\nINSERT INTO dcep.transfer (payer, payee, amount, key) "
		  . "SELECT w(%s), w(1), 1, '%s $round:$n:' || i FROM generate_series(1, 3) AS i;\nPREPARE TRANSACTION '%s $round:$n';\n";
		# One a round stays open until the end, from a wallet of its own.
		return sprintf($begin, 10 + $round % 11, 'open', 'open') . "SELECT 'opened $round:$n';\n" if $n == 2 && ($round <= 10 || $round > 100);
		return sprintf($begin, 8, 'prepared', 'prepared')
		  . ($n % 3 ? "COMMIT PREPARED 'prepared $round:$n';\nSELECT 'prepared $round:$n:' || i FROM generate_series(1, 3) AS i;\n"
			  : "ROLLBACK PREPARED 'prepared $round:$n';\nSELECT 'undone $round:$n';\n");
	},
	sealer => sub {
		my ($round, $n) = @_;
		return 'SELECT WHERE dcep.seal(' . int(rand(400) + 1) . ") IS NULL;\n"
		  . ($n % 20 ? '' : "SELECT 'note ' || encode(convert_to(dcep.checkpoint(), 'UTF8'), 'hex');\n");
	});
my %length = (single => 5000, bulk => 30, slow => 500, prepared => 5000, sealer => 10000);

# Starts the clients of a round; what each has acknowledged is in a file.
sub begin_load
{
	my ($server, $round) = @_;
	my %load;
	for my $name (sort keys %scripts)
	{
		my ($script, $out) = ("$dir/$name$round.sql", "$dir/$name$round.out");
		append_to_file($script, "SET application_name = '$name';\n" . join '', map { $scripts{$name}->($round, $_) } 1 .. $length{$name});
		$load{$name} = {
			out => $out,
			run => IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $server->connstr($db), '-f', $script ],
				'<', \'', '>', $out, '2>', "$dir/$name$round.err") };
	}
	# All must be well under way.
	my $start = time;
	my @idle;
	do { usleep(20_000); @idle = grep { !-s $load{$_}{out} } sort keys %load } while @idle && time - $start < 60;
	is("@idle", '', 'all clients are at work') if @idle;
	usleep(rand 600_000);
	return \%load;
}

# Waits for the clients, whose server is gone; what they were acknowledged: [keys], [keys that are not to be], [notes].
my (@keys, @never, @notes, %open);
sub end_load
{
	my ($load) = @_;
	my $count = @keys;
	for my $name (keys %$load)
	{
		eval { $load->{$name}{run}->finish };
		for my $line (split /\n/, slurp_file($load->{$name}{out}))
		{
			if ($line =~ /^note (\S+)/) { push @notes, pack 'H*', $1 }
			elsif ($line =~ /^opened (.*)/) { $open{"open $1"} = 1 }
			elsif ($line =~ /^undone (.*)/) { push @never, map { "prepared $1:$_" } 1 .. 3 }
			else { push @keys, $line if $line =~ /:/ }
		}
	}
	return @keys - $count;
}

# Decides on the prepared transactions that a crash has left, but for those that stay open.
sub settle_prepared
{
	my ($server, $pattern) = @_;
	for my $gid (split /\n/, $server->safe_psql($db, "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE '$pattern' ORDER BY 1"))
	{
		my $good = rand() < 0.5;
		$server->safe_psql($db, ($good ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
		push @{ $good ? \@keys : \@never }, map { "$gid:$_" } 1 .. 3;
		delete $open{$gid};
	}
	return;
}

# --- what must hold ----------------------------------------------------------------

# How many of these keys there are in the journal.
sub count_keys
{
	my ($server, $database, @list) = @_;
	my $file = "$dir/keys";
	unlink $file;
	append_to_file($file, join '', map { "$_\n" } @list);
	return $server->safe_psql($database,
		"CREATE TEMP TABLE a (key text);\n\\copy a from '$file'\nSELECT count(*) FROM a JOIN dcep.transfer AS t USING (key)");
}

# Sealing comes to its end by itself, and then the whole is as it must be; where asked, all of it.
sub check_log
{
	my ($server, $database, $what, $audit) = @_;
	ok($server->poll_query_until($database,
			'SELECT undecided = 0 AND size = (SELECT count(*) FROM dcep.transfer) AND checkpoint_size = size FROM dcep.log_status'),
		"$what: every transfer gets into the log, and a checkpoint says so")
	  or diag($server->safe_psql($database, 'SELECT *, (SELECT count(*) FROM dcep.transfer) FROM dcep.log_status'));
	is($server->safe_psql($database, 'SELECT * FROM dcep.verify_log()'), '', "$what: the log verifies");
	is($server->safe_psql($database, 'SELECT * FROM dcep.audit()'), '', "$what: the audit finds nothing") if $audit;
	is($server->safe_psql($database, 'SELECT sum(amount) FROM dcep.coin'), $issued, "$what: money is conserved");
	return;
}

# Checkpoints that were given out say what the log has.
sub check_notes
{
	my ($server, $what) = @_;
	my $false = 0;
	for my $note (@notes)
	{
		my (undef, $size, $root) = split /\n/, $note;
		$false++ if $server->safe_psql($db, "SELECT encode(dcep.log_root($size), 'base64')") ne $root;
	}
	is($false, 0, "$what: " . @notes . ' checkpoints that were given out stay true');
	return;
}

# --- crashes -----------------------------------------------------------------------

# The server's processes, the postmaster first.
sub processes
{
	my ($server) = @_;
	my $postmaster = (split /\n/, slurp_file($server->data_dir . '/postmaster.pid'))[0];
	my @children;
	for my $file (glob '/proc/[0-9]*/stat')
	{
		open my $stat, '<', $file or next;
		my $line = <$stat> // '';
		push @children, $1 if $line =~ /^(\d+) \(.*\) \S $postmaster /;
	}
	return ($postmaster, @children);
}

# Kills all of a server at once, and waits until its processes are gone.
sub kill_server
{
	my ($server) = @_;
	my ($postmaster, @children) = processes($server);
	$server->kill9;
	kill 'KILL', sort { rand() <=> 0.5 } @children;
	my $start = time;
	usleep(20_000) while time - $start < 60 && grep { kill 0, $_ } $postmaster, @children;
	return;
}

my @victims = (('everything') x 5, qw(single bulk sealer prepared slow), 'dcep worker', 'checkpointer', 'walwriter');
for my $round (1 .. $rounds)
{
	my $load = begin_load($node, $round);
	my $victim = $victims[ rand @victims ];
	if ($victim ne 'everything')
	{
		my $pid = $node->safe_psql($db, "SELECT pid FROM pg_stat_activity WHERE '$victim' IN (application_name, backend_type) LIMIT 1");
		if ($pid ne '')
		{
			my $postmaster = $node->safe_psql($db, 'SELECT pg_postmaster_start_time()') && (processes($node))[0];
			kill 'KILL', $pid;
			end_load($load);
			ok($node->poll_query_until($db, 'SELECT NOT pg_is_in_recovery()'), "round $round: $victim was killed, the server is back");
			is((processes($node))[0], $postmaster, "round $round: by itself");
			settle_prepared($node, 'prepared %');
			next;
		}
	}
	kill_server($node);
	end_load($load);
	$node->start;
	is($node->safe_psql($db, 'SELECT * FROM dcep.verify_log()'), '', "round $round: all processes were killed, the log verifies");
	settle_prepared($node, 'prepared %');
}
note(@keys . ' payments were acknowledged, ' . @never . ' undone, ' . @notes . ' checkpoints given out');
cmp_ok(scalar(@keys), '>', 20 * $rounds, 'payments had been acknowledged');
is(count_keys($node, $db, @keys), scalar(@keys), 'each is there, and once');
is(count_keys($node, $db, @never), 0, 'what was rolled back is not');

# Those that were prepared in the first rounds have held the watermark back until now.
is($node->safe_psql($db, "SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'open %'"), scalar(keys %open), 'prepared transactions outlived the crashes');
is($node->safe_psql($db, 'SELECT undecided > 0 FROM dcep.log_status'), 't', 'the watermark waits for them') if %open;
settle_prepared($node, 'open %');
check_log($node, $db, 'after the crashes', 1);
is(count_keys($node, $db, @keys), scalar(@keys), 'after the crashes: each is there, and once');
check_notes($node, 'after the crashes');

# --- a dump in the middle of sealing ---------------------------------------------------

# One transaction is prepared and open: in what is restored it never ends.
my $load = begin_load($node, 100);
$node->safe_psql($db, "BEGIN; SELECT dcep.transfer(w(20), w(1), 1, 'open at the dump'); PREPARE TRANSACTION 'dumped'");
$node->command_ok([ 'pg_dump', '--format=directory', '--jobs=2', '--file', "$dir/dump", '--dbname', $node->connstr($db) ], 'dumped under load');
my $sealed = $node->safe_psql($db, 'SELECT size FROM dcep.log_state');
$node->safe_psql('postgres', "CREATE DATABASE restored");
$node->command_ok([ 'pg_restore', '--exit-on-error', '--jobs=2', '--dbname', $node->connstr('restored'), "$dir/dump" ], 'restored');
is($node->safe_psql('restored', 'SELECT * FROM dcep.verify_log()'), '', 'the restored log verifies');
is($node->safe_psql('restored', 'SELECT size > 0 FROM dcep.log_state'), 't', 'there is something in it');
check_log($node, 'restored', 'restored', 1);
is(count_keys($node, 'restored', 'open at the dump'), 0, 'what was not committed is not there');
$node->safe_psql('restored', "INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT w(11), w(12), 1, 'restored ' || n FROM generate_series(1, 300) AS n");
check_log($node, 'restored', 'restored, and paying again');
like($node->safe_psql('restored', 'SELECT dcep.consistency_proof(1)'), qr/^\\x([0-9a-f]{64})+$/, 'it proves what it was');
$node->safe_psql($db, "ROLLBACK PREPARED 'dumped'");
kill_server($node);
end_load($load);
$node->start;
$node->safe_psql($db, 'DROP DATABASE restored');
settle_prepared($node, '%');
check_log($node, $db, 'the origin of the dump');
cmp_ok($node->safe_psql($db, 'SELECT size FROM dcep.log_state'), '>', $sealed, 'which went on meanwhile');

# --- a standby takes over -----------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
# The copy that the test's driver makes does not keep modes; pg_basebackup does.
chmod 0600, glob $standby->data_dir . '/dcep_keys/*';
$standby->start;
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'standby'");
$node->reload;
ok($node->poll_query_until($db, "SELECT sync_state = 'sync' FROM pg_stat_replication"), 'the standby is synchronous');
(@keys, @never, @notes) = ();
$load = begin_load($node, 101);
kill_server($node);
end_load($load);
is($standby->safe_psql($db, 'SELECT * FROM dcep.verify_log()'), '', 'the log of the standby verifies before it takes over');
$standby->promote;
cmp_ok(scalar(@keys), '>', 20, 'payments had been acknowledged');
is(count_keys($standby, $db, @keys), scalar(@keys), 'each is on the new primary, and once');
is(count_keys($standby, $db, @never), 0, 'what was rolled back is not');
$standby->safe_psql($db, "INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT w(11), w(12), 1, 'new primary ' || n FROM generate_series(1, 300) AS n");
settle_prepared($standby, '%');
check_log($standby, $db, 'after the failover', 1);
is(count_keys($standby, $db, @keys), scalar(@keys), 'after the failover: each is there, and once');
check_notes($standby, 'after the failover');

$standby->stop;
done_testing();
