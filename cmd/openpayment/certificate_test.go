package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"openpayment/internal/certtest"
)

// shown is what the service shows of itself: the first name in its certificate.
func shown(t *testing.T, c *certificates) string {
	t.Helper()
	return c.newest().Certificates[0].Leaf.Subject.CommonName
}

func logTo(t *testing.T, out io.Writer) *logrus.Logger {
	t.Helper()
	log, err := newLogger(out, "debug", "json")
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestAChangedCertificateIsShownSoonAndABrokenOneNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := certtest.NewCA(t)
		hour := time.Now().Add(time.Hour)
		pair, other := ca.Issue("first"), ca.Issue("other")
		var said bytes.Buffer
		c, err := newCertificates(tlsOptions{cert: pair.Cert, key: pair.Key}, logTo(t, &said))
		if err != nil {
			t.Fatal(err)
		}
		ca.Renew(pair, hour, "second one")
		if got := shown(t, c); got != "first" {
			t.Errorf("%s is shown at once: the files are looked at for every handshake", got)
		}
		<-time.After(lookAgain)
		if got := shown(t, c); got != "second one" {
			t.Errorf("%s is shown after a change", got)
		}
		// A certificate that came without its key, which comes later.
		theirs, err := os.ReadFile(other.Cert)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, pair.Cert, string(theirs))
		for range 3 {
			<-time.After(lookAgain)
			if got := shown(t, c); got != "second one" {
				t.Errorf("%s is shown without its key", got)
			}
		}
		if n := strings.Count(said.String(), "could not be read again"); n != 1 {
			t.Errorf("it is told %d times:\n%s", n, said.String())
		}
		ca.Renew(pair, hour, "third")
		c.reload() // without waiting
		if got := shown(t, c); got != "third" {
			t.Errorf("%s is shown after SIGHUP", got)
		}
		if err := os.Remove(pair.Key); err != nil {
			t.Fatal(err)
		}
		c.reload()
		if got := shown(t, c); got != "third" {
			t.Errorf("%s is shown after the file went", got)
		}
	})
}

func TestAnExpiredCertificateIsWarnedOf(t *testing.T) {
	ca := certtest.NewCA(t)
	for _, expired := range []bool{true, false} {
		pair := ca.IssueUntil(time.Now().Add(map[bool]time.Duration{true: -time.Minute, false: time.Minute}[expired]), "x")
		var said bytes.Buffer
		if _, err := newCertificates(tlsOptions{cert: pair.Cert, key: pair.Key}, logTo(t, &said)); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(said.String(), "it has expired") != expired {
			t.Errorf("expired %t: %s", expired, said.String())
		}
	}
}

// httpsClient believes ca, and keeps connections of its own.
func httpsClient(t *testing.T, config *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// name asks for path, and gives the first name in the certificate that the answer came
// with.
func name(t *testing.T, client *http.Client, url string) (name, protocol string) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return answer.TLS.PeerCertificates[0].Subject.CommonName, answer.Proto
}

func TestTheServiceSpeaksHTTPSAndExchangesItsCertificate(t *testing.T) {
	ca, stranger := certtest.NewCA(t), certtest.NewCA(t)
	pair := ca.Issue("first", "127.0.0.1")
	p := launch(t, "--store", "memory:", "--tls-cert", pair.Cert, "--tls-key", pair.Key)
	if !strings.HasPrefix(p.URL, "https://") {
		t.Errorf("it listens at %s", p.URL)
	}
	client := httpsClient(t, ca.Client())
	if got, protocol := name(t, client, p.URL+"/livez"); got != "first" || protocol != "HTTP/2.0" {
		t.Errorf("%s over %s", got, protocol)
	}
	if _, err := httpsClient(t, stranger.Client()).Get(p.URL + "/livez"); err == nil {
		t.Error("whoever does not believe the authority is served")
	}
	if _, err := tls.Dial("tcp", strings.TrimPrefix(p.URL, "https://"), &tls.Config{RootCAs: ca.Client().RootCAs, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	plain, err := http.Get(strings.Replace(p.URL, "https://", "http://", 1) + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if text, _ := io.ReadAll(plain.Body); plain.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "this port speaks HTTPS") {
		t.Errorf("plain HTTP: %d %s", plain.StatusCode, text)
	}

	ca.Renew(pair, time.Now().Add(time.Hour), "second", "127.0.0.1")
	p.hangUp("certificate read again")
	if got, _ := name(t, httpsClient(t, ca.Client()), p.URL+"/livez"); got != "second" {
		t.Errorf("%s is shown to those who come", got)
	}
	if got, _ := name(t, client, p.URL+"/livez"); got != "first" {
		t.Errorf("%s is what a connection goes on with", got)
	}
	if code := p.Terminate(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.Log())
	}
}

func TestClientsShowACertificateWhereOneIsAskedFor(t *testing.T) {
	ca, clients := certtest.NewCA(t), certtest.NewCA(t)
	pair := ca.Issue("127.0.0.1")
	p := launch(t, "--store", "memory:", "--tls-cert", pair.Cert, "--tls-key", pair.Key, "--tls-client-ca", clients.File)
	name(t, httpsClient(t, ca.Client(clients.Issue("a client"))), p.URL+"/livez")
	for who, config := range map[string]*tls.Config{"one without": ca.Client(), "one of another authority": ca.Client(ca.Issue("a client"))} {
		if answer, err := httpsClient(t, config).Get(p.URL + "/livez"); err == nil {
			t.Errorf("%s gets %s", who, answer.Status)
		}
	}
}

func TestOperatorsAreWarnedOfTokensThatTravelInTheOpen(t *testing.T) {
	pair := certtest.NewCA(t).Issue("x")
	for _, c := range []struct {
		address, token string
		tls            tlsOptions
		warns          bool
	}{
		{"0.0.0.0:0", "a-token-of-some-length", tlsOptions{}, true},
		{"127.0.0.1:0", "a-token-of-some-length", tlsOptions{}, false},
		{"0.0.0.0:0", "", tlsOptions{}, false},
		{"0.0.0.0:0", "a-token-of-some-length", tlsOptions{cert: pair.Cert, key: pair.Key}, false},
	} {
		var said bytes.Buffer
		f, err := openFront(listenOptions{address: c.address, tls: c.tls}, tokenSource{admin: c.token}, logTo(t, &said))
		if err != nil {
			t.Fatal(err)
		}
		f.port.Close()
		if strings.Contains(said.String(), "without TLS") != c.warns {
			t.Errorf("%+v: %s", c, said.String())
		}
	}
}
