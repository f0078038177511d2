// Package certtest makes certificates for tests of TLS.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A CA signs certificates that those believe who believe its own.
type CA struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	File string // its own certificate, as PEM
}

// A Pair is a certificate and its key, as PEM files.
type Pair struct{ Cert, Key string }

// NewCA makes one. Its files go with the test.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca := &CA{t: t, key: newKey(t)}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "a test's authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := sign(t, template, template, ca.key, ca.key)
	var err error
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.File = filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca.File, block("CERTIFICATE", der))
	return ca
}

// Issue makes a certificate for these names and addresses, which servers and clients can
// show.
func (ca *CA) Issue(names ...string) Pair { return ca.IssueUntil(time.Now().Add(time.Hour), names...) }

// IssueUntil is Issue with another end than in an hour.
func (ca *CA) IssueUntil(end time.Time, names ...string) Pair {
	ca.t.Helper()
	dir := ca.t.TempDir()
	pair := Pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	ca.Renew(pair, end, names...)
	return pair
}

// Renew puts another certificate with another key into the files of a pair.
func (ca *CA) Renew(pair Pair, end time.Time, names ...string) {
	ca.t.Helper()
	key := newKey(ca.t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	write(ca.t, pair.Cert, block("CERTIFICATE", sign(ca.t, template, ca.cert, key, ca.key)))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	write(ca.t, pair.Key, block("PRIVATE KEY", der))
}

// Client is what a client is configured with that believes the CA, and shows the pairs.
func (ca *CA) Client(pairs ...Pair) *tls.Config {
	ca.t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AddCert(ca.cert)
	for _, pair := range pairs {
		loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			ca.t.Fatal(err)
		}
		config.Certificates = append(config.Certificates, loaded)
	}
	return config
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate of template, for the key of its own, signed with that of parent.
func sign(t testing.TB, template, parent *x509.Certificate, own, parents *ecdsa.PrivateKey) []byte {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-48 * time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), parents)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func write(t testing.TB, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
