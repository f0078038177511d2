package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it was tried, and did not work
	exitUsage  = 2 // it was not tried: the command line or the configuration is wrong
)

// usageError is an error in what the user wrote.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the whole program, for main and for tests: it returns the exit code
// when ctx ends or the command is done. An error is one line on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "openpayment:", err)
	if _, usage := errors.AsType[usageError](err); usage {
		return exitUsage
	}
	return exitFailed
}

// rootCommand does what serve does when no other command is named.
func rootCommand() *cobra.Command {
	root := serveCommand()
	root.Use = "openpayment"
	root.Short = "An event-sourced account service on Apache Cassandra, SQLite or memory"
	root.Long = root.Short + `.

Without a command it serves, like "openpayment serve": the log is kept in
openpayment.db in the working directory, the API listens on 127.0.0.1:8080.`
	root.Version = version()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			err = badValue("--"+bad.GetFlag().Name, bad.GetFlag(), bad.GetValue())
		}
		return usageError{fmt.Errorf("%w (%s --help lists the flags)", err, c.CommandPath())}
	})
	root.AddGroup(&cobra.Group{ID: forUsers, Title: "Ask a running service:"}, &cobra.Group{ID: forOperators, Title: "Run a service, and look after it:"})
	addTo(root, forUsers, accountsCommand(), depositCommand(), withdrawCommand(), transferCommand(), eventsCommand(), subscriptionsCommand(), docsCommand())
	addTo(root, forOperators, serveCommand(), logCommand(), snapshotCommand(), replayCommand(), doctorCommand(), generateCommand(), benchCommand(), tokenCommand())
	refuseUnknownTopics(root)
	return root
}

// The groups of commands, as the help shows them.
const (
	forUsers     = "users"
	forOperators = "operators"
)

func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// refuseUnknownTopics keeps help on what there is not from succeeding with the help
// on something else.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = func(_ *cobra.Command, args []string) error {
		if found, rest, err := root.Find(args); err != nil || len(rest) > 0 {
			return usageError{fmt.Errorf("there is no help on %q (%s --help lists what there is)", strings.Join(args, " "), found.CommandPath())}
		}
		return nil
	}
}

// buildVersion is set by the linker where there is no version control to ask:
// -ldflags "-X main.buildVersion=v1.2.3".
var buildVersion string

func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
