
# Traces of random payments against an implementation that is too slow to be wrong: every unit of a coin is
# looked at by itself.  DCEP_SEED repeats a run.

use strict;
use warnings;

use File::Spec;
use List::Util qw(first min shuffle sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{DCEP_SEED} // time;
note("DCEP_SEED=$seed");
srand $seed;

my $node = PostgreSQL::Test::Cluster->new('trace');
$node->init;
$node->append_conf('postgresql.conf', "shared_buffers = 256MB\nmax_wal_size = 4GB\njit = off");
$node->start;

# --- random payments -----------------------------------------------------------

# A ledger of two banks, with so little money that a coin's units can be counted one by one.
sub create_ledger
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<'SQL');
CREATE EXTENSION dcep CASCADE;
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank');
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
SELECT dcep.enroll_institution(code, 'Bank ' || code, 'operator') FROM generate_series(2, 3) AS code;
SELECT dcep.generate_key(code, 'ed25519') FROM generate_series(1, 3) AS code;
SELECT dcep.deposit_reserve(code, 5000) FROM generate_series(2, 3) AS code;
CREATE TABLE numbered (number integer PRIMARY KEY, wallet dcep.wallet_id NOT NULL);
INSERT INTO numbered SELECT n, dcep.open_wallet(2 + n % 2, '{"class": 1}') FROM generate_series(2, 11) AS n;
INSERT INTO numbered SELECT n, dcep.vault(2 + n) FROM generate_series(0, 1) AS n;
SELECT dcep.issue(2 + n % 2, 200) FROM generate_series(1, 6) AS n;
-- A payment of so many percent of what the payer holds, under a given id where there is one.
CREATE FUNCTION play(kind dcep.transfer_kind, payer integer, payee integer, percent integer, id bigint) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    pays dcep.wallet_id := (SELECT wallet FROM numbered WHERE number = payer);
    gets dcep.wallet_id := (SELECT wallet FROM numbered WHERE number = payee);
    amount bigint := dcep.balance(pays) * percent / 100;
BEGIN
    PERFORM setval('dcep.transfer_id_seq', id, false) WHERE id IS NOT NULL;
    IF kind = 'consolidate' THEN
        PERFORM dcep.consolidate(pays);
    ELSIF amount > 0 AND kind = 'redeem' THEN
        PERFORM dcep.redeem(dcep.institution(pays), amount);
    ELSIF amount > 0 THEN
        INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (kind, pays, gets, amount);
    END IF;
END
$$;
SQL
	return;
}

# One random payment: kind, payer, payee, percent. Wallets 0 and 1 are the vaults of those with even and odd numbers.
sub draw_payment
{
	my $draw = int(rand 100);
	my $wallet = 2 + int(rand 10);
	return ('redeem', $wallet % 2, $wallet % 2, 1 + int(rand 20)) if $draw < 3;
	return ('exchange_out', $wallet, $wallet % 2, 1 + int(rand 100)) if $draw < 10;
	return ('exchange_in', $wallet % 2, $wallet, 1 + int(rand 40)) if $draw < 30;
	return ('consolidate', $wallet, $wallet, 0) if $draw < 38;
	my $payee = first { $_ != $wallet } shuffle(2 .. 11);
	return ('transfer', $wallet, $payee, 1 + int(rand 100));
}

# Pays so many times. With a window, ids are dealt out in disorder within so many neighbours.
sub pay
{
	my ($database, $count, $window) = @_;
	my $next = $node->safe_psql($database, 'SELECT nextval(\'dcep.transfer_id_seq\')');
	my (@ids, @statements);
	for (1 .. $count)
	{
		@ids = shuffle($next + 1 .. ($next += $window)) if $window && !@ids;
		push @statements, sprintf q{SELECT play('%s', %d, %d, %d, %s);}, draw_payment(), $window ? shift @ids : 'NULL';
	}
	$node->safe_psql($database, join "\n", @statements);
	return;
}

