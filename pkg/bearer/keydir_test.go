package bearer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tandem.example/pkg/bearer"
)

func generate(tb testing.TB, dir string, from time.Time) bearer.KeyFile {
	tb.Helper()
	f, err := bearer.GenerateKey(dir, from)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// directory is opened over one key that signs already.
func directory(t *testing.T) (d *bearer.Directory, dir string, first bearer.KeyFile, log *observer.ObservedLogs) {
	t.Helper()
	dir = t.TempDir()
	first = generate(t, dir, time.Now().Add(-time.Hour))
	core, log := observer.New(zap.InfoLevel)
	d, err := bearer.OpenDirectory(dir, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return d, dir, first, log
}

func signs(t *testing.T, d *bearer.Directory, want bearer.KeyFile) {
	t.Helper()
	d.Look()
	key, err := d.Signing()
	if err != nil || key.ID != want.Key.ID {
		t.Fatalf("%v signs (%v), want %s", key, err, want.Key.ID)
	}
}

func TestTheNewestKeyWhoseTimeHasComeSigns(t *testing.T) {
	t.Parallel()
	d, dir, first, _ := directory(t)
	waiting := generate(t, dir, time.Now().Add(time.Hour))
	signs(t, d, first)
	if _, err := d.ByID(t.Context(), waiting.Key.ID); err != nil || d.Public()[0].ID != waiting.Key.ID {
		t.Fatalf("a key that is to sign soon is not known: %v", err)
	}
	second := generate(t, dir, time.Now().Add(-time.Second))
	signs(t, d, second)
	if err := bearer.RemoveKey(dir, second); err != nil {
		t.Fatal(err)
	}
	signs(t, d, first)
	if err := bearer.RemoveKey(dir, first); err != nil {
		t.Fatal(err)
	}
	signs(t, d, waiting) // better than none
	if err := bearer.RemoveKey(dir, waiting); err != nil {
		t.Fatal(err)
	}
	d.Look()
	if _, err := d.Signing(); !errors.Is(err, bearer.ErrNoKey) || len(d.Public()) != 0 {
		t.Fatalf("all were removed: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	d.Look()
	if len(d.Public()) != 0 {
		t.Fatal("the directory was removed")
	}
}

// Whatever happens to a file but its removal leaves the key; the log says it
// once, and nothing of the content.
func TestADamagedFileLeavesItsKey(t *testing.T) {
	t.Parallel()
	other := generate(t, t.TempDir(), time.Now())
	for name, damage := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 40) },
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"garbage":   func(path string) error { return os.WriteFile(path, []byte("hunter2"), 0o600) },
		"another kind of key": func(path string) error {
			return os.WriteFile(path, []byte("-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n"), 0o600)
		},
		"two keys": func(path string) error {
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, append(text, text...), 0o600))
		},
		"too large": func(path string) error { return os.Truncate(path, 1<<20) },
		"a directory": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		},
		"a loop": func(path string) error { return errors.Join(os.Remove(path), os.Symlink(path, path)) },
		"a stranger's key": func(path string) error {
			dir := t.TempDir()
			f := generate(t, dir, time.Now())
			return os.Rename(filepath.Join(dir, f.Name()), path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, dir, first, log := directory(t)
			if err := damage(filepath.Join(dir, first.Name())); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				signs(t, d, first)
			}
			said := log.FilterLevelExact(zapcore.ErrorLevel)
			if said.Len() != 1 {
				t.Errorf("said %d times", said.Len())
			}
			for _, e := range said.All() {
				if text := e.Message + e.ContextMap()["error"].(string); strings.Contains(text, "hunter2") || e.ContextMap()["file"] != first.Name() {
					t.Errorf("%s %v", text, e.ContextMap()["file"])
				}
			}
			// The same under a name that was never good is nobody's key.
			if err := damage(filepath.Join(dir, other.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			signs(t, d, first)
			if len(d.Public()) != 1 {
				t.Errorf("%d keys", len(d.Public()))
			}
			if err := os.RemoveAll(filepath.Join(dir, first.Name())); err != nil {
				t.Fatal(err)
			}
			d.Look()
			if len(d.Public()) != 0 {
				t.Error("removed, and still there")
			}
		})
	}
}

