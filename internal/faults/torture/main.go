// Command torture runs the long forms of the tests that try to break the service, one after
// another, and writes a report on them, in Markdown and as JSON.
//
//	go run ./internal/faults/torture
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

const help = `Run the long forms of the tests that try to break the service, one after another, all of
them or those that are named, and write a report on them: report.md and report.json, beside
what each has said. Some of them take a server of Cassandra, as tests do: the README says
how. The disks take root on Linux, and are skipped elsewhere.

Each can be made shorter; what is given below is the long form, of some hours in all.
A form that fails does not keep those behind it from being run. Ctrl-C stops the one that
runs, and the report is on what was done by then. The exit status is 1 if a form has failed,
or was stopped.

Usage:
  go run ./internal/faults/torture [flags] [form ...]

Examples:
  go run ./internal/faults/torture
  go run ./internal/faults/torture --out report simulation mutants
  go run ./internal/faults/torture --soak 5m --crashes 50 soak crashes

Forms:
%s
Flags:
%s`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// run does what the command line says, and gives the code to exit with.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var s sizes
	flags := pflag.NewFlagSet("torture", pflag.ContinueOnError)
	flags.Usage = func() {}
	flags.SortFlags = false
	list := flags.Bool("list", false, "list the forms, with the command of each, and do nothing")
	out := flags.String("out", "", "`folder` to write to (default: a new one in the temporary folder, which is printed)")
	every := flags.Duration("progress", 30*time.Second, "how often to say how it gets on")
	s.flags(flags)
	err := flags.Parse(args)
	all := forms(s)
	switch {
	case err == pflag.ErrHelp:
		fmt.Fprintf(stdout, help, listed(all, false), flags.FlagUsages())
		return exitOK
	case err != nil:
		return usage(stderr, err)
	case *list:
		fmt.Fprint(stdout, listed(all, true))
		return exitOK
	}
	chosen, err := choose(all, flags.Args())
	if err != nil {
		return usage(stderr, err)
	}
	t, err := newTorture(ctx, *out, *every, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "torture:", err)
		return exitFailed
	}
	for _, f := range chosen {
		t.do(ctx, f)
		if err := t.write(); err != nil { // each time: a machine may go down
			fmt.Fprintln(stderr, "torture:", err)
			return exitFailed
		}
	}
	fmt.Fprint(stdout, "\n", t.report.summary(), "\n", t.out, "/report.md\n")
	if !t.report.passed() {
		return exitFailed
	}
	return exitOK
}

func usage(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "torture: %v; --help tells more\n", err)
	return exitUsage
}

// choose gives the forms of these names, in the order of the names; all, if there are none.
func choose(all []form, names []string) (chosen []form, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(f form) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no form %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// listed is a line for each form, and one for its command.
func listed(all []form, commands bool) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "  %-12s%s\n", f.name, f.what)
		if commands {
			fmt.Fprintf(&b, "  %-12s%s\n", "", f.commandLine())
		}
	}
	return b.String()
}
