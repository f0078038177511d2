package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// tlsOptions are the files that HTTPS takes.
type tlsOptions struct {
	cert, key string // both or none
	clientCA  string // empty: clients need no certificate
}

// on tells whether HTTPS is spoken.
func (o tlsOptions) on() bool { return o.cert != "" }

// load reads the files into what the server shows of itself, and asks of clients.
func (o tlsOptions) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", o.cert, o.key, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12, // 1.3 wherever the client has it
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{pair},
	}
	if o.clientCA != "" {
		pem, err := os.ReadFile(o.clientCA)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-client-ca: no certificate in %s", o.clientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

// lookAgain is how long files are believed to be as they were.
const lookAgain = 2 * time.Second

// certificates are the files of tlsOptions as they are now: each handshake gets the newest
// that could be read. Those that are done keep what they have.
type certificates struct {
	options tlsOptions
	log     *logrus.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Config
	seen    string    // how the files looked when they were read last
	looked  time.Time // when that was last compared
}

// newCertificates reads the files. They have to be good at the start.
func newCertificates(o tlsOptions, log *logrus.Logger) (*certificates, error) {
	c := &certificates{options: o, log: log, seen: o.look(), looked: time.Now()}
	var err error
	if c.current, err = o.load(); err != nil {
		return nil, usageError{err}
	}
	c.tell("certificate read")
	return c, nil
}

// config is for a listener.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.newest(), nil
		},
	}
}

// newest looks for new files, now and then.
func (c *certificates) newest() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookAgain {
		c.looked = time.Now()
		if seen := c.options.look(); seen != c.seen {
			c.read(seen)
		}
	}
	return c.current
}

// reload reads the files, changed or not.
func (c *certificates) reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read(c.options.look())
}

// read takes what is in the files. What can't be used, a certificate whose key is still to
// come, say, is not tried again until a file changes.
func (c *certificates) read(seen string) {
	c.seen = seen
	fresh, err := c.options.load()
	if err != nil {
		c.log.WithField("error", err).Error("the certificate could not be read again: the one before stays")
		return
	}
	c.current = fresh
	c.tell("certificate read again")
}

// tell says whose certificate it is, and for how long.
func (c *certificates) tell(message string) {
	leaf := c.current.Certificates[0].Leaf
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	line := c.log.WithFields(logrus.Fields{"certificate": leaf.Subject.String(), "names": names, "notAfter": leaf.NotAfter.UTC().Format(time.RFC3339)})
	if time.Now().After(leaf.NotAfter) {
		line.Warn(message + ": it has expired, and clients will not believe it")
		return
	}
	line.Info(message)
}

// look is different whenever a file is another one.
func (o tlsOptions) look() string {
	all := ""
	for _, path := range []string{o.cert, o.key, o.clientCA} {
		if info, err := os.Stat(path); err == nil {
			all += fmt.Sprintf("%d %s;", info.Size(), info.ModTime())
		}
	}
	return all
}
