package tokens

import (
	"encoding/base64"
	"net/url"
	"strings"

	"tandem.example/services/auth/internal/clients"
)

// credentials are what a client says to be itself.
type credentials struct{ id, secret string }

// readCredentials takes them from the Authorization header or from the form, and
// refuses both at once (RFC 6749 §2.3). Headers are all that were sent.
func readCredentials(headers []string, f Form) (credentials, error) {
	id, inForm := f["client_id"]
	secret := f["client_secret"]
	if len(headers) == 0 {
		if !inForm || !visible(id) {
			return credentials{}, clients.ErrClient
		}
		return credentials{id, secret}, nil
	}
	if len(headers) > 1 || secret != "" {
		return credentials{}, ErrRequest.Detailf("the client authenticates in more than one way")
	}
	c, ok := parseBasic(headers[0])
	if !ok {
		return credentials{}, clients.ErrClient
	}
	if id != "" && id != c.id {
		return credentials{}, ErrRequest.Detailf("client_id names another client")
	}
	return c, nil
}

// parseBasic reads the scheme of RFC 7617, whose two parts were form-encoded
// first (RFC 6749 §2.3.1).
func parseBasic(header string) (credentials, bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return credentials{}, false
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return credentials{}, false
	}
	user, password, found := strings.Cut(string(plain), ":")
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	if !found || err1 != nil || err2 != nil || !visible(id) {
		return credentials{}, false
	}
	return credentials{id, secret}, true
}

// visible tells whether id can be a client's: it is made of printable ASCII
// (RFC 6749 appendix A.1).
func visible(id string) bool {
	for _, c := range []byte(id) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return id != ""
}
