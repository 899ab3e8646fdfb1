
# A page of the documentation as a test: its blocks of SQL and shell commands are run one after another in one psql, as a reader
# would type them, and what it shows of their output is compared with what comes out.

package DcepPage;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

# The blocks of a page in order: language (sql, sh), code, line of the page, and the output that follows it, if any. A `text` block that
# follows at once is output. With a heading `from`, those of its section on up to the heading `until`.
sub blocks
{
	my ($file, $from, $until) = @_;
	my (@blocks, $open, $line, $inside);
	$inside = !defined $from;
	for (split /\n/, PostgreSQL::Test::Utils::slurp_file($file))
	{
		$line++;
		if ($open)
		{
			if ($_ eq '```') { push @blocks, $open if $inside; undef $open; }
			else { $open->{code} .= "$_\n"; }
		}
		elsif (/^```(\w*)$/) { $open = { language => $1, code => '', line => $line }; }
		elsif (/^#/)
		{
			$inside = 1 if defined $from && $_ eq $from;
			$inside = 0 if defined $until && $_ eq $until;
		}
	}
	my @commands;
	for my $block (@blocks)
	{
		if ($block->{language} eq 'text') { $commands[-1]{output} = $block->{code} if @commands; }
		else { push @commands, $block; }
	}
	return grep { $_->{language} =~ /^(sql|sh)$/ } @commands;
}

# Runs the blocks against a node in a database, as postgres, with /tmp as a folder of the test's; adds to each what came out.
sub run
{
	my ($node, $database, @blocks) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short;
	my ($script, $number) = ('', 0);
	for my $block (@blocks)
	{
		my $code = $block->{code} =~ s{/tmp/}{$folder/}gr;
		$script .= "\\echo <<<$number>>>\n";
		if ($block->{language} eq 'sql') { $script .= $code; }
		else
		{
			PostgreSQL::Test::Utils::append_to_file("$folder/block$number.sh", $code);
			$script .= "\\! sh $folder/block$number.sh 2>&1\n";
		}
		$number++;
	}
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'postgres', PGDATABASE => $database);
	my $out = '';
	# By lines, so that what psql writes and what the shell writes stay in order.
	IPC::Run::run([ 'stdbuf', '-oL', 'psql', '-X', '--set=SHOW_CONTEXT=never' ], '<', \$script, '>&', \$out);
	my (undef, %part) = split /^<<<(\d+)>>>\n/m, $out;
	$blocks[$_]{result} = ($part{$_} // '') =~ s{\Q$folder\E/}{/tmp/}gr for 0 .. $#blocks;
	return @blocks;
}

# Output without what differs from run to run, or is not shown: one space for many, and for numbers that are allotted and for times
# what they are. A wallet is called by its place among the wallets that the page has shown so far, which `wallets` remembers.
sub essence
{
	my ($text, $wallets) = @_;
	my @lines;
	for (split /\n/, $text)
	{
		next if /^(Expanded display is |LINE \d+:| *\^$|Timing is )/;
		s/\b(0\d{15})\b/'wallet' . ($wallets->{$1} \/\/= 1 + keys %$wallets)/ge;
		s/\b28\d{16}\b/token/g;
		s/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)?/time/g;
		s/\b\d{4}-\d\d-\d\d\b/date/g;
		s/\\x[0-9a-f]{8,}(…)?/\\xhex/g;
		s/\b[0-9a-f]{16}…/hex…/g;
		s/\bdcep1[\w-]+(…)?/coin/g;
		s/-{3,}/---/g;
		s/\s+/ /g;
		s/ $//;
		push @lines, $_ if $_ ne '';
	}
	return join "\n", @lines;
}

# What a page promises and what came out, both in essence. Where the page cuts output by a line with "…" alone, so is the other.
sub compare
{
	my ($block, $promised_wallets, $wallets) = @_;
	my $promised = essence($block->{output}, $promised_wallets);
	my $got = essence($block->{result}, $wallets);
	if ($promised =~ s/\n…$//)
	{
		my $lines = 1 + ($promised =~ tr/\n//);
		$got = join "\n", grep { defined } (split /\n/, $got)[ 0 .. $lines - 1 ];
	}
	return ($got, $promised);
}

1;
