package clerkhook

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"

	"tandem.example/pkg/env"
)

const (
	current  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // of Svix's documentation
	previous = "whsec_VGhpcyBpcyBub3QgYSBzZWNyZXQhISEh"
	body     = `{"type":"user.deleted","data":{"id":"user_1"}}`
)

func signatures(tb testing.TB, secret string) Signatures {
	tb.Helper()
	s, err := NewSignatures(Config{Secret: env.Secret(secret)})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// signed are the header fields of a delivery.
func signed(tb testing.TB, secret, id string, at time.Time) http.Header {
	tb.Helper()
	one, err := svix.NewWebhook(secret)
	if err != nil {
		tb.Fatal(err)
	}
	signature, err := one.Sign(id, at, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	h := http.Header{}
	h.Set("svix-id", id)
	h.Set("svix-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("svix-signature", signature)
	return h
}

func TestOpen(t *testing.T) {
	t.Parallel()
	now := time.Now()
	with := func(change func(http.Header)) http.Header {
		h := signed(t, current, "msg_1", now)
		change(h)
		return h
	}
	for name, test := range map[string]struct {
		header http.Header
		body   string
		want   error
	}{
		"as it was sent":           {signed(t, current, "msg_1", now), body, nil},
		"with the secret before":   {signed(t, previous, "msg_1", now), body, nil},
		"four minutes under way":   {signed(t, current, "msg_1", now.Add(-4*time.Minute)), body, nil},
		"by a clock ahead":         {signed(t, current, "msg_1", now.Add(4*time.Minute)), body, nil},
		"signed by both":           {with(func(h http.Header) { h.Set("svix-signature", "v1,AAAA "+h.Get("svix-signature")+" v2,x") }), body, nil},
		"by the standard's names":  {renamed(signed(t, current, "msg_1", now)), body, nil},
		"another secret":           {signed(t, "whsec_"+base64.StdEncoding.EncodeToString([]byte("another secret of 24 byte")), "msg_1", now), body, ErrSignature},
		"another body":             {signed(t, current, "msg_1", now), body + " ", ErrSignature},
		"an empty body":            {signed(t, current, "msg_1", now), "", ErrSignature},
		"another id":               {with(func(h http.Header) { h.Set("svix-id", "msg_2") }), body, ErrSignature},
		"no id":                    {with(func(h http.Header) { h.Del("svix-id") }), body, ErrSignature},
		"no time":                  {with(func(h http.Header) { h.Del("svix-timestamp") }), body, ErrSignature},
		"no signature":             {with(func(h http.Header) { h.Del("svix-signature") }), body, ErrSignature},
		"another version":          {with(func(h http.Header) { h.Set("svix-signature", "v1a"+h.Get("svix-signature")[2:]) }), body, ErrSignature},
		"a truncated signature":    {with(func(h http.Header) { h.Set("svix-signature", h.Get("svix-signature")[:20]) }), body, ErrSignature},
		"another time":             {with(func(h http.Header) { h.Set("svix-timestamp", strconv.FormatInt(now.Unix()-1, 10)) }), body, ErrSignature},
		"a time of no number":      {with(func(h http.Header) { h.Set("svix-timestamp", "now") }), body, ErrSignature},
		"old":                      {signed(t, current, "msg_1", now.Add(-6*time.Minute)), body, ErrSignature},
		"of the future":            {signed(t, current, "msg_1", now.Add(6*time.Minute)), body, ErrSignature},
		"an id with a dot":         {signed(t, current, "msg.1", now), body, ErrSignature},
		"an id without end":        {signed(t, current, strings.Repeat("m", 129), now), body, ErrSignature},
		"an id of many words":      {signed(t, current, "msg 1", now), body, ErrSignature},
		"half of each":             {with(func(h http.Header) { h.Set("webhook-id", "msg_2"); h.Del("svix-id") }), body, ErrSignature},
		"the other names disagree": {with(func(h http.Header) { h.Set("webhook-id", "msg_2") }), body, nil},
	} {
		d, err := signatures(t, current+","+previous).Open(test.header.Get, []byte(test.body))
		if !errors.Is(err, test.want) || err == nil && (d.ID != "msg_1" || d.Event.User != "user_1") {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if _, err := signatures(t, current).Open(signed(t, previous, "msg_1", now).Get, []byte(body)); !errors.Is(err, ErrSignature) {
		t.Errorf("the secret before, after its time: %v", err)
	}
}

func renamed(h http.Header) http.Header {
	other := http.Header{}
	for _, name := range []string{"id", "timestamp", "signature"} {
		other.Set("webhook-"+name, h.Get("svix-"+name))
	}
	return other
}

func TestConfigRefusesSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]int{
		"": 0, current: 0, current + "," + previous: 0,
		current[:20]: 1, current[6:]: 1, "whsec_": 1, "whsec_" + strings.Repeat("A", 64): 1, "whsec_%%%%" + current[6:]: 1,
		current + ",": 1, current + "," + current[:20]: 1, current + " " + previous: 1, current + "," + previous + "," + current: 1,
		"sk_test_" + current[6:]: 1,
	} {
		told := 0
		Config{Secret: env.Secret(secret)}.Check(env.Production, func(variable, problem string) {
			told++
			if variable != "CLERK_WEBHOOK_SECRET" || len(secret) > len(prefix) && strings.Contains(problem, secret) {
				t.Errorf("%s %s", variable, problem)
			}
		})
		if told != want {
			t.Errorf("%q: %d reports", secret, told)
		}
	}
}
