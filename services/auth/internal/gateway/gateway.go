// Package gateway answers the question that gateways ask about each request
// before they pass it on: whose it is, and whether it may.
//
// It promises to say yes only to a token that is live at this moment and covers
// the scopes asked for; to say no, or that it does not know, in all other cases,
// whatever the method; and that who it says is calling fits into a header field
// and comes from the token alone.
package gateway

import (
	"strings"

	"tandem.example/pkg/bearer"
)

// field is a header field of the answer.
type field struct{ name, value string }

// describe is what services behind the gateway are told of the caller. Every field
// is always there, so that a gateway that copies them overwrites whatever a
// client sent under these names. It returns [bearer.ErrClaims] for a caller who
// cannot be described.
func describe(p *bearer.Principal) ([]field, error) {
	fields := []field{
		{"X-Auth-Subject", p.Subject},
		{"X-Auth-Tenant", p.Tenant},
		{"X-Auth-Scopes", string(p.Scopes)},
		{"X-Auth-Client", p.ClientID},
		{"X-Auth-Session", p.SessionID},
		{"X-Auth-Roles", strings.Join(p.Roles, " ")},
	}
	for _, f := range fields {
		if strings.ContainsFunc(f.value, unfit) {
			return nil, bearer.ErrClaims
		}
	}
	return fields, nil
}

// unfit characters could end a field, or are read differently by different
// servers.
func unfit(r rune) bool { return r < ' ' || r > '~' }
