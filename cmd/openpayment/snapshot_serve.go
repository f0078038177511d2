package main

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// snapshotOptions are the flags of serve that say when snapshots are taken.
type snapshotOptions struct {
	events     int64
	interval   time.Duration
	keep       int
	atShutdown bool
}

func (o *snapshotOptions) addTo(c *cobra.Command) {
	f := c.Flags()
	f.Int64Var(&o.events, "snapshot-events", 100_000, "after how many events to take a snapshot of the state; 0: not for that reason")
	f.DurationVar(&o.interval, "snapshot-interval", 10*time.Minute, "after how much time to take one, if there was an event; 0: not for that reason")
	f.IntVar(&o.keep, "snapshot-keep", 3, "how many of the newest to keep")
	f.BoolVar(&o.atShutdown, "snapshot-at-shutdown", true, "take one after SIGTERM, within --shutdown-timeout")
}

// check finds faults that no store is needed for.
func (o *snapshotOptions) check() error {
	switch {
	case o.events < 0:
		return usageError{fmt.Errorf("--snapshot-events %d: at least 0 is expected", o.events)}
	case o.interval < 0 || o.interval > 0 && o.interval < time.Second: // or it would do nothing but look at the time
		return usageError{fmt.Errorf("--snapshot-interval %s: at least 1s is expected, or 0 for never", o.interval)}
	case o.keep < 1:
		return usageError{fmt.Errorf("--snapshot-keep %d: at least 1 is expected", o.keep)}
	}
	return nil
}

// aroundSnapshots lets a test stand between the service and its snapshots.
var aroundSnapshots = func(s eventstore.SnapshotStore) eventstore.SnapshotStore { return s }

// config is the policy for a store. Where everything ends with the process no
// snapshot would ever be read: there they are taken on request only.
func (o *snapshotOptions) config(store eventstore.SnapshotStore, volatile bool, log *logrus.Logger) journal.SnapshotConfig {
	cfg := journal.SnapshotConfig{Store: aroundSnapshots(store), Keep: o.keep, Observer: observeSnapshots(log)}
	if !volatile {
		cfg.Events, cfg.Interval, cfg.AtClose = o.events, o.interval, o.atShutdown
	}
	return cfg
}

// observeSnapshots makes log lines of what becomes of snapshots.
func observeSnapshots(log *logrus.Logger) journal.SnapshotObserver {
	return journal.SnapshotObserver{
		Tried: func(m eventstore.Manifest, took time.Duration, err error) {
			line := snapshotLine(log, m, took)
			if err != nil {
				line.WithField("error", err).Warn("snapshot passed over: see the error")
				return
			}
			line.Info("state restored from a snapshot")
		},
		Rebuilding: func(from eventstore.Position) {
			line := log.WithField("seq", from)
			if from == 0 {
				line.Info("the state is built from the whole log")
				return
			}
			line.Info("the log is read behind the snapshot")
		},
		Taken: func(m eventstore.Manifest, took, stall time.Duration) {
			snapshotLine(log, m, took).WithFields(logrus.Fields{"bytes": m.Bytes, "stallMicroseconds": stall.Microseconds()}).
				Info("snapshot taken")
		},
		Failed: func(retryIn time.Duration, err error) {
			line := log.WithField("error", err)
			if retryIn > 0 {
				line = line.WithField("retryIn", retryIn.String())
			}
			line.Warn("a snapshot could not be taken, listed or removed: see the error")
		},
		Dropped: func(id uuid.UUID, why string) {
			log.WithFields(logrus.Fields{"snapshot": id.String(), "reason": why}).Info("snapshot removed")
		},
	}
}

func snapshotLine(log *logrus.Logger, m eventstore.Manifest, took time.Duration) *logrus.Entry {
	return log.WithFields(logrus.Fields{
		"snapshot": m.ID.String(), "seq": m.At.Head.Position, "accounts": m.Records, "milliseconds": took.Milliseconds(),
	})
}

// replayed makes a log line of a replay that has ended.
func replayed(log *logrus.Logger) func(journal.Replay) {
	return func(r journal.Replay) {
		line := log.WithFields(logrus.Fields{
			"replay": r.ID.String(), "seq": r.Position, "milliseconds": r.Ended.Sub(r.Started).Milliseconds(), "swapped": r.Swapped,
		})
		switch {
		case r.State == journal.ReplayFailed:
			line.WithField("error", r.Err).Error("replay failed: the live state is as it was")
		case r.State == journal.ReplayCancelled:
			line.Info("replay cancelled: the live state is as it was")
		case !r.Match():
			line.WithFields(logrus.Fields{"accounts": r.Differing, "keys": r.DifferingKeys, "subjects": r.DifferingSubjects}).Error("replay done: the live state is NOT what the log says")
		case len(r.SnapshotFaults) > 0:
			line.WithField("snapshots", r.SnapshotFaults).Warn("replay done: the live state is what the log says, but snapshots are not")
		default:
			line.Info("replay done: the live state is what the log says")
		}
	}
}
