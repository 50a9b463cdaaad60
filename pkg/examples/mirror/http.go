package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const maxBody = 1 << 20

// API reads documents of one type from the resources service.
type API struct {
	URL    string
	Type   string
	Client *http.Client
	Token  func(context.Context) (string, error)
}

// Read implements [Source]. The entity tag is the version.
func (a API) Read(ctx context.Context, id string) (Document, error) {
	token, err := a.Token(ctx)
	if err != nil {
		return Document{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/v1/resources/"+url.PathEscape(id), http.NoBody)
	if err != nil {
		return Document{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := a.Client.Do(req)
	if err != nil {
		return Document{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	switch {
	case err != nil:
		return Document{}, err
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusBadRequest: // no document has such an id
		return Document{}, ErrNotFound
	case res.StatusCode != http.StatusOK:
		return Document{}, fmt.Errorf("read resource: status %d", res.StatusCode)
	}
	var named struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return Document{}, fmt.Errorf("read resource: %w", err)
	}
	if named.Type != a.Type || named.ID != id { // no event that is heard would tell of its changes
		return Document{}, ErrNotFound
	}
	version, err := strconv.ParseInt(strings.Trim(res.Header.Get("ETag"), `"`), 10, 64)
	return Document{Version: version, Body: body}, err
}

// Credentials are those of a confidential client of auth. They are safe for
// concurrent use.
type Credentials struct {
	URL        string // of auth
	ID, Secret string
	Client     *http.Client

	mu    sync.Mutex // guards all below
	token string
	until time.Time
}

// Token returns an access token that is good for a while yet.
func (c *Credentials) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"resources:read"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/token", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret)) // RFC 6749 §2.3.1
	res, err := c.Client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("get a token: status %d", res.StatusCode)
	}
	var got struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&got); err != nil {
		return "", fmt.Errorf("get a token: %w", err)
	}
	c.token, c.until = got.Token, time.Now().Add(time.Duration(got.Expires)*time.Second/2)
	return c.token, nil
}

// ServeHTTP answers GET /{id}. Events spell ids in lower case.
func (m *Map) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	doc, hit, err := m.Get(req.Context(), strings.ToLower(req.PathValue("id")))
	switch {
	case errors.Is(err, ErrNotFound):
		http.Error(w, ErrNotFound.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, "the owner of the documents does not answer", http.StatusServiceUnavailable)
		return
	}
	status := "mirror; fwd=miss"
	if hit {
		status = "mirror; hit"
	}
	w.Header().Set("Cache-Status", status) // RFC 9211
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(doc.Version, 10)))
	_, _ = w.Write(doc.Body) // the client may have left
}