# --- the slow implementation -----------------------------------------------------

# The whole journal: transfers by id, coins with owner, amount and fate.
sub load
{
	my ($database) = @_;
	my (%transfer, %coin);
	for (split /\n/, $node->safe_psql($database, <<'SQL'))
SELECT id, payer, payee, amount, change, kind, array_to_string(inputs, ',') FROM dcep.transfer
SQL
	{
		my ($id, $payer, $payee, $amount, $change, $kind, $inputs) = split /\|/;
		$transfer{$id} = { id => $id, amount => $amount, change => $change, inputs => [ split /,/, $inputs // '' ] };
		$coin{ 2 * $id } =
			{ by => $id, owner => $payee, amount => $amount, kind => $kind, state => $kind eq 'redeem' ? 'redeemed' : 'lost' };
		$coin{ 2 * $id + 1 } = { by => $id, owner => $payer, amount => $change, kind => $kind, state => 'lost' } if $change;
	}
	for my $transfer (values %transfer)
	{
		@{ $coin{$_} }{ 'state', 'consumer' } = ('consumed', $transfer->{id}) for @{ $transfer->{inputs} };
	}
	$coin{$_}{state} = 'live' for split /\n/, $node->safe_psql($database, 'SELECT id FROM dcep.coin');
	return { transfer => \%transfer, coin => \%coin };
}

# Shares taint out in a transfer: from the units of its inputs, 1 where tainted, to those of both outputs. Units of
# haircut have no place, so that they come to lie in front.
sub share_out
{
	my ($method, $transfer, @units) = @_;
	my ($amount, $change) = @{$transfer}{ 'amount', 'change' };
	my $tainted = sum0 @units;
	return ([ (0) x $amount ], [ (0) x $change ]) unless $tainted;
	return ([ (1) x $amount ], [ (1) x $change ]) if $method eq 'poison';
	return ([ @units[ 0 .. $amount - 1 ] ], [ @units[ $amount .. $#units ] ]) if $method eq 'fifo';
	my $first = int($tainted * $amount / ($amount + $change));
	my $second = $tainted - $first;
	return ([ (1) x $first, (0) x ($amount - $first) ], [ (1) x $second, (0) x ($change - $second) ]);
}

# The units of a coin, and how far it is from the start, by what its minter consumed.
sub units_of
{
	my ($world, $seen, $start, $method, $depth, $id) = @_;
	return @{ $seen->{$id} } if $seen->{$id};
	my $coin = $world->{coin}{$id};
	my $transfer = $world->{transfer}{ $coin->{by} };
	if ($id == $start)
	{
		$seen->{$id} = [ [ (1) x $coin->{amount} ], 0 ];
		return @{ $seen->{$id} };
	}
	my ($near, @units) = (1e9);
	for my $input (@{ $transfer->{inputs} })
	{
		my ($of_input, $far) = units_of($world, $seen, $start, $method, $depth, $input);
		push @units, @$of_input;
		$near = min($near, $far + 1) if sum0 @$of_input;
	}
	@units = (0) x @units if $near > $depth;
	my @out =
		@{ $transfer->{inputs} } ? share_out($method, $transfer, @units) : ([ (0) x $transfer->{amount} ], [ (0) x $transfer->{change} ]);
	$seen->{$id} = [ $out[ $id & 1 ], $near ];
	return @{ $seen->{$id} };
}

# A trace forward, as rows of text.
sub forward
{
	my ($world, $transfer, $method, $depth) = @_;
	my ($start, %seen, %tainted, @rows) = (2 * $transfer);
	no warnings 'recursion';
	for my $id (keys %{ $world->{coin} })
	{
		my ($units, $far) = units_of($world, \%seen, $start, $method, $depth, $id);
		$tainted{$id} = [ sum0(@$units), $far ] if sum0 @$units;
	}
	for my $id (keys %tainted)
	{
		my $coin = $world->{coin}{$id};
		my ($amount, $far) = @{ $tainted{$id} };
		my $state = $coin->{state};
		# Consumed, and nothing is tainted of what was made of it: the trace was cut, or rounding left none, which it never does.
		$state = 'cut' if $state eq 'consumed' && !first { $tainted{$_} } map { 2 * $coin->{consumer} + $_ } 0, 1;
		push @rows, [ $far, $id, join '|', $far, $coin->{by}, $state eq 'redeemed' ? '' : $id, $coin->{owner}, $coin->{amount}, $amount, $state, $coin->{consumer} // '' ];
	}
	return join "\n", map { $_->[2] } sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @rows;
}

# A trace back: the coins that a coin was made from, and how far they are.
sub back
{
	my ($world, $transfer) = @_;
	my %far = (2 * $transfer => 0);
	my @queue = (2 * $transfer);
	while (defined(my $id = shift @queue))
	{
		for my $input (grep { !exists $far{$_} } @{ $world->{transfer}{ $id >> 1 }{inputs} })
		{
			$far{$input} = $far{$id} + 1;
			push @queue, $input;
		}
	}
	return \%far;
}

# --- both compared -----------------------------------------------------------------

sub compare
{
	my ($database, $starts, $what) = @_;
	my $world = load($database);
	my @ids = sort { $a <=> $b } keys %{ $world->{transfer} };
	my %differs;
	for my $transfer ((shuffle @ids)[ 0 .. min($starts, scalar @ids) - 1 ])
	{
		my $depth = rand() < 0.3 ? int(rand 8) : undef;
		my $limit = $depth // 'NULL';
		for my $method ('poison', 'haircut', 'fifo')
		{
			my $expected = forward($world, $transfer, $method, $depth // 1e9);
			my $got = $node->safe_psql($database,
				"SELECT depth, minted_by, coin, wallet, amount, tainted, state, consumed_by FROM dcep.trace_forward($transfer, '$method', $limit)");
			next if $got eq $expected;
			$differs{$method}++;
			diag("transfer $transfer, $method, max_depth $limit\nexpected:\n$expected\ngot:\n$got");
		}
		my $far = back($world, $transfer);
		my $expected = join "\n", map { "$far->{$_}|$_" } sort { $far->{$a} <=> $far->{$b} || $a <=> $b } keys %$far;
		my $got = $node->safe_psql($database, "SELECT depth, minted_by * 2 + COALESCE(coin, 0) % 2 FROM dcep.trace_back($transfer)");
		$differs{back}++ if $got ne $expected;
		my $open = $node->safe_psql($database, <<"SQL");
SELECT count(*) FROM dcep.trace_back($transfer) AS b JOIN dcep.transfer AS t ON t.id = b.minted_by
 WHERE b.state = 'cut' OR (cardinality(t.inputs) = 0) <> (b.kind = 'issue')
SQL
		$differs{issues}++ if $open;
	}
	is($differs{$_} // 0, 0, "$what: $_") for 'poison', 'haircut', 'fifo', 'back', 'issues';
	return;
}

create_ledger('orderly');
pay('orderly', 400, 0);
compare('orderly', 60, 'ids in order');
create_ledger('disorderly');
pay('disorderly', 400, 12);
compare('disorderly', 60, 'ids in disorder');

# However a trace is cut, nothing is lost.
for my $database ('orderly', 'disorderly')
{
	my $wrong = $node->safe_psql($database, <<'SQL');
SELECT count(*) FROM (
    SELECT t.id, m.method, l.max_rows, l.max_depth, t.amount, sum(f.tainted) FILTER (WHERE f.state <> 'consumed') AS total, count(*) AS rows
      FROM dcep.transfer AS t, unnest(ARRAY['haircut', 'fifo']) AS m (method),
           (VALUES (1, NULL), (2, NULL), (7, NULL), (20, NULL), (50, NULL), (100000, 0), (100000, 1), (100000, 3), (9, 4)) AS l (max_rows, max_depth),
           dcep.trace_forward(t.id, m.method, l.max_depth, l.max_rows) AS f
     WHERE t.id % 3 = 0 GROUP BY 1, 2, 3, 4, 5) AS traces
 WHERE total <> amount OR rows > max_rows
SQL
	is($wrong, 0, "$database: limits");
}

# --- pictures ----------------------------------------------------------------------

my @ids = split /\n/, $node->safe_psql('orderly', 'SELECT id FROM dcep.transfer ORDER BY id % 17, id LIMIT 12');
for my $direction ('forward', 'back')
{
	my $has_xml = $node->psql('orderly', q{SELECT xmlparse(DOCUMENT '<a/>')}) == 0;
  SKIP:
	{
		skip 'this server was built without XML', 1 unless $has_xml;
		is($node->safe_psql('orderly', "SELECT count(xmlparse(DOCUMENT dcep.trace_svg(id, 'fifo', '$direction', NULL, 5000))) FROM unnest('{@{[join ',', @ids]}}'::bigint[]) AS id"),
			scalar @ids, "trace_svg, $direction: well-formed");
	}
  SKIP:
	{
		skip 'Graphviz is not installed', 1 if system('command -v dot >/dev/null 2>&1');
		my $file = $node->basedir . "/$direction.dot";
		append_to_file($file, $node->safe_psql('orderly', "SELECT dcep.trace_dot(id, 'haircut', '$direction', 6) FROM unnest('{@{[join ',', @ids]}}'::bigint[]) AS id") . "\n");
		command_ok([ 'dot', '-Tsvg', '-o', "$file.svg", $file ], "trace_dot, $direction: Graphviz draws it");
	}
}

# --- the sample payments -------------------------------------------------------------

my $data = $ENV{DCEP_DATA} // '../shared/data/amlsim';
SKIP:
{
	skip "there are no sample payments in $data", 3 unless -r "$data/transactions.csv";
	$data = File::Spec->rel2abs($data);
	$node->safe_psql('postgres', 'CREATE DATABASE amlsim');
	for my $script ('ledger', 'accounts')
	{
		$node->command_ok(
			[
				'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-v', "data=$data", '-v', 'funding=drawdown',
				'-v', 'bold=', '-v', 'good=', '-v', 'bad=', '-v', 'off=',
				'-d', $node->connstr('amlsim'), '-f', "demo/$script.sql"
			],
			"demo/$script.sql");
	}
	my $measured = $node->safe_psql('amlsim', <<'SQL');
CREATE TEMP TABLE measured (method text, id bigint, amount bigint, rows bigint, total numeric, ms numeric);
DO $$
DECLARE
    start record;
    began timestamptz;
BEGIN
    FOR start IN SELECT t.id, t.amount, m FROM dcep.transfer AS t, unnest(ARRAY['poison', 'haircut', 'fifo']) AS m
                  WHERE t.kind = 'issue' OR t.id % 500 = 0 ORDER BY m, t.id
    LOOP
        began := clock_timestamp();
        INSERT INTO measured (method, id, amount, rows, total)
        SELECT start.m, start.id, start.amount, count(*), sum(f.tainted) FILTER (WHERE f.state <> 'consumed')
          FROM dcep.trace_forward(start.id, start.m, 10) AS f;
        UPDATE measured SET ms = extract(epoch FROM clock_timestamp() - began) * 1000 WHERE measured.id = start.id AND method = start.m;
    END LOOP;
END
$$;
SELECT format('%s: %s traces of ten generations, up to %s rows; ms: median %s, most %s; wrong sums %s', method, count(*), max(rows),
              round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2), round(max(ms), 2),
              count(*) FILTER (WHERE total <> amount AND method <> 'poison'))
  FROM measured GROUP BY method ORDER BY method;
SQL
	diag($_) for split /\n/, $measured;
	is(scalar(() = $measured =~ /wrong sums 0$/mg), 3, 'amlsim: sums of ten generations');
}

$node->stop;
done_testing();
