package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// remote is a running service, as its administrators reach it.
type remote struct {
	url   string
	token string // empty: none
}

func (r *remote) addTo(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.String("config", "", "YAML `file` with one \"flag: value\" a line; lines for other commands are passed over")
	f.StringVar(&r.url, "url", "http://127.0.0.1:8080", "where the service is")
}

// check finds faults that no service is needed for.
func (r *remote) check() error {
	u, err := url.Parse(r.url)
	// Whatever else it may hold would be left out in silence.
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.TrimSuffix(r.url, "/") != u.Scheme+"://"+u.Host {
		shown := r.url
		if err == nil {
			shown = u.Redacted()
		}
		return usageError{fmt.Errorf("--url %q: http://HOST:PORT or https://HOST:PORT is expected, and nothing else", shown)}
	}
	r.url = u.Scheme + "://" + u.Host
	r.token, err = adminToken()
	return err
}

// problem is how a service refuses: a document after RFC 9457.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Replay string `json:"replay"` // of replay-running: the one that runs
}

// Error is one line.
func (p *problem) Error() string {
	return fmt.Sprintf("the service refuses: %s (%s)", p.Detail, p.Code)
}

// quick is how long most requests may take.
const quick = 30 * time.Second

// call asks the service, and gives the body of its answer. body is sent as JSON,
// unless it is nil. An error that is a *problem is the service's.
func (r *remote) call(ctx context.Context, limit time.Duration, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, sent)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no answer from the service: %w (does it run? --url says where it is)", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("half an answer from the service: %w", err)
	}
	if response.StatusCode < http.StatusBadRequest {
		return text, nil
	}
	return nil, refusal(response.StatusCode, text)
}

// refusal is the error that an answer stands for.
func refusal(status int, text []byte) error {
	p := &problem{}
	if err := json.Unmarshal(text, p); err != nil || p.Code == "" {
		return notOurs(fmt.Sprintf("status %d", status))
	}
	if p.Status == http.StatusUnauthorized {
		return fmt.Errorf("%w: put the service's token into the environment as %s", p, tokenVariable)
	}
	return p
}

// notOurs is the error of an answer that the service does not give.
func notOurs(why string) error {
	return fmt.Errorf("what answers there is no OpenPayment service: %s (--url says where it is)", why)
}

// refusedAs tells whether err is the service's refusal with this code.
func refusedAs(err error, code string) (*problem, bool) {
	p, ok := errors.AsType[*problem](err)
	return p, ok && p.Code == code
}
