package devstack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"time"

	"tandem.example/pkg/devstack/certs"
)

// renewBefore leaves a stack that has just started the time to go on.
const renewBefore = 60 * 24 * time.Hour

// certify gives every reader the authority and, if it is a server, a certificate.
// The authority's key is never written: if anything is missing, or soon too old, all
// certificates are made anew by another authority. The authority is written last, so
// that those of a start that was cut off do not pass for complete.
func (h holder) certify(dir string) (err error) {
	authority := filepath.Join(dir, "ca.crt")
	if !certified(dir, authority) {
		if err := h.issue(dir, authority); err != nil {
			return err
		}
	}
	pem, err := os.ReadFile(authority) //nolint:gosec // the caller's directory
	if err != nil {
		return err
	}
	for _, r := range readers() {
		if err := h.put(filepath.Join(dir, r.name, "ca.crt"), pem, r.uid, 0o444); err != nil {
			return err
		}
	}
	return nil
}

func (h holder) issue(dir, authority string) (err error) {
	temp, err := os.MkdirTemp("", "authority")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	ca, err := certs.New(temp)
	if err != nil {
		return err
	}
	for _, r := range readersWith() {
		for file, commonName := range r.certificates() {
			cert, key, err := ca.Issue("issued", commonName, r.hosts...)
			if err != nil {
				return err
			}
			into := filepath.Join(dir, r.name, file)
			if err := errors.Join(h.move(cert, into+".crt", r.uid), h.move(key, into+".key", r.uid)); err != nil {
				return err
			}
		}
	}
	pem, err := os.ReadFile(ca.CAFile())
	if err != nil {
		return err
	}
	return h.put(authority, pem, h.uid, 0o444)
}

func (h holder) move(from, to string, uid int) error {
	data, err := os.ReadFile(from) //nolint:gosec // made by the caller
	if err != nil {
		return err
	}
	return h.write(to, data, uid)
}

// certificates are the files, without their endings, and the common names, of which
// CockroachDB prescribes both.
func (r reader) certificates() map[string]string {
	if r.name == cockroach {
		return map[string]string{"node": "node", "client.root": "root"}
	}
	return map[string]string{"tls": r.name}
}

// certified tells whether every certificate is there, good for a while yet, and of
// this authority.
func certified(dir, authority string) bool {
	pem, err := os.ReadFile(authority) //nolint:gosec // the caller's directory
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return false
	}
	for _, r := range readersWith() {
		for file := range r.certificates() {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, r.name, file+".crt"), filepath.Join(dir, r.name, file+".key"))
			if err != nil {
				return false
			}
			for _, host := range r.hosts {
				_, err := pair.Leaf.Verify(x509.VerifyOptions{
					DNSName: host, Roots: roots, CurrentTime: time.Now().Add(renewBefore),
				})
				if err != nil {
					return false
				}
			}
		}
	}
	return true
}
