package env

import (
	"fmt"
	"io"
	"net/url"
	"strings"
)

const redacted = "[redacted]"

// Secret is a value that no print, log line or JSON document shows. Only
// [Secret.Reveal] gives it away.
type Secret string

// Reveal gives the value itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the value from whoever asks for text.
func (Secret) String() string { return redacted }

// Format hides the value from fmt under every verb: without it, one that does
// not fit strings, such as %d, prints the value in its complaint.
func (Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, redacted) }

// MarshalText hides the value from encoders. As the key of a map, which nobody
// should make of it, encoding/json would show it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// minKey is the least length of a key for HMAC-SHA-256 (RFC 7518 §3.2).
const minKey = 32

// minVariety is how many different bytes a key has at least. Hexadecimal text of 16
// random bytes has fewer about once in a million.
const minVariety = 6

// Weakness says what makes s unfit as a signing key, or nothing.
func (s Secret) Weakness() string {
	if len(s) < minKey {
		return "must be at least 32 bytes"
	}
	var seen [256]bool
	variety := 0
	for i := range len(s) {
		if !seen[s[i]] {
			seen[s[i]] = true
			variety++
		}
	}
	if variety < minVariety {
		return "must be random"
	}
	return ""
}

// Placeholder reports whether s is what somebody forgot to replace. Of a URL
// only the password counts.
func (s Secret) Placeholder() bool {
	text := string(s)
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil {
			return false // its owner reports that
		}
		text, _ = u.User.Password()
	}
	text = strings.ToLower(text)
	for _, word := range [...]string{
		"change-me", "change_me", "changeme", "replace-me", "replace_me", "replaceme",
		"placeholder", "example", "secret", "password", "insecure", "letmein", "12345678",
	} {
		if strings.Contains(text, word) {
			return true
		}
	}
	switch text {
	case "admin", "root", "test", "guest", "postgres", "redis", "nats", "tandem", "dev", "demo", "xxx":
		return true
	}
	return false
}
