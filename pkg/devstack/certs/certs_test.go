package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"tandem.example/pkg/devstack/certs"
)

func TestIssuedCertificates(t *testing.T) {
	t.Parallel()
	a, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, err := a.Issue("server", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "example.com": false, "127.0.0.2": false} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: name})
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: stranger.Pool(), DNSName: "localhost"}); err == nil {
		t.Error("another authority vouches for it")
	}
	info, err := os.Stat(keyFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info.Mode(), err)
	}
}
