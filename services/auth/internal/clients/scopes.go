package clients

import "tandem.example/pkg/bearer"

// builtIn are the scopes that these services ask for themselves.
const builtIn bearer.Scopes = "resources:read resources:write admin"

// Vocabulary is every scope that there is in an installation: those that its
// services ask for, and those that its roles give.
func Vocabulary(roles bearer.RoleScopes) bearer.Scopes { return builtIn.Or(roles.All()) }
