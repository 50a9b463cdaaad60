package httpserver

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func networks(tb testing.TB, text string) Networks {
	tb.Helper()
	var n Networks
	if err := n.UnmarshalText([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusted := networks(t, "10.0.0.0/8, fd00::/8")
	for name, test := range map[string]struct {
		peer   string
		fields []string
		want   string
	}{
		"no proxy":                 {"203.0.113.9", nil, "203.0.113.9"},
		"a stranger's claim":       {"203.0.113.9", []string{"10.1.1.1"}, "203.0.113.9"},
		"one proxy":                {"10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9"},
		"spoofed by the client":    {"10.0.0.1", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		"spoofed as a proxy":       {"10.0.0.1", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		"two proxies":              {"10.0.0.1", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"in two fields":            {"10.0.0.1", []string{"1.1.1.1", "203.0.113.9 , 10.0.0.2"}, "203.0.113.9"},
		"proxies only":             {"10.0.0.1", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		"with a port":              {"10.0.0.1", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		"IPv6":                     {"fd00::1", []string{"2001:db8::9"}, "2001:db8::9"},
		"IPv6 in brackets":         {"fd00::1", []string{"[2001:db8::9]"}, "2001:db8::9"},
		"IPv6 with a port":         {"fd00::1", []string{"[2001:db8::9]:443"}, "2001:db8::9"},
		"IPv4 in IPv6 form":        {"10.0.0.1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"a proxy in IPv6 form":     {"10.0.0.1", []string{"203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9"},
		"a zone":                   {"10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1"},
		"garbage":                  {"10.0.0.1", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		"garbage behind a proxy":   {"10.0.0.1", []string{"x, 10.0.0.2"}, "10.0.0.2"},
		"empty":                    {"10.0.0.1", []string{""}, "10.0.0.1"},
		"empty word":               {"10.0.0.1", []string{"203.0.113.9,"}, "10.0.0.1"},
		"more hops than plausible": {"10.0.0.1", []string{"203.0.113.9" + strings.Repeat(",10.0.0.2", 40)}, "10.0.0.2"},
	} {
		fields := make([][]byte, len(test.fields))
		for i, f := range test.fields {
			fields[i] = []byte(f)
		}
		if got := clientAddr(netip.MustParseAddr(test.peer), trusted, fields); got.String() != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestNetworksRefuse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "10.0.0.0/33", "10.0.0.1/", "10.0.0.0/8;10.0.0.1", "::ffff:10.0.0.0/104", "fe80::1%eth0"} {
		var n Networks
		if n.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is taken as %v", text, n)
		}
	}
	if got := networks(t, "127.0.0.1, ::1,"); len(got) != 2 || !got.Contains(netip.MustParseAddr("::1")) || got.Contains(netip.MustParseAddr("::2")) {
		t.Errorf("got %v", got)
	}
}

// FuzzClientAddr holds the walk to what makes it safe: the answer is the peer
// or was written down, a trusted hop vouches for it, and nothing left of the
// first stranger matters.
func FuzzClientAddr(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.9", "1.1.1.1, 10.0.0.2", ",,", "[::1]:80,10.0.0.2", "[fe80::1%a]", "10.0.0.2\x00", "unknown", "::ffff:10.0.0.2"} {
		f.Add("10.0.0.1", seed, "6.6.6.6")
		f.Add("203.0.113.1", seed, seed)
	}
	trusted := networks(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, peerText, field, prefix string) {
		peer, err := netip.ParseAddr(peerText)
		if err != nil {
			return
		}
		peer = peer.Unmap()
		got := clientAddr(peer, trusted, [][]byte{[]byte(field)})
		if !trusted.Contains(peer) && got != peer {
			t.Fatalf("a stranger chose %s", got)
		}
		if got.Is4In6() || got != peer && got.Zone() != "" {
			t.Fatalf("%s is not in plain form", got)
		}
		written := slices.ContainsFunc(bytes.Split([]byte(field), []byte(",")), func(word []byte) bool {
			addr, ok := parseHop(bytes.Trim(word, " \t"))
			return ok && addr == got
		})
		if got != peer && !written {
			t.Fatalf("%s came from nowhere", got)
		}
		if trusted.Contains(got) {
			return // nothing stood further left, or nothing legible
		}
		if more := clientAddr(peer, trusted, [][]byte{[]byte(prefix + "," + field)}); more != got {
			t.Fatalf("what a client wrote changed %s to %s", got, more)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{"203.0.113.9": "203.0.113.0", "2001:db8:1:2:3::4": "2001:db8:1::"} {
		if got := cut(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if cut(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}
