package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	store               string
	listen              listenOptions
	logLevel, logFormat string
	migrate             bool

	startupTimeout, shutdownTimeout, drainDelay time.Duration
	requestTimeout, catchUpTimeout              time.Duration

	poller eventstore.PollerConfig
	writer eventstore.WriterConfig

	snapshots    snapshotOptions
	traces       string // where they go
	streams      api.StreamConfig
	keys         int
	maxLag       int64
	maxClockSkew time.Duration
}

func serveCommand() *cobra.Command {
	o := &serveOptions{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the account service",
		Long: `Run the account service until it is interrupted (SIGINT, SIGTERM).

Every flag can also be set by an environment variable, --poll-max for example by
OPENPAYMENT_POLL_MAX, or by a line "poll-max: 1s" in the file named by --config.
The command line comes first, then the environment, then the file.

Without tokens the service listens on loopback only. OPENPAYMENT_ADMIN_TOKEN, if set,
is one that may do everything; the file that --tokens names has others, with scopes.
Once there are some, every request but those for /livez and /readyz must bring one
along: "Authorization: Bearer TOKEN".`,
		Example: `  openpayment serve
  openpayment serve --store sqlite:/var/lib/openpayment/openpayment.db
  openpayment serve --store 'cassandra://10.0.0.1,10.0.0.2/openpayment?dc=dc1&replication=dc1:3'
  openpayment serve --listen 0.0.0.0:8443 --tokens tokens.yaml --tls-cert cert.pem --tls-key key.pem
  openpayment serve --store memory: --log-level debug --log-format text`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q (%s --help lists what there is)", args[0], c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if err := complete(c); err != nil {
				return err
			}
			return serve(c.Context(), *o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.addTo(c)
	return c
}

func (o *serveOptions) addTo(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.String("config", "", "YAML `file` with one \"flag: value\" a line")
	f.StringVar(&o.store, "store", defaultStore, storeUsage)
	o.listen.addTo(f)
	f.BoolVar(&o.migrate, "migrate", true, "create missing tables; otherwise refuse to start and say what is missing")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warning or error")
	f.StringVar(&o.logFormat, "log-format", "json", "json or text")
	f.DurationVar(&o.startupTimeout, "startup-timeout", time.Minute, "how long to try to reach the store")
	f.DurationVar(&o.shutdownTimeout, "shutdown-timeout", 30*time.Second, "how long to finish what is under way after SIGTERM")
	f.DurationVar(&o.drainDelay, "drain-delay", time.Second, "how long to go on serving after SIGTERM with /readyz at 503,\nfor load balancers to notice")
	f.DurationVar(&o.requestTimeout, "request-timeout", 10*time.Second, "how long a command may take")
	f.DurationVar(&o.catchUpTimeout, "catch-up-timeout", 5*time.Second, "how long a read may wait for Min-Position or Consistency: strong")
	f.DurationVar(&o.poller.MinInterval, "poll-min", 10*time.Millisecond, "time between two reads of the log while there is news")
	f.DurationVar(&o.poller.MaxInterval, "poll-max", 500*time.Millisecond, "time between two reads of the log when idle")
	f.DurationVar(&o.poller.HeadCheck, "head-check", 5*time.Second, "how often to compare with the log's head when idle")
	f.Int64Var(&o.maxLag, "max-lag", 10_000, "how many events this node may be behind before /readyz is 503; 0: any number")
	f.DurationVar(&o.maxClockSkew, "max-clock-skew", 5*time.Second, "how far this machine's clock may be behind the newest event, or away from\nCassandra's clocks, before no more commands are taken; 0: any time")
	f.IntVar(&o.writer.BatchEvents, "batch-events", eventstore.MaxBatchEvents, "most events in one append, 1000 at most")
	f.IntVar(&o.writer.BatchBytes, "batch-bytes", eventstore.MaxBatchBytes, "most bytes in one append, 1 MiB at most")
	f.IntVar(&o.writer.QueueLimit, "queue-limit", 8192, "most commands waiting; more are answered with 503 overloaded")
	f.IntVar(&o.keys, "idempotency-keys", 1_000_000, "most keys remembered, each for 24 hours in some 250 bytes of memory;\nmore are answered with 503 overloaded")
	f.IntVar(&o.streams.Max, "max-streams", 1000, "most streams open at the same time; more are answered with 503 overloaded")
	f.DurationVar(&o.streams.WriteTimeout, "stream-write-timeout", 15*time.Second, "how long a stream's client may take to read what waits for it, 16 KiB at most")
	o.listen.addLimitsTo(f)
	o.snapshots.addTo(c)
	f.StringVar(&o.traces, "trace-endpoint", "", "`URL` of an OTLP collector to send traces to, such as http://127.0.0.1:4318;\nwithout it OTEL_EXPORTER_OTLP_ENDPOINT counts")
}

// check finds faults that no store is needed for.
func (o *serveOptions) check(tokens tokenSource) error {
	if err := o.listen.check(tokens); err != nil {
		return err
	}
	if err := o.checkDurations(); err != nil {
		return err
	}
	if o.poller.MinInterval > o.poller.MaxInterval {
		return usageError{fmt.Errorf("--poll-min %s is more than --poll-max %s", o.poller.MinInterval, o.poller.MaxInterval)}
	}
	if o.maxLag < 0 || o.maxClockSkew < 0 {
		return usageError{fmt.Errorf("--max-lag %d, --max-clock-skew %s: neither may be negative; 0 switches it off", o.maxLag, o.maxClockSkew)}
	}
	for flag, value := range map[string]int{"batch-events": o.writer.BatchEvents, "batch-bytes": o.writer.BatchBytes, "queue-limit": o.writer.QueueLimit, "idempotency-keys": o.keys, "max-streams": o.streams.Max} {
		if value < 1 {
			return usageError{fmt.Errorf("--%s %d: at least 1 is expected", flag, value)}
		}
	}
	if o.writer.BatchEvents > eventstore.MaxBatchEvents || o.writer.BatchBytes > eventstore.MaxBatchBytes {
		return usageError{fmt.Errorf("--batch-events %d, --batch-bytes %d: %d and %d at most are expected",
			o.writer.BatchEvents, o.writer.BatchBytes, eventstore.MaxBatchEvents, eventstore.MaxBatchBytes)}
	}
	return o.snapshots.check()
}

// checkDurations refuses those that nothing can take.
func (o *serveOptions) checkDurations() error {
	for flag, value := range map[string]time.Duration{"request-timeout": o.requestTimeout, "catch-up-timeout": o.catchUpTimeout,
		"stream-write-timeout": o.streams.WriteTimeout, "poll-min": o.poller.MinInterval, "poll-max": o.poller.MaxInterval, "head-check": o.poller.HeadCheck} {
		if value <= 0 {
			return usageError{fmt.Errorf("--%s %s: more than 0 is expected", flag, value)}
		}
	}
	for flag, value := range map[string]time.Duration{"startup-timeout": o.startupTimeout, "shutdown-timeout": o.shutdownTimeout, "drain-delay": o.drainDelay} {
		if value < 0 {
			return usageError{fmt.Errorf("--%s %s: at least 0 is expected", flag, value)}
		}
	}
	return nil
}

// serve runs the service until ctx ends.
func serve(ctx context.Context, o serveOptions, stdout, stderr io.Writer) error {
	log, err := newLogger(stderr, o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	tokens := tokenSource{file: o.listen.tokens}
	if tokens.admin, err = adminToken(); err != nil {
		return err
	}
	if err := o.check(tokens); err != nil {
		return err
	}
	source, err := parseStore(o.store, mayCreate(o.migrate), log)
	if err != nil {
		return err
	}
	w, err := startWatch(ctx, o.traces, log)
	if err != nil {
		return err
	}
	defer w.traces.Close(context.Background())
	w.store(source)
	f, err := openFront(o.listen, tokens, log)
	if err != nil {
		return err
	}
	defer f.reloadOnHangup()()
	served := api.Config{
		Log: log, Guard: f.guard, Failures: o.listen.failures(), Version: version(), Store: source.display, LogName: source.log,
		RequestTimeout: o.requestTimeout, CatchUpTimeout: o.catchUpTimeout, BodyTimeout: o.listen.bodyTimeout, MaxURL: o.listen.maxURL,
		Streams: o.streams,
	}
	w.api(&served)
	handler := api.New(served)
	w.figures.Watch(handler)
	server := f.serve(handler)
	url := f.url()
	log.WithFields(logrus.Fields{"url": url, "store": source.display, "log": source.log, "version": version()}).Info("listening")

	ready := func() { greet(stdout, url, tokens) }
	n, err := startNode(ctx, o, source, patience{o.startupTimeout, log, handler.Waiting}, w, ready)
	if err != nil {
		server.Close()
		if ctx.Err() != nil {
			return nil // told to stop while starting: nothing was under way
		}
		return err
	}
	handler.Serve(n.service)
	w.figures.Serve(n.service)
	<-ctx.Done()
	return shutDown(o, handler, server, n, log)
}

// node is what stands behind the API.
type node struct {
	store   eventstore.Store
	service *journal.Service
}

// startNode opens the store and starts the service on it; ready is called once the
// service has read its log.
func startNode(ctx context.Context, o serveOptions, source storeSource, p patience, w watch, ready func()) (*node, error) {
	n := &node{}
	err := p.try(ctx, source.display, func() (err error) {
		if n.store, err = source.open(ctx); err != nil {
			return err
		}
		writer := o.writer
		if buckets, ok := n.store.(interface{ BucketSize() int64 }); ok {
			writer.BatchEvents = min(writer.BatchEvents, int(buckets.BucketSize())) // what one append can hold
		}
		p.waiting(journal.ErrStarting)
		cfg := journal.Config{
			Writer: writer, Poller: o.poller, Observer: observe(p.log), Progress: reportProgress(p.log, ready),
			Snapshots: o.snapshots.config(n.store, source.volatile, p.log), Subscriptions: n.store, Replayed: replayed(p.log), MaxKeys: o.keys,
			MaxLag: o.maxLag, MaxClockSkew: o.maxClockSkew,
		}
		w.service(&cfg)
		n.service, err = journal.Start(ctx, n.store, cfg)
		if err != nil {
			n.store.Close()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// shutDown lets requests and queue drain, in the time that --shutdown-timeout
// gives; after it, what is in doubt is answered outcome-unknown.
func shutDown(o serveOptions, handler *api.Handler, server *http.Server, n *node, log *logrus.Logger) error {
	log.Info("shutting down")
	handler.Drain()
	limit, cancel := context.WithTimeout(context.Background(), o.shutdownTimeout+o.drainDelay)
	defer cancel()
	select {
	case <-time.After(o.drainDelay):
	case <-limit.Done():
	}
	handler.EndStreams()
	_ = server.Shutdown(limit) // an error means that the time is over: the next line says so
	err := n.service.Close(limit)
	if err != nil {
		// The answers to what was in doubt are on their way out.
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(last)
		err = fmt.Errorf("commands were still under way after %s (--shutdown-timeout): they were answered outcome-unknown or store-unavailable", o.shutdownTimeout)
	}
	server.Close()
	if closeErr := n.store.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("closing the store: %w", closeErr)
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

func reportProgress(log *logrus.Logger, ready func()) func(at, head eventstore.Position, done bool) {
	return func(at, head eventstore.Position, done bool) {
		line := log.WithFields(logrus.Fields{"seq": at, "head": head})
		if done {
			line.Info("state rebuilt from the log: ready")
			ready()
		} else {
			line.Info("rebuilding the state from the log")
		}
	}
}

// greet tells a person at a terminal what to try first.
func greet(stdout io.Writer, url string, tokens tokenSource) {
	if !onTerminal(stdout) {
		return
	}
	auth := ""
	switch {
	case tokens.admin != "":
		auth = ` -H "Authorization: Bearer $` + tokenVariable + `"`
	case tokens.given():
		auth = ` -H "Authorization: Bearer …"`
	}
	fmt.Fprintf(stdout, "\nOpenPayment is ready at %s. Open an account:\n\n"+
		"  curl -i%s -H 'Content-Type: application/json' -d '{\"sortCode\":\"10-20-30\"}' %s/v1/accounts\n\n", url, auth, url)
}
