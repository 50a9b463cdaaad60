package ratelimit

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Rate{
		"600/1m": {600, time.Minute}, "1/24h": {1, 24 * time.Hour}, "1000000/1s": {1_000_000, time.Second}, "7/90s": {7, 90 * time.Second},
		"": {}, "5": {}, "5/": {}, "/1m": {}, "0/1m": {}, "-1/1m": {}, "5/1": {}, "5/500ms": {}, "5/1500ms": {}, "5/25h": {}, "5/-1m": {}, "1000001/1s": {}, "x/1m": {}, "5/1m/1m": {},
	} {
		var got Rate
		if err := got.UnmarshalText([]byte(in)); got != want || (err == nil) != (want != Rate{}) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	if r := (Rate{7, time.Minute}); r.burst()%r.interval() != 0 || r.burst() > r.Window || r.Window-r.burst() > 7*time.Microsecond {
		t.Errorf("%s of %s", r.interval(), r.burst())
	}
}

func FuzzRate(f *testing.F) {
	f.Add("600/1m")
	f.Fuzz(func(t *testing.T, s string) {
		var r Rate
		if r.UnmarshalText([]byte(s)) == nil && (r.interval() < time.Microsecond || r.burst() <= 0 || r.Window > maxWindow) {
			t.Fatalf("%q is taken: %+v", s, r)
		}
	})
}
