package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"openpayment/api"
)

type docsOptions struct {
	port int
	url  string
}

func docsCommand() *cobra.Command {
	o := &docsOptions{}
	c := &cobra.Command{
		Use:   "docs",
		Short: "Show the description of the API in a browser",
		Long: `Serve the page that describes the API on this machine, until it is interrupted.

A service without tokens has that page at /docs. One with tokens wants one for it as
well, and a browser can't send one when it opens a page: so this command does it. The
page is that of this program. What is tried out on it goes on to the service at --url,
with the token that was entered on the page, if any.`,
		Example: `  openpayment docs
  openpayment docs --url https://payments.example --port 9000`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := complete(c); err != nil {
				return err
			}
			return showDocs(c.Context(), *o, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.String("config", "", "YAML `file` with one \"flag: value\" a line; lines for other commands are passed over")
	f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the service is")
	f.IntVar(&o.port, "port", 0, "on this machine; 0: any that is free")
	return c
}

// showDocs serves until ctx ends.
func showDocs(ctx context.Context, o docsOptions, stdout io.Writer) error {
	target, err := url.Parse(o.url)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
		return usageError{errors.New("--url: http://HOST:PORT or https://HOST:PORT is expected")}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		return fmt.Errorf("--port %d: %w (0 takes one that is free)", o.port, err)
	}
	server := &http.Server{Handler: docsHandler(target), ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { server.Close() })
	defer stopped()
	fmt.Fprintf(stdout, "http://%s/docs\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// docsHandler answers for the page itself, and passes everything else on.
func docsHandler(target *url.URL) http.Handler {
	page := api.New(api.Config{Version: version()})
	service := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1, // streams
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("%s does not answer: %v", target.Redacted(), err), http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; path == "/docs" || strings.HasPrefix(path, "/docs/") || path == "/openapi.json" {
			page.ServeHTTP(w, r)
			return
		}
		service.ServeHTTP(w, r)
	})
}
