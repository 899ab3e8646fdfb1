
# dcep-export and dcep-verify, as tests run them, and exports that tests alter.

package DcepVerify;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(verify export rows put_rows setting without flip);

# Runs the program; status, lines of defects in their order, all of its output, what it complains of.
sub verify
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'dcep-verify', @arguments ], '<', \'', '>', \$out, '2>', \$err);
	my $status = $?;
	return { status => $status & 127 ? "signal $status" : $status >> 8, out => $out, err => $err,
		defects => [ sort grep { /^defect / } split /\n/, $out ] };
}

# Exports a database of a cluster.
sub export
{
	my ($node, $database, $folder) = @_;
	$node->command_ok([ 'dcep-export', $folder, '-d', $node->connstr($database) ], "$database is exported");
	return;
}

# Rows of a file of an export, each a list of columns.
sub rows
{
	my ($folder, $table) = @_;
	return map { [ split /\t/, $_, -1 ] } split /\n/, slurp_file("$folder/$table.copy");
}

# Makes a copy of an export in which one file has other rows.
sub put_rows
{
	my ($folder, $copy, $table, @rows) = @_;
	system_or_bail('sh', '-c', "rm -rf $copy && cp -r $folder $copy");
	open my $fh, '>', "$copy/$table.copy" or die $!;
	binmode $fh;
	print $fh ref $_ ? join("\t", @$_) . "\n" : $_ for @rows;
	close $fh;
	return;
}

# Alters a column of the rows that a condition chooses; returns a change.
sub setting
{
	my ($wanted, $column, $value) = @_;
	return sub {
		my $count = 0;
		for my $row (@_)
		{
			next unless $wanted->($row);
			$row->[$column] = ref $value ? $value->($row->[$column]) : $value;
			$count++;
		}
		BAIL_OUT('nothing was altered') unless $count;
		return @_;
	};
}

# Leaves out the rows that a condition chooses; returns a change.
sub without
{
	my ($wanted) = @_;
	return sub {
		my @left = grep { !$wanted->($_) } @_;
		BAIL_OUT('nothing was removed') if @left == @_;
		return @left;
	};
}

# Another last digit.
sub flip
{
	my ($text) = @_;
	(my $flipped = $text) =~ s/(.)$/$1 eq '0' ? '1' : '0'/e;
	return $flipped;
}

1;
