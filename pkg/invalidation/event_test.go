package invalidation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/invalidation"
)

func sample() invalidation.Event {
	return invalidation.Event{
		ID: "01936d5e-0b0a-7c3e-9a52-6f3a1c5b7d10", Source: "local/resources-1",
		Time: time.Date(2026, 11, 20, 19, 32, 13, 123456000, time.UTC),
		Change: invalidation.Change{
			Action: invalidation.Updated, Tenant: "org_2x7", Type: "invoice",
			ID: "01936d5d-5c1f-7a44-8c7e-2b1f0e9d3a55", Version: 7, Keys: []string{"resources/org_2x7/1"},
		},
	}
}

func encode(tb testing.TB, e invalidation.Event) []byte {
	tb.Helper()
	raw, err := invalidation.Encode(e)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestEncodeWritesTheContract(t *testing.T) {
	t.Parallel()
	const want = `{"specversion":"1.0","id":"01936d5e-0b0a-7c3e-9a52-6f3a1c5b7d10","source":"local/resources-1",` +
		`"type":"tandem.resource.updated.v1","subject":"invoice.01936d5d-5c1f-7a44-8c7e-2b1f0e9d3a55",` +
		`"time":"2026-11-20T19:32:13.123456Z","datacontenttype":"application/json",` +
		`"data":{"tenant":"org_2x7","type":"invoice","id":"01936d5d-5c1f-7a44-8c7e-2b1f0e9d3a55","version":7,"keys":["resources/org_2x7/1"]}}`
	if got := string(encode(t, sample())); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	t.Parallel()
	for _, action := range []invalidation.Action{invalidation.Created, invalidation.Updated, invalidation.Deleted} {
		e := sample()
		e.Change.Action = action
		got, err := invalidation.Decode(encode(t, e))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
}

func TestDecodeLeavesUnknownMembersAlone(t *testing.T) {
	t.Parallel()
	raw := string(encode(t, sample()))
	raw = strings.Replace(raw, `{"specversion"`, `{"traceparent":"00-x","new":{"deep":[1]},"specversion"`, 1)
	raw = strings.Replace(raw, `"data":{`, `"data":{"region":"eu",`, 1)
	got, err := invalidation.Decode([]byte(raw))
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestNothingWrongIsEncodedOrDecoded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	for name, spoil := range map[string]func(*invalidation.Event){
		"no id":          func(e *invalidation.Event) { e.ID = "" },
		"long id":        func(e *invalidation.Event) { e.ID = long },
		"no source":      func(e *invalidation.Event) { e.Source = "" },
		"no time":        func(e *invalidation.Event) { e.Time = time.Time{} },
		"action":         func(e *invalidation.Event) { e.Change.Action = "renamed" },
		"no tenant":      func(e *invalidation.Event) { e.Change.Tenant = "" },
		"control":        func(e *invalidation.Event) { e.Change.Tenant = "a\nb" },
		"not utf-8":      func(e *invalidation.Event) { e.Change.Tenant = "a\xff" },
		"type wildcard":  func(e *invalidation.Event) { e.Change.Type = "in*" },
		"type upper":     func(e *invalidation.Event) { e.Change.Type = "Invoice" },
		"two tokens":     func(e *invalidation.Event) { e.Change.ID = "a.b" },
		"id wildcard":    func(e *invalidation.Event) { e.Change.ID = ">" },
		"id space":       func(e *invalidation.Event) { e.Change.ID = "a b" },
		"version zero":   func(e *invalidation.Event) { e.Change.Version = 0 },
		"no keys":        func(e *invalidation.Event) { e.Change.Keys = nil },
		"an empty key":   func(e *invalidation.Event) { e.Change.Keys = []string{""} },
		"too many keys":  func(e *invalidation.Event) { e.Change.Keys = make([]string, 257) },
		"version before": func(e *invalidation.Event) { e.Change.Version = -1 },
	} {
		e := sample()
		spoil(&e)
		if _, err := invalidation.Encode(e); !errors.Is(err, invalidation.ErrInvalid) {
			t.Errorf("%s: encoded: %v", name, err)
		}
	}
	good := string(encode(t, sample()))
	for name, pair := range map[string][2]string{
		"spec":        {`"specversion":"1.0"`, `"specversion":"2.0"`},
		"data type":   {`"application/json"`, `"text/xml"`},
		"event type":  {`.updated.v1`, `.updated.v2`},
		"bare type":   {`tandem.resource.updated.v1`, `updated`},
		"no data":     {`"data":{`, `"other":{`},
		"other id":    {`"subject":"invoice.0`, `"subject":"invoice.1`},
		"version":     {`"version":7`, `"version":7.5`},
		"big version": {`"version":7`, `"version":9223372036854775808`},
		"null keys":   {`["resources/org_2x7/1"]`, `null`},
		"time":        {`2026-11-20T`, `20 Nov `},
	} {
		if _, err := invalidation.Decode([]byte(strings.Replace(good, pair[0], pair[1], 1))); !errors.Is(err, invalidation.ErrInvalid) {
			t.Errorf("%s: decoded: %v", name, err)
		}
	}
	if _, err := invalidation.Decode([]byte(good + good)); !errors.Is(err, invalidation.ErrInvalid) {
		t.Errorf("two documents: decoded: %v", err)
	}
}

func TestErrorsDoNotQuoteTheContent(t *testing.T) {
	t.Parallel()
	_, err := invalidation.Decode([]byte(`{"specversion":"1.0","id":"hush@example.org"`))
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Fatalf("got %v", err)
	}
}

func TestShardIsStableAndSpread(t *testing.T) {
	t.Parallel()
	// Relays and writers of different versions must agree on this.
	if got := invalidation.Shard("invoice.01936d5d-5c1f-7a44-8c7e-2b1f0e9d3a55"); got != 3 {
		t.Fatalf("the shard of a known subject has changed to %d", got)
	}
	var count [invalidation.Shards]int
	for i := range 8000 {
		count[invalidation.Shard("t."+string(rune('a'+i%26))+time.Duration(i).String())]++
	}
	for shard, n := range count {
		if n < 500 {
			t.Errorf("shard %d has %d of 8000", shard, n)
		}
	}
}

func TestRecordIsFlatJSON(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(invalidation.Record{Change: sample().Change, Source: "s", Trace: "t"})
	const want = `{"action":"updated","tenant":"org_2x7","type":"invoice","id":"01936d5d-5c1f-7a44-8c7e-2b1f0e9d3a55",` +
		`"version":7,"keys":["resources/org_2x7/1"],"source":"s","trace":"t"}`
	if err != nil || string(raw) != want {
		t.Fatalf("got %s, %v", raw, err)
	}
}

// Whatever can be read can be written, and is then read as the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample()))
	f.Add([]byte(`{"specversion":"1.0","ID":"a","data":{"keys":[]}}`))
	f.Add([]byte(`{"time":"9999-12-31T23:59:59-23:59","data":{"version":1e3}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := invalidation.Decode(raw)
		if err != nil {
			if !errors.Is(err, invalidation.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		once := encode(t, e)
		again, err := invalidation.Decode(once)
		if err != nil || !reflect.DeepEqual(again, e) || !bytes.Equal(encode(t, again), once) {
			t.Fatalf("%q read as %+v, then %+v, %v", raw, e, again, err)
		}
	})
}
