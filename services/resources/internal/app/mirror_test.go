package app_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/examples/mirror"
)

// The example of another service follows a real one: every version that is written
// comes to it, and what is deleted goes.
func TestAnotherServiceMirrorsResources(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	m := mirror.New(mirror.API{
		URL: i.url, Client: &http.Client{Transport: i.operator.Transport, Timeout: 20 * time.Second},
		Token: func(context.Context) (string, error) { return by.token, nil },
	}, 100)
	s, err := m.Follow(context.WithoutCancel(t.Context()), w.connect(t), "mirror-"+uuid.NewString(), "mirrored", func(err error) { t.Log(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	path, made := i.create(t, by, `{"type":"mirrored","name":"n"}`)
	kept := func(version int64) {
		t.Helper()
		eventually(t, patience, "the mirror keeps version "+strconv.FormatInt(version, 10), func() (bool, string) {
			doc, hit, err := m.Get(t.Context(), made.ID)
			return err == nil && hit && doc.Version == version, strconv.FormatInt(doc.Version, 10)
		})
	}
	kept(1)
	for n := range int64(5) {
		next.call(t, by, "PATCH", path, `{"attributes":{"n":1}}`)
		kept(n + 2)
	}
	next.call(t, by, "DELETE", path, "")
	eventually(t, patience, "it is gone", func() (bool, string) {
		_, _, err := m.Get(t.Context(), made.ID)
		return errors.Is(err, mirror.ErrNotFound), ""
	})
}
