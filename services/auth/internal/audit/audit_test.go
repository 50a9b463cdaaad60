package audit

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/fault"
)

// The time of an event is the one in its id, so one order serves all.
func TestTheIDHasTheTime(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	e := New(t.Context(), Event{Type: TokenIssue})
	if e.At.Before(before) || e.At.After(time.Now()) || e.At.Location() != time.UTC {
		t.Errorf("made at %s, says %s", before, e.At)
	}
	if floor := floorOf(e.At); timeOf(floor) != e.At || floor.String() > e.ID.String() || floorOf(e.At.Add(time.Millisecond)).String() <= e.ID.String() {
		t.Errorf("%s is not the floor of %s", floor, e.ID)
	}
	if floorOf(time.Unix(-5, 0)) != floorOf(time.Unix(0, 0)) {
		t.Error("before 1970 there is nothing")
	}
}

func TestTypesAreSubjects(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)?$`)
	known := map[Type]bool{}
	for _, kind := range types() {
		if !form.MatchString(string(kind)) || known[kind] {
			t.Errorf("%q", kind)
		}
		known[kind] = true
	}
}

// Nothing without a known form gets into the log, whoever passes it on.
func TestASVS_16_2_5_OnlyKnownForms(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "with space", "line\nbreak", "null\x00", "quote\"", "a@example.com", "ünïcödé", strings.Repeat("x", 129), "<script>", "$(id)",
	} {
		e := (&Event{Actor: text, Subject: text, ClientID: text, SessionID: text, Tenant: text}).tidied()
		if e.Actor+e.Subject+e.ClientID+e.SessionID+e.Tenant != "" {
			t.Errorf("%q is taken as an id: %+v", text, e)
		}
	}
	good := uuid.NewString()
	e := (&Event{Actor: good, Subject: "user_2xA", ClientID: "demo-client", Reason: "invalid_grant", Detail: map[string]string{
		"grant": "urn:ietf:params:oauth:grant-type:token-exchange", "count": "12", "Bad Key": "x", "text": "line\nbreak", "long": strings.Repeat("x", 8193), "accent": "é",
	}}).tidied()
	if e.Actor != good || e.Subject != "user_2xA" || e.ClientID != "demo-client" || e.Reason != "invalid_grant" || len(e.Detail) != 2 {
		t.Errorf("%+v", e)
	}
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprintf("k%d", i)] = "v"
	}
	if e := (&Event{Reason: "Not a code!", Detail: many}).tidied(); len(e.Detail) != maxDetails || e.Reason != "unknown" || e.Outcome != Failure {
		t.Errorf("%d details, reason %q", len(e.Detail), e.Reason)
	}
}

// Of what an administrator can set nothing is too long or too strange to be told,
// nor that there is none of it now.
func TestASVS_16_2_1_WhatWasChangedIsTold(t *testing.T) {
	t.Parallel()
	detail := map[string]string{
		"roles":     strings.TrimSpace(strings.Repeat(strings.Repeat("r", 64)+" ", 32)),
		"audiences": strings.TrimSpace(strings.Repeat("https://api.example/"+strings.Repeat("?a=%20&", 25)+"[~] ", 32)),
		"scopes":    "", "grants": "",
	}
	e := (&Event{Type: ClientUpdate, Detail: detail}).tidied()
	if !maps.Equal(e.Detail, detail) {
		for name, value := range detail {
			if got, ok := e.Detail[name]; !ok || got != value {
				t.Errorf("%s of %d bytes is %q", name, len(value), got)
			}
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.Invalid, "refresh_reused", "")
	outer := fault.New(fault.Invalid, "invalid_grant", "")
	for want, err := range map[string]error{
		"":               nil,
		"invalid_grant":  outer,
		"refresh_reused": fmt.Errorf("grant: %w", outer.Because(fmt.Errorf("refresh: %w", inner))),
		"internal":       errors.New("anything"),
	} {
		if got := ReasonOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// Equal names can be told to be equal, and by nobody without the key.
func TestPseudonyms(t *testing.T) {
	t.Parallel()
	one, err1 := NewPseudonyms([]byte("a secret of the service"))
	same, err2 := NewPseudonyms([]byte("a secret of the service"))
	other, err3 := NewPseudonyms([]byte("another secret"))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	p := one.Of("alice")
	if p != same.Of("alice") || p == other.Of("alice") || p == one.Of("bob") || one.Of("") != "" || strings.Contains(p, "alice") || !isDetail(p) {
		t.Error("pseudonyms are not what they should be")
	}
}
