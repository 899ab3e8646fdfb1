
# Each role logs in and tries what it must not do: through tables, views, functions, COPY,
# EXPLAIN, error messages, functions in a WHERE clause, and objects that shadow others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nshared_preload_libraries = 'dcep'");
$node->start;
DcepLedger::create($node, $db);

$node->safe_psql($db, <<'SQL');
GRANT EXECUTE ON FUNCTION w(integer) TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE ROLE regress_unlisted LOGIN;      -- a member without a binding
GRANT dcep_operator TO regress_unlisted;
CREATE ROLE regress_bound LOGIN;         -- a binding without the membership
SELECT dcep.grant_institution('regress_bound', 2);
REVOKE dcep_operator FROM regress_bound;
CREATE ROLE regress_stranger LOGIN;
ANALYZE;
SQL
my @roles = map { "regress_$_" } qw(bank2 bank3 central supervisor auditor unlisted bound stranger);

# Runs SQL as a role; returns what it printed, and its errors with their codes.
sub as
{
	my ($role, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($db, "\\set VERBOSITY verbose\n$sql",
		on_error_stop => 0, stdout => \$out, stderr => \$err, extra_params => [ '-U', $role ]);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	$err =~ s/^LOCATION:.*\n?//mg;
	return wantarray ? ($out, $err) : $out . $err;
}

sub refused
{
	my ($role, $code, $sql, $what) = @_;
	my ($out, $err) = as($role, $sql);
	like($err, qr/^ERROR:  $code:/m, "$role: $what");
	is($out, '', "$role: and nothing is printed") if $out ne '';
	return $err;
}

# --- rows -------------------------------------------------------------------------------

# What each institution's role may see of each table; all others are refused the table.
my %visible = (
	wallet => 'institution = %1$s',
	wallet_chain => 'dcep.institution(wallet) = %1$s',
	wallet_event => 'dcep.institution(wallet) = %1$s',
	coin => 'dcep.institution(owner) = %1$s',
	transfer => '%1$s IN (dcep.institution(payer), dcep.institution(payee))',
	reserve_account => 'institution = %1$s OR %1$s = 1',
	reserve_entry => 'institution = %1$s OR %1$s = 1',
	institution_role => 'institution = %1$s');
my %institution = (regress_bank2 => 2, regress_bank3 => 3, regress_central => 1);

for my $table (sort keys %visible)
{
	for my $role (@roles)
	{
		my $sql = "SELECT count(*) FROM dcep.$table";
		if (my $code = $institution{$role})
		{
			my $count = $node->safe_psql($db, sprintf("$sql WHERE $visible{$table}", $code));
			my $query = as($role, $sql);
			is($query, $count, "$role: sees $count rows of $table");
			my $copied = () = as($role, "COPY dcep.$table TO STDOUT") =~ /^.+$/mg;
			is($copied, $count, "$role: COPY too");
			cmp_ok($count, '<', $node->safe_psql($db, $sql), "$role: and there are others")
			  unless $code == 1 && $table =~ /^reserve/;
		}
		elsif ($role eq 'regress_unlisted' || ($table eq 'institution_role' && $role =~ /supervisor|auditor/))
		{
			is(as($role, $sql), $role =~ /supervisor/ ? 1 : 0, "$role: sees only its own of $table");
		}
		elsif ($role eq 'regress_supervisor' && $table =~ /^(?:wallet|wallet_chain|wallet_event|coin|transfer)$/)
		{
			is(as($role, $sql), 0, "$role: sees nothing of $table without an agreement");
		}
		else
		{
			refused($role, '42501', $sql, "may not read $table");
		}
	}
}

for my $role (@roles)
{
	refused($role, '42501', 'SELECT * FROM dcep.institution_secret', 'may not read the secrets of wallet numbers');
	refused($role, '42501', 'SELECT * FROM dcep.signed_batch', 'may not read batches');
	is(as($role, 'SELECT count(*) FROM pg_stats WHERE schemaname = \'dcep\' AND tablename IN '
			  . '(\'wallet\', \'wallet_chain\', \'coin\', \'transfer\', \'reserve_entry\', \'institution_secret\')'),
		0, "$role: sees no statistics of the values");
	is(as($role, "SELECT count(last_value) FROM pg_sequences WHERE schemaname = 'dcep'"), 0, "$role: sees no sequence");
	for my $sequence ('transfer_id_seq', 'wallet_number_seq')
	{
		refused($role, '42501', "SELECT nextval('dcep.$sequence')", "may not use $sequence");
		refused($role, '42501', "SELECT last_value FROM dcep.$sequence", "may not read $sequence");
	}
	refused($role, '42501', 'SHOW dcep.key_directory', 'may not see where the keys are');
	is(as($role, "SELECT count(*) FROM pg_settings WHERE name = 'dcep.key_directory'"), 0, "$role: not among the settings either");
	refused($role, '42501', "SET SESSION AUTHORIZATION regress_central", 'may not become another') unless $role =~ /central/;
	refused($role, '42501', "SET ROLE regress_central", 'may not take on another role') unless $role =~ /central/;
}

# Views: totals and proofs for those who need them.
for my $role (@roles)
{
	for my $view ('proof', 'supply')
	{
		my $all = $node->safe_psql($db, "SELECT count(*) FROM dcep.$view");
		if ($role =~ /central|auditor/) { is(as($role, "SELECT count(*) FROM dcep.$view"), $all, "$role: reads $view") }
		else { refused($role, '42501', "SELECT * FROM dcep.$view", "may not read $view") }
	}
}

# Reports: totals and patterns for supervisors and the central bank, what proves the whole for auditors too.
my @proofs = ('conservation', 'quota', 'double_spends()', 'chain_gaps()');
my @reports = ('frozen_totals', 'movement', 'anonymous_share()', 'large_values()', 'structuring()', 'dormant_reactivated()',
	'surging()', 'short_lived()', 'pairs()', 'fan_in()', 'fan_out()', 'pass_through()', 'cycles()', 'frequent_pairs()', 'rings()', 'suspects()');
for my $role (@roles)
{
	my ($out, $err) = as($role, join '', map { "SELECT 'read', count(*) FROM dcep.$_;\n" } @proofs, @reports);
	my $read = () = $out =~ /^read\|\d+$/mg;
	my $refused = () = $err =~ /^ERROR:  42501:/mg;
	my $may = $role =~ /central|supervisor/ ? @proofs + @reports : $role =~ /auditor/ ? @proofs : 0;
	is("$read read, $refused refused", sprintf('%d read, %d refused', $may, @proofs + @reports - $may), "$role: reports");
}
# Positions between institutions: auditors all, an operator its own.
for my $role (@roles)
{
	if ($role =~ /central|supervisor|auditor|bank(\d)/)
	{
		my $own = defined $1 ? " WHERE institution = $1" : '';
		is(as($role, "SELECT * FROM dcep.net_positions('-infinity', NULL)"), $node->safe_psql($db, "SELECT * FROM dcep.net_positions('-infinity', NULL)$own"), "$role: net positions");
	}
	elsif ($role =~ /unlisted/) { is(as($role, "SELECT * FROM dcep.net_positions('-infinity', NULL)"), '', "$role: net positions of no institution") }
	else { refused($role, '42501', 'SELECT * FROM dcep.net_positions()', 'may not read net positions') }
}
unlike(as('regress_supervisor', "SELECT m::text FROM dcep.movement AS m; SELECT p::text FROM dcep.pairs() AS p; SELECT d::text FROM dcep.double_spends() AS d"),
	qr/\d{16}/, 'without an agreement a supervisor is shown no wallet');
unlike(as('regress_auditor', 'SELECT p::text FROM dcep.proof AS p'), qr/\b0{0,3}[1-4]\d{11,14}\b/, 'proofs show no wallet');

# --- writing -----------------------------------------------------------------------------

my %writes = (
	coin => "INSERT INTO dcep.coin VALUES (w(3), 1000000, 999998)",
	wallet => "UPDATE dcep.wallet SET class = 1, flags = 0",
	wallet_chain => "UPDATE dcep.wallet_chain SET day_spent = 0",
	wallet_event => "INSERT INTO dcep.wallet_event (wallet, event, class) VALUES (w(3), 'close', 1)",
	reserve_account => "UPDATE dcep.reserve_account SET seq = 0",
	reserve_entry => "INSERT INTO dcep.reserve_entry SELECT * FROM dcep.reserve_entry",
	institution => "UPDATE dcep.institution SET status = 'active'",
	institution_role => "INSERT INTO dcep.institution_role VALUES (current_user, 1)",
	signing_key => "UPDATE dcep.signing_key SET revoked_at = NULL",
	ledger => "UPDATE dcep.ledger SET institution = 3",
	signed_batch => "DELETE FROM dcep.signed_batch",
	transfer => "DELETE FROM dcep.transfer");
for my $role (@roles)
{
	for my $table (sort keys %writes)
	{
		refused($role, '42501', $writes{$table}, "may not write $table");
		refused($role, '42501', "TRUNCATE dcep.$table", "may not truncate $table");
		refused($role, '42501', "BEGIN; LOCK TABLE dcep.$table IN SHARE ROW EXCLUSIVE MODE", "may not keep others out of $table");
	}
	refused($role, '42501', "INSERT INTO dcep.wallet_class VALUES (1, '2001-01-01', 'mine')", 'may not set limits')
	  unless $role =~ /central/;
	refused($role, '(42501|0A000)', "COPY dcep.transfer (payer, payee, amount) FROM STDIN;\n\\.\n", 'may not COPY payments in');
	refused($role, '42501', "ALTER TABLE dcep.transfer DISABLE TRIGGER ALL", 'may not disable triggers');
	refused($role, '42501', "SET session_replication_role = replica", 'may not pose as replication');
	refused($role, '42501', "CREATE TRIGGER mine BEFORE INSERT ON dcep.transfer FOR EACH ROW EXECUTE FUNCTION dcep.config_changed()",
		'may not add triggers');
}

# --- functions ---------------------------------------------------------------------------

# Which calls are for whom; everybody else is refused.
my %calls = (
	"dcep.create_ledger('XXX', 2, 'UTC', 'Mine')" => [],
	"dcep.enroll_institution(9, 'Mine', 'operator')" => ['central'],
	"dcep.add_institution(9, 'Mine', 'operator')" => [],
	"dcep.add_wallet(2, 1, 'software', NULL, 'person')" => [],
	"dcep.judge('dcep.today', 'postgres', 2, '{}')" => [],
	"dcep.caller_owns('now()')" => [],
	"dcep.open_sub_wallet(2, '{}')" => [],
	"dcep.change_limits(w(3), '{}', false)" => [],
	"dcep.share_limits(w(3), NULL)" => [],
	"dcep.record_holder(w(3), '{}')" => [],
	"dcep.require_customer(w(3))" => [],
	"dcep.assess_opening(2, '{}')" => ['bank2'],
	"dcep.set_limits(w(3), '{\"max_day\": 5}')" => ['bank2'],
	"dcep.set_opening_policy(2, 'behaviour', NULL)" => ['bank2'],
	"dcep.change_class(w(3), '{\"class\": 9}')" => [],
	"dcep.add_default_classes(2)" => [],
	"dcep.allot_number(2, 1, '')" => [],
	"dcep.lock_wallet(w(3))" => [],
	"dcep.await_payments()" => [],
	"dcep.held_now(w(3))" => [],
	"dcep.restrict_wallet(w(3), 'both', 'mine', false)" => [],
	"dcep.require_wallet(w(3))" => [],
	"dcep.freeze(w(3), 'both', 'mine')" => ['central'],
	"dcep.unfreeze(w(3), 'both', 'mine')" => ['central'],
	"dcep.suspend_institution(3, false)" => ['central'],
	"dcep.revoke_key(9, 9, 'mine')" => [],
	"dcep.grant_institution(current_user, 1)" => [],
	"dcep.revoke_institution('regress_bank3')" => [],
	"dcep.deposit_reserve(2, 1)" => ['central'],
	"dcep.withdraw_reserve(2, 1)" => ['central'],
	"dcep.issue(2, 1)" => ['central'],
	"dcep.redeem(2, 1)" => ['bank2'],
	"dcep.pay_kind('issue', dcep.vault(1), dcep.vault(2), 1, NULL)" => ['central'],
	"dcep.generate_key(3, 'ed25519')" => [ 'bank3', 'central' ],
	"dcep.open_wallet(2, '{\"class\": 1}')" => ['bank2'],
	"dcep.close_wallet(w(21))" => [],
	"dcep.balance(w(3))" => ['bank2'],
	"dcep.available(w(3))" => ['bank2'],
	"dcep.coins(w(3))" => ['bank2'],
	"dcep.transfer(w(3), w(1), 1)" => ['bank2'],
	"dcep.verify_chain()" => [ 'central', 'auditor' ],
	"dcep.verify_chain(w(3))" => [ 'bank2', 'central', 'auditor' ],
	"dcep.verify_reserves()" => [ 'central', 'auditor' ],
	"dcep.audit()" => [ 'central', 'auditor' ],
	"dcep.audit_coins()" => [],
	"dcep.audit_inputs()" => [],
	"dcep.transfer_execute()" => [],
	"dcep.transfer_settle()" => [],
	"dcep.transfer_begin()" => [],
	"dcep.append_only()" => [],
	"dcep.config_changed()" => [],
	"dcep.warn_drop()" => []);
for my $call (sort keys %calls)
{
	for my $role (@roles)
	{
		my $sql = "BEGIN; SELECT $call; ROLLBACK;";
		if (grep { "regress_$_" eq $role } @{ $calls{$call} })
		{
			my ($out, $err) = as($role, $sql);
			is($err, '', "$role: may call $call");
		}
		elsif ($call =~ /revoke_key|close_wallet|change_class/ && $role =~ /central|bank2/)
		{
			my ($out, $err) = as($role, $sql);
			like($err, qr/ERROR:  (LG102|LG306|LG601|42501)/, "$role: gets as far as the call's own checks in $call");
		}
		else
		{
			refused($role, '42501', $sql, "may not call $call");
		}
	}
}

# --- what refusals tell --------------------------------------------------------------------

# A wallet of another institution, rich, poor, frozen, closed or not there at all: the answer is the same.
my %foreign = (rich => 'w(3)', frozen => 'w(6)', closed => 'w(21)', vault => 'dcep.vault(2)', absent => "'0002999999999990'");
for my $try (
	'SELECT dcep.transfer(%s, w(1), 1)', 'SELECT dcep.transfer(%s, w(1), 1000000000)',
	'SELECT dcep.transfer(%s, w(1), -1)', "SELECT dcep.transfer(%s, w(1), 1, 'key of 777')",
	'INSERT INTO dcep.transfer (payer, payee, amount) VALUES (%s, w(1), 1) RETURNING *',
	'INSERT INTO dcep.transfer (payer, payee, amount) VALUES (%s, w(1), 1) ON CONFLICT DO NOTHING',
	"INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', %s, dcep.vault(2), 1)",
	'SELECT dcep.balance(%s)', 'SELECT dcep.available(%s)', 'SELECT dcep.coins(%s)', 'SELECT dcep.verify_chain(%s)',
	'SELECT sqlstate, message, detail, hint FROM dcep.submit(ARRAY[(%s, w(1), 1, NULL, NULL)::dcep.instruction])')
{
	my %answers;
	for my $which (sort keys %foreign)
	{
		my $answer = as('regress_bank3', "\\set VERBOSITY verbose\n" . sprintf($try, $foreign{$which} . ($which eq 'absent' ? '::dcep.wallet_id' : '')) . ';');
		$answer =~ s/\b\d{16}\b/WALLET/g;
		$answers{$answer} = $which;
	}
	is(scalar(keys %answers), 1, "$try: the same answer whatever the foreign wallet is")
	  or diag(join "\n", map { "$answers{$_}: $_" } keys %answers);
	like((keys %answers)[0], qr/42501/, 'namely 42501');
	unlike((keys %answers)[0], qr/insufficient|holds|frozen|closed/, 'without what it holds');
}

# Receipts are given to the parties alone.
my $foreign_transfer = $node->safe_psql($db,
	"SELECT min(id) FROM dcep.transfer WHERE dcep.institution(payer) = 2 AND dcep.institution(payee) = 2");
my $answer = as('regress_bank3', "SELECT r FROM dcep.receipt_of($foreign_transfer) AS r");
unlike($answer, qr/\d{16}/, 'no receipt of a foreign transfer');

# --- functions that would like to see rows ---------------------------------------------------

my ($out, $err) = as('regress_bank3', <<'SQL');
CREATE FUNCTION pg_temp.peek(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE 'peeked at %', $1; RETURN true; END $$;
CREATE FUNCTION pg_temp.peek(dcep.wallet_id, bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE 'peeked at %', $1; RETURN true; END $$;
CREATE OPERATOR public.<<< (FUNCTION = pg_temp.peek, LEFTARG = dcep.wallet_id, RIGHTARG = bigint);
SELECT count(*) FROM dcep.coin WHERE pg_temp.peek(owner);
SELECT count(*) FROM dcep.coin WHERE owner OPERATOR(public.<<<) 1;
SELECT count(*) FROM dcep.wallet WHERE pg_temp.peek(id) AND class = 1;
SELECT count(*) FROM dcep.transfer WHERE pg_temp.peek(payer) AND pg_temp.peek(payee);
SELECT count(*) FROM dcep.reserve_entry WHERE pg_temp.peek(institution::bigint);
SELECT count(*) FROM dcep.wallet JOIN dcep.coin ON pg_temp.peek(owner) AND pg_temp.peek(id) WHERE dcep.wallet.id = owner;
SQL
like($err, qr/peeked at 0003\d{12}/, 'a function in a WHERE clause sees rows of its own institution');
my %seen = map { $_ => 1 } $err =~ /peeked at (\d+)/g;
my %touching = map { $_ => 1 } split /\n/, $node->safe_psql($db,
	'SELECT payer FROM dcep.transfer WHERE dcep.institution(payee) = 3 UNION SELECT payee FROM dcep.transfer WHERE dcep.institution(payer) = 3 UNION SELECT id::text::dcep.wallet_id FROM dcep.wallet WHERE institution = 3');
is(join(' ', grep { length($_) > 4 && !$touching{$_} } sort keys %seen), '', 'and no others');
is(join(' ', sort grep { length($_) <= 4 } keys %seen), '3', 'of reserves too');

# A cast that fails with the value in its message.
($out, $err) = as('regress_bank3', "SELECT count(*) FROM dcep.coin WHERE (owner::text || 'x')::bigint > 0 AND owner = '" . $node->safe_psql($db, 'SELECT w(3)') . "'");
is($err, '', 'no error message shows a foreign row');

# What EXPLAIN shows are the plans and conditions, no values of foreign rows.
$answer = as('regress_bank3', 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF) SELECT * FROM dcep.coin; EXPLAIN (ANALYZE, VERBOSE, COSTS OFF) SELECT * FROM dcep.transfer');
unlike($answer, qr/\b000[0-9]\d{12}\b/, 'EXPLAIN ANALYZE shows no wallet');

$node->safe_psql($db, 'GRANT CREATE ON DATABASE postgres TO regress_bank3');

# --- hostile search paths -------------------------------------------------------------------

for my $call ("dcep.balance(w(1))", "(dcep.transfer(w(1), w(3), 1)).amount", "length(dcep.open_wallet(3, '{\"class\": 1}')::text)",
	"dcep.vault(3) IS NOT NULL", "(SELECT count(*) FROM dcep.verify_chain(w(1)))", "(dcep.redeem(3, 1)).amount")
{
	($out, $err) = as('regress_bank3', <<SQL);
SET client_min_messages = error;
DROP SCHEMA IF EXISTS hostile CASCADE;
RESET client_min_messages;
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.owned(dcep.wallet_id, dcep.wallet_id) RETURNS boolean LANGUAGE plpgsql AS
    \$\$ BEGIN RAISE WARNING 'run as %', current_user; RETURN true; END \$\$;
CREATE FUNCTION hostile.owned(integer, smallint) RETURNS boolean LANGUAGE plpgsql AS
    \$\$ BEGIN RAISE WARNING 'run as %', current_user; RETURN true; END \$\$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.owned, LEFTARG = dcep.wallet_id, RIGHTARG = dcep.wallet_id);
CREATE OPERATOR hostile.= (FUNCTION = hostile.owned, LEFTARG = integer, RIGHTARG = smallint);
CREATE FUNCTION hostile.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
    \$\$ BEGIN RAISE WARNING 'run as %', current_user; RETURN ''; END \$\$;
CREATE TEMP TABLE coin (owner dcep.wallet_id, amount bigint, id bigint);
CREATE TEMP TABLE wallet (LIKE coin);
CREATE TEMP TABLE institution (LIKE coin);
CREATE TEMP TABLE transfer (LIKE coin);
SET search_path = pg_temp, hostile, public, pg_catalog;
SELECT ($call) IS NOT NULL;
SQL
	unlike($err, qr/run as/, "$call: operators of the caller's are not used");
	unlike($err, qr/ERROR/, "$call: works under a hostile search_path") or diag($err);
}

# --- auditors ---------------------------------------------------------------------------------

# With a defect in the ledger the auditor learns which transfer, and not whose.
$node->safe_psql($db, <<'SQL');
ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
UPDATE dcep.transfer SET amount = amount + 1 WHERE key = 'key of 777';
ALTER TABLE dcep.transfer ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE dcep.transfer ENABLE ALWAYS TRIGGER append_only_row;
ALTER TABLE dcep.transfer ENABLE TRIGGER transfer_begin;
ALTER TABLE dcep.transfer ENABLE TRIGGER transfer_execute;
ALTER TABLE dcep.transfer ENABLE TRIGGER transfer_settle;
SQL
for my $call ('dcep.verify_chain()', 'dcep.audit()')
{
	$answer = as('regress_auditor', "SELECT * FROM $call");
	like($answer, qr/hash\|/, "regress_auditor: $call finds the defect");
	unlike($answer, qr/\b\d{16}\b/, "regress_auditor: $call names no wallet");
	like($node->safe_psql($db, "SELECT * FROM $call"), qr/\b\d{16}\b/, "a superuser's $call does");
}

$node->stop;
done_testing();
