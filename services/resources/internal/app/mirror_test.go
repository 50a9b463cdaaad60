package app_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
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
	m := newMirror(t, w, i, by)
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

// No event tells of a document of another type, nor by another spelling of an id: a
// map that kept them would keep them for ever.
func TestAMirrorKeepsNothingThatNoEventNames(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	m := newMirror(t, w, i, by)
	otherPath, other := i.create(t, by, `{"type":"elsewhere","name":"n"}`)
	path, made := i.create(t, by, `{"type":"mirrored","name":"n"}`)
	eventually(t, patience, "it follows and keeps", func() (bool, string) {
		_, hit, err := m.Get(t.Context(), made.ID)
		return err == nil && hit, ""
	})
	shouted := strings.ToUpper(made.ID)
	for range 2 { // read, and read from the map if that kept it
		for _, id := range []string{other.ID, shouted} {
			if doc, hit, err := m.Get(t.Context(), id); hit || !errors.Is(err, mirror.ErrNotFound) {
				t.Errorf("%s: version %d, hit: %t, %v", id, doc.Version, hit, err)
			}
		}
	}
	i.call(t, by, "PATCH", otherPath, `{"attributes":{"n":1}}`)
	i.call(t, by, "PATCH", path, `{"attributes":{"n":1}}`)
	eventually(t, patience, "the change is heard", func() (bool, string) {
		doc, hit, err := m.Get(t.Context(), made.ID)
		return err == nil && hit && doc.Version == 2, ""
	})
	for _, id := range []string{other.ID, shouted} {
		if doc, hit, _ := m.Get(t.Context(), id); hit {
			t.Errorf("%s: version %d is kept for ever", id, doc.Version)
		}
	}
	routes := http.NewServeMux()
	routes.Handle("GET /{id}", m)
	got := httptest.NewRecorder()
	routes.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+shouted, http.NoBody))
	if got.Code != http.StatusOK || got.Header().Get("ETag") != `"2"` {
		t.Errorf("any spelling asks for the same: %d %s", got.Code, got.Header().Get("ETag"))
	}
}

// newMirror follows the changes of the type mirrored.
func newMirror(t *testing.T, w world, i *instance, by caller) *mirror.Map {
	t.Helper()
	m := mirror.New(mirror.API{
		URL: i.url, Type: "mirrored", Client: &http.Client{Transport: i.operator.Transport, Timeout: 20 * time.Second},
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
	return m
}
