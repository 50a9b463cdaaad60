package httpserver

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// maxHops bounds how far back a chain of proxies is followed.
const maxHops = 32

// ClientAddr is the address the request came from: the nearest one on its way
// that is not a trusted proxy. It is the zero Addr outside a request.
func ClientAddr(c *fiber.Ctx) netip.Addr { return AddrOf(c.UserContext()) }

// AddrOf is [ClientAddr] for what has only the request's context.
func AddrOf(ctx context.Context) netip.Addr {
	if r := requestOf(ctx); r != nil {
		return r.client
	}
	return netip.Addr{}
}

// peerAddr is the other end of the connection.
func peerAddr(c *fiber.Ctx) netip.Addr {
	//nolint:forbidigo // Only the address is kept, which is a value.
	tcp, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// clientAddr follows X-Forwarded-For backwards from peer for as long as the
// hops are trusted. Whatever stands further left was written by somebody
// nobody vouches for, so a client cannot choose its address by sending the
// field itself.
func clientAddr(peer netip.Addr, trusted Networks, fields [][]byte) netip.Addr {
	addr := peer
	hops := 0
	for _, rest := range slices.Backward(fields) {
		for rest != nil {
			if hops++; hops > maxHops || !trusted.Contains(addr) {
				return addr
			}
			word := rest
			if comma := bytes.LastIndexByte(rest, ','); comma >= 0 {
				word, rest = rest[comma+1:], rest[:comma]
			} else {
				rest = nil
			}
			next, ok := parseHop(bytes.Trim(word, " \t"))
			if !ok {
				return addr // the nearest hop that is known for certain
			}
			addr = next
		}
	}
	return addr
}

// parseHop reads an address as proxies write it: with or without a port,
// brackets around IPv6.
func parseHop(word []byte) (netip.Addr, bool) {
	text := utils.UnsafeString(word) // netip keeps none of it
	addr, err := netip.ParseAddr(text)
	if err != nil {
		if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
			addr, err = netip.ParseAddr(text[1 : n-1])
		} else {
			var both netip.AddrPort
			both, err = netip.ParseAddrPort(text)
			addr = both.Addr()
		}
	}
	return addr.Unmap().WithZone(""), err == nil
}

// cut removes what tells one household from another: the last byte of an IPv4
// address, all but the first 48 bits of an IPv6 address.
func cut(addr netip.Addr) netip.Addr {
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}
