package audit

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/devstack"
)

// What is over goes, page by page; what is young, or was never announced, stays.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	const day = 24 * time.Hour
	var old []Event
	for range prunePage + 10 {
		old = append(old, past(t, 31*day, Event{Type: TokenRefresh}))
	}
	unannounced := past(t, 400*day, Event{Type: TokenRefresh})
	young := past(t, 29*day, Event{Type: TokenRefresh})
	w.store(old...)
	w.store(unannounced, young)
	w.exec(`UPDATE audit SET published = true WHERE id <> $1`, unannounced.ID)
	metrics := prometheus.NewRegistry()
	p := NewPruner(Config{RetentionDays: 30}, NewLog(w.db, quiet{}), zaptest.NewLogger(t), metrics)
	p.Start()
	t.Cleanup(p.Stop)
	want := []uuid.UUID{unannounced.ID, young.ID}
	w.eventually("the old ones are gone", func() bool { return slices.Equal(w.ids("true"), want) })
	w.eventually("they are counted", func() bool { return testutil.ToFloat64(p.deleted) == prunePage+10 })
	p.Prune(t.Context())
	if got := w.ids("true"); !slices.Equal(got, want) {
		t.Errorf("%d are left", len(got))
	}
}
