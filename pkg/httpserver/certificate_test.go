package httpserver_test

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
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tandem.example/pkg/httpserver"
)

// pair makes a self-signed certificate for 127.0.0.1.
func pair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	next := path + ".next" // renamed, as whoever rotates certificates does
	if err := os.WriteFile(next, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// served is the serial number that a new client is shown.
func served(t *testing.T, addr string) int64 {
	t.Helper()
	raw := dial(t, addr)
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	cert, key := pair(t, 1)
	write(t, certFile, cert)
	write(t, keyFile, key)
	s := start(t, func(o *httpserver.Options) {
		o.Config.CertFile, o.Config.KeyFile = certFile, keyFile
		o.Routes = []httpserver.Route{handle("GET", "/", ok)}
	})
	for _, addr := range []string{s.Addr(), s.AdminAddr()} { // operators are not spoken to in the clear either
		if n := served(t, addr); n != 1 {
			t.Fatalf("certificate %d", n)
		}
	}
	kept := tls.Client(dial(t, s.Addr()), &tls.Config{InsecureSkipVerify: true})
	ask := func() {
		t.Helper()
		if _, err := kept.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if got := readRaw(t, kept); got.Body != "ok" || got.Header.Get("Strict-Transport-Security") == "" {
			t.Fatalf("got %s", got.Status)
		}
	}
	ask()

	// Half of a rotation, for longer than the server takes to look again.
	cert, key = pair(t, 2)
	write(t, certFile, cert)
	for !strings.Contains(s.Log.String(), "certificate not reloaded") {
		if n := served(t, s.Addr()); n != 1 {
			t.Fatalf("certificate %d is served without its key", n)
		}
		pause(t)
	}
	write(t, keyFile, key)
	for served(t, s.Addr()) != 2 {
		pause(t)
	}
	ask() // connections made before go on
	if in := time.Until(expiry(t, s.Reg)); in < 30*time.Minute || in > time.Hour {
		t.Errorf("operators are told that it expires in %s", in)
	}

	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if n := served(t, s.Addr()); n != 2 {
		t.Errorf("certificate %d after the file was lost", n)
	}
}

// expiry is what operators are told.
func expiry(t *testing.T, reg prometheus.Gatherer) time.Time {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "tls_certificate_expiry_timestamp_seconds" {
			return time.Unix(int64(family.GetMetric()[0].GetGauge().GetValue()), 0)
		}
	}
	t.Fatal("there is no such metric")
	return time.Time{}
}

func TestPlainClientsOfATLSServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := pair(t, 1)
	write(t, dir+"/crt", cert)
	write(t, dir+"/key", key)
	s := start(t, func(o *httpserver.Options) {
		o.Config.CertFile, o.Config.KeyFile = dir+"/crt", dir+"/key"
		o.Routes = []httpserver.Route{handle("POST", "/", ok)}
	})
	conn := dial(t, s.Addr())
	_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	if n, err := conn.Read(make([]byte, 512)); err == nil && n > 100 {
		t.Errorf("%d bytes in the clear", n)
	}
	// The long body takes the same way as without TLS.
	client := tls.Client(dial(t, s.Addr()), &tls.Config{InsecureSkipVerify: true})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = client.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("x", 2_000_000)))
	}()
	if got := readRaw(t, client); got.StatusCode != 413 {
		t.Errorf("got %s", got.Status)
	}
	<-sent
}

func TestStartNeedsACertificate(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Config.CertFile, o.Config.KeyFile = "/nonexistent/crt", "/nonexistent/key"
	s, err := httpserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err == nil {
		t.Fatal("started without a certificate")
	}
}
