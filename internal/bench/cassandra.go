package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/schema"
)

// keyspacePrefix begins the name of every keyspace that a run makes. In it is the table
// markerTable with a row that says so, and, for as long as the run lives, that it does.
const keyspacePrefix = "openpayment_bench_"

// A run says that it lives every aliveEvery; what it has said is forgotten after aliveFor.
const (
	aliveEvery = 20 * time.Second
	aliveFor   = 2 * time.Minute
)

// onCluster is a keyspace of the run's own, or logs of its own in the one that is given.
type onCluster struct {
	cfg     cassandra.Config // its keyspace is where the run works
	session *gocql.Session   // the driver alone, in that keyspace
	run     string           // what nobody else's names hold
	own     bool             // the keyspace is the run's
	why     string           // not
	mark    marker

	stop  context.CancelFunc
	alive sync.WaitGroup // the goroutine that says that the run lives
}

// marker is where it stands that something is a run's.
type marker interface {
	// write makes the marker, live says that its run lives.
	write(ctx context.Context) error
	live(ctx context.Context) error
	// remove removes all that the run has made, and the marker with it, or last.
	remove(ctx context.Context) error
}

// OnCluster makes a place for a run on a cluster: a keyspace of its own, with as many copies
// as the one that cfg names, or, where the role may not make one or guest is true, logs of
// its own in the one that cfg names.
func OnCluster(ctx context.Context, cfg cassandra.Config, guest bool) (_ Place, err error) {
	admin, err := cassandra.Driver(ctx, cfg, "")
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	o, err := newOnCluster(context.WithoutCancel(ctx), admin, cfg, guest) // or what it makes might lack the marker
	if err == nil && ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), o.Remove(context.WithoutCancel(ctx)))
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

func newOnCluster(ctx context.Context, admin *gocql.Session, cfg cassandra.Config, guest bool) (_ *onCluster, err error) {
	o := &onCluster{cfg: cfg, run: suffix(), own: !guest, why: "as it was told to"}
	if o.own {
		o.cfg.Keyspace, o.cfg.Migrate = keyspacePrefix+o.run, true
		if err := createKeyspace(ctx, admin, o.cfg.Keyspace, cfg); refused(err) {
			o.own, o.why = false, "since its role may not make a keyspace"
		} else if err != nil {
			return nil, err
		}
	}
	if !o.own {
		o.cfg = cfg
		if err := openOnce(ctx, o.cfg, o.log("marker")); err != nil { // and with it the tables
			return nil, err
		}
	}
	if o.session, err = cassandra.Driver(ctx, o.cfg, o.cfg.Keyspace); err != nil {
		return nil, o.giveUp(err)
	}
	if o.mark = (guestMarker{o.session, o.run}); o.own {
		o.mark = keyspaceMarker{o.session, o.cfg.Keyspace}
	}
	if err := o.mark.write(ctx); err != nil {
		return nil, o.giveUp(err)
	}
	if o.own {
		if err := openOnce(ctx, o.cfg, "main"); err != nil {
			return nil, errors.Join(err, o.Remove(ctx))
		}
	}
	o.sayAlive(ctx)
	return o, nil
}

// giveUp is the end of a place that has no marker yet.
func (o *onCluster) giveUp(err error) error {
	if o.session != nil {
		o.session.Close()
	}
	if o.own {
		err = fmt.Errorf("%w; keyspace %s was made and stays: it has no marker yet", err, o.cfg.Keyspace)
	}
	return err
}

func openOnce(ctx context.Context, cfg cassandra.Config, log string) error {
	cfg.LogName = log
	store, err := cassandra.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return store.Close()
}

// sayAlive has a goroutine say that the run lives, until Remove.
func (o *onCluster) sayAlive(ctx context.Context) {
	ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	o.alive.Go(func() {
		tick := time.NewTicker(aliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = o.mark.live(ctx) // the next time may do
			}
		}
	})
}

