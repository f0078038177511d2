package cassandra

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/schema"
)

// Defaults of the fields of [Config] that are left zero.
const (
	DefaultLog            = "main"
	DefaultPort           = 9042
	DefaultBucketSize     = 20_000
	DefaultReplication    = "1"
	DefaultTimeout        = 15 * time.Second
	DefaultConnectTimeout = 5 * time.Second
)

// Config says where a log is and how to get there. [ParseURL] makes one from
// text; code that fills it in itself needs Hosts and Keyspace only, and Migrate
// where tables may have to be created.
type Config struct {
	// Hosts are the nodes to ask first, host or host:port; the others are learnt
	// from them. All nodes listen on the same port.
	Hosts    []string
	Keyspace string // lower case letters, digits, underscores
	LogName  string // one keyspace holds any number of logs

	// BucketSize is how many events go into one partition. It is fixed when a log
	// is first opened: after that the size stored with the log counts, not this.
	BucketSize int64

	// DataCentre is where this process runs: nodes there are asked first. With
	// the LOCAL_ levels it is also the log's one home: see Consistency.
	DataCentre string
	// Replication counts only if Open creates the keyspace: "3", or
	// "dc1:3,dc2:3".
	Replication string

	// Consistency is QUORUM or LOCAL_QUORUM, SerialConsistency SERIAL or
	// LOCAL_SERIAL. The local levels decide within one data centre, which spares
	// the way to the others but is right only as long as nobody decides anywhere
	// else: so they demand a DataCentre, all three are stored with the log, and
	// Open refuses to differ from what is stored.
	Consistency       string
	SerialConsistency string

	Username string
	Password string
	TLS      *TLS // nil: plain connections

	// Timeout bounds each request. It should exceed the server's own limits
	// (10 s at most by default), or outcomes are unknown that the server was
	// about to report.
	Timeout time.Duration
	// ConnectTimeout bounds making one connection.
	ConnectTimeout time.Duration

	// Migrate lets Open create what is missing: keyspace and tables.
	Migrate bool
	// Existing makes Open refuse a log that nobody has opened before, instead of
	// recording its settings: for those who only want to read.
	Existing bool

	// Log takes one line whenever the driver has something to say or the
	// connections to all nodes were renewed; it may be called by several
	// goroutines at once. Nil drops them.
	Log func(line string)
	// Requests is told of each request when it has been answered, or has failed; it may
	// be called by several goroutines at once, and must be quick. May be nil.
	Requests func(Request)
}

// TLS says how to encrypt connections and whom to believe. Server certificates
// are always verified.
type TLS struct {
	CA         string // file of certificates to believe; empty: the system's
	Cert, Key  string // files with this client's certificate and key; both or none
	ServerName string // the name certificates must carry; empty: the address connected to
}

var (
	keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)
	logName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	centreName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
)

// withDefaults fills in what is left out.
func (c Config) withDefaults() Config {
	setDefault(&c.LogName, DefaultLog)
	setDefault(&c.BucketSize, DefaultBucketSize)
	setDefault(&c.Replication, DefaultReplication)
	setDefault(&c.Consistency, quorum)
	setDefault(&c.SerialConsistency, serial)
	setDefault(&c.Timeout, DefaultTimeout)
	setDefault(&c.ConnectTimeout, DefaultConnectTimeout)
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.Requests == nil {
		c.Requests = func(Request) {}
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// The levels by their names in CQL.
const (
	quorum      = "QUORUM"
	localQuorum = "LOCAL_QUORUM"
	serial      = "SERIAL"
	localSerial = "LOCAL_SERIAL"
)

// check reports the first field that cannot be used, by the name it has in a
// URL. Defaults are filled in already.
func (c Config) check() error {
	if len(c.Hosts) == 0 {
		return fmt.Errorf("no host is named; expected cassandra://host1:9042,host2/keyspace")
	}
	for _, h := range c.Hosts {
		if _, _, err := splitHost(h); err != nil {
			return err
		}
	}
	switch {
	case !keyspaceName.MatchString(c.Keyspace):
		return fmt.Errorf("keyspace %q: expected up to 48 lower case letters, digits and underscores, a letter first", c.Keyspace)
	case !logName.MatchString(c.LogName):
		return fmt.Errorf("log %q: expected up to 64 letters, digits, underscores, dots and dashes", c.LogName)
	case c.BucketSize < 1 || c.BucketSize > math.MaxInt32:
		return fmt.Errorf("bucket-size %d: expected a number from 1 to %d", c.BucketSize, math.MaxInt32)
	case c.DataCentre != "" && !centreName.MatchString(c.DataCentre):
		return fmt.Errorf("dc %q: expected up to 64 letters, digits, underscores, dots and dashes", c.DataCentre)
	case c.Timeout < 0 || c.ConnectTimeout < 0:
		return fmt.Errorf("timeout and connect-timeout must be positive")
	case c.Password != "" && c.Username == "":
		return fmt.Errorf("a password is given without a user name")
	case c.TLS != nil && (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return fmt.Errorf("cert and key: either both files are named or neither")
	}
	if _, err := schema.CassandraKeyspace(c.Keyspace, c.Replication); err != nil {
		return err
	}
	return c.checkLevels()
}

func (c Config) checkLevels() error {
	if c.Consistency != quorum && c.Consistency != localQuorum {
		return fmt.Errorf("consistency %q: expected %s or %s", c.Consistency, quorum, localQuorum)
	}
	if c.SerialConsistency != serial && c.SerialConsistency != localSerial {
		return fmt.Errorf("serial-consistency %q: expected %s or %s", c.SerialConsistency, serial, localSerial)
	}
	if c.local() && c.DataCentre == "" {
		return fmt.Errorf("consistency %s with serial-consistency %s needs the log's home data centre: add dc=…", c.Consistency, c.SerialConsistency)
	}
	return nil
}

// local says whether the levels confine the log to one data centre.
func (c Config) local() bool {
	return strings.HasPrefix(c.Consistency, "LOCAL_") || strings.HasPrefix(c.SerialConsistency, "LOCAL_")
}

// home is the data centre the log is confined to, empty if it is not.
func (c Config) home() string {
	if c.local() {
		return c.DataCentre
	}
	return ""
}

// maxBatch is the largest batch a log of this bucket size takes: with more, a
// batch could begin in one bucket and reach past the next.
func maxBatch(bucketSize int64) int {
	return int(min(bucketSize, eventstore.MaxBatchEvents))
}
