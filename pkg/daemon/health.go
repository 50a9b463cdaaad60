package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
)

// healthWithin is longer than an instance takes to probe what it depends on, and
// shorter than the image's HEALTHCHECK waits.
const healthWithin = 4 * time.Second

var errMistaken = errors.New("the environment is not usable; an instance says why when it starts")

// health asks the instance that runs in the same environment whether it is ready,
// and says so in one line. It is for platforms that probe by a command; exit
// codes are theirs: 0 or 1, whatever is wrong.
func health(ctx context.Context, get Lookup, args []string, out io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: health takes no arguments", ErrUsage)
	}
	cfg, err := env.Load[struct{ HTTP httpserver.Config }](get)
	if err != nil {
		return errMistaken
	}
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	if err := cfg.HTTP.Health(ctx); err != nil {
		return err
	}
	say(out, "ready")
	return nil
}
