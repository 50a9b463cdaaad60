package httpserver_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"tandem.example/pkg/httpserver"
)

func TestWhatIsNeededToStartMayGoLater(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	away.Store(true)
	s := start(t, func(o *httpserver.Options) {
		o.Checks = []httpserver.Check{{Name: "bus", ToStart: true, Probe: func(context.Context) error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		}}}
	})
	for _, step := range []struct {
		away   bool
		status int
		want   string
	}{
		{true, 503, `"ok":false`}, {false, 200, `"ok":true`}, {true, 200, `"ok":false`}, {false, 200, `"ok":true`},
	} {
		away.Store(step.away)
		got := call(t, "GET", "http://"+s.AdminAddr()+"/readyz", "")
		if got.StatusCode != step.status || !strings.Contains(got.Body, step.want) {
			t.Errorf("%+v: %d %s", step, got.StatusCode, got.Body)
		}
	}
}
