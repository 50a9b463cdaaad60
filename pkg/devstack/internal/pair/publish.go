package pair

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type variable struct{ name, value string }

// published is the contract with people and programs; other tools rely on these
// names.
func (r *run) published() []variable {
	k, stack := r.secrets, r.stack
	var vars []variable
	for _, s := range r.services {
		vars = append(vars, variable{s.urlVariable, s.url()}, variable{s.adminVariable, s.adminURL()})
	}
	return append(vars,
		variable{"CA_FILE", stack.CAFile},
		variable{"DATABASE_URL", stack.DatabaseURL},
		variable{"REDIS_URL", stack.RedisURL},
		variable{"NATS_URL", stack.NATSURL},
		variable{"CLERK_URL", stack.ClerkURL},
		variable{"CLERK_ISSUER", stack.ClerkIssuer},
		variable{"DEMO_USER", k.user},
		variable{"DEMO_PASSWORD", k.password},
		variable{"DEMO_CLIENT_ID", k.clientID},
		variable{"DEMO_CLIENT_SECRET", k.clientSecret},
		variable{"DEMO_ADMIN_CLIENT_ID", k.adminClientID},
		variable{"DEMO_ADMIN_CLIENT_SECRET", k.adminClientSecret},
	)
}

func (r *run) stackFile() string { return filepath.Join(r.RunDir, "stack.env") }

// publish writes stack.env, whole and for this user's eyes alone.
func (r *run) publish() error {
	var text strings.Builder
	for _, v := range r.published() {
		fmt.Fprintf(&text, "%s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
	}
	part := r.stackFile() + ".part"
	return errors.Join(os.WriteFile(part, []byte(text.String()), 0o600), os.Rename(part, r.stackFile()))
}

// unpublish comes first when stopping: the file says that all is ready.
func (r *run) unpublish() error {
	if err := os.Remove(r.stackFile()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (r *run) welcome(took time.Duration) {
	r.say("ready after %.1f s", took.Seconds())
	for _, s := range r.services {
		r.say("  %-12s %s  (admin %s)", s.name, s.url(), s.adminURL())
	}
	r.say("  %-12s %s", "clerk", r.stack.ClerkURL)
	r.say("  credentials and URLs are in %s, logs in %s", r.stackFile(), filepath.Join(r.RunDir, "logs"))
	r.say("Ctrl-C stops everything")
}
