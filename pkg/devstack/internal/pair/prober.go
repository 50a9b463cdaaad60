package pair

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	probeWithin = 2 * time.Second
	maxAnswer   = 16 << 10
)

// prober asks instances whether they are ready.
type prober struct{ client *http.Client }

func newProber(caFile string) (prober, error) {
	pem, err := os.ReadFile(caFile) //nolint:gosec // the stack's own authority
	if err != nil {
		return prober{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return prober{&http.Client{Timeout: probeWithin, Transport: transport}}, nil
}

// ready is nil on a 200; otherwise it says what the instance waits for.
func (p prober) ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing depends on it
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	return nil
}
