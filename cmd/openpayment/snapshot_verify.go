package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// errBadSnapshots ends a verification that has said on stdout what is wrong.
var errBadSnapshots = errors.New("snapshots are not what was written: services pass over them; openpayment snapshot delete removes them (docs/operations.md)")

func snapshotVerifyCommand() *cobra.Command {
	var o storeOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [ID…]",
		Short: "Check snapshots in every way",
		Long: `Check snapshots in every way: the manifest's checksum, that the log holds the event
the snapshot was taken at, the checksum and the form of every chunk, and the digest
of the state in them, made anew. Without ids all are checked, and what was never
finished is named too, which is no fault. The exit code is 1 if any is bad.

That a snapshot is what the log says, openpayment replay shows.`,
		Example: `  openpayment snapshot verify
  openpayment snapshot verify --json 01890a5d-ac96-774b-bcce-b302099a8057`,
	}
	c.RunE = onLog(&o, func(c *cobra.Command, ids []string, store eventstore.Store, source storeSource) error {
		all, unfinished, err := snapshotsIn(c, store)
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			if all, err = chosen(all, ids); err != nil {
				return err
			}
			unfinished = nil
		}
		report := snapshotsReport{Store: source.display, Log: source.log, Items: []snapshotReport{}, Unfinished: append([]string{}, unfinished...)}
		log := eventstore.NewLog(store)
		for _, m := range all {
			faults, err := journal.VerifySnapshot(c.Context(), log, store, m)
			if err != nil {
				return err
			}
			r := reportSnapshot(m)
			for _, fault := range faults {
				r.Faults = append(r.Faults, inOneLine(fault))
			}
			report.Items = append(report.Items, r)
		}
		return concludeSnapshots(c, report, asJSON)
	})
	o.addTo(c)
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON document instead of text")
	return c
}

// chosen are the manifests with these ids, in the order of the ids.
func chosen(all []eventstore.Manifest, ids []string) ([]eventstore.Manifest, error) {
	var found []eventstore.Manifest
	for _, id := range ids {
		i := slices.IndexFunc(all, func(m eventstore.Manifest) bool { return m.ID.String() == id })
		if i < 0 {
			return nil, noSnapshot(id)
		}
		found = append(found, all[i])
	}
	return found, nil
}

func noSnapshot(id string) error {
	return fmt.Errorf("there is no snapshot %q (openpayment snapshot list shows all)", id)
}

func concludeSnapshots(c *cobra.Command, report snapshotsReport, asJSON bool) error {
	bad := slices.ContainsFunc(report.Items, func(r snapshotReport) bool { return len(r.Faults) > 0 })
	var err error
	if asJSON {
		err = printDocument(c.OutOrStdout(), report)
	} else {
		p := &printer{out: c.OutOrStdout()}
		for _, r := range report.Items {
			for _, fault := range r.Faults {
				p.line("snapshot %s: %s", r.ID, printable(fault))
			}
			switch {
			case len(r.Faults) > 0:
			case r.Unusable != "":
				p.line("snapshot %s at event %d: its checksums are right, but it is of no use here: %s", r.ID, r.Position, r.Unusable)
			default:
				p.line("snapshot %s at event %d is intact: %d accounts, %d chunks", r.ID, r.Position, r.Accounts, r.Chunks)
			}
		}
		for _, id := range report.Unfinished {
			p.line("snapshot %s is unfinished: it is being taken, or was given up", id)
		}
		p.line("checked %d snapshots", len(report.Items))
		err = p.failed
	}
	if err == nil && bad {
		err = errBadSnapshots
	}
	return err
}

// inOneLine makes one line of several errors.
func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
