package httpserver

import (
	"fmt"
	"net/netip"
	"strings"
)

// Networks is a set of address ranges. The zero value contains nothing.
type Networks []netip.Prefix

// UnmarshalText reads prefixes and single addresses, separated by commas.
func (n *Networks) UnmarshalText(text []byte) error {
	var list Networks
	for word := range strings.SplitSeq(string(text), ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			addr, single := netip.ParseAddr(word)
			if single != nil || addr.Zone() != "" {
				return fmt.Errorf("parse network: %w", err)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() { // never matches an unmapped address
			return fmt.Errorf("parse network: %s is an IPv4 range in IPv6 form", word)
		}
		list = append(list, prefix.Masked())
	}
	*n = list
	return nil
}

// Contains reports whether addr, which must not be IPv4 in IPv6 form, is in one
// of the ranges.
func (n Networks) Contains(addr netip.Addr) bool {
	for _, prefix := range n {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func (n Networks) everybody() bool {
	for _, prefix := range n {
		if prefix.Bits() == 0 {
			return true
		}
	}
	return false
}
