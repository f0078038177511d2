package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"openpayment/api"
	"openpayment/api/access"
)

// listenOptions are the flags of what stands between the network and the handler.
type listenOptions struct {
	address  string
	insecure bool
	tokens   string
	tls      tlsOptions

	headerTimeout, bodyTimeout, writeTimeout, idleTimeout time.Duration

	maxHeader, maxURL           int
	connections, connectionsPer int
	tokenFailures               int
}

func (o *listenOptions) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.address, "listen", "127.0.0.1:8080", "`address` to listen on")
	f.BoolVar(&o.insecure, "insecure", false, "listen beyond loopback though there are no tokens")
	f.StringVar(&o.tokens, "tokens", "", "YAML `file` of tokens, read again on SIGHUP: see openpayment token --help")
	f.StringVar(&o.tls.cert, "tls-cert", "", "PEM `file` with this service's certificate and those above it: HTTPS is spoken then;\nread again on SIGHUP, and when it changes")
	f.StringVar(&o.tls.key, "tls-key", "", "PEM `file` with the certificate's key")
	f.StringVar(&o.tls.clientCA, "tls-client-ca", "", "PEM `file` of certificates: clients need one that is signed by these")
}

// addLimitsTo adds those flags that nobody needs to know at first.
func (o *listenOptions) addLimitsTo(f *pflag.FlagSet) {
	f.DurationVar(&o.headerTimeout, "header-timeout", 10*time.Second, "how long a client may take to send a request's header, or to shake hands")
	f.DurationVar(&o.bodyTimeout, "body-timeout", 10*time.Second, "how long a client may take to send a request's body")
	f.DurationVar(&o.writeTimeout, "write-timeout", 2*time.Minute, "how long an answer may take until the client has read it")
	f.DurationVar(&o.idleTimeout, "idle-timeout", 2*time.Minute, "how long a connection is kept open for the next request")
	f.IntVar(&o.maxHeader, "max-header-bytes", 64<<10, "most bytes in a request's header; more are answered with 431")
	f.IntVar(&o.maxURL, "max-url-bytes", 16<<10, "most bytes in a URL; more are answered with 414")
	f.IntVar(&o.connections, "max-connections", 10_000, "most connections open at once; more are answered with 503 overloaded; 0: any number")
	f.IntVar(&o.connectionsPer, "max-connections-per-address", 0, "likewise, from one client; 0: any number, as behind a proxy")
	f.IntVar(&o.tokenFailures, "token-failures", 20, "most wrong tokens a minute from one client; more are answered with 429; 0: any number")
}

// check finds faults in flags.
func (o *listenOptions) check(tokens tokenSource) error {
	host, _, err := net.SplitHostPort(o.address)
	if err != nil {
		return usageError{fmt.Errorf("--listen %q: HOST:PORT is expected, such as 127.0.0.1:8080", o.address)}
	}
	if !tokens.given() && !o.insecure && !loopback(host) {
		return usageError{fmt.Errorf("--listen %s: anybody there could read and write accounts; name a file with --tokens, set %s, or give --insecure", o.address, tokenVariable)}
	}
	if (o.tls.cert == "") != (o.tls.key == "") {
		return usageError{errors.New("--tls-cert and --tls-key: either both are expected or neither")}
	}
	if o.tls.clientCA != "" && !o.tls.on() {
		return usageError{errors.New("--tls-client-ca: --tls-cert and --tls-key are expected too")}
	}
	for flag, value := range map[string]time.Duration{"header-timeout": o.headerTimeout, "body-timeout": o.bodyTimeout, "write-timeout": o.writeTimeout, "idle-timeout": o.idleTimeout} {
		if value <= 0 {
			return usageError{fmt.Errorf("--%s %s: more than 0 is expected", flag, value)}
		}
	}
	for flag, value := range map[string]int{"max-connections": o.connections, "max-connections-per-address": o.connectionsPer, "token-failures": o.tokenFailures} {
		if value < 0 {
			return usageError{fmt.Errorf("--%s %d: at least 0 is expected; 0 is any number", flag, value)}
		}
	}
	const least = 1 << 10 // no request of this service's own has more
	if o.maxHeader < 4*least || o.maxURL < least {
		return usageError{fmt.Errorf("--max-header-bytes %d, --max-url-bytes %d: at least %d and %d are expected", o.maxHeader, o.maxURL, 4*least, least)}
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// failures is what limits wrong tokens, nil for nothing.
func (o *listenOptions) failures() *access.Failures {
	if o.tokenFailures == 0 {
		return nil
	}
	return access.NewFailures(o.tokenFailures)
}

// front is what clients see of the service: a port, and what is behind it.
type front struct {
	options listenOptions
	tokens  tokenSource
	guard   *access.Guard // nil: no tokens
	shown   *certificates // nil: no TLS
	port    net.Listener
	log     *logrus.Logger
}

// openFront reads tokens and certificates, and opens the port.
func openFront(o listenOptions, tokens tokenSource, log *logrus.Logger) (*front, error) {
	f := &front{options: o, tokens: tokens, log: log}
	var err error
	if f.guard, err = tokens.guard(log); err != nil {
		return nil, err
	}
	if o.tls.on() {
		if f.shown, err = newCertificates(o.tls, log); err != nil {
			return nil, err
		}
	}
	if f.port, err = net.Listen("tcp", o.address); err != nil {
		return nil, fmt.Errorf("cannot listen: %w (--listen takes another address)", err)
	}
	if host, _, _ := net.SplitHostPort(o.address); f.guard != nil && f.shown == nil && !loopback(host) {
		log.Warn("tokens come over the network without TLS: whoever listens there has them; --tls-cert and --tls-key encrypt, unless something before this service does")
	}
	return f, nil
}

// url is where the service is.
func (f *front) url() string {
	if f.shown != nil {
		return "https://" + f.port.Addr().String()
	}
	return "http://" + f.port.Addr().String()
}

// serve serves in a goroutine that ends with the server.
func (f *front) serve(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: f.options.headerTimeout,
		WriteTimeout:      f.options.writeTimeout,
		IdleTimeout:       f.options.idleTimeout,
		MaxHeaderBytes:    f.options.maxHeader,
		ErrorLog:          quietErrors(f.log),
	}
	server.DisableGeneralOptionsHandler = true // OPTIONS * gets a problem like every other path
	limits := api.Limits{
		Connections: withinFiles(f.options.connections, f.log), PerAddress: f.options.connectionsPer, Secret: f.shown != nil,
	}
	listener := api.Limit(f.port, limits)
	if f.shown != nil {
		listener = api.Secure(listener, f.shown.config(), f.options.headerTimeout, f.log)
	} else {
		listener = api.Listener(listener)
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			f.log.WithField("error", err).Error("the HTTP server has failed")
		}
	}()
	return server
}

// reloadOnHangup reads tokens and certificates again on each SIGHUP, until stop is called.
// Without either, the signal does what it does to every program.
func (f *front) reloadOnHangup() (stop func()) {
	if f.tokens.file == "" && f.shown == nil {
		return func() {}
	}
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() { // ends with stop
		defer close(done)
		for range hangups {
			if f.tokens.file != "" {
				f.tokens.reload(f.guard, f.log)
			}
			if f.shown != nil {
				f.shown.reload()
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}
