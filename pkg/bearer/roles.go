package bearer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// everyone stands for every user in a table of roles.
const everyone = "*"

// adminScope is over all tenants.
const adminScope = "admin"

// visitorRole begins the role of another issuer's user, so that what people call
// themselves there is never taken for a role of ours.
const visitorRole = "org:"

// RoleScopes says which scopes each role gives. The zero value gives none.
type RoleScopes struct {
	order []string // of the roles, as written
	table map[string]Scopes
}

var roleForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_:.-]{0,63}$`)

// ParseRoleScopes reads role=scope scope;role=scope. The role * is every
// user's. It refuses a table that would make administrators of everybody, or of
// another issuer's users.
func ParseRoleScopes(text string) (RoleScopes, error) {
	parsed := RoleScopes{table: map[string]Scopes{}}
	for i, entry := range strings.Split(text, ";") {
		role, list, found := strings.Cut(entry, "=")
		role = strings.TrimSpace(role)
		names := strings.Fields(list)
		wrong := func(what string) error { return fmt.Errorf("entry %d %s", i+1, what) }
		_, repeated := parsed.table[role]
		switch {
		case !found:
			return RoleScopes{}, wrong("is not of the form role=scope scope")
		case role != everyone && !roleForm.MatchString(role):
			return RoleScopes{}, wrong("has a malformed role")
		case repeated:
			return RoleScopes{}, wrong("repeats a role")
		case len(names) == 0:
			return RoleScopes{}, wrong("names no scope")
		case slices.ContainsFunc(names, func(name string) bool { return !ScopeName(name) }):
			return RoleScopes{}, wrong("has a malformed scope")
		case repeats(names):
			return RoleScopes{}, wrong("repeats a scope")
		case slices.Contains(names, adminScope) && (role == everyone || strings.HasPrefix(role, visitorRole)):
			return RoleScopes{}, wrong("would give the scope admin to everybody or to a role of another issuer")
		}
		parsed.order = append(parsed.order, role)
		parsed.table[role] = Scopes(strings.Join(names, " "))
	}
	return parsed, nil
}

func repeats(names []string) bool {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return true
		}
	}
	return false
}

// Of is what a user of ours with these roles may do.
func (r RoleScopes) Of(roles []string) Scopes {
	return r.gather(func(role string) bool { return slices.Contains(roles, role) })
}

// OfVisitor is what a user with these roles of another issuer may do. It never
// has the scope admin: [ParseRoleScopes] refuses such a table.
func (r RoleScopes) OfVisitor(roles []string) Scopes {
	return r.gather(func(role string) bool { return strings.HasPrefix(role, visitorRole) && slices.Contains(roles, role) })
}

// All is every scope that some role gives.
func (r RoleScopes) All() Scopes { return r.gather(func(string) bool { return true }) }

// gather joins what the chosen roles give, and what everybody has.
func (r RoleScopes) gather(chosen func(role string) bool) Scopes {
	var all Scopes
	for _, role := range r.order {
		if role == everyone || chosen(role) {
			all = all.Or(r.table[role])
		}
	}
	return all
}

// RoleConfig is the table of roles in a service's environment. Every service that
// verifies has the same.
type RoleConfig struct {
	Text string `env:"ROLE_SCOPES" envDefault:"admin=admin resources:read resources:write;*=resources:read resources:write"`
}

// Check refuses a table that cannot be read.
func (c RoleConfig) Check(_ string, report func(variable, problem string)) {
	if _, err := ParseRoleScopes(c.Text); err != nil {
		report("ROLE_SCOPES", "is not usable: "+err.Error())
	}
}

// Scopes is the table. It returns an error where Check would have reported one.
func (c RoleConfig) Scopes() (RoleScopes, error) {
	r, err := ParseRoleScopes(c.Text)
	if err != nil {
		return RoleScopes{}, fmt.Errorf("ROLE_SCOPES: %w", err)
	}
	return r, nil
}
