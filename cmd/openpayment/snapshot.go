package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"openpayment/account/journal"
	"openpayment/api/client"
	"openpayment/eventstore"
)

// snapshotCommand holds what operators do with snapshots.
func snapshotCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Take, list, verify and delete snapshots of the state",
		Long: `Take, list, verify and delete snapshots of the state. They make a start fast and
are never needed: without any the state is built from the whole log.

create asks a running service. The others work on the store itself, whether or not
a service runs on it: --store, the environment and --config work as for serve.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q (%s --help lists what there is)", args[0], c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(snapshotCreateCommand(), snapshotListCommand(), snapshotVerifyCommand(), snapshotDeleteCommand())
	return c
}

func snapshotCreateCommand() *cobra.Command {
	var r remote
	var asJSON bool
	c := &cobra.Command{
		Use:   "create",
		Short: "Have a running service take a snapshot now",
		Long: `Have a running service take a snapshot of its state now. It goes on serving. A log
with millions of accounts takes some seconds.

` + tokenHelp,
		Example: `  openpayment snapshot create
  openpayment snapshot create --url http://10.0.0.1:8080 --json`,
		Args: exactArgs(),
	}
	c.RunE = onService(&r, func(c *cobra.Command, _ []string, service *client.Client) error {
		s, err := service.TakeSnapshot(c.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return printDocumentLine(c.OutOrStdout(), s)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "snapshot %s taken at event %d: %d accounts, %d bytes in %d chunks\ndigest of the state: %s\n",
			s.ID, s.Position, s.Accounts, s.Bytes, s.Chunks, s.Digest)
		return err
	})
	r.addTo(c)
	c.Flags().BoolVar(&asJSON, "json", false, "the JSON document of the API instead of text")
	return c
}

// snapshotReport is the JSON form of a manifest, with the members of the API, and
// whether this program can start from it.
type snapshotReport struct {
	ID       string              `json:"id"`
	Position eventstore.Position `json:"position"`
	Hash     string              `json:"hash"`
	Time     string              `json:"time"`
	Taken    string              `json:"taken"`
	Digest   string              `json:"digest"`
	Format   int                 `json:"format"`
	Reducer  int                 `json:"reducer"`
	Accounts int64               `json:"accounts"`
	Bytes    int64               `json:"bytes"`
	Chunks   int                 `json:"chunks"`
	Intact   bool                `json:"intact"`
	Unusable string              `json:"unusable,omitempty"` // why this program passes over it
	Faults   []string            `json:"faults,omitempty"`   // what verify has found
}

func reportSnapshot(m eventstore.Manifest) snapshotReport {
	r := snapshotReport{
		ID: m.ID.String(), Position: m.At.Head.Position, Hash: m.At.Head.Hash.String(), Time: m.At.Time.UTC().Format(timeLayout),
		Taken: m.Taken.UTC().Format(timeLayout), Digest: m.Digest.String(), Format: m.Format, Reducer: m.Reducer,
		Accounts: m.Records, Bytes: m.Bytes, Chunks: len(m.Chunks), Intact: m.Verify() == nil,
	}
	if err := journal.UsableSnapshot(m); err != nil {
		r.Unusable = inOneLine(err)
	}
	return r
}

// snapshotsReport is the JSON form of all snapshots of a store.
type snapshotsReport struct {
	Store      string           `json:"store"`
	Log        string           `json:"log"`
	Items      []snapshotReport `json:"items"`
	Unfinished []string         `json:"unfinished"`
}

func snapshotListCommand() *cobra.Command {
	var o storeOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the snapshots in a store, newest first",
		Long: `List the snapshots in a store, newest first, and whether this program can start
from them. What is in them is not looked at: verify does that.

One that is unfinished is being taken, or its service has died; services remove
those after an hour.`,
		Example: `  openpayment snapshot list
  openpayment snapshot list --json --store cassandra://127.0.0.1:9042/openpayment`,
		Args: exactArgs(),
	}
	c.RunE = onLog(&o, func(c *cobra.Command, _ []string, store eventstore.Store, source storeSource) error {
		all, unfinished, err := snapshotsIn(c, store)
		if err != nil {
			return err
		}
		if asJSON {
			report := snapshotsReport{Store: source.display, Log: source.log, Items: []snapshotReport{}, Unfinished: append([]string{}, unfinished...)}
			for _, m := range all {
				report.Items = append(report.Items, reportSnapshot(m))
			}
			return printDocument(c.OutOrStdout(), report)
		}
		return listSnapshots(c.OutOrStdout(), all, unfinished)
	})
	o.addTo(c)
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON document instead of text")
	return c
}

// snapshotsIn gives the manifests in a store, and the ids of what was never
// finished.
func snapshotsIn(c *cobra.Command, store eventstore.SnapshotStore) ([]eventstore.Manifest, []string, error) {
	all, err := store.Manifests(c.Context())
	if err != nil {
		return nil, nil, err
	}
	ids, err := store.Unfinished(c.Context())
	var unfinished []string
	for _, id := range ids {
		unfinished = append(unfinished, id.String())
	}
	return all, unfinished, err
}

func listSnapshots(w io.Writer, all []eventstore.Manifest, unfinished []string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := &printer{out: table}
	p.line("SNAPSHOT\tSEQ\tTAKEN\tACCOUNTS\tBYTES\tFORMAT\tREDUCER\t")
	for _, m := range all {
		r := reportSnapshot(m)
		p.line("%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s", r.ID, r.Position, r.Taken, r.Accounts, r.Bytes, r.Format, r.Reducer, r.Unusable)
	}
	for _, id := range unfinished {
		p.line("%s\t\t\t\t\t\t\tunfinished", id)
	}
	return errors.Join(p.failed, table.Flush())
}

// printDocument prints one JSON document, for people too.
func printDocument(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(document)
}
