package bootstrap

import (
	"context"
	"fmt"
	"io"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/daemon"
	"tandem.example/pkg/env"
	"tandem.example/services/auth/internal/clients"
)

// Config is the environment of the command. Its database URL is the service's
// own.
type Config struct {
	App      env.App
	Database crdb.Config
	ID       string     `env:"ADMIN_CLIENT_ID,required"`
	Secret   env.Secret `env:"ADMIN_CLIENT_SECRET,required"`
}

// Check refuses a secret that could be guessed: only a digest of it is kept, and
// that is a fast one.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.ID != "" && !clients.ValidID(c.ID) {
		report("ADMIN_CLIENT_ID", "must be 1 to 64 letters, digits or hyphens, and no UUID")
	}
	if weakness := c.Secret.Weakness(); c.Secret != "" && weakness != "" {
		report("ADMIN_CLIENT_SECRET", weakness)
	}
}

// Command is "authd bootstrap".
func Command(ctx context.Context, get daemon.Lookup, args []string, out io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: authd bootstrap, with ADMIN_CLIENT_ID, ADMIN_CLIENT_SECRET and DATABASE_URL set", daemon.ErrUsage)
	}
	cfg, err := env.Load[Config](get)
	if err != nil {
		return err
	}
	cfg.Database.Application = "authd bootstrap"
	db, err := crdb.Open(cfg.Database, nil, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	// It ends nobody's sessions.
	made, err := Make(ctx, clients.NewLedger(clients.NewPostgres(db), nil), cfg.ID, cfg.Secret)
	if err != nil {
		return err
	}
	word := "is there"
	if made {
		word = "made"
	}
	_, err = fmt.Fprintf(out, "%s  %s\n", cfg.ID, word)
	return err
}
