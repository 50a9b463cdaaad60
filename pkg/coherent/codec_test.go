package coherent

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestEncodeOrdersVersionsAsText(t *testing.T) {
	t.Parallel()
	last := ""
	for _, v := range []int64{1, 9, 10, 255, 256, 1 << 53, 1<<53 + 1, math.MaxInt64} {
		stored := one.encode(Entry{Version: v, Body: []byte("{}")})
		got, ok := one.decode(stored)
		if !ok || got.Version != v || string(got.Body) != "{}" {
			t.Errorf("version %d came back as %+v", v, got)
		}
		text := string(stored[2:headerSize])
		if text <= last {
			t.Errorf("%q does not follow %q", text, last)
		}
		if strings.Trim(text, "0123456789") != "" {
			t.Errorf("in the order of some locales %q may come elsewhere", text)
		}
		last = text
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("V10000000000000000001{}"))
	f.Add([]byte("Labc"))
	f.Add([]byte("V19999999999999999999{}"))
	f.Add([]byte("V19223372036854775808{}"))
	f.Add([]byte("V20000000000000000001{}"))
	f.Add([]byte("V1000000000000000000g{}"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		e, ok := one.decode(stored)
		if !ok {
			return
		}
		if e.Version <= 0 {
			t.Fatalf("version %d", e.Version)
		}
		if !bytes.Equal(one.encode(e), stored) {
			t.Fatalf("%q decodes to what encodes as %q", stored, one.encode(e))
		}
	})
}
