package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"openpayment/api"
	"openpayment/api/client"
)

// bare begins the paths of the handler that does nothing but parse and answer.
const bare = "/bare"

// http are requests over loopback, beside those to a handler that keeps nothing: on the same
// connections, by the same client, to the same server.
func (r *run) http() []group {
	commands := &Case{Name: "http/commands", Title: fmt.Sprintf("deposits over HTTP, %d connections, beside a bare handler", r.settings.Connections)}
	reads := &Case{Name: "http/reads", Title: fmt.Sprintf("reads of one account over HTTP, %d connections, beside a bare handler", r.settings.Connections)}
	return []group{{[]*Case{commands, reads}, func(ctx context.Context) (err error) {
		n, err := r.newNode(ctx, "http")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.stop()) }()
		s, err := serve(api.New(api.Config{Service: n.service}))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		lines, err := s.connect(ctx, r.settings.Connections)
		if err != nil {
			return err
		}
		defer lines.close()
		send := func(method, path string, status int, body func(i int64) string) side {
			return callers(len(lines), func(ctx context.Context, caller int, i int64) error {
				return lines[caller].exchange(ctx, method, fmt.Sprintf(path, number(int(i%paidAccounts))), body(i), status)
			})
		}
		pay := func(i int64) string {
			return fmt.Sprintf(`{"amount":%d,"currency":"GBP","reference":"%s"}`, 1+i%1000, reference(i))
		}
		none := func(int64) string { return "" }
		deposits, account := "/v1/accounts/%s/deposits", "/v1/accounts/%s"
		if err := r.compare(ctx, commands, "requests/s", rates,
			named{"POST …/deposits", send("POST", deposits, http.StatusCreated, pay)},
			named{"a bare mux handler", send("POST", bare+deposits, http.StatusCreated, pay)}); err != nil {
			return err
		}
		commands.add(figures(n)...)
		return r.compare(ctx, reads, "requests/s", rates,
			named{"GET /v1/accounts/…", send("GET", account, http.StatusOK, none)},
			named{"a bare mux handler", send("GET", bare+account, http.StatusOK, none)})
	}}}
}

// bareHandler parses the same JSON, and answers with the same as the service does, made
// anew for each request.
func bareHandler() http.Handler {
	router := mux.NewRouter()
	answer := func(w http.ResponseWriter, status int, document any) {
		text, err := json.Marshal(document)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}
	router.HandleFunc(bare+"/v1/accounts/{number}/deposits", func(w http.ResponseWriter, req *http.Request) {
		var payment client.Payment
		text, err := io.ReadAll(req.Body)
		if err == nil {
			err = json.Unmarshal(text, &payment)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ev := row(payment.Amount)
		answer(w, http.StatusCreated, client.Event{
			Seq: client.Position(ev.Seq), ID: ev.ID.String(), Type: ev.Type, Subject: ev.Subject, Time: ev.Time.UTC(), Meta: plainMeta,
			Data: []byte(ev.Data), Hash: ev.Hash.String(),
		})
	}).Methods("POST")
	router.HandleFunc(bare+"/v1/accounts/{number}", func(w http.ResponseWriter, req *http.Request) {
		n := mux.Vars(req)["number"]
		answer(w, http.StatusOK, client.Account{
			AccountNumber: n, SortCode: "10-20-30", CustomerURLs: []string{"https://customers.example/" + n}, CardURLs: []string{},
			Currency: "GBP", Balance: 125_000, Status: client.StatusOpen, Version: 4711, OpenedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC(),
		})
	}).Methods("GET")
	return router
}

// server serves both handlers on loopback.
type server struct {
	http   *http.Server
	at     string
	served chan error // what Serve has returned
}

func serve(service http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	beside := bareHandler()
	s := &server{at: listener.Addr().String(), served: make(chan error, 1), http: &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if strings.HasPrefix(req.URL.Path, bare) {
				beside.ServeHTTP(w, req)
				return
			}
			service.ServeHTTP(w, req)
		}),
	}}
	go func() { s.served <- s.http.Serve(listener) }() // ends by close
	return s, nil
}

func (s *server) close() error {
	err := s.http.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
