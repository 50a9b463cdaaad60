package clerkhook

import (
	"net/http"
	"strings"

	svix "github.com/svix/svix-webhooks/go"
)

// Signatures check that Clerk has sent a request. There are two secrets while one
// replaces the other.
type Signatures []*svix.Webhook

// NewSignatures makes the checks of a checked configuration.
func NewSignatures(cfg Config) (Signatures, error) {
	var all Signatures
	for _, secret := range cfg.secrets() {
		one, err := svix.NewWebhook(secret)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// stamp is what a delivery carries beside its body, under names that begin with
// svix- or, as the Standard Webhooks specification has it, with webhook-.
type stamp struct{ id, timestamp, signature string }

func stampOf(header func(name string) string) stamp {
	for _, prefix := range [...]string{"svix-", "webhook-"} {
		s := stamp{header(prefix + "id"), header(prefix + "timestamp"), header(prefix + "signature")}
		if s.id != "" && s.timestamp != "" && s.signature != "" {
			return s
		}
	}
	return stamp{}
}

// Open returns what was delivered if it was signed with one of the secrets within
// the last five minutes, or may be by a clock that is as much ahead. It returns
// [ErrSignature] or [ErrEvent]. The result shares no memory with the request.
func (s Signatures) Open(header func(name string) string, body []byte) (Delivery, error) {
	said := stampOf(header)
	if !proper(said.id) {
		return Delivery{}, ErrSignature
	}
	one := http.Header{}
	one.Set("svix-id", said.id)
	one.Set("svix-timestamp", said.timestamp)
	one.Set("svix-signature", said.signature)
	if !s.verify(body, one) {
		return Delivery{}, ErrSignature
	}
	event, err := parseEvent(body)
	return Delivery{strings.Clone(said.id), event}, err
}

func (s Signatures) verify(body []byte, header http.Header) bool {
	for _, one := range s {
		if one.Verify(body, header) == nil {
			return true
		}
	}
	return false
}

// proper ids are short, printable, and without the dot that separates them from
// what else is signed.
func proper(id string) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}
