package cassandra

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/internal/nearest"
)

const urlScheme = "cassandra://"

// ParseURL reads a Config from text of the form
//
//	cassandra://[user:password@]host1[:port],host2[:port]/keyspace[?name=value&…]
//
// with defaults filled in. Names and values may be %-escaped; an IPv6 address
// stands in brackets. The names are log, bucket-size, dc, replication,
// consistency, serial-consistency, timeout, connect-timeout, migrate, tls, ca,
// cert, key, server-name. An error names the part that is wrong and what is
// allowed there.
func ParseURL(text string) (Config, error) {
	c, err := parseURL(text)
	if err != nil {
		return Config{}, eventstore.NewError("open", eventstore.KindInvalid, fmt.Errorf("cassandra URL: %w", err))
	}
	return c, nil
}

// parseURL takes the text apart by hand, because net/url knows no lists of hosts.
func parseURL(text string) (Config, error) {
	rest, ok := strings.CutPrefix(text, urlScheme)
	if !ok {
		return Config{}, fmt.Errorf("it does not begin with %s", urlScheme)
	}
	if strings.Contains(rest, "#") {
		return Config{}, fmt.Errorf("a # must be written as %%23")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	c := Config{Migrate: true}
	var err error
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if err := c.parseUser(authority[:at]); err != nil {
			return Config{}, err
		}
		authority = authority[at+1:]
	}
	if c.Hosts, err = parseHosts(authority); err != nil {
		return Config{}, err
	}
	c.Keyspace = strings.TrimSuffix(path, "/")
	if err := c.parseQuery(query); err != nil {
		return Config{}, err
	}
	c = c.withDefaults()
	if c.BucketSize < eventstore.MaxBatchEvents {
		return Config{}, fmt.Errorf("bucket-size %d: expected at least %d, the largest batch", c.BucketSize, eventstore.MaxBatchEvents)
	}
	return c, c.check()
}

func (c *Config) parseUser(text string) (err error) {
	user, password, _ := strings.Cut(text, ":")
	if c.Username, err = url.PathUnescape(user); err == nil {
		c.Password, err = url.PathUnescape(password)
	}
	if err != nil || c.Username == "" {
		// The text itself is a secret and stays out of the message.
		return fmt.Errorf("the part before @: expected user:password, with %%-escapes for special characters")
	}
	return nil
}

func parseHosts(text string) ([]string, error) {
	if text == "" {
		return nil, fmt.Errorf("no host is named; expected %shost1:9042,host2/keyspace", urlScheme)
	}
	var hosts []string
	for h := range strings.SplitSeq(text, ",") {
		name, port, err := splitHost(h)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, net.JoinHostPort(name, strconv.Itoa(port)))
	}
	return hosts, nil
}

// splitHost takes host, host:port, [v6] or [v6]:port apart.
func splitHost(text string) (name string, port int, err error) {
	bad := func(what string) (string, int, error) {
		return "", 0, fmt.Errorf("host %q: %s; expected a name or address, and perhaps a port, as in host1:9042 or [::1]:9042", text, what)
	}
	name, digits := text, ""
	if inner, ok := strings.CutPrefix(text, "["); ok {
		var after string
		if name, after, ok = strings.Cut(inner, "]"); !ok {
			return bad("a bracket is missing")
		}
		if after != "" {
			if digits, ok = strings.CutPrefix(after, ":"); !ok || digits == "" {
				return bad("what follows the bracket is no port")
			}
		}
		if ip := net.ParseIP(name); ip == nil || !strings.Contains(name, ":") {
			return bad("what stands in brackets is no IPv6 address")
		}
	} else if i := strings.IndexByte(text, ':'); i >= 0 {
		if name, digits = text[:i], text[i+1:]; digits == "" || strings.Contains(digits, ":") {
			return bad("its port cannot be read")
		}
	}
	if port = DefaultPort; digits != "" {
		if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 {
			return bad("its port is not a number from 1 to 65535")
		}
	}
	if name == "" || strings.ContainsFunc(name, notInHost) {
		return bad("it is not a name")
	}
	return name, port, nil
}

func notInHost(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("-._:", r)
}

// parameter is one name a URL may carry after the question mark.
type parameter struct {
	name string
	set  func(c *Config, value string) error
	get  func(c Config) string // what String writes; empty: left out, being the default
}

var parameters = []parameter{
	text("log", func(c *Config) *string { return &c.LogName }, DefaultLog),
	{"bucket-size", setBucketSize, func(c Config) string {
		return unless(c.BucketSize == DefaultBucketSize, strconv.FormatInt(c.BucketSize, 10))
	}},
	text("dc", func(c *Config) *string { return &c.DataCentre }, ""),
	text("replication", func(c *Config) *string { return &c.Replication }, DefaultReplication),
	text("consistency", func(c *Config) *string { return &c.Consistency }, quorum),
	text("serial-consistency", func(c *Config) *string { return &c.SerialConsistency }, serial),
	duration("timeout", func(c *Config) *time.Duration { return &c.Timeout }, DefaultTimeout),
	duration("connect-timeout", func(c *Config) *time.Duration { return &c.ConnectTimeout }, DefaultConnectTimeout),
	{"migrate", func(c *Config, v string) error { return setBool(&c.Migrate, v) }, func(c Config) string {
		return unless(c.Migrate, "false")
	}},
	{"tls", setTLS, func(c Config) string { return unless(c.TLS == nil, "true") }},
	tlsText("ca", func(t *TLS) *string { return &t.CA }),
	tlsText("cert", func(t *TLS) *string { return &t.Cert }),
	tlsText("key", func(t *TLS) *string { return &t.Key }),
	tlsText("server-name", func(t *TLS) *string { return &t.ServerName }),
}

// parseQuery goes through the parameters in their own order, so that tls=true
// comes before what builds on it.
func (c *Config) parseQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("what follows the question mark: %w", err)
	}
	for _, p := range parameters {
		given, ok := values[p.name]
		delete(values, p.name)
		if !ok {
			continue
		}
		if len(given) > 1 {
			return fmt.Errorf("%s is given %d times", p.name, len(given))
		}
		if given[0] == "" {
			return fmt.Errorf("%s has no value", p.name)
		}
		if err := p.set(c, given[0]); err != nil {
			return fmt.Errorf("%s %q: %w", p.name, given[0], err)
		}
	}
	if len(values) > 0 {
		return unknownParameter(slices.Min(slices.Collect(maps.Keys(values))))
	}
	return nil
}

// String is the URL that ParseURL would read as c, without user and password.
// Config holds nothing else that is secret.
func (c Config) String() string {
	c = c.withDefaults()
	var b strings.Builder
	b.WriteString(urlScheme + strings.Join(c.Hosts, ",") + "/" + c.Keyspace)
	sep := "?"
	for _, p := range parameters {
		if v := p.get(c); v != "" {
			b.WriteString(sep + p.name + "=" + url.QueryEscape(v))
			sep = "&"
		}
	}
	return b.String()
}

func unless(isDefault bool, value string) string {
	if isDefault {
		return ""
	}
	return value
}

func unknownParameter(name string) error {
	var names []string
	for _, p := range parameters {
		names = append(names, p.name)
	}
	slices.Sort(names)
	if near := nearest.Of(name, names); near != "" {
		return fmt.Errorf("unknown parameter %q; did you mean %s?", name, near)
	}
	return fmt.Errorf("unknown parameter %q; there are %s", name, strings.Join(names, ", "))
}
