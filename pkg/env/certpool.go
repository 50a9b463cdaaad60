package env

import (
	"crypto/x509"
	"errors"
	"os"
)

var errNoCertificate = errors.New("holds no PEM certificate")

// CertPool reads the authorities that a …_CA_FILE variable names. Without a file
// it is nil, which [crypto/tls] takes for the system's.
func CertPool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errNoCertificate
	}
	return pool, nil
}
