package tokens

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Form is the body of an OAuth request. A parameter without a value counts as
// omitted (RFC 6749 §3.2).
type Form map[string]string

const (
	mediaForm = "application/x-www-form-urlencoded"
	maxFields = 32
)

// parseForm refuses what RFC 6749 §3.2 forbids, a repeated parameter above all:
// two readers of one request could take different values of it.
func parseForm(contentType, body string) (Form, error) {
	if !isForm(contentType) {
		return nil, ErrRequest.Detailf("the body must be of type %s", mediaForm)
	}
	f := Form{}
	if body == "" {
		return f, nil
	}
	for pair := range strings.SplitSeq(body, "&") {
		key, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(key)
		text, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || name == "" || !utf8.ValidString(name) || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, ErrRequest.Detailf("the form is malformed")
		}
		if _, repeated := f[name]; repeated {
			return nil, ErrRequest.Detailf("a parameter is repeated")
		}
		if len(f) == maxFields {
			return nil, ErrRequest.Detailf("the form has too many parameters")
		}
		f[name] = text
	}
	return f, nil
}

func isForm(contentType string) bool {
	if contentType == mediaForm {
		return true
	}
	got, params, err := mime.ParseMediaType(contentType)
	charset := params["charset"]
	return err == nil && got == mediaForm && (charset == "" || strings.EqualFold(charset, "utf-8"))
}
