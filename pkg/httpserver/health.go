package httpserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

const maxReport = 64 << 10

var (
	errNotOurs    = errors.New("whoever answers does not have this instance's certificate")
	errNoLeaf     = errors.New("holds no PEM certificate")
	errUnreadable = errors.New("the answer is not a report of readiness")
)

// Health asks the instance that runs with this configuration, on this machine,
// whether it is ready. The error names what keeps it from being so. A
// certificate that was replaced a moment ago may count as somebody else's until
// the instance has read it, too.
func (c Config) Health(ctx context.Context) error {
	scheme := "http"
	transport := &http.Transport{
		DisableKeepAlives: true,
		// An address without a host is that of this machine, for Dial as for Listen.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", c.AdminAddr)
		},
	}
	if c.CertFile != "" {
		own, err := leaf(c.CertFile)
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		scheme, transport.TLSClientConfig = "https", onlyTo(own)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://instance/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var report readyReport
	if err := json.UnmarshalRead(io.LimitReader(resp.Body, maxReport), &report); err != nil {
		return fmt.Errorf("%w: %s", errUnreadable, resp.Status)
	}
	return report.failure()
}

// failure says in one line what is amiss.
func (r readyReport) failure() error {
	var failed []string
	for _, check := range r.Checks {
		if !check.OK {
			failed = append(failed, fmt.Sprintf("%s (%s)", check.Name, check.Code))
		}
	}
	if len(failed) == 0 {
		return errors.New(r.Status)
	}
	return fmt.Errorf("%s: %s", r.Status, strings.Join(failed, ", "))
}

// leaf reads the certificate that a server with this file shows.
func leaf(file string) ([]byte, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return block.Bytes, nil
		}
	}
	return nil, errNoLeaf
}

// onlyTo speaks to the owner of that very certificate, whatever names it is for
// and whoever signed it.
func onlyTo(own []byte) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, own) {
				return errNotOurs
			}
			return nil
		},
	}
}
