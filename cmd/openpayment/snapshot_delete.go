package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"openpayment/eventstore"
)

type snapshotDeleteOptions struct {
	storeOptions
	beyondHead, all bool
}

func snapshotDeleteCommand() *cobra.Command {
	o := &snapshotDeleteOptions{}
	c := &cobra.Command{
		Use:   "delete ID… | --beyond-head | --all",
		Short: "Delete snapshots from a store",
		Long: `Delete snapshots from a store. None is ever needed: a service without one builds
its state from the whole log.

--beyond-head is for a log that was restored to an older state on purpose: it
deletes the snapshots that were taken behind its end, because of which services
refuse to start on it. Be sure that the log is meant to end there: otherwise the
events behind are lost, and these snapshots are what proves it.`,
		Example: `  openpayment snapshot delete 01890a5d-ac96-774b-bcce-b302099a8057
  openpayment snapshot delete --beyond-head --store sqlite:restored.db`,
	}
	c.RunE = func(c *cobra.Command, ids []string) error {
		if err := complete(c); err != nil {
			return err
		}
		if named := len(ids) > 0; named == (o.beyondHead || o.all) || o.beyondHead && o.all {
			return usageError{errors.New("either ids of snapshots, or --beyond-head, or --all is expected")}
		}
		return onLog(&o.storeOptions, func(c *cobra.Command, ids []string, store eventstore.Store, _ storeSource) error {
			return deleteSnapshots(c, *o, ids, store)
		})(c, ids)
	}
	o.addTo(c)
	c.Flags().BoolVar(&o.beyondHead, "beyond-head", false, "those taken behind the end of the log")
	c.Flags().BoolVar(&o.all, "all", false, "all of them, and what was never finished")
	return c
}

func deleteSnapshots(c *cobra.Command, o snapshotDeleteOptions, ids []string, store eventstore.Store) error {
	all, unfinished, err := snapshotsIn(c, store)
	if err != nil {
		return err
	}
	head, err := store.Head(c.Context())
	if err != nil {
		return err
	}
	known := slices.Clone(unfinished)
	var chosen []string
	for _, m := range all {
		known = append(known, m.ID.String())
		if o.beyondHead && m.At.Head.Position > head.Position {
			chosen = append(chosen, m.ID.String())
		}
	}
	if o.all {
		chosen = known
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return noSnapshot(id)
		}
		chosen = append(chosen, id)
	}
	for _, id := range chosen {
		if err := store.DropSnapshot(c.Context(), uuid.MustParse(id)); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "snapshot %s deleted\n", id)
	}
	if len(chosen) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "there is none to delete")
	}
	return nil
}
