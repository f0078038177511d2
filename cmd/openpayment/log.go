package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"openpayment/eventstore"
)

// logCommand holds what operators do with a log, whether or not a service runs
// on it.
func logCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "log",
		Short: "Look at a log, verify it, take it elsewhere",
		Long: `Look at a log, verify it, take it elsewhere: on the store itself, whether or not
a service runs on it.

--store, the environment and --config work as for serve. Commands that only read
never create a store, a table or a log.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q (%s --help lists what there is)", args[0], c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(verifyCommand(), tailCommand(), showCommand(), exportCommand(), importCommand(), copyCommand())
	return c
}

// storeOptions are the flags of every command on a log.
type storeOptions struct {
	store          string
	startupTimeout time.Duration
}

func (o *storeOptions) addTo(c *cobra.Command) {
	o.addCommon(c)
	c.Flags().StringVar(&o.store, "store", defaultStore, storeUsage)
}

// addCommon adds the flags of commands that name their stores in another way.
func (o *storeOptions) addCommon(c *cobra.Command) {
	addConfig(c)
	c.Flags().DurationVar(&o.startupTimeout, "startup-timeout", time.Minute, "how long to try to reach the store")
}

// addConfig adds the flag that every command has.
func addConfig(c *cobra.Command) {
	c.Flags().SortFlags = false
	c.Flags().String("config", "", "YAML `file` with one \"flag: value\" a line; lines for other commands are passed over")
}

// openStore opens the store that url names, for reading what is there or as a
// service would.
func (o *storeOptions) openStore(c *cobra.Command, url string, may opening) (eventstore.Store, storeSource, error) {
	log, err := newLogger(c.ErrOrStderr(), "warning", "text")
	if err != nil {
		return nil, storeSource{}, err
	}
	source, err := parseStore(url, may, log)
	if err != nil {
		return nil, source, err
	}
	if source.volatile {
		return nil, source, errVolatile
	}
	var store eventstore.Store
	err = patience{o.startupTimeout, log, func(error) {}}.try(c.Context(), source.display, func() (err error) {
		store, err = source.open(c.Context())
		return err
	})
	if err != nil && c.Context().Err() != nil {
		err = errInterrupted
	}
	return store, source, err
}

// errVolatile is the error of a command for which the store must outlive a process.
var errVolatile = usageError{errors.New("a log in memory ends with the process that holds it: name another --store")}

// errInterrupted is the error of a command that was told to stop.
var errInterrupted = errors.New("interrupted")

// onLog makes the RunE of a command that only reads the log: it completes the
// flags, opens what is there, and closes it.
func onLog(o *storeOptions, do func(*cobra.Command, []string, eventstore.Store, storeSource) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := complete(c); err != nil {
			return err
		}
		store, source, err := o.openStore(c, o.store, mustExist)
		if err != nil {
			return err
		}
		err = do(c, args, store, source)
		return explainLog(c.Context(), errors.Join(err, store.Close()))
	}
}

// explainLog says what to do about an error of reading a log.
func explainLog(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, errInterrupted):
		return errInterrupted
	case eventstore.KindOf(err) == eventstore.KindDamaged, eventstore.KindOf(err) == eventstore.KindMissing:
		return fmt.Errorf("%w (openpayment log verify names everything that is wrong)", err)
	}
	return err
}

// exactArgs makes a wrong number of arguments a usage error.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError{fmt.Errorf("%s is missing (%s --help shows how it is used)", names[len(args)], c.CommandPath())}
		case len(args) > len(names):
			return usageError{fmt.Errorf("nothing is expected at %q (%s --help shows how it is used)", args[len(names)], c.CommandPath())}
		}
		return nil
	}
}

// onTerminal tells whether a person looks at w.
func onTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
