package clerk

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Webhook is an endpoint for events, as one sets it up in Clerk's dashboard.
type Webhook struct {
	URL    string
	Secret string // whsec_ and the key in base64
	CAFile string // authority of the endpoint's certificate
}

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second // the real service waits up to ten hours
	attemptFor = 15 * time.Second
)

// endpoint is where events go, and as whom.
type endpoint struct {
	url    string
	key    []byte
	client *http.Client
}

// Notify sends what ends sessions and users to the endpoint from now on. Each
// event is sent until it is taken, signed anew with each try, in no order.
func (s *Server) Notify(w Webhook) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.Secret, "whsec_"))
	if err != nil {
		return fmt.Errorf("webhook secret: %w", err)
	}
	pem, err := os.ReadFile(w.CAFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New("webhook authority: no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = &endpoint{w.URL, key, &http.Client{Transport: transport, Timeout: attemptFor}}
	return nil
}

// event is what is delivered; times are in milliseconds.
type event struct {
	Object   string `json:"object"`
	Type     string `json:"type"`
	Data     any    `json:"data"`
	At       int64  `json:"timestamp"`
	Instance string `json:"instance_id"`
}

type deletedUser struct {
	Object  string `json:"object"`
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
}

// announce delivers an event behind the caller's back. The caller holds s.mu.
func (s *Server) announce(kind string, data any) {
	hook := s.hook
	if hook == nil || s.ending.Err() != nil {
		return
	}
	body, err := json.Marshal(event{"event", kind, data, time.Now().UnixMilli(), "ins_standin"})
	if err != nil {
		panic(err) // the types above can be encoded
	}
	s.deliveries.Go(func() { s.deliver(hook, newID("msg"), body) })
}

func (s *Server) deliver(hook *endpoint, id string, body []byte) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		s.count("webhook")
		if hook.post(s.ending, id, body) {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.ending.Done():
			timer.Stop()
			return
		}
	}
}

// post tells whether the endpoint has taken the event.
func (h *endpoint) post(ctx context.Context, id string, body []byte) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, h.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, body) // a hash never fails
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Svix-Id", id)
	r.Header.Set("Svix-Timestamp", at)
	r.Header.Set("Svix-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	response, err := h.client.Do(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	return errors.Join(err, response.Body.Close()) == nil && response.StatusCode/100 == 2
}
