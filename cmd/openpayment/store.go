package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/sqlite"
)

// storeSource is a store as named by --store, not opened yet.
type storeSource struct {
	display  string // the URL without credentials
	log      string // the log's name
	volatile bool   // it ends with the process
	open     func(context.Context) (eventstore.Store, error)
	examine  func(context.Context) []eventstore.Finding // nil if it is volatile
	watch    func(func(cassandra.Request))              // before it is opened: who is told of its requests; nil if nobody can be
}

// opening is what may be done to a store to open it.
type opening uint8

const (
	mayMigrate     opening = iota // create it, and what it lacks
	mustBeMigrated                // begin a log in it, if it has all tables
	mustExist                     // nothing: the log must be there
)

// defaultStore is where the log is when nothing is said, and storeUsage what can
// be said.
const (
	defaultStore = "sqlite:openpayment.db"
	storeUsage   = "where the log is: sqlite:PATH, memory:, or\ncassandra://HOST:PORT,HOST/KEYSPACE?log=main&dc=…&replication=3&… (`URL`)"
)

// parseStore understands --store. Faults in it are usage errors.
func parseStore(url string, may opening, log *logrus.Logger) (storeSource, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		if rest == "" {
			return storeSource{}, usageError{errors.New("--store sqlite: a path is expected, such as sqlite:openpayment.db")}
		}
		cfg := sqlite.Config{Path: rest, Migrate: may == mayMigrate}
		return storeSource{display: url, log: "main",
			open:    func(ctx context.Context) (eventstore.Store, error) { return unlessNil(sqlite.Open(ctx, cfg)) },
			examine: func(ctx context.Context) []eventstore.Finding { return sqlite.Examine(ctx, cfg) },
		}, nil
	case "memory":
		if rest != "" {
			return storeSource{}, usageError{errors.New("--store memory: nothing is expected after the colon")}
		}
		return storeSource{display: url, log: "main", volatile: true, open: func(context.Context) (eventstore.Store, error) {
			return memory.New().Open(), nil
		}}, nil
	case "cassandra":
		cfg, err := cassandra.ParseURL(url)
		if err != nil {
			return storeSource{}, usageError{fmt.Errorf("--store: %w", err)}
		}
		cfg.Migrate = cfg.Migrate && may == mayMigrate
		cfg.Existing = may == mustExist
		cfg.Log = func(line string) { log.WithField("store", "cassandra").Debug(line) }
		return storeSource{display: cfg.String(), log: cfg.LogName,
			open:    func(ctx context.Context) (eventstore.Store, error) { return unlessNil(cassandra.Open(ctx, cfg)) },
			examine: func(ctx context.Context) []eventstore.Finding { return cassandra.Examine(ctx, cfg) },
			watch:   func(told func(cassandra.Request)) { cfg.Requests = told },
		}, nil
	default:
		return storeSource{}, usageError{fmt.Errorf("--store %q: sqlite:PATH, memory: or cassandra://HOST,HOST/KEYSPACE is expected", scheme+":")}
	}
}

// unlessNil keeps a nil pointer from becoming an interface that is not nil.
func unlessNil[S eventstore.Store](s S, err error) (eventstore.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// The waits between attempts to reach a store at the start.
const (
	reopenMin = 500 * time.Millisecond
	reopenMax = 5 * time.Second
)

// whatToDo ends the error of a store that can't be opened.
const whatToDo = "openpayment doctor on the same --store says what to do"

// patience is how long to go on trying to reach a store, and whom to tell.
type patience struct {
	limit   time.Duration
	log     *logrus.Logger
	waiting func(error) // told why, while there is nothing to be had yet
}

// try does what may fail because a store can't be reached, again and again until
// it succeeds, fails for another reason, or the time is over.
func (p patience) try(ctx context.Context, store string, do func() error) error {
	deadline := time.Now().Add(p.limit)
	for wait := reopenMin; ; wait = min(2*wait, reopenMax) {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if eventstore.KindOf(err) != eventstore.KindUnavailable {
			return fmt.Errorf("store %s: %w (%s)", store, err, whatToDo)
		}
		if time.Until(deadline) < wait {
			return fmt.Errorf("store %s could not be reached for %s (--startup-timeout): %w (%s)", store, p.limit, err, whatToDo)
		}
		p.waiting(err)
		p.log.WithFields(logrus.Fields{"store": store, "retryIn": wait.String(), "error": err}).
			Warn("the store cannot be reached yet: trying again")
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
