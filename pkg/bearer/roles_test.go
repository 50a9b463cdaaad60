package bearer_test

import (
	"strings"
	"testing"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
)

func TestRoleScopes(t *testing.T) {
	t.Parallel()
	table, err := bearer.ParseRoleScopes("*=a b; admin = admin a;org:admin=c a;billing:clerk=d")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		roles         []string
		user, visitor bearer.Scopes
	}{
		{nil, "a b", "a b"},
		{[]string{"nobody's"}, "a b", "a b"},
		{[]string{"admin"}, "a b admin", "a b"}, // a visitor who calls a role admin is none
		{[]string{"org:admin"}, "a b c", "a b c"},
		{[]string{"billing:clerk", "admin"}, "a b admin d", "a b"},
		{[]string{"*"}, "a b", "a b"},
	} {
		if got := table.Of(test.roles); got != test.user {
			t.Errorf("user with %v: %q", test.roles, got)
		}
		if got := table.OfVisitor(test.roles); got != test.visitor {
			t.Errorf("visitor with %v: %q", test.roles, got)
		}
	}
	if got := table.All(); got != "a b admin c d" {
		t.Errorf("all: %q", got)
	}
	none := bearer.RoleScopes{}
	if none.Of([]string{"admin"}) != "" || none.All() != "" {
		t.Error("an empty table gives something")
	}
}

func TestRoleScopesAreReadStrictly(t *testing.T) {
	t.Parallel()
	for text, place := range map[string]string{
		"":                             "entry 1",
		"admin":                        "entry 1",
		"admin=":                       "entry 1",
		"=a":                           "entry 1",
		"a=b;":                         "entry 2",
		"a=b;a=c":                      "entry 2",
		"a=b;é=c":                      "entry 2",
		"a=b;c=d d":                    "entry 2",
		`a=b"`:                         "entry 1",
		"*=a admin":                    "entry 1",
		"a=b;org:admin=admin":          "entry 2",
		strings.Repeat("x", 70):        "entry 1",
		"a=" + strings.Repeat("x", 65): "entry 1",
	} {
		if _, err := bearer.ParseRoleScopes(text); err == nil || !strings.HasPrefix(err.Error(), place) {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := env.Load[bearer.RoleConfig](func(name string) (string, bool) { return "*=admin", name == "ROLE_SCOPES" })
	if err == nil || !strings.Contains(err.Error(), "ROLE_SCOPES is not usable: entry 1") {
		t.Errorf("the environment: %v", err)
	}
	cfg, err := env.Load[bearer.RoleConfig](func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	table, err := cfg.Scopes()
	if err != nil || table.Of(nil) != "resources:read resources:write" || !table.Of([]string{"admin"}).Has("admin") {
		t.Errorf("the default: %+v, %v", table, err)
	}
}