func TestAnUnreadableDirectoryLeavesAllKeys(t *testing.T) {
	t.Parallel()
	d, dir, first, log := directory(t)
	away := dir + ".away"
	if err := errors.Join(os.Rename(dir, away), os.WriteFile(dir, nil, 0o600)); err != nil { // ENOTDIR, as EIO, is no removal
		t.Fatal(err)
	}
	for range 3 {
		signs(t, d, first)
	}
	if log.FilterLevelExact(zapcore.ErrorLevel).Len() != 1 {
		t.Error("not said once")
	}
	if err := errors.Join(os.Remove(dir), os.Rename(away, dir)); err != nil {
		t.Fatal(err)
	}
	second := generate(t, dir, time.Now())
	signs(t, d, second)
}

// A mounted Secret is links into a directory that is exchanged as a whole.
func TestAMountedSecretIsFollowed(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	version := func(name string) string {
		dir := filepath.Join(mount, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	swap := func(to string, files ...bearer.KeyFile) {
		next := filepath.Join(mount, "..data_tmp")
		if err := errors.Join(os.Symlink(to, next), os.Rename(next, filepath.Join(mount, "..data"))); err != nil {
			t.Fatal(err)
		}
		for _, f := range files { // kubelet adds the links after the exchange, and removes old ones last
			_ = os.Symlink(filepath.Join("..data", f.Name()), filepath.Join(mount, f.Name()))
		}
	}
	one := version("..one")
	a := generate(t, one, time.Now().Add(-time.Hour))
	swap("..one", a)
	d, err := bearer.OpenDirectory(mount, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	signs(t, d, a)
	two := version("..two")
	b := generate(t, two, time.Now().Add(-time.Minute))
	swap("..two", b) // the link to a leads nowhere now
	signs(t, d, b)
	if len(d.Public()) != 1 {
		t.Errorf("%d keys", len(d.Public()))
	}
}

func TestNothingUsableIsNoDirectoryToStartWith(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, prepare := range map[string]func() error{
		"empty":            func() error { return nil },
		"none of the name": func() error { return os.WriteFile(filepath.Join(dir, "tls.key"), nil, 0o600) },
		"garbage":          func() error { return os.WriteFile(filepath.Join(dir, "x.pem"), nil, 0o600) },
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		if _, err := bearer.OpenDirectory(dir, zap.NewNop()); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := bearer.OpenDirectory(filepath.Join(dir, "missing"), zap.NewNop()); err == nil {
		t.Error("missing: opened")
	}
}

func TestAKeyFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := generate(t, dir, time.Now())
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != f.Name() {
		t.Fatalf("%v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if files, err := bearer.ReadKeys(dir); err != nil || len(files) != 1 || files[0].Key.ID != f.Key.ID || !files[0].From.Equal(f.From) {
		t.Errorf("%+v, %v", files, err)
	}
	if _, err := bearer.GenerateKey(filepath.Join(dir, "missing"), time.Now()); err == nil {
		t.Error("written nowhere")
	}
}

// Two names of one key, as while it is renamed, are one key from the earlier
// moment.
func TestAKeyUnderTwoNames(t *testing.T) {
	t.Parallel()
	d, dir, first, _ := directory(t)
	later := bearer.KeyFile{Key: first.Key, From: time.Now().Add(time.Hour)}
	text, err := os.ReadFile(filepath.Join(dir, first.Name()))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, later.Name()), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	signs(t, d, first)
	if len(d.Public()) != 1 {
		t.Errorf("%d keys", len(d.Public()))
	}
}
