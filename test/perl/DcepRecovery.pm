
# Wallets on nodes, supervisors, and recoveries that two authorities order on the registry, as tests of several nodes play
# them.

package DcepRecovery;

use strict;
use warnings;

use Exporter 'import';
use DcepNodes;
use Test::More;

our @EXPORT = qw(%wallet %node_of start_authorities agree wallet pay balance recover recover_refused step all_close);

# Wallets by name, and whose they are. Those of 6 are in the registry's own database.
our (%wallet, %node_of);

sub node_with { my ($name) = @_; return $node_of{$name} == 6 ? 1 : $node_of{$name}; }

# Gives supervisors keys, and roles to them, to the central bank and to operators.
sub start_authorities
{
	my @operators = @_;
	query(1, "SELECT dcep.enroll_institution(8, 'Another', 'supervisor'), dcep.enroll_institution(7, 'A third', 'supervisor')");
	query(1, "SELECT dcep.generate_key(code, 'p256') FROM generate_series(7, 9) AS code");
	query(1, "SELECT dcep.issue($_, 50000)") for @operators;
	settle();
	for my $pair ((map { [ "supervisor$_", $_ ] } 7 .. 9), [ 'central', 1 ], map { [ "operator$_", $_ ] } @operators)
	{
		my ($role, $code) = @$pair;
		cluster()->safe_psql('postgres', "CREATE ROLE $role");
		query($_, "SELECT dcep.grant_institution('$role', $code)") for $code =~ /[1789]/ ? 1 : (1, $code);
	}
	return;
}

# An agreement of a supervisor with an operator, about these kinds of orders.
sub agree
{
	my ($supervisor, $code, $kinds) = @_;
	$kinds //= 'hold_amount';
	query(1, as("supervisor$supervisor", "SELECT dcep.agree($supervisor, $code, '{$kinds}', '{transfers}')"));
	query($code, as("operator$code", "SELECT dcep.agree($supervisor, $code, '{$kinds}', '{transfers}')"));
	return;
}

sub wallet
{
	my ($name, $code) = @_;
	$node_of{$name} //= $code;
	$wallet{$name} = query(node_with($name), qq(SELECT dcep.open_wallet($node_of{$name}, '{"class": 1}')));
	return;
}

sub pay
{
	my ($payer, $payee, $amount) = @_;
	return query($node_of{$payer}, "SELECT (dcep.transfer('$wallet{$payer}', '$wallet{$payee}', $amount)).transfer");
}
sub balance { my ($name) = @_; return query(node_with($name), "SELECT dcep.balance('$wallet{$name}')"); }
sub recover { my ($role, $claim, $payee) = @_; return query(1, as($role, "SELECT dcep.recover($claim, '$wallet{$payee}')")); }

sub recover_refused
{
	my ($role, $claim, $payee) = @_;
	my $state = refused(1, as($role, "SELECT dcep.recover($claim, '" . ($wallet{$payee} // $payee) . "')"));
	query(1, 'RESET ROLE');
	return $state;
}
sub step { my ($from, $to) = @_; carry($from, $to); return query($to, 'SELECT dcep.work_messages()'); }

# Money is where it should be, all audits are sound, and nobody is quarantined.
sub all_close
{
	my ($what) = @_;
	books_close($what);
	is(query($_, "SELECT string_agg(DISTINCT status, ' ') FROM dcep.line"), 'open', "$what: lines of node $_")
		|| diag(query($_, 'SELECT reason FROM dcep.line')) for nodes();
	return;
}

1;
