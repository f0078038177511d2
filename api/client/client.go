package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Client asks one service, which may have several nodes. Make one with [New], and keep
// it: it has the connections. It is safe for concurrent use.
type Client struct {
	nodes     *nodes
	http      *http.Client
	token     string // empty: none
	agent     string
	retry     RetryPolicy
	ownWrites bool         // reads wait for what newest says
	newest    atomic.Int64 // the largest position of a command of this client
}

// Option changes what [New] makes.
type Option func(*Client) error

// New makes a client of the service at url, http://HOST:PORT or https://HOST:PORT.
// Nothing is sent yet: an error is one of url or of an option.
func New(url string, options ...Option) (*Client, error) {
	c := &Client{nodes: &nodes{}, http: &http.Client{Transport: newTransport()}, agent: "openpayment-client"}
	for _, o := range append([]Option{Nodes(url)}, options...) {
		if err := o(c); err != nil {
			return nil, err
		}
	}
	c.retry = c.retry.withDefaults()
	return c, nil
}

// idleConnections is how many of them are kept for each node: net/http's two would
// have a busy program connect all the time.
const idleConnections = 64

func newTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // the program has put its own there
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = idleConnections
	return t
}

// Nodes names further nodes of the service, on the same log. One is asked as long as
// it answers, and then the next. Without [ReadYourWrites], another node may show a
// little less than the one before.
func Nodes(urls ...string) Option {
	return func(c *Client) error {
		for _, u := range urls {
			base, err := baseURL(u)
			if err != nil {
				return err
			}
			c.nodes.urls = append(c.nodes.urls, base)
		}
		return nil
	}
}

// ErrURL is the error of an address that is none of a service.
var ErrURL = errors.New("http://HOST:PORT or https://HOST:PORT is expected, and nothing else")

// baseURL checks that there is nothing in an address that would be left out in
// silence.
func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q: %w", "…", ErrURL) // whatever it is, a password may be in it
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.TrimSuffix(text, "/") != u.Scheme+"://"+u.Host {
		return "", fmt.Errorf("%q: %w", u.Redacted(), ErrURL)
	}
	return u.Scheme + "://" + u.Host, nil
}

// Token is sent with every request, as Authorization: Bearer TOKEN. Empty is none.
func Token(token string) Option {
	return func(c *Client) error {
		if strings.ContainsRune(token, ' ') || token != "" && !printable(token, maxToken) {
			return errors.New("a token of printable ASCII characters without spaces is expected")
		}
		c.token = token
		return nil
	}
}

// HTTPClient has requests go out through h instead of a new [http.Client]: with
// certificates or a proxy of one's own, or a transport that traces. Its Timeout must
// be 0 if it is to be used for streams; [RetryPolicy] limits single requests.
func HTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		c.http = h
		return nil
	}
}

// UserAgent names the program to the service.
func UserAgent(name string) Option {
	return func(c *Client) error {
		if !printable(name, maxHeader) {
			return errors.New("a user agent of printable ASCII characters is expected")
		}
		c.agent = name
		return nil
	}
}

// Retry says how long and how often requests are sent again.
func Retry(p RetryPolicy) Option {
	return func(c *Client) error {
		c.retry = p
		return nil
	}
}

// ReadYourWrites has every read wait until the node it asks shows the effect of all
// commands of this client that were answered before.
func ReadYourWrites() Option {
	return func(c *Client) error {
		c.ownWrites = true
		return nil
	}
}

// The longest that may go into headers.
const (
	maxToken     = 4096
	maxHeader    = 1024
	maxKey       = 255
	maxRequestID = 128
)

// printable tells whether s is 1 to limit printable ASCII characters.
func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= limit
}
