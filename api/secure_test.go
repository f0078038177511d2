package api_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logrustest "github.com/sirupsen/logrus/hooks/test"

	"openpayment/api"
	"openpayment/internal/certtest"
)

// secured serves a rig's handler over TLS too, with a certificate for 127.0.0.1.
func (r *rig) secured(ca *certtest.CA, timeout time.Duration) (address string, logged *logrustest.Hook) {
	r.Helper()
	pair := ca.Issue("127.0.0.1")
	loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		r.Fatal(err)
	}
	log, logged := logrustest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	server := httptest.NewUnstartedServer(r.handler)
	address = server.Listener.Addr().String()
	server.Listener = api.Secure(server.Listener, &tls.Config{
		Certificates: []tls.Certificate{loaded}, NextProtos: []string{"h2", "http/1.1"},
	}, timeout, log)
	server.Start()
	r.Cleanup(server.Close)
	return address, logged
}

func TestTheServiceSpeaksHTTP1And2OverTLS(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	ca := certtest.NewCA(t)
	address, _ := r.secured(ca, time.Minute)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.Client(), ForceAttemptHTTP2: protocol == "HTTP/2.0"}}
		defer client.CloseIdleConnections()
		for path, status := range map[string]int{
			"/v1/accounts/12345678": 200, "/v1/accounts%2f12345678": 404, "/nothing": 404, "/v1/accounts?limit=x": 400, "/" + strings.Repeat("x", 20_000): 414,
		} {
			answer, err := client.Get("https://" + address + path)
			if err != nil {
				t.Fatal(protocol, path, err)
			}
			answer.Body.Close()
			if answer.StatusCode != status || answer.Proto != protocol || answer.TLS == nil || answer.Header.Get("Request-Id") == "" {
				t.Errorf("%s %.50s: %s %d %v", protocol, path, answer.Proto, answer.StatusCode, answer.Header)
			}
		}
		big, err := client.Post("https://"+address+"/v1/accounts", "application/json", strings.NewReader(spaces(1<<20+1)))
		if err != nil {
			t.Fatal(protocol, err)
		}
		big.Body.Close()
		if big.StatusCode != 413 {
			t.Errorf("%s: %d", protocol, big.StatusCode)
		}
	}
}

func TestABodyThatDoesNotComeIsNotAwaitedForEverOverTLSEither(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.BodyTimeout = 200 * time.Millisecond })
	ca := certtest.NewCA(t)
	address, _ := r.secured(ca, time.Minute)
	for _, h2 := range []bool{false, true} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.Client(), ForceAttemptHTTP2: h2}, Timeout: time.Minute}
		defer client.CloseIdleConnections()
		body, never := io.Pipe()
		defer never.Close()
		answer, err := client.Post("https://"+address+"/v1/accounts", "application/json", body)
		if err != nil {
			t.Fatal(h2, err)
		}
		answer.Body.Close()
		if answer.StatusCode != 400 || answer.ProtoMajor == 2 != h2 {
			t.Errorf("%s: %d", answer.Proto, answer.StatusCode)
		}
	}
}

// exchanged sends a request as it is over a connection, and gives the whole answer.
func exchanged(t *testing.T, c net.Conn, request string) (*http.Response, string) {
	t.Helper()
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestWhatCannotBeReadOverTLSGetsAProblemToo(t *testing.T) {
	r := newRig(t)
	ca := certtest.NewCA(t)
	address, _ := r.secured(ca, time.Minute)
	c, err := tls.Dial("tcp", address, ca.Client())
	if err != nil {
		t.Fatal(err)
	}
	answer, text := exchanged(t, c, "GET /v1/accounts HTTP/3.0\r\nHost: x\r\n\r\n")
	if answer.StatusCode != 505 || answer.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(text, `"code":"bad-header"`) {
		t.Errorf("%d %v %s", answer.StatusCode, answer.Header, text)
	}
}

func TestWhoeverSpeaksPlainHTTPToTheTLSPortIsTold(t *testing.T) {
	r := newRig(t)
	address, logged := r.secured(certtest.NewCA(t), time.Minute)
	for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		answer, text := exchanged(t, c, method+" /v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n")
		if answer.StatusCode != 400 || answer.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(text, "https://") {
			t.Errorf("%s: %d %v %s", method, answer.StatusCode, answer.Header, text)
		}
	}
	if len(logged.AllEntries()) != 4 {
		t.Errorf("%d lines are logged", len(logged.AllEntries()))
	}
}

// silence tells whether the other side ends a connection without a word.
func silence(t *testing.T, c net.Conn) bool {
	t.Helper()
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	return n == 0 && err != nil && !(ok && timeout.Timeout())
}

func TestAHandshakeThatDoesNotEndHoldsUpNobody(t *testing.T) {
	r := newRig(t)
	ca := certtest.NewCA(t)
	address, _ := r.secured(ca, 200*time.Millisecond)
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	nonsense, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nonsense.Write([]byte{22, 3, 1, 0}); err != nil { // the beginning of one
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", address, ca.Client())
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := exchanged(t, c, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); answer.StatusCode != 200 {
		t.Error(answer.Status)
	}
	for _, c := range []net.Conn{idle, nonsense} {
		if !silence(t, c) {
			t.Error("the connection goes on")
		}
	}
}

func TestClosingATLSListenerEndsHandshakes(t *testing.T) {
	log, _ := logrustest.NewNullLogger()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := api.Secure(l, &tls.Config{}, time.Hour, log)
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	s.Close() // returns
	s.Close()
	if _, err := s.Accept(); err == nil {
		t.Error("it accepts")
	}
	for _, c := range open {
		if !silence(t, c) {
			t.Error("a connection goes on")
		}
	}
}

func TestTooManyConnectionsAreAnsweredAndNotKept(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		limits api.Limits
		from   string // the address of those that are too many
	}{
		"in all":           {api.Limits{Connections: 3}, "127.0.0.2"},
		"from one address": {api.Limits{PerAddress: 3}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(r.handler)
			address := server.Listener.Addr().String()
			server.Listener = api.Listener(api.Limit(server.Listener, c.limits))
			server.Start()
			defer server.Close()
			dial := func(from string) net.Conn {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
				conn, err := d.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
			request := "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
			var open []net.Conn
			for range 3 {
				conn := dial("127.0.0.1")
				if _, err := fmt.Fprint(conn, request); err != nil {
					t.Fatal(err)
				}
				if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 200 {
					t.Fatal(answer, err)
				}
				open = append(open, conn)
			}
			for range 3 {
				answer, text := exchanged(t, dial(c.from), request)
				if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "1" || !strings.Contains(text, `"code":"overloaded"`) {
					t.Errorf("%d %v %s", answer.StatusCode, answer.Header, text)
				}
			}
			if c.limits.Connections == 0 {
				exchanged(t, dial("127.0.0.2"), "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			}
			for _, conn := range open {
				conn.Close()
			}
			// The server takes a moment to see that they are closed.
			for deadline := time.Now().Add(time.Minute); ; {
				answer, _ := exchanged(t, dial(c.from), "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				if answer.StatusCode == 200 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("closed connections count")
				}
			}
		})
	}
}

func TestTooManyTLSConnectionsAreCut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := api.Limit(l, api.Limits{Connections: 1, Secret: true})
	defer limited.Close()
	go limited.Accept() // one, and refuses the others until it is closed
	first, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	go limited.Accept()
	second, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if !silence(t, second) {
		t.Error("it is answered")
	}
}