// createKeyspace makes one with as many copies as the keyspace that cfg names, or as many
// as cfg says if that is not there.
func createKeyspace(ctx context.Context, admin *gocql.Session, name string, cfg cassandra.Config) error {
	create, err := schema.CassandraKeyspace(name, cfg.Replication)
	if err != nil {
		return err
	}
	var options map[string]string
	err = admin.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, cfg.Keyspace).WithContext(ctx).Scan(&options)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
	case err != nil:
		return err
	default:
		var as []string
		for _, key := range slices.Sorted(maps.Keys(options)) {
			as = append(as, fmt.Sprintf("'%s': '%s'", key, options[key]))
		}
		create = "CREATE KEYSPACE " + name + " WITH replication = {" + strings.Join(as, ", ") + "}"
	}
	return change(ctx, admin, create)
}

// change changes the schema, and waits until all nodes know.
func change(ctx context.Context, session *gocql.Session, cql string) error {
	if err := session.Query(cql).WithContext(ctx).Exec(); err != nil {
		return err
	}
	return session.AwaitSchemaAgreement(ctx)
}

// refused tells whether a role lacks a right.
func refused(err error) bool {
	answer, ok := errors.AsType[gocql.RequestError](err)
	return ok && answer.Code() == gocql.ErrCodeUnauthorized
}

// log is the name of a log of the run's.
func (o *onCluster) log(name string) string {
	if o.own {
		return name
	}
	return guestPrefix + o.run + "-" + name
}

// Kind implements [Place].
func (*onCluster) Kind() string { return Cassandra }

// About implements [Place].
func (o *onCluster) About() []string {
	where := "keyspace " + o.cfg.Keyspace + " of its own"
	if !o.own {
		where = "logs named " + guestPrefix + o.run + "-… in the keyspace " + o.cfg.Keyspace + ", " + o.why
	}
	about := []string{where}
	var version, centre string
	if o.session.Query(`SELECT release_version, data_center FROM system.local`).Scan(&version, &centre) == nil {
		about = append(about, "Cassandra "+version+", data centre "+centre)
	}
	var copies map[string]string
	if o.session.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, o.cfg.Keyspace).Scan(&copies) == nil {
		about = append(about, fmt.Sprintf("copies: %v", copies))
	}
	for _, name := range []string{"paxos_variant", "commitlog_sync"} {
		var value string
		if o.session.Query(`SELECT value FROM system_views.settings WHERE name = ?`, name).Scan(&value) == nil {
			about = append(about, name+": "+value)
		}
	}
	return about
}

// Open implements [Place].
func (o *onCluster) Open(ctx context.Context, log string) (eventstore.Store, error) {
	cfg := o.cfg
	cfg.LogName = o.log(log)
	store, err := cassandra.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// Remove implements [Place].
func (o *onCluster) Remove(ctx context.Context) error {
	if o.stop != nil {
		o.stop()
		o.alive.Wait()
	}
	if o.session.Closed() {
		return nil
	}
	err := o.mark.remove(ctx)
	o.session.Close()
	return err
}

// keyspaceMarker is the marker of a keyspace of the run's own.
type keyspaceMarker struct {
	session  *gocql.Session
	keyspace string
}

func (m keyspaceMarker) write(ctx context.Context) error {
	err := change(ctx, m.session, "CREATE TABLE "+m.keyspace+"."+markerTable+" (id text PRIMARY KEY, begun timestamp, alive text) "+
		"WITH comment = 'what openpayment bench has made, and removes: see openpayment bench --help'")
	if err != nil {
		return err
	}
	// Together with what says that the run lives, so that nobody takes it for a dead one.
	if err := m.live(ctx); err != nil {
		return err
	}
	return m.session.Query("UPDATE "+m.keyspace+"."+markerTable+" SET begun = ? WHERE id = 'run'", time.Now()).WithContext(ctx).Exec()
}

func (m keyspaceMarker) live(ctx context.Context) error {
	host, _ := os.Hostname()
	return m.session.Query("UPDATE "+m.keyspace+"."+markerTable+" USING TTL ? SET alive = ? WHERE id = 'run'",
		int(aliveFor.Seconds()), host).WithContext(ctx).Idempotent(true).Exec()
}

func (m keyspaceMarker) remove(ctx context.Context) error {
	return change(ctx, m.session, "DROP KEYSPACE IF EXISTS "+m.keyspace)
}
