package journey

import (
	"context"
	"fmt"
	"io"

	"tandem.example/pkg/daemon"
	"tandem.example/pkg/env"
)

// Command is "resourcesd journey".
func Command(ctx context.Context, get daemon.Lookup, args []string, out io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: resourcesd journey", daemon.ErrUsage)
	}
	cfg, err := env.Load[Config](get)
	if err != nil {
		return err
	}
	return Run(ctx, cfg, out)
}
