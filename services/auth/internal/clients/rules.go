package clients

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// ErrSettings says what is wrong with a client that was to be made or changed.
var ErrSettings = fault.New(fault.Invalid, "invalid_client_metadata", "the client cannot be set up like this")

const (
	maxName      = 100 // characters
	maxAudience  = 200 // bytes
	maxAudiences = 32
)

// Rules are what this installation knows of that a client could be given.
type Rules struct{ Scopes bearer.Scopes }

// check tidies a record and finds everything that is wrong with it.
func (all Rules) check(c *Record) error {
	found := ErrSettings
	report := func(pointer, detail string) { found = found.At(pointer, detail) }
	if !ValidID(c.ID) {
		report("/client_id", "must be 1 to 64 letters, digits or hyphens, and no UUID")
	}
	c.Name = strings.TrimSpace(norm.NFC.String(c.Name))
	if n := utf8.RuneCountInString(c.Name); n == 0 || n > maxName || strings.ContainsFunc(c.Name, unicode.IsControl) {
		report("/name", fmt.Sprintf("must be 1 to %d characters without control characters", maxName))
	}
	checkGrants(c, report)
	scopes := c.Scopes.Names()
	each(scopes, "/scopes", report, func(name string) string {
		if !all.Scopes.Has(name) {
			return "is not a scope of this installation"
		}
		return ""
	})
	each(c.Audiences, "/audiences", report, audienceProblem)
	if len(c.Audiences) > maxAudiences {
		report("/audiences", fmt.Sprintf("must be at most %d", maxAudiences))
	}
	if len(found.Violations) > 0 {
		return found
	}
	return nil
}

func checkGrants(c *Record, report func(pointer, detail string)) {
	each(c.Grants, "/grants", report, func(name string) string {
		switch {
		case name == GrantPassword && !c.FirstParty: // RFC 9700 §2.4
			return "is for first-party clients only"
		case name == GrantClient && c.Public: // RFC 6749 §4.4
			return "is for confidential clients only"
		case slices.Contains([]string{GrantPassword, GrantRefresh, GrantClient, GrantExchange}, name):
			return ""
		default:
			return "is not a grant of this service"
		}
	})
}

func audienceProblem(name string) string {
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	if name == "" || len(name) > maxAudience || strings.ContainsFunc(name, hidden) {
		return fmt.Sprintf("must be 1 to %d visible ASCII characters", maxAudience)
	}
	return ""
}

// each reports the problem of every value, or that it is there already.
func each(values []string, pointer string, report func(pointer, detail string), problem func(string) string) {
	for i, value := range values {
		at := fmt.Sprintf("%s/%d", pointer, i)
		if what := problem(value); what != "" {
			report(at, what)
		} else if slices.Contains(values[:i], value) {
			report(at, "must not be repeated")
		}
	}
}
